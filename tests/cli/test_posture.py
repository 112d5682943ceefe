"""`lethe posture`: what it says of a configuration, of a running Lethe, and how it makes keys."""

import contextlib
import json
import socket
import ssl
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import trustme

from lethe.cli import remote
from lethe.cli.configured import load
from lethe.cli.main import main
from lethe.evidence.posture import Running, document, posture
from lethe.evidence.signing import PayloadType, Signer
from lethe.ledger.pages import POSTURE_PATH

CONFIG = '[retention]\nlevel = "B"\naccept_classes = ["U6"]\n[upstreams.anthropic]\napi_key = "env:CANARY"\n'
SIGNER = Signer.ephemeral()
KEPT = Signer.from_secret(SIGNER.pem())


class Place:
    """A page anywhere; `asked` are the paths that were asked for."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status = 200
        self.body = b""
        self.asked: list[str] = []
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.asked.append(self.path)
                self.send_response(place.status)
                self.send_header("content-length", str(len(place.body)))
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(place.body)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
            self.url = f"https://localhost:{self._server.server_port}"
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LETHE_CONFIG", raising=False)
    Path("lethe.toml").write_text(CONFIG)
    Path("key.pub").write_text(SIGNER.public_pem())
    Path("other.pub").write_text(Signer.ephemeral().public_pem())
    return tmp_path


def served(signer: Signer = KEPT, *, ago: float = 0.0, **changes: Any) -> bytes:
    """The posture of lethe.toml."""
    statement = document(posture(load(Path("lethe.toml")), Running(salt=b"s" * 16, now=time.time() - ago)))
    return json.dumps(signer.sign({**statement, **changes}, PayloadType.POSTURE)).encode()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["posture", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_trusted(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.body = served()
    status, out, err = run(capsys, "--check", place.url, "--public-key", "key.pub")
    assert (status, err) == (0, "")
    assert out.endswith(f"signed and trusted: by a configured key ({SIGNER.key_id})\n")
    assert "level          B\n" in out
    assert place.asked == [POSTURE_PATH]


def test_nobody_vouches_for_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.body = served(SIGNER)
    status, out, err = run(capsys, "--check", place.url)
    assert status == 3
    assert "anthropic" in out
    assert err == f"lethe posture: signed, not trusted: by a key that ends with its process ({SIGNER.key_id})\n"


def test_the_configuration_can_be_compared(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.body = served()
    asked = ("--check", place.url, "--public-key", "key.pub", "--config", "lethe.toml")
    status, out, _ = run(capsys, *asked)
    assert status == 0
    assert out.endswith("; the configuration is the one given\n")
    Path("lethe.toml").write_text(CONFIG.replace("CANARY", "OTHER"))
    status, _, err = run(capsys, *asked)
    assert status == 1
    assert "of another configuration" in err


def test_what_is_wrong_with_it(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    cases = {
        "it was changed after it was signed": served().replace(b'"level": "B"', b'"level": "A1"'),
        "never signed": b"{}",
        "it is not of now": served(ago=1000.0),
        "of a kind that this version knows": served(schema="lethe.posture/9"),
        "the answer is no posture": b"<html>",
        "more than 1048576 bytes": b" " * (1024 * 1024 + 1),
    }
    for why, body in cases.items():
        place.body = body
        status, _, err = run(capsys, "--check", place.url, "--public-key", "key.pub")
        assert status == 1, why
        assert why in err
        assert len(err.splitlines()) == 1
    place.body = served()
    status, _, err = run(capsys, "--check", place.url, "--public-key", "other.pub")
    assert (status, f"signed by another key ({SIGNER.key_id})" in err) == (1, True)


def test_json(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.body = served()
    status, out, err = run(capsys, "--check", place.url, "--public-key", "key.pub", "--json")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert (told["ok"], told["verdict"], told["problem"], told["ephemeral"]) == (
        True,
        "signed and trusted",
        None,
        False,
    )
    assert told["posture"]["level"] == "B"
    place.body = b"{}"
    status, out, _ = run(capsys, "--check", place.url, "--json")
    told = json.loads(out)
    assert (status, told["ok"], told["verdict"], told["posture"]) == (1, False, "bad signature", None)


def test_no_redirect_is_followed_and_errors_are_one_line(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    for code in (302, 404, 500):
        place.status, place.asked = code, []
        status, out, err = run(capsys, "--check", f"{place.url}/base/")
        assert (status, out) == (1, "")
        assert err == f"lethe posture: {place.url}/base/ answered with status {code}\n"
        assert place.asked == [f"/base{POSTURE_PATH}"]
    place.close()
    status, _, err = run(capsys, "--check", place.url)
    assert (status, "does not answer" in err) == (1, True)


def test_an_answer_that_drips_is_not_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PATIENCE", 0.3)
    over = Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            caller, _ = listener.accept()
            with caller, contextlib.suppress(OSError):
                caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
                while not over.wait(0.05):
                    caller.sendall(b" ")

        dripping = Thread(target=drip)
        dripping.start()
        status, _, err = run(capsys, "--check", f"http://127.0.0.1:{listener.getsockname()[1]}")
        over.set()
        dripping.join()
    assert (status, "does not answer" in err) == (1, True)


def test_over_tls(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    place = Place(context)
    place.body = served()
    asked = ("--check", place.url, "--public-key", "key.pub")
    status, _, err = run(capsys, *asked)
    assert status == 1
    assert "does not answer" in err  # by a certificate that nobody trusts
    authority.cert_pem.write_to_path(folder / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
    status, out, _ = run(capsys, *asked)
    assert (status, "signed and trusted" in out) == (0, True)
    place.close()


@pytest.mark.parametrize(
    "words",
    [
        ("--check", "ftp://x"),
        ("--check", "http://"),
        ("--check", "http://user@x"),
        ("--check", "http://x:port"),
        ("--check", "http://x?y=1"),
        ("--new-key", "--check", "http://x"),
        ("--out", "x"),
        ("--public-key", "key.pub"),
    ],
    ids=" ".join,
)
def test_calls_that_make_no_sense(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_a_key_file_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for name, why in (("nothing", "No such file or directory"), ("lethe.toml", "neither PEM nor the base64")):
        status, _, err = run(capsys, "--check", "http://127.0.0.1:9", "--public-key", name)
        assert status == 1
        assert why in err


def test_of_a_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys)
    assert (status, err) == (0, "")
    assert out.startswith("lethe.toml: not signed; what the kernel enforces was found out by trying")
    assert "fsize" in out
    status, out, _ = run(capsys, "--json")
    told = json.loads(out)
    assert (told["signed"], told["posture"]["level"]) == (False, "B")
    assert told["posture"]["workers"][0]["fsize"] == "enforced"
    assert "CANARY" not in out


def test_new_keys(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--new-key")
    assert status == 0
    assert Signer.from_secret(out.partition("-----BEGIN PUBLIC")[0]).public_pem().strip() in out
    status, out, _ = run(capsys, "--new-key", "--json")
    told = json.loads(out)
    assert Signer.from_secret(told["private_key"]).key_id == told["key_id"]


def test_new_keys_in_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "--new-key", "--out", "signing.key")
    private = folder / "signing.key"
    signer = Signer.from_secret(private.read_text())
    assert (status, private.stat().st_mode & 0o777) == (0, 0o600)
    assert (folder / "signing.key.pub").read_text() == signer.public_pem()
    assert signer.key_id in out
    assert "PRIVATE" not in out
    status, _, err = run(capsys, "--new-key", "--out", "signing.key")
    assert (status, err) == (1, "lethe posture: signing.key: File exists\n")
    assert Signer.from_secret(private.read_text()).key_id == signer.key_id

"""Real nginx and real Caddy with the configurations that `lethe deploy systemd` writes, in front of a real Lethe."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import trustme

from lethe.config.load import parse_settings
from lethe.deploy.deployment import STARTER, deployment_of
from lethe.deploy.need import Need
from lethe.deploy.target import target

PROXIES = ("nginx", "caddy")
PATIENCE = 20.0
TALKATIVE = {
    "nginx": {"error_log /dev/null crit;": "error_log stderr error;"},
    "caddy": {"output discard": "output stderr"},
}


def written(need: Need) -> dict[str, str]:
    """The files of the target, for the starter configuration."""
    settings = parse_settings(STARTER, "starter", embedded_available=False, today=datetime.now(UTC).date())
    made = deployment_of(settings, STARTER, need, name="lethe", image="image", region=None)
    return dict(target("systemd").files(made))


class Front:
    """A proxy that runs. `folder` holds all that it may have written; `output` is what it has printed."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, folder: Path, output: Path) -> None:
        self.process, self.port, self.folder, self._output = process, port, folder, output

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def held(self) -> bytes:
        """Every byte of every file of its folder, and all that it printed."""
        files = [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]
        return b"\0".join([*files, self._output.read_bytes()])

    def family(self) -> list[int]:
        """It and its workers."""
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, listed)]

    def open_files(self) -> set[str]:
        """Regular files that it has open, deleted ones too."""
        found: set[str] = set()
        for pid in self.family():
            for fd in Path(f"/proc/{pid}/fd").iterdir():
                try:
                    found.add(str(fd.readlink()))
                except OSError:
                    continue
        return {name for name in found if name.startswith("/") and not name.startswith(("/dev/", "/proc/"))}

    def curl(self, *words: str, body: bytes | None = None, seconds: float = 60) -> "subprocess.CompletedProcess[bytes]":
        """curl over HTTP/2 and TLS, unbuffered."""
        command = ["curl", "-sS", "-N", "--http2", "--cacert", str(self.folder.parent / "ca.pem"), *words]
        return subprocess.run(command, input=body, capture_output=True, timeout=seconds, check=False)


@contextmanager
def behind(
    kind: str, tmp_path: Path, upstream: int, need: Need, idle: float | None = None, *, talkative: bool = False
) -> Iterator[Front]:
    """The proxy in front of a port of this machine; `idle` in place of the seconds that the file says.

    With `talkative` it logs errors, as it would without the lines that forbid it.
    """
    folder, output = tmp_path / kind, tmp_path / f"{kind}.output"
    folder.mkdir()
    _certify(tmp_path)
    port, other = _free(), _free()
    files = written(need)
    command = _nginx(files, tmp_path, port, other) if kind == "nginx" else _caddy(files, tmp_path, port)
    config = Path(command[-1])
    text = _put(config.read_text(), {f"127.0.0.1:{3456}": f"127.0.0.1:{upstream}"})
    if idle is not None:
        text = text.replace("_timeout 60s", f"_timeout {idle:g}s")
        assert f"_timeout {idle:g}s" in text
    if talkative:
        text = _put(text, TALKATIVE[kind])
    config.write_text(text)
    with output.open("wb") as told:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=told, stderr=told, cwd=folder, env=environ)
        try:
            _up(process, port)
            yield Front(process, port, folder, output)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _nginx(files: dict[str, str], tmp_path: Path, port: int, other: int) -> list[str]:
    assert shutil.which("nginx"), "apt-get install nginx-light"
    folder = tmp_path / "nginx"
    places = {
        "user www-data;": "daemon off;",
        "/run/nginx.pid": f"{folder}/pid",
        "listen 80;": f"listen 127.0.0.1:{other};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "lethe.example.com": "localhost",
        "/etc/ssl/lethe/fullchain.pem": f"{tmp_path}/chain.pem",
        "/etc/ssl/lethe/privkey.pem": f"{tmp_path}/key.pem",
    }
    temps = "".join(f"{n}_temp_path {folder}/{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = _put(files["nginx.conf"], places).replace("http {", "http {" + temps, 1)
    (tmp_path / "nginx.conf").write_text(text)
    return ["nginx", "-e", "/dev/null", "-p", str(folder), "-c", str(tmp_path / "nginx.conf")]


def _caddy(files: dict[str, str], tmp_path: Path, port: int) -> list[str]:
    places = {
        "lethe.example.com {": f"https://localhost:{port} {{\n\ttls {tmp_path}/chain.pem {tmp_path}/key.pem",
        "admin off": "admin off\n\tauto_https disable_redirects",
    }
    (tmp_path / "Caddyfile").write_text(_put(files["Caddyfile"], places))
    return [caddy(), "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]


def caddy() -> str:
    """The program of the development environment."""
    return str(Path(sys.executable).parent / "caddy")


def _put(text: str, places: dict[str, str]) -> str:
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _certify(folder: Path) -> None:
    if (folder / "ca.pem").exists():
        return
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(folder / "chain.pem"), append=True)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _up(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None, "the proxy has ended"
            assert time.monotonic() < deadline, "the proxy does not listen"
            time.sleep(0.05)
        else:
            return


def question(stream: bool, text: str = "hello") -> bytes:
    body = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": text}], "stream": stream}
    return json.dumps(body).encode()


JSON = ("-H", "content-type: application/json", "--data-binary", "@-")

"""The real model in its real process: it answers, it keeps nothing, and it goes when it is told to."""

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from lethe.providers.counting import LLAMACPP, counted
from lethe.providers.envelopes import LLAMACPP_CHAT, Endpoint
from lethe.upstream import embedded
from lethe.upstream.embedded import CLOSED_SINKS, MODEL, Order

KEY = "a-key-for-this-test"
CANARY = "xyzzy-canary-7341"
WRITABLE = os.O_WRONLY | os.O_RDWR


@dataclass
class Engine:
    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    def ask(self, path: str, body: object = None, key: str = KEY) -> tuple[int, bytes]:
        text = None if body is None else json.dumps(body)
        # Eight tokens take a second, unless other tests have the cores.
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=240)) as connection:
            connection.request("GET" if text is None else "POST", path, text, {"authorization": f"Bearer {key}"})
            reply = connection.getresponse()
            return reply.status, reply.read()

    def chat(self, **more: object) -> tuple[int, bytes]:
        messages = [{"role": "user", "content": f"{CANARY} Name a colour."}]
        return self.ask("/v1/chat/completions", {"model": MODEL, "max_tokens": 8, "messages": messages, **more})


def spawn(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-s", "-P", "-m", "lethe.upstream.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={"HOME": str(folder), "TMPDIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
    )


@contextmanager
def running(folder: Path) -> Iterator[Engine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    with spawn(folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"port": port, "api_key": KEY}).encode() + b"\n")
        process.stdin.flush()
        try:
            assert process.stdout.readline() == b"ready\n"
            yield Engine(process, port, folder)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with running(tmp_path_factory.mktemp("engine")) as engine:
        yield engine


def test_it_answers_in_both_dialects_and_counts(engine: Engine) -> None:
    status, chat = engine.chat()
    assert (status, json.loads(chat)["object"]) == (200, "chat.completion")
    status, stream = engine.chat(stream=True)
    assert status == 200
    assert stream.endswith(b"data: [DONE]\n\n")
    turn = {"model": MODEL, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]}
    status, message = engine.ask("/v1/messages", turn)
    assert (status, json.loads(message)["type"]) == (200, "message")
    status, count = engine.ask("/v1/messages/count_tokens", turn)
    assert status == 200
    assert json.loads(count)["input_tokens"] > 0
    path = "/v1" + LLAMACPP_CHAT.paths[Endpoint.COUNT_TOKENS]
    status, count = engine.ask(path, {"model": MODEL, "messages": turn["messages"]})
    usage = json.loads(engine.ask("/v1/chat/completions", turn)[1])["usage"]
    assert (status, counted(LLAMACPP, count)) == (200, usage["prompt_tokens"])


def test_its_model_has_our_name(engine: Engine) -> None:
    status, models = engine.ask("/v1/models")
    assert (status, [model["id"] for model in json.loads(models)["data"]]) == (200, [MODEL])


def test_without_the_key_nobody_gets_in(engine: Engine) -> None:
    assert engine.ask("/v1/models", key="another")[0] == 401


@pytest.mark.parametrize("path", ["/slots", "/metrics", "/"])
def test_what_could_show_a_prompt_is_closed(engine: Engine, path: str) -> None:
    assert engine.ask(path)[0] in {404, 501}


def test_nothing_of_a_request_reaches_a_file(engine: Engine) -> None:
    assert engine.chat()[0] == 200
    proc = Path("/proc") / str(engine.process.pid)
    for entry in (proc / "fd").iterdir():
        try:
            target = str(entry.readlink())
            flags = int((proc / "fdinfo" / entry.name).read_text().split("flags:")[1].split()[0], 8)
        except FileNotFoundError:
            continue  # closed since it was listed, as a connection is
        ours = target == os.devnull or not target.startswith("/")  # pipes, sockets, event descriptors
        assert ours or not flags & WRITABLE, target
    limits = (proc / "limits").read_text().splitlines()
    for name in ("Max file size", "Max core file size"):
        assert [line.removeprefix(name).split()[:2] for line in limits if line.startswith(name)] == [["0", "0"]]
    assert int((proc / "coredump_filter").read_text(), 16) == 0  # collectors of crashes are fed whatever the limit
    assert list(engine.folder.iterdir()) == []


def test_its_key_is_on_no_command_line_and_in_no_environment(engine: Engine) -> None:
    for name in ("cmdline", "environ"):
        assert KEY.encode() not in (Path("/proc") / str(engine.process.pid) / name).read_bytes()


def test_it_says_nothing_and_leaves_when_stdin_closes_even_in_the_middle_of_an_answer(tmp_path: Path) -> None:
    with running(tmp_path) as engine:
        caller = HTTPConnection("127.0.0.1", engine.port, timeout=30)
        body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": CANARY}]}
        caller.request("POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {KEY}"})
        assert caller.getresponse().status == 200
        rest, errors = engine.process.communicate(timeout=10)
        caller.close()
        assert (engine.process.returncode, rest, errors) == (0, b"", b"")


def test_an_order_that_cannot_be_read_is_status_2(tmp_path: Path) -> None:
    with spawn(tmp_path) as process:
        output, errors = process.communicate(b'{"port": "x"}\n', timeout=10)
    assert (process.returncode, output, errors) == (2, b"", b"")


def test_a_port_that_is_taken_is_status_4(tmp_path: Path) -> None:
    with socket.socket() as taken, spawn(tmp_path) as process:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        order = json.dumps({"port": taken.getsockname()[1], "api_key": KEY}).encode()
        output, _ = process.communicate(order + b"\n", timeout=30)
    assert (process.returncode, output) == (4, b"")


def test_the_order_is_read_up_to_its_limit_only() -> None:
    assert embedded.read_order(io.BytesIO(b'{"port": 1, "api_key": "k"}\nmore')) == Order(1, "k")
    with pytest.raises(msgspec.DecodeError):
        embedded.read_order(io.BytesIO(b'{"port": 1, "api_key": "' + b"k" * 5000 + b'"}\n'))


def test_a_setting_that_the_engine_does_not_know_is_refused() -> None:
    known = SimpleNamespace(ui=True, model=SimpleNamespace(path=""))
    embedded.apply({"ui": False, "model.path": "here"}, known)
    assert (known.ui, known.model.path) == (False, "here")
    with pytest.raises(AttributeError):
        embedded.apply({"no_such_sink": False}, known)


def test_settings_close_every_sink_and_serve_loopback_only() -> None:
    values = embedded.settings(Order(4711, KEY), Path("/model.gguf"), 64)
    assert values.items() >= CLOSED_SINKS.items()
    assert (values["hostnames"], values["port"], values["cpuparams.n_threads"]) == (["127.0.0.1"], 4711, 4)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded.missing() == ()
    assert embedded.weights().suffix == ".gguf"
    monkeypatch.setattr(embedded, "WEIGHTS", "no_such_weights")
    assert embedded.missing() == ("no_such_weights",)
    with pytest.raises(FileNotFoundError):
        embedded.weights()

"""Classes rise and fall with what providers prove, in real servers: at A2 the difference is an answer or a refusal."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from tests.sandbox.conftest import Start
from tests.sandbox.rig import Daemon, cmdline, eventually, memory
from tests.upstream.probes.provers import ACCOUNT, GATEWAY, KEY, PROVERS, endpoint, plainly, serve, with_value
from tests.upstream.probes.test_listening import CLOSED

from lethe.upstream.fake import FakeThread, openai_chat
from lethe.upstream.fake.said import say
from lethe.upstream.fake.script import Hang, Head, Recorded, Script, Send

BROKER = "lethe.sandbox.broker"
OPENAI = PROVERS["openai.data_retention"]
ORGANISATION = "/organization/data_retention"
KEEPS = {"object": "organization.data_retention", "type": "modified_abuse_monitoring"}


@pytest.fixture
def model() -> Iterator[FakeThread]:
    """Serves Chat Completions."""
    with FakeThread() as server:
        server.answer(openai_chat.buffered(say("hello")))
        yield server


@pytest.fixture
def desk() -> Iterator[FakeThread]:
    """Serves the provider's settings."""
    with FakeThread() as server:
        yield server


def configured(model: FakeThread, provider: str, *proof: str, path: str = "/v1", more: str = "") -> str:
    lines = [
        '[retention]\nlevel = "A2"',
        f'[upstreams.up]\nprovider = "{provider}"\ndialect = "openai-chat"\nbase_url = "{model.url}{path}"',
        f'api_key = "env:FAKE_KEY"\n{more}',
        "[upstreams.up.proof]",
        *proof,
    ]
    return "\n".join(lines) + "\n"


def openai(model: FakeThread, desk: FakeThread, *more: str) -> str:
    return configured(model, "openai", f'key = "env:ADMIN"\ntarget = "proj_abc"\nbase_url = "{desk.url}"', *more)


def begin(start: Start, config: str, *options: str) -> Daemon:
    return start(config, *options, environ={"ADMIN": KEY})


def ask(lethe: Daemon, name: str = "gpt-9") -> tuple[int, str, Any]:
    """Status, the upstream's class as disclosed, and the body of one request."""
    where = urlsplit(lethe.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=20)
    body = json.dumps({"model": name, "messages": [{"role": "user", "content": "hello"}]})
    connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
    reply = connection.getresponse()
    answer = reply.status, reply.getheader("x-lethe-upstream-class") or "", json.loads(reply.read())
    connection.close()
    return answer


def refused(lethe: Daemon, name: str = "gpt-9") -> bool:
    status, _, body = ask(lethe, name)
    assert status in (200, 403), body
    return status == 403


def test_a_proof_lets_requests_pass(start: Start, model: FakeThread, desk: FakeThread) -> None:
    serve(desk, OPENAI)
    lethe = begin(start, openai(model, desk))
    assert ask(lethe)[:2] == (200, "U3")
    lethe.until("probe openai.data_retention of upstream up holds: proven")
    assert lethe.said.index("holds: proven") < lethe.said.index("listening on")  # the start has waited for it
    assert [request.header("authorization") for request in desk.requests] == [f"Bearer {KEY}"] * 2
    assert KEY not in lethe.said + "".join(request.header("authorization") or "" for request in model.requests)


FAILURES: dict[str, tuple[Script, str]] = {
    "a refused key": (plainly(401, b'{"error":"canary-said"}'), "the key is refused"),
    "a page": (plainly(200, b"<html>canary-said"), "the answer is not what the API defines"),
    "a redirect": (plainly(302, b"", ("location", "https://canary-said.example")), "the answer points elsewhere"),
}


@pytest.mark.parametrize(("script", "reason"), FAILURES.values(), ids=FAILURES)
def test_without_a_proof_nothing_leaves(
    script: Script, reason: str, start: Start, model: FakeThread, desk: FakeThread
) -> None:
    desk.answer(script)
    lethe = begin(start, openai(model, desk))
    status, _, body = ask(lethe)
    assert (status, model.requests) == (403, [])
    assert "up" in json.dumps(body)
    lethe.until(f"probe openai.data_retention of upstream up fails: {reason}")
    assert "canary" not in lethe.said


def test_the_class_falls_when_the_proof_does_and_rises_again(start: Start, model: FakeThread, desk: FakeThread) -> None:
    serve(desk, OPENAI)
    lethe = begin(start, openai(model, desk, "every = 1"))
    assert not refused(lethe)
    serve(desk, OPENAI, answers={ORGANISATION: KEEPS})
    eventually(lambda: refused(lethe), "the class to fall")
    lethe.until("fails: the setting keeps content")
    answered = len(model.requests)
    assert refused(lethe)
    assert len(model.requests) == answered
    serve(desk, OPENAI)
    lethe.config.write_text(openai(model, desk, "every = 2"))  # another question, which is asked at once
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    # a worker of the old generation may take one more connection before it hears that it has to stop
    eventually(lambda: ask(lethe)[:2] == (200, "U3"), "the new generation to answer")


def test_a_reload_that_fails_changes_nothing_of_what_is_known(
    start: Start, model: FakeThread, desk: FakeThread
) -> None:
    serve(desk, OPENAI)
    lethe = begin(start, openai(model, desk))
    assert not refused(lethe)
    other = openai(model, desk).replace("proj_abc", "proj_that_is_not_there").replace("FAKE_KEY", "NOT_SET")
    lethe.config.write_text(other)
    lethe.signal(signal.SIGHUP)
    lethe.until("not reloaded")
    assert ask(lethe)[:2] == (200, "U3")


@pytest.mark.slow
def test_a_desk_that_does_not_answer_delays_the_start_a_little(
    start: Start, model: FakeThread, desk: FakeThread
) -> None:
    desk.answer((Hang(),))
    lethe = begin(start, openai(model, desk))
    assert lethe.url  # within the patience of the test, though nobody answers
    assert refused(lethe)


def test_the_broker_dies_and_proofs_go_on(start: Start, model: FakeThread, desk: FakeThread) -> None:
    serve(desk, OPENAI)
    lethe = begin(start, openai(model, desk))
    assert not refused(lethe)
    (broker,) = lethe.running(BROKER)
    subprocess.run(["kill", "-9", str(broker)], check=True)
    desk.until(lambda: len(desk.requests) >= 4, 20)
    assert not refused(lethe)


def attesting(header: str | None) -> Any:
    """xAI as it lists its models with the header, and answers with it or without."""

    def script(request: Recorded) -> Iterator[Any]:
        if request.path == "/v1/models":
            yield Head(200, (("x-zero-data-retention", "true"),))
            yield Send(b'{"data":[]}')
            return
        head, *body = openai_chat.buffered(say("canary-answer"))
        assert isinstance(head, Head)
        attested = () if header is None else (("x-zero-data-retention", header),)
        yield from (Head(head.status, (*head.headers, *attested)), *body)

    return script


def test_what_attests_itself(start: Start, model: FakeThread) -> None:
    model.answer(attesting("true"))
    lethe = begin(start, configured(model, "xai"))
    assert ask(lethe)[:2] == (200, "U2")


@pytest.mark.parametrize("header", [None, "false"])
def test_an_answer_that_does_not_attest_ends_it_for_all_workers(
    header: str | None, start: Start, model: FakeThread
) -> None:
    model.answer(attesting(header))
    lethe = begin(start, configured(model, "xai"), "--workers", "2")
    status, _, body = ask(lethe)
    assert status == 502
    assert "canary-answer" not in json.dumps(body)
    lethe.until("probe xai.response_header of upstream up fails: a response did not attest it")
    eventually(lambda: refused_everywhere(lethe), "the refusal of both workers")
    asked = [request.path for request in model.requests]
    assert asked.count("/v1/chat/completions") <= 2  # one a worker at most, before the word went round


def refused_everywhere(lethe: Daemon) -> bool:
    return all(ask(lethe)[0] == 403 for _ in range(6))


def test_models_are_proven_by_name(start: Start, model: FakeThread, desk: FakeThread) -> None:
    prover = PROVERS["openrouter.zdr_endpoints"]
    serve(desk, prover, answers={"/endpoints/zdr": {"data": [endpoint("a/good")]}})
    models = 'models = ["a/good", "a/bad"]'
    lethe = begin(start, configured(model, "openrouter", f'base_url = "{desk.url}"', more=models))
    assert [ask(lethe, name)[:2] for name in ("a/good", "a/bad")] == [(200, "U2"), (403, "")]


def test_a_proof_that_needs_a_contract(start: Start, model: FakeThread, desk: FakeThread) -> None:
    prover = PROVERS["cloudflare.gateway"]
    serve(desk, prover)
    proof = f'key = "env:ADMIN"\ntarget = "{ACCOUNT}/gw"\nbase_url = "{desk.url}"\nevery = 1'
    contract = '[upstreams.up.contract]\nkind = "unified-billing-zdr"\nsigned = 2026-01-01\nexpires = 2036-01-01'
    path = f"/v1/{ACCOUNT}/gw/openai"
    lethe = begin(start, configured(model, "cloudflare", proof, path=path))
    assert refused(lethe, "openai/gpt-9")
    lethe = begin(start, configured(model, "cloudflare", proof, contract, path=path))
    assert ask(lethe, "openai/gpt-9")[:2] == (200, "U3")
    (gateway,) = prover.answers
    serve(desk, prover, answers={gateway: with_value(prover.answers[gateway], ("result",), GATEWAY | {"zdr": False})})
    eventually(lambda: refused(lethe, "openai/gpt-9"), "the class to fall")


class Engine:
    """A process that is called as llama.cpp's server is, holds its port, and passes on what comes to a fake."""

    def __init__(self, model: FakeThread, port: int, *flags: str) -> None:
        where = urlsplit(model.url)
        code = PASS_ON.format(port=port, host=where.hostname, to=where.port)
        self._process = subprocess.Popen(
            ["llama-server", "-c", code, *flags],
            executable=sys.executable,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


PASS_ON = """
import socket, threading
listener = socket.create_server(("127.0.0.1", {port}))
print(listener.getsockname()[1], flush=True)
def pour(source, sink):
    while data := source.recv(65536):
        sink.sendall(data)
    sink.shutdown(socket.SHUT_WR)
while True:
    caller, _ = listener.accept()
    server = socket.create_connection(("{host}", {to}))
    for ends in ((caller, server), (server, caller)):
        threading.Thread(target=pour, args=ends, daemon=True).start()
"""


def local(port: int) -> str:
    where = f'provider = "llamacpp"\nbase_url = "http://127.0.0.1:{port}/v1"\n'
    return f'[retention]\nlevel = "A1"\n[upstreams.llamacpp]\n{where}'


@pytest.mark.slow
def test_an_engine_on_this_machine_by_its_flags(start: Start, model: FakeThread) -> None:
    with Engine(model, 0, *CLOSED) as engine:
        port = engine.port
        lethe = begin(start, local(port) + "[upstreams.llamacpp.proof]\nevery = 1\n")
        assert ask(lethe)[:2] == (200, "U0")
    eventually(lambda: "fails: nothing listens there" in lethe.said, "the class to fall")
    with Engine(model, port, *CLOSED, "--slot-save-path", "/tmp"):
        assert refused(lethe)
        threading.Event().wait(6.0)  # looked at again meanwhile
        assert refused(lethe)
    with Engine(model, port, *CLOSED):
        eventually(lambda: not refused(lethe), "the class to rise", 40)


@pytest.mark.slow
def test_an_engine_without_a_proof_is_not_believed(start: Start, model: FakeThread) -> None:
    with Engine(model, 0, *CLOSED) as engine:
        lethe = begin(start, local(engine.port))
        assert refused(lethe)
        assert lethe.running(BROKER) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="a worker's memory is not readable to others")
@pytest.mark.parametrize("kept", ["file", "env"])
def test_admin_keys_stay_in_the_broker(
    kept: str, start: Start, model: FakeThread, desk: FakeThread, tmp_path: Path
) -> None:
    """By /proc: no memory and no environment holds the key but the broker's; and the supervisor's, if it came in there.

    One of a file is read for each question, and overwritten then.
    """
    key = tmp_path / "admin"
    key.write_text(KEY)
    serve(desk, OPENAI)
    config = openai(model, desk)
    lethe = begin(start, config) if kept == "env" else start(config.replace("env:ADMIN", f"file:{key}"))
    assert not refused(lethe)
    (broker,) = lethe.running(BROKER)
    eventually(lambda: (KEY.encode() in memory(broker)) is (kept == "env"), "the end of the question")
    holding = set() if kept == "file" else {broker, lethe.pid}
    for pid in (lethe.pid, *lethe.children):
        held = memory(pid) + Path(f"/proc/{pid}/environ").read_bytes() + " ".join(cmdline(pid)).encode()
        assert (KEY.encode() in held) is (pid in holding)

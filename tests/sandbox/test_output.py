"""What leaves the process: a line a request at level C, nothing at B, and it serves on when nobody takes it."""

import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from tests.e2e.served import route, upstream
from tests.ledger.test_lines import LINE
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import ASK, COMMAND, SECRET, WORKER, ask, configured, eventually, get, metric

from lethe.upstream.fake import FakeThread, anthropic
from lethe.upstream.fake.said import say

CANARY = "canary-e41b"


def test_a_line_a_request_and_no_content(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer(anthropic.buffered(say(CANARY)), anthropic.streamed(say(CANARY)), anthropic.error(400, CANARY))
    lethe = start(configured(fake.url))
    caller = call(lethe.url)
    body = {**ASK, "model": CANARY, "messages": [{"role": "user", "content": CANARY}], "metadata": {"user_id": CANARY}}
    headers = {"user-agent": CANARY, "x-api-key": CANARY, "anthropic-beta": CANARY, f"x-{CANARY}": CANARY}
    for asked in (body, {**body, "stream": True}, body):
        caller.post(asked, "/v1/messages?beta=true", **headers)
    caller.post({CANARY: CANARY}, f"/v1/messages?{CANARY}={CANARY}", **headers)  # such queries are refused
    caller.post(body, f"/v1/{CANARY}", **headers)  # no such endpoint
    caller.get(f"/v1/models/{CANARY}")
    caller.get("/health")
    events = lethe.events(5)
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert [event["status"] for event in events] == [200, 200, 400, 400, 404]
    assert [event["endpoint"] for event in events] == ["messages"] * 4 + ["models"]
    assert all(list(event) == list(LINE) for event in events)
    assert len(lethe.stdout) == 5
    assert all(line == json.dumps(json.loads(line), separators=(",", ":")) for line in lethe.stdout)
    told = "\n".join(lethe.stdout) + lethe.said
    assert CANARY not in told
    assert SECRET not in told


def test_a_route_is_named_by_its_pattern(start: Start, fake: FakeThread) -> None:
    lethe = start(upstream("a", "anthropic", fake.url) + route("m*", "a"))
    assert ask(lethe.url, {**ASK, "model": f"m-{CANARY}"})[0] == 200
    (event,) = lethe.events(1)
    assert (event["route"], event["upstream"], event["upstream_class"], event["key"]) == ("m*", "a", "U6", None)


def test_nothing_a_request_without_the_ledger(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url, level="B"))
    assert [ask(lethe.url)[0] for _ in range(3)] == [200] * 3
    assert metric(lethe.url, "lethe_requests_total") == 3
    _, page = get(lethe.url, "/metrics")
    assert b'endpoint="messages",upstream="a",level="B",status="2xx",outcome="ok"} 3' in page
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert lethe.stdout == []
    assert len(lethe.stderr) == 2


def test_a_stricter_request_leaves_no_line(start: Start, fake: FakeThread) -> None:
    more = '[retention]\naccept_classes = ["U6"]\n'
    lethe = start(more + configured(fake.url))
    assert ask(lethe.url, **{"x-lethe-level": "B"})[0] == 200
    assert ask(lethe.url)[0] == 200
    lethe.events(1)
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert [json.loads(line)["level"] for line in lethe.stdout] == ["C"]


def test_events_of_the_last_moment_are_written(start: Start, call: Call, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    caller = call(lethe.url)
    for _ in range(20):
        caller.post()
    lethe.signal(signal.SIGTERM)  # within the time that records wait for company
    assert lethe.exit_code() == 0
    assert len(lethe.stdout) == 20


def test_a_slow_reader_gets_the_last_lines(start: Start, call: Call, fake: FakeThread) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        lethe = start(configured(fake.url), stdout=writing)
        os.close(writing)
        caller = call(lethe.url)
        for _ in range(160):  # more than the pipe holds
            caller.post()
        lethe.signal(signal.SIGTERM)
        eventually(lambda: lethe.running(WORKER) == [], "the end of the worker")
        time.sleep(0.3)  # in which it would end, if it did not wait for the reader
        assert len(pipe.readlines()) == 160
    assert lethe.exit_code() == 0


def test_stdout_whose_reader_is_gone(start: Start, fake: FakeThread) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    lethe = start(configured(fake.url), stdout=writing)
    os.close(writing)
    assert [ask(lethe.url)[0] for _ in range(3)] == [200] * 3
    eventually(lambda: metric(lethe.url, "lethe_ledger_lines_dropped_total") == 3, "three lines dropped")
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0


def test_stdout_that_nobody_reads(start: Start, call: Call, fake: FakeThread) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        while os.write(writing, b"\n" * 4096):
            pass
    except BlockingIOError:
        os.set_blocking(writing, True)
    lethe = start(configured(fake.url), stdout=writing)
    os.close(writing)
    caller = call(lethe.url)
    assert [caller.post()[0] for _ in range(100)] == [200] * 100
    assert get(lethe.url, "/health")[0] == 200
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read().strip(b"\n").count(b"\n") < 100


@pytest.mark.parametrize("closed", ["1", "2", "0 1 2"])
def test_closed_standard_descriptors(closed: str, start: Start, fake: FakeThread) -> None:
    """A socket that took such a number would be sent the ledger."""
    shut = " ".join(f"{fd}>&-" if fd != "0" else "0<&-" for fd in closed.split())
    port = free_port()  # it cannot tell where it listens
    lethe = start(configured(fake.url), "--port", str(port), command=("sh", "-c", f'exec "$@" {shut}', "sh", *COMMAND))
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: answers(url), "an answer")
    assert [ask(url)[0] for _ in range(3)] == [200] * 3
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert len(lethe.stdout) == (0 if "1" in closed else 3)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(url: str) -> bool:
    try:
        return get(url, "/health")[0] == 200
    except OSError:
        return False


def test_what_cannot_start_says_why_in_one_line(start: Start, fake: FakeThread, tmp_path: Path) -> None:
    secret = tmp_path / "missing"
    lethe = start(configured(fake.url).replace("env:FAKE_KEY", f"file:{secret}"))
    assert lethe.exit_code() == 1
    assert lethe.stderr == [f"lethe: cannot start: a secret cannot be had (file:{secret}: there is no such file)"]
    secret.write_text("canary\tsecret")
    unusable = start(configured(fake.url).replace("env:FAKE_KEY", f"file:{secret}"))
    assert unusable.exit_code() == 1
    assert len(unusable.stderr) == 1
    assert "canary" not in unusable.said


def test_a_port_in_use(start: Start, fake: FakeThread) -> None:
    first = start(configured(fake.url))
    port = first.url.rpartition(":")[2]
    second = start(configured(fake.url), "--port", port)
    assert second.exit_code() == 1
    assert second.stderr == [f"lethe: cannot listen on 127.0.0.1 port {port}: Address already in use"]
    assert ask(first.url)[0] == 200


def test_two_workers_both_serve(start: Start, call: Call, fake: FakeThread) -> None:
    """The kernel gives a connection to whoever accepts first: with one stopped, all go to the other."""
    lethe = start(configured(fake.url), "--workers", "2")
    assert metric(lethe.url, "lethe_workers") == 2
    workers = lethe.running(WORKER)
    for stopped in workers:
        os.kill(stopped, signal.SIGSTOP)
        assert call(lethe.url).post()[0] == 200
        os.kill(stopped, signal.SIGCONT)

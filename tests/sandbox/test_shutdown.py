"""SIGTERM and Ctrl-C: what is in flight finishes or is told, and the exit status is 0 within the deadline."""

import asyncio
import os
import signal
import socket
import time
from urllib.parse import urlsplit

import pytest
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import ASK, WORKER, Daemon, alive, ask, configured, eventually

from lethe.upstream.fake import FakeThread, Hang, Head, Script, Send, Until, anthropic
from lethe.upstream.fake.said import say

EVENTS = Head(200, (("content-type", "text/event-stream"),))
FRAMES = anthropic.frames(say("one ", "two "))
HANGING: Script = (EVENTS, *map(Send, FRAMES[:4]), Hang())


def last_event(body: bytes) -> bytes:
    return body.rstrip().rpartition(b"\n\n")[2].partition(b"\n")[0]


def drained(lethe: Daemon, signalled: float, drain: float) -> None:
    """It has ended with 0, within its deadline and what a loaded machine adds."""
    assert lethe.exit_code() == 0
    assert time.monotonic() - signalled < drain + 2


def test_idle(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    assert ask(lethe.url)[0] == 200
    children = lethe.children
    began = time.monotonic()
    lethe.signal(signal.SIGTERM)
    drained(lethe, began, 0)
    assert lethe.stderr[1:] == ["lethe: shutting down"]
    assert not any(map(alive, children))


def test_a_stream_that_finishes(start: Start, call: Call, fake: FakeThread) -> None:
    go_on = asyncio.Event()
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Until(go_on), *map(Send, FRAMES[4:])))
    lethe = start(configured(fake.url))
    reply = call(lethe.url).stream()
    lethe.signal(signal.SIGTERM)
    lethe.until("shutting down")
    fake.set(go_on)
    assert last_event(reply.read()) == b"event: message_stop"
    assert lethe.exit_code() == 0
    (event,) = lethe.events(1)
    assert event["outcome"] == "ok"


@pytest.mark.parametrize("drain", [1.0, 0.2])
def test_a_stream_that_does_not_finish(drain: float, start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer(HANGING)
    lethe = start(configured(fake.url), "--drain", str(drain))
    reply = call(lethe.url).stream()
    began = time.monotonic()
    lethe.signal(signal.SIGTERM)
    assert last_event(reply.read()) == b"event: error"
    drained(lethe, began, drain)
    (event,) = lethe.events(1)
    assert (event["outcome"], event["error"]) == ("drained", "shutting_down")


def test_without_a_deadline_to_drain_in(start: Start, call: Call, fake: FakeThread) -> None:
    """Nobody is told: the end is at once."""
    fake.answer(HANGING)
    lethe = start(configured(fake.url), "--drain", "0")
    call(lethe.url).stream()
    children = lethe.children
    began = time.monotonic()
    lethe.signal(signal.SIGTERM)
    drained(lethe, began, 0)
    assert not any(map(alive, children))


def test_a_caller_that_does_not_read(start: Start, fake: FakeThread) -> None:
    piece = anthropic.frames(say("x" * 65536))[2]
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), *(Send(piece) for _ in range(400)), Hang()))
    lethe = start(configured(fake.url), "--drain", "1")
    where = urlsplit(lethe.url)
    with socket.create_connection((where.hostname or "", where.port or 0)) as slow:
        body = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}'
        slow.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        assert slow.recv(12) == b"HTTP/1.1 200"
        began = time.monotonic()
        lethe.signal(signal.SIGTERM)
        drained(lethe, began, 1)


def test_a_second_signal_ends_at_once(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer(HANGING)
    lethe = start(configured(fake.url), "--drain", "60")
    call(lethe.url).stream()
    children = lethe.children
    lethe.signal(signal.SIGTERM)
    lethe.until("shutting down")
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert not any(map(alive, children))


def test_signals_without_end_do_not_change_the_exit_status(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert ask(lethe.url)[0] == 200
    while lethe.process.poll() is None:
        lethe.signal(signal.SIGTERM)
        time.sleep(0.0005)
    assert lethe.exit_code() == 0


def test_before_it_is_ready(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    eventually(lambda: bool(lethe.children), "a child")
    children = lethe.children
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert lethe.stderr == ["lethe: shutting down"]
    assert not any(map(alive, children))


def test_interrupted_at_the_terminal(start: Start, call: Call, fake: FakeThread) -> None:
    """Ctrl-C reaches the whole group: workers leave it to the supervisor."""
    go_on = asyncio.Event()
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Until(go_on), *map(Send, FRAMES[4:])))
    lethe = start(configured(fake.url))
    reply = call(lethe.url).stream()
    (worker,) = lethe.running(WORKER)
    os.killpg(lethe.pid, signal.SIGINT)
    lethe.until("shutting down")
    assert alive(worker)
    fake.set(go_on)
    assert last_event(reply.read()) == b"event: message_stop"
    assert lethe.exit_code() == 0
    assert lethe.stderr[1:] == ["lethe: shutting down"]


def test_while_a_reload_is_under_way(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer(HANGING)
    lethe = start(configured(fake.url), "--drain", "1")
    reply = call(lethe.url).stream()
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")  # the old generation drains without a deadline, until
    lethe.signal(signal.SIGHUP)
    began = time.monotonic()
    lethe.signal(signal.SIGTERM)
    assert last_event(reply.read()) == b"event: error"
    drained(lethe, began, 1)


def test_new_callers_are_refused(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer(HANGING)
    lethe = start(configured(fake.url), "--drain", "3")
    reply = call(lethe.url).stream()
    lethe.signal(signal.SIGTERM)
    lethe.until("shutting down")

    def refused() -> bool:
        try:
            ask(lethe.url, ASK)
        except ConnectionError:
            return True
        return False

    eventually(refused, "a refusal")
    reply.read()
    assert lethe.exit_code() == 0

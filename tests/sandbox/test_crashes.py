"""What happens when a process ends that should not."""

import http.client
import os
import resource
import signal
import sys

import pytest
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import BROKER, SECRET, WORKER, alive, ask, configured, eventually, metric

from lethe.upstream.fake import FakeThread, Hang, Head, Send, anthropic
from lethe.upstream.fake.said import say

EVENTS = Head(200, (("content-type", "text/event-stream"),))
FRAMES = anthropic.frames(say("one ", "two "))

BROKEN_WORKER = """
import sys
import lethe.sandbox.worker
def broken(*_):
    raise ValueError("canary")
lethe.sandbox.worker.main(int(sys.argv[1]), int(sys.argv[2]), broken)
"""
WITH_BROKEN_WORKERS = f"""
import sys
import lethe.cli.main
import lethe.sandbox.supervisor
lethe.sandbox.supervisor.Supervisor.program = ("-c", {BROKEN_WORKER!r})
sys.exit(lethe.cli.main.main())
"""


def test_a_killed_worker_is_replaced(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Hang()), anthropic.buffered(say("again")))
    lethe = start(configured(fake.url))
    reply = call(lethe.url).stream()
    (worker,) = lethe.running(WORKER)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        reply.read()
    lethe.until("worker 1 was ended by SIGKILL; another one starts in 0.1 s")
    assert ask(lethe.url)[0] == 200
    assert lethe.running(WORKER) != [worker]
    assert metric(lethe.url, "lethe_worker_restarts_total") == 1
    assert len(lethe.stderr) == 2  # where it listens, and this


def test_another_worker_serves_meanwhile(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    first, second = lethe.running(WORKER) if lethe.url else []
    os.kill(first, signal.SIGKILL)
    lethe.until("was ended by SIGKILL")
    assert [ask(lethe.url)[0] for _ in range(5)] == [200] * 5
    eventually(lambda: len(lethe.running(WORKER)) == 2, "a second worker")
    assert alive(second)


@pytest.mark.parametrize("module", [WORKER, BROKER])
def test_what_cannot_be_started_now_is_started_later(start: Start, fake: FakeThread, module: str) -> None:
    """No descriptors left, or no processes, as in a container with a limit that somebody else uses up."""
    lethe = start(configured(fake.url), "--workers", "2")
    assert lethe.url
    ended = lethe.running(module)[0]
    before = resource.prlimit(lethe.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(lethe.pid, resource.RLIMIT_NOFILE, (3, before[1]))
    os.kill(ended, signal.SIGKILL)
    eventually(lambda: not alive(ended) and ended not in lethe.children, "its end to be noticed")
    if module == WORKER:
        lethe.until("worker 1 cannot be started; another one starts in")
    assert ask(lethe.url)[0] == 200
    resource.prlimit(lethe.pid, resource.RLIMIT_NOFILE, before)
    eventually(lambda: [len(lethe.running(each)) for each in (WORKER, BROKER)] == [2, 1], "another one")
    assert ask(lethe.url)[0] == 200


@pytest.mark.slow
def test_workers_that_never_get_ready_are_given_up(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), command=(sys.executable, "-c", WITH_BROKEN_WORKERS, "serve"))
    assert lethe.exit_code() == 1
    assert lethe.stderr[-1] == "lethe: cannot start: worker 1 ended with exit code 1"
    assert lethe.stderr[0].startswith("lethe: worker 1: ValueError at ")
    assert "canary" not in lethe.said
    assert lethe.said.count("another one starts in") == 4
    assert lethe.stdout == []


def test_a_killed_broker_comes_back(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert ask(lethe.url)[0] == 200
    (broker,) = lethe.running(BROKER)
    os.kill(broker, signal.SIGKILL)
    eventually(lambda: lethe.running(BROKER) not in ([], [broker]), "another broker")
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")  # which asks the new one
    assert ask(lethe.url)[0] == 200
    assert fake.requests[-1].header("x-api-key") == SECRET


def test_workers_and_broker_end_with_their_supervisor(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    assert ask(lethe.url)[0] == 200
    children = lethe.children
    assert len(children) == 3
    os.kill(lethe.pid, signal.SIGKILL)
    lethe.exit_code()
    eventually(lambda: not any(map(alive, children)), "the end of all children")


@pytest.mark.slow
def test_an_orphan_finishes_what_it_can(start: Start, call: Call, fake: FakeThread) -> None:
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Hang()))
    lethe = start(configured(fake.url))
    reply = call(lethe.url).stream()
    children = lethe.children
    os.kill(lethe.pid, signal.SIGKILL)
    assert reply.read().rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")
    eventually(lambda: not any(map(alive, children)), "the end of all children")


def test_a_stopped_worker_does_not_stop_the_others(start: Start, fake: FakeThread) -> None:
    """A worker that hangs leaves its connections hanging; the end of all still comes in time."""
    lethe = start(configured(fake.url), "--workers", "2", "--drain", "1")
    first, _ = lethe.running(WORKER) if lethe.url else []
    os.kill(first, signal.SIGSTOP)
    lethe.signal(signal.SIGTERM)
    assert lethe.exit_code() == 0
    assert not alive(first)

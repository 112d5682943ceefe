"""Behind real nginx and real Caddy, by the files that we write: streams live by heartbeats, and nothing of a request stays."""

import signal
import threading
import time
from pathlib import Path

import pytest
from tests.proxies.house import JSON, PROXIES, Front, behind, question
from tests.sandbox.rig import Daemon, daemon

from lethe.deploy.need import Need
from lethe.upstream.fake import FakeThread, Script, Send, Wait, anthropic
from lethe.upstream.fake.replies import OPENED
from lethe.upstream.fake.said import Said, say

BOTH = pytest.mark.parametrize("kind", PROXIES)
CANARY = "CANARY-through-the-proxy"
IDLE = 3.0  # seconds; ten heartbeats may be late by that much on a busy machine
PIECES = anthropic.frames(say("first ", "last"))


def configured(url: str, heartbeat: float) -> str:
    return (
        f"[server]\nheartbeat = {heartbeat:g}\nstatus_hold = 0.2\n"
        f'[upstreams.a]\ndialect = "anthropic"\nbase_url = "{url}"\nclass = "U5"\nreason = "a test"\n'
    )


def port_of(lethe: Daemon) -> int:
    return int(lethe.url.rpartition(":")[2])


def paused(seconds: float) -> Script:
    """An answer with a silence in its middle."""
    half = len(PIECES) // 2
    return (OPENED, *map(Send, PIECES[:half]), Wait(seconds), *map(Send, PIECES[half:]))


def streamed(front: Front, seconds: float = 60) -> tuple[int, bytes]:
    done = front.curl(*JSON, f"{front.url}/v1/messages", body=question(stream=True), seconds=seconds)
    return done.returncode, done.stdout


@BOTH
def test_heartbeats_carry_a_silent_stream_past_the_idle_timeout(kind: str, tmp_path: Path) -> None:
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 0.3)) as lethe:
        fake.answer(paused(2 * IDLE))
        with behind(kind, tmp_path, port_of(lethe), Need(), idle=IDLE) as front:
            code, told = streamed(front)
    assert code == 0
    assert told.count(b"event: ping") >= 3
    assert b"first " in told
    assert told.endswith(PIECES[-1])


@BOTH
def test_without_heartbeats_it_is_cut(kind: str, tmp_path: Path) -> None:
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 60)) as lethe:
        fake.answer(paused(2 * IDLE))
        with behind(kind, tmp_path, port_of(lethe), Need(), idle=IDLE) as front:
            code, told = streamed(front)
    assert code != 0
    assert PIECES[-1] not in told


@pytest.mark.slow
@BOTH
def test_two_silent_minutes_behind_an_idle_timeout_of_twenty_seconds(kind: str, tmp_path: Path) -> None:
    """As it ships: a heartbeat every 15 seconds."""
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 15)) as lethe:
        fake.answer(paused(120.0))
        with behind(kind, tmp_path, port_of(lethe), Need(), idle=20) as front:
            code, told = streamed(front, 200)
    assert code == 0
    assert told.count(b"event: ping") >= 7
    assert told.endswith(PIECES[-1])


@BOTH
def test_an_answer_comes_as_it_is_said(kind: str, tmp_path: Path) -> None:
    """The first half is at the caller's while the upstream has not said the second."""
    over, seen, output = threading.Event(), list[int](), tmp_path / "out"
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 60)) as lethe:
        fake.answer(paused(1.5))
        with behind(kind, tmp_path, port_of(lethe), Need()) as front:
            watcher = threading.Thread(target=_watch, args=(output, seen, over))
            watcher.start()
            front.curl("-o", str(output), *JSON, f"{front.url}/v1/messages", body=question(stream=True))
            over.set()
            watcher.join()
    assert 0 < seen[0] < output.stat().st_size, "it came in one piece"


def _watch(path: Path, seen: list[int], over: threading.Event) -> None:
    while not over.wait(0.05):
        if path.exists() and path.stat().st_size:
            seen.append(path.stat().st_size)


@BOTH
def test_nothing_of_a_request_stays_even_when_lethe_is_down(kind: str, tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(anthropic.buffered(Said(text=(f"{CANARY}-answer",))))
        with (
            daemon(tmp_path, configured(fake.url, 15)) as lethe,
            behind(kind, tmp_path, port_of(lethe), Need()) as front,
        ):
            words = ("-H", f"x-canary: {CANARY}-header", *JSON)
            body = question(stream=False, text=f"{CANARY}-body")
            answered = front.curl(*words, f"{front.url}/v1/messages", body=body)
            assert f"{CANARY}-answer".encode() in answered.stdout
            refused = front.curl(*words, f"{front.url}/v1/messages?prompt={CANARY}-query", body=body)
            assert b"query" in refused.stdout
            lethe.end()
            down = front.curl("-w", "%{http_code}", *words, f"{front.url}/v1/messages?prompt={CANARY}-query", body=body)
            assert (
                down.stdout.endswith(b"502") or down.returncode == 92
            )  # Caddy may reset a stream whose body it cannot pass on
            assert CANARY.encode() not in front.held()


@BOTH
def test_what_a_proxy_logs_would_be_seen(kind: str, tmp_path: Path) -> None:
    with behind(kind, tmp_path, 1, Need(), talkative=True) as front:
        words = ("-H", f"x-canary: {CANARY}-header", f"{front.url}/v1/messages?prompt={CANARY}-query")
        assert front.curl("-w", "%{http_code}", *words).stdout.endswith(b"502")
        assert CANARY.encode() in front.held()


@BOTH
def test_a_body_of_twenty_megabytes_touches_no_disk(kind: str, tmp_path: Path) -> None:
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 15)) as lethe:
        fake.answer(anthropic.buffered(say("ok")))
        with behind(kind, tmp_path, port_of(lethe), Need()) as front:
            before, during, over = front.open_files(), set[str](), threading.Event()
            watcher = threading.Thread(target=_look, args=(front, during, over))
            watcher.start()
            body = question(stream=False, text="x" * 20_000_000)
            done = front.curl("--limit-rate", "20M", *JSON, f"{front.url}/v1/messages", body=body)
            over.set()
            watcher.join()
            assert b'"ok"' in done.stdout
            assert during - before == set()
            assert sum(path.stat().st_size for path in front.folder.rglob("*") if path.is_file()) < 100_000
            assert len(fake.requests[0].body) > 20_000_000


def _look(front: Front, seen: set[str], over: threading.Event) -> None:
    while not over.wait(0.02):
        seen |= front.open_files()


@BOTH
def test_an_instance_that_is_replaced_ends_its_streams_in_time(kind: str, tmp_path: Path) -> None:
    """As on Cloud Run: ten seconds after SIGTERM the instance is gone, so the drain is shorter."""
    with FakeThread() as fake, daemon(tmp_path, configured(fake.url, 0.5), "--drain", "2") as lethe:
        fake.answer(paused(60.0))
        with behind(kind, tmp_path, port_of(lethe), Need()) as front:
            told: list[tuple[int, bytes]] = []
            caller = threading.Thread(target=lambda: told.append(streamed(front)))
            caller.start()
            fake.until(lambda: bool(fake.requests) and fake.requests[0].sent > 0)
            time.sleep(0.5)
            lethe.signal(signal.SIGTERM)
            assert lethe.exit_code(10) == 0
            caller.join(20)
    assert told[0][0] == 0, "the stream ends in order"
    assert b"event: error" in told[0][1]

"""A new configuration takes over without a request lost, and a bad one changes nothing."""

import asyncio
import os
import signal
import sys
import threading
from http.client import HTTPException
from pathlib import Path

import pytest
from tests.e2e.served import route, upstream
from tests.sandbox.conftest import Call, Start
from tests.sandbox.rig import ASK, BROKER, SECRET, WORKER, Daemon, alive, ask, configured, eventually, memory, metric

from lethe.upstream.fake import FakeThread, Head, Send, Until, anthropic
from lethe.upstream.fake.said import say

EVENTS = Head(200, (("content-type", "text/event-stream"),))
FRAMES = anthropic.frames(say("one ", "two "))


class Load(threading.Thread):
    """Requests one after another, on connections of their own and on one that is kept, until it is stopped."""

    def __init__(self, call: Call, url: str) -> None:
        super().__init__(daemon=True)
        self.answers: list[int] = []
        self.failures: list[str] = []
        self._kept = call(url)
        self._url = url
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.005):  # leaves the processor to the workers that start
            try:
                self.answers += [self._kept.post()[0], ask(self._url)[0]]
            except (OSError, HTTPException) as error:
                self.failures.append(repr(error))

    def more(self, count: int) -> None:
        wanted = len(self.answers) + count
        eventually(lambda: len(self.answers) >= wanted or bool(self.failures), "more answers")

    def finish(self) -> None:
        """Stop, and fail if anything did."""
        self._over.set()
        self.join(20)
        assert self.failures == []
        assert set(self.answers) == {200}


def route_of(lethe: Daemon) -> str:
    """The route that the next request takes, as its event tells."""
    count = len(lethe.stdout)
    assert ask(lethe.url)[0] == 200
    return str(lethe.events(count + 1)[-1]["route"])


@pytest.mark.parametrize("reloads", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_no_request_is_lost_while_configurations_change(
    reloads: int, start: Start, call: Call, fake: FakeThread
) -> None:
    lethe = start(configured(fake.url), "--workers", "2")
    load = Load(call, lethe.url)
    for count in range(1, reloads + 1):
        load.more(10)
        lethe.config.write_text(configured(fake.url) + f"# {count}\n")
        lethe.signal(signal.SIGHUP)
        lethe.until("reloaded the configuration", count)
    load.more(10)
    lethe.config.write_text("[upstream.a]\n")
    lethe.signal(signal.SIGHUP)
    lethe.until("not reloaded")
    load.more(10)
    load.finish()
    assert metric(lethe.url, "lethe_generation") == 1 + reloads
    eventually(lambda: len(lethe.running(WORKER)) == 2, "the end of the old workers")


def test_new_requests_see_the_new_configuration(start: Start, fake: FakeThread) -> None:
    lethe = start(upstream("a", "anthropic", fake.url) + route("*", "a"))
    assert lethe.url
    assert route_of(lethe) == "*"
    lethe.config.write_text(upstream("a", "anthropic", fake.url) + route("m*", "a"))
    lethe.until("reloaded the configuration")  # nobody has sent a signal: the file is watched
    eventually(lambda: route_of(lethe) == "m*", "the new generation to answer")


@pytest.mark.slow
def test_one_change_is_one_reload(start: Start, fake: FakeThread) -> None:
    """A signal and the watched file tell of the same change."""
    lethe = start(configured(fake.url))
    assert lethe.url
    lethe.config.write_text(configured(fake.url) + "# changed\n")
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    threading.Event().wait(2.2)
    assert [metric(lethe.url, name) for name in ("lethe_reloads_total", "lethe_generation")] == [1, 2]


def test_a_stream_finishes_on_the_generation_it_began_on(start: Start, call: Call, fake: FakeThread) -> None:
    go_on = asyncio.Event()
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Until(go_on), *map(Send, FRAMES[4:])))
    lethe = start(configured(fake.url))
    caller = call(lethe.url)
    reply = caller.stream()
    (old,) = lethe.running(WORKER)
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    assert alive(old)
    fake.set(go_on)
    assert b"event: message_stop" in reply.read()
    caller.close()
    eventually(lambda: not alive(old), "the end of the old worker")
    (event,) = lethe.events(1)
    assert (event["outcome"], event["status"]) == ("ok", 200)


BAD: dict[str, tuple[str, str]] = {
    "not TOML": ("[[[", "is not TOML"),
    "an unknown key": ("[retention]\nlevle = 'C'\n[upstreams.ollama]\n", "level"),
    "an upstream without its secret": (
        '[upstreams.anthropic]\napi_key = "env:NOT_SET"\n',
        "not reloaded: a secret cannot be had (env:NOT_SET: the variable is not set)",
    ),
    "a certificate that is none": (
        '[server]\ntls_cert = "lethe.toml"\ntls_key = "lethe.toml"\n[upstreams.ollama]\n',
        "not reloaded: server.tls_cert, server.tls_key: lethe.toml, lethe.toml: no certificate in PEM and its key",
    ),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_configuration_changes_nothing(text: str, said: str, start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url
    workers = lethe.running(WORKER)
    lethe.config.write_text(text)
    lethe.signal(signal.SIGHUP)
    lethe.until("the configuration before it goes on serving")
    assert said in lethe.said
    assert ask(lethe.url)[0] == 200
    assert metric(lethe.url, "lethe_reload_failures_total") == 1
    eventually(lambda: lethe.running(WORKER) == workers, "the end of the workers that failed")
    lethe.config.write_text(configured(fake.url, more="# mended\n"))
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")


def test_a_file_that_is_gone_changes_nothing(start: Start, fake: FakeThread) -> None:
    lethe = start(configured(fake.url))
    assert lethe.url
    lethe.config.unlink()
    lethe.signal(signal.SIGHUP)
    lethe.until("the configuration before it goes on serving")
    assert ask(lethe.url)[0] == 200


def test_the_newest_of_many_reloads_wins(start: Start, fake: FakeThread) -> None:
    lethe = start(upstream("a", "anthropic", fake.url) + route("*", "a"))
    assert lethe.url
    for glob in ("m*", "[m]", "m"):
        lethe.config.write_text(upstream("a", "anthropic", fake.url) + route(glob, "a"))
        lethe.signal(signal.SIGHUP)
        threading.Event().wait(0.05)
    lethe.until("reloaded the configuration")
    eventually(lambda: len(lethe.running(WORKER)) == 1, "one generation")
    assert route_of(lethe) == "m"


def rotating(fake: FakeThread, secret: Path, more: str = "") -> str:
    return configured(fake.url).replace("env:FAKE_KEY", f"file:{secret}") + more


@pytest.mark.slow
def test_a_rotated_secret_is_used_without_a_restart(start: Start, fake: FakeThread, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first-secret\n")
    lethe = start(rotating(fake, secret))
    assert ask(lethe.url)[0] == 200
    workers = lethe.running(WORKER)
    secret.write_text("second-secret\n")
    eventually(
        lambda: ask(lethe.url)[0] == 200 and fake.requests[-1].header("x-api-key") == "second-secret", "the new key"
    )
    assert fake.requests[0].header("x-api-key") == "first-secret"
    assert lethe.running(WORKER) == workers
    assert "second-secret" not in lethe.said


def test_a_worker_that_accepts_already_finishes_when_its_generation_is_overtaken(
    start: Start, call: Call, fake: FakeThread
) -> None:
    """Workers accept one after another, and a reload may come between the first and the last."""
    go_on = asyncio.Event()
    lethe = start(configured(fake.url), "--workers", "2")
    assert lethe.url
    old = lethe.running(WORKER)
    for worker in old:
        os.kill(worker, signal.SIGSTOP)  # only those of the next generation can accept
    lethe.signal(signal.SIGHUP)
    eventually(lambda: len(lethe.running(WORKER)) == 4, "the next generation")
    late = lethe.running(WORKER)[-1]
    os.kill(late, signal.SIGSTOP)
    fake.answer((EVENTS, *map(Send, FRAMES[:4]), Until(go_on), *map(Send, FRAMES[4:])))
    reply = call(lethe.url).stream()  # answered by the one that is ready
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    fake.set(go_on)
    assert b"event: message_stop" in reply.read()
    for worker in old:
        os.kill(worker, signal.SIGCONT)


FAILING = """
import sys
from lethe.cli import main, serve
from lethe.sandbox.posture import PostureDesk
owner, name = {PLACE}
works, calls = getattr(owner, name), []
def failing(*given):
    calls.append(given)
    if len(calls) == 2:
        raise KeyError("CANARY_x")
    return works(*given)
setattr(owner, name, failing)
sys.exit(main.main(["serve", *sys.argv[1:]]))
"""


@pytest.mark.parametrize("place", ['serve, "servable"', 'PostureDesk, "prepare"'], ids=["reading", "its key"])
def test_a_fault_of_ours_in_a_reload_ends_nothing(place: str, start: Start, fake: FakeThread) -> None:
    """As after an upgrade of the package under a server that runs."""
    lethe = start(configured(fake.url), command=(sys.executable, "-c", FAILING.replace("{PLACE}", place)))
    assert ask(lethe.url)[0] == 200
    lethe.signal(signal.SIGHUP)
    lethe.until("the configuration before it goes on serving")
    assert "lethe: not reloaded: KeyError at " in lethe.said
    assert "CANARY" not in lethe.said
    assert metric(lethe.url, "lethe_reload_failures_total") == 1
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")


def test_nobody_keeps_a_secret_that_is_configured_no_more(start: Start, fake: FakeThread) -> None:
    """The broker ends once the last generation that wants anything of it has."""
    lethe = start(configured(fake.url))
    assert lethe.url
    assert len(lethe.running(BROKER)) == 1
    lethe.config.write_text(configured(fake.url).replace('api_key = "env:FAKE_KEY"', 'auth = "none"'))
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration")
    eventually(lambda: lethe.running(BROKER) == [], "the end of the broker")
    lethe.config.write_text(configured(fake.url))
    lethe.signal(signal.SIGHUP)
    lethe.until("reloaded the configuration", 2)
    assert len(lethe.running(BROKER)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="looks into other processes")
def test_the_broker_overwrites_what_it_has_passed_on(start: Start, fake: FakeThread, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first-secret\n")
    lethe = start(rotating(fake, secret))
    assert lethe.url
    (worker,), (broker,) = lethe.running(WORKER), lethe.running(BROKER)
    assert b"first-secret" in memory(worker)  # it can be seen
    assert b"first-secret" not in memory(broker)


@pytest.mark.slow
def test_a_secret_rotates_after_a_reload_that_failed(start: Start, fake: FakeThread, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("first-secret\n")
    lethe = start(rotating(fake, secret))
    assert ask(lethe.url)[0] == 200
    lethe.config.write_text('[upstreams.anthropic]\napi_key = "env:NOT_SET"\n')
    lethe.signal(signal.SIGHUP)
    lethe.until("not reloaded")
    secret.write_text("second-secret\n")
    eventually(
        lambda: ask(lethe.url)[0] == 200 and fake.requests[-1].header("x-api-key") == "second-secret", "the new key"
    )


@pytest.mark.slow
def test_a_callers_key_rotates(start: Start, fake: FakeThread, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("old-key\n")
    lethe = start(configured(fake.url, more=f'[[keys]]\nname = "ci"\nkey = "file:{key}"\n'))
    assert [ask(lethe.url, **{"x-api-key": each})[0] for each in ("old-key", "new-key")] == [200, 401]
    key.write_text("new-key\n")
    lethe.until("reloaded the configuration")
    keys = ("old-key", "new-key")
    eventually(
        lambda: [ask(lethe.url, **{"x-api-key": each})[0] for each in keys] == [401, 200],
        "the new generation to answer",
    )
    assert {event["key"] for event in lethe.events(4)} == {"ci", None}
    assert SECRET not in lethe.said + str(ASK)

"""A real instance: opened before it locks itself in, restarted where it was, looked at from outside, and gone."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from tests.sandbox.rig import eventually

from lethe.cli.main import main
from lethe.retention.enforcement import Mechanism, State
from lethe.retention.levels import Level
from lethe.verify import live, procfs
from lethe.verify.instance import Instance, Manner, NotServing, running
from lethe.verify.pages import pages
from lethe.verify.remote import asked
from lethe.verify.sample import sample
from lethe.verify.sinks import Sink, Verdict
from lethe.verify.sockets import Peers
from lethe.verify.stage import Clock, Stage, staged
from lethe.verify.watch import Watch, watching

CLOCK = Clock(time.time, time.sleep, os.urandom)


def _silent(what: str, done: int, of: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with staged(sample(Level.C, date(2026, 11, 1)), CLOCK, _silent) as made:
        yield made


@pytest.fixture(scope="module")
def instance(stage: Stage) -> Iterator[Instance]:
    with running(stage.made) as made:
        yield made


def test_it_is_open_before_it_locks_itself_in(instance: Instance) -> None:
    (worker,) = instance.workers()
    opened = instance.opened[worker]
    assert (opened.role, opened.reasons) == (procfs.WORKER, [])
    assert opened.mem is not None
    assert opened.maps is not None
    heap = next(region for region in procfs.regions(opened.maps) if region.name == "[heap]")
    assert len(os.pread(opened.mem, 4096, heap.start)) == 4096
    assert instance.enforcement[0].states[Mechanism.FSIZE] is State.ENFORCED


def test_its_pages_are_clean_and_its_secrets_stay_where_they_belong(stage: Stage, instance: Instance) -> None:
    assert pages(instance.url, instance.keys, instance.plan, stage.searches).verdict is Verdict.CLEAN
    watch = Watch(instance, lambda: stage.peers(instance), *stage.searches)
    with watching(watch):
        time.sleep(0.2)
    looks = {look.sink: look for look in watch.looks()}
    assert [looks[sink].verdict for sink in (Sink.PROCESS, Sink.SOCKETS, Sink.OPEN_FILES)] == [Verdict.CLEAN] * 3
    supervisor = procfs.whole(instance.opened[instance.pid].environ or -1)
    assert stage.secrets.tag.encode() in supervisor  # or the search would have had nothing to find


def test_a_connection_elsewhere_is_seen(stage: Stage, instance: Instance) -> None:
    """By moving the port that it may listen on."""
    port = int(re.findall(r"\d+", instance.url)[-1])
    nobody = Peers(port + 1, frozenset())
    watch = Watch(instance, lambda: nobody, *stage.searches)
    for _ in range(2):
        watch.turn()
    sockets = next(look for look in watch.looks() if look.sink is Sink.SOCKETS)
    assert {hit.where for hit in sockets.hits} >= {"worker"}


def test_from_outside_it_keeps_its_promises(instance: Instance, stage: Stage) -> None:
    key = next(iter(instance.keys.values()))
    report = live.look(instance.url, key, None, os.urandom, time.time)
    assert (report["outcome"], report["hits"], report["faults"]) == ("inconclusive", 0, [])  # nothing was served


def test_from_outside_a_stranger_breaks_every_promise() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        server.close()
        report = live.look(url, None, None, os.urandom, time.time)
    assert report["outcome"] == "fail"


def test_a_worker_that_is_killed_is_replaced_and_opened(instance: Instance) -> None:
    (before,) = instance.workers()
    os.kill(before, signal.SIGKILL)
    instance.recovered()
    (after,) = instance.workers()
    assert after != before
    assert instance.opened[after].mem is not None


def test_it_starts_again_where_it_was(instance: Instance) -> None:
    url, before = instance.url, instance.pid
    instance.close_output()
    instance.restart()
    assert (instance.url, instance.pid != before) == (url, True)
    assert asked(url, "/health", {}).status == 200
    # It serves before what it says of it has been read.
    eventually(lambda: b"listening on" in instance.stderr[-1].data, "it says where it listens")


def test_it_leaves_nothing_behind(stage: Stage) -> None:
    with running(stage.made) as made:
        folder, family = made.folder, made.family()
        assert folder.is_dir()
    assert not folder.exists()
    assert not any(procfs.alive(pid) for pid in family)


def test_one_that_ends_before_it_is_told_what_to_serve_leaves_nothing_open(stage: Stage) -> None:
    before = set(Path("/proc/self/fd").iterdir())
    try:
        with running(stage.made, Manner(tracer=("false",))):
            pytest.fail("it serves")
    except NotServing:
        assert set(Path("/proc/self/fd").iterdir()) == before


def test_one_that_does_not_start_says_why(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(NotServing):
        with running(stage.made, Manner(program=("-c", "raise SystemExit(3)"))):
            pass


@pytest.mark.parametrize(
    "words",
    [
        ("--key", "env:K"),
        ("--live", "http://x", "--quick"),
        ("--live", "http://x", "--mutants"),
        ("--live", "x:1"),
        ("--live", "http://[x"),
        ("--live", "http://me@x"),
        ("--live", "http://x", "--key", "env:LETHE_NOT_SET"),
    ],
)
def test_options_that_do_not_go_together(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("verify", *words)) == 2
    assert "lethe verify: " in capsys.readouterr().err

"""What a tree of processes uses, on real processes."""

import os
import signal
import subprocess
import sys

import pytest

from bench.processes import cpu_seconds, machine_seconds, memory_mb, on_cores, tree

# A parent with a child, which says that it is there.
FAMILY = """
import subprocess, sys
subprocess.Popen([sys.executable, "-S", "-c", "import time; print(1, flush=True); time.sleep(60)"])
input()
"""
BUSY = "import time\nwhile time.process_time() < 0.1: pass\nprint(1, flush=True); input()"


def started(code: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def ended(process: "subprocess.Popen[bytes]") -> None:
    """Kills the whole family."""
    with process:
        for pid in tree(process.pid):
            os.kill(pid, signal.SIGKILL)


def test_the_tree_holds_the_children() -> None:
    process = started(FAMILY)
    try:
        members = tree(process.pid)
        assert sorted(member.parent for member in members.values()) == sorted([os.getpid(), process.pid])
        memory = memory_mb(process.pid)
        assert memory is not None
        assert memory > 3
    finally:
        ended(process)


def test_a_child_that_outlives_its_parent_is_still_counted() -> None:
    process = started(FAMILY)
    (child,) = tree(process.pid).keys() - {process.pid}
    try:
        process.kill()
        process.wait()
        assert child in tree(process.pid)
    finally:
        ended(process)


def test_cpu_time_is_that_of_the_process() -> None:
    process = started(BUSY)
    try:
        assert 0.1 <= cpu_seconds(process.pid) < 2
        assert machine_seconds() > cpu_seconds(process.pid)
    finally:
        ended(process)


def test_who_hides_memory_is_not_counted_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.read_text", refused)
    assert memory_mb(os.getpid()) is None


def test_cores_are_given_back() -> None:
    before = os.sched_getaffinity(0)
    one = {min(before)}
    with on_cores(one):
        assert os.sched_getaffinity(0) == one
    with on_cores(None):
        assert os.sched_getaffinity(0) == before
    assert os.sched_getaffinity(0) == before

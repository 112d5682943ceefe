"""A way out that never waits: slow, full and closed descriptors cost lines, not time."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.rig import eventually

from lethe.sandbox.outlet import Outlet

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for fd in (reading, writing):
        try:
            os.close(fd)
        except OSError:
            continue


def test_lines_arrive_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing)
    lines = [b"%d\n" % number for number in range(1000)]
    for line in lines:
        outlet.write(line)
    outlet.close(5)
    os.close(writing)
    with os.fdopen(os.dup(reading), "rb") as got:
        assert got.readlines() == lines
    assert outlet.dropped == 0


def test_a_full_pipe_costs_lines_and_no_time(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    outlet = Outlet(writing, limit=100 * len(LINE))
    for _ in range(3000):  # a pipe takes 64 KB, the outlet 10 KB
        outlet.write(LINE)
    assert outlet.dropped > 2000
    taken = 3000 - outlet.dropped
    got = b""
    while got.count(b"\n") < taken:
        got += os.read(reading, 65536)
    assert got == LINE * taken
    outlet.write(b"again\n")
    outlet.close(5)
    assert os.read(reading, 100) == b"again\n"


def test_closing_does_not_wait_for_a_reader_that_sleeps(pipe: tuple[int, int]) -> None:
    _, writing = pipe
    outlet = Outlet(writing)
    outlet.write(LINE * 10_000, 10_000)
    outlet.close(0.05)
    outlet.write(LINE)
    assert outlet.dropped == 1


def test_a_reader_that_is_gone(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.close(reading)
    outlet = Outlet(writing)
    outlet.write(LINE * 7, 7)
    eventually(lambda: outlet.dropped == 7, "seven lines dropped")
    outlet.close(5)


def test_a_descriptor_that_is_closed() -> None:
    fd = os.dup(0)
    os.close(fd)
    outlet = Outlet(fd)
    outlet.write(LINE)
    outlet.close(5)
    assert outlet.dropped == 1


def test_a_descriptor_that_someone_made_non_blocking(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(writing, False)
    outlet = Outlet(writing)
    sent = LINE * 2000  # more than the pipe takes at once
    outlet.write(sent, 2000)
    got = b""
    while len(got) < len(sent):
        got += os.read(reading, 65536)
    outlet.close(5)
    assert (got, outlet.dropped) == (sent, 0)


def test_a_device_that_is_full() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        outlet = Outlet(full.fileno())
        outlet.write(LINE * 3, 3)
        outlet.close(5)
    assert outlet.dropped == 3


def test_a_thread_for_each_and_no_more() -> None:
    before = threading.active_count()
    outlet = Outlet(1)
    assert threading.active_count() == before + 1
    outlet.close(5)
    assert threading.active_count() == before


def test_a_line_that_was_cut_by_a_full_disk_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is room again."""
    room = [50, 0, 1000, 1000]
    write = os.write

    def scarce(fd: int, data: bytes) -> int:
        if not (left := room.pop(0)):
            raise OSError(errno.ENOSPC, "")
        return write(fd, data[:left])

    path = tmp_path / "ledger"
    with path.open("wb") as file:
        outlet = Outlet(file.fileno())
        monkeypatch.setattr(os, "write", scarce)
        for line in (LINE, b"one\n", b"two\n"):
            outlet.write(line)
        outlet.close(5)
    assert path.read_bytes() == LINE[:50] + b"\none\ntwo\n"
    assert outlet.dropped == 1

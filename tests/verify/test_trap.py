"""Whatever comes to the trap is counted, and let go on."""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.sandbox.rig import eventually

from lethe.verify.trap import Trap


@pytest.fixture
def trap() -> Iterator[Trap]:
    made = Trap()
    yield made
    made.close()


def test_a_connection_counts_once_whatever_it_sends(trap: Trap) -> None:
    with socket.create_connection(("127.0.0.1", trap.port), timeout=10) as visitor:
        visitor.sendall(b"words")
        visitor.shutdown(socket.SHUT_WR)
        assert visitor.recv(1) == b""  # all of it was read
    assert trap.visits == 1


@contextmanager
def limited(most: int) -> Iterator[ExitStack]:
    """So many descriptors at most; those that the block opens are closed after it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as ends:
        ends.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
        yield ends


def opened(ends: ExitStack) -> None:
    """One more. Raises OSError where there is none left."""
    ends.callback(os.close, os.open("/", os.O_RDONLY))


def test_it_counts_in_a_process_with_many_descriptors() -> None:
    with limited(2048) as ends:
        for _ in range(1024):  # beyond which select() knows none
            opened(ends)
        trap = Trap()
        ends.callback(trap.close)
        ends.enter_context(socket.create_connection(("127.0.0.1", trap.port), timeout=10))
        eventually(lambda: trap.visits == 1, "it has come")


def test_a_visitor_that_cannot_be_taken_counts_and_those_after_it(trap: Trap) -> None:
    with socket.socket() as first, socket.socket() as second:
        with limited(512) as ends:
            with contextlib.suppress(OSError):
                while True:
                    opened(ends)
            first.connect(("127.0.0.1", trap.port))
            eventually(lambda: trap.visits > 0, "it has come")
        seen = trap.visits
        second.connect(("127.0.0.1", trap.port))
        eventually(lambda: trap.visits > seen, "the other has, too")


def test_each_datagram_counts(trap: Trap) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(2):
            sender.sendto(b"", ("127.0.0.1", trap.port))
        eventually(lambda: trap.visits == 2, "both have come")

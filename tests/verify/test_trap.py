"""Whatever comes to the trap is counted, and let go on."""

import socket
from collections.abc import Iterator

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


def test_each_datagram_counts(trap: Trap) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(2):
            sender.sendto(b"", ("127.0.0.1", trap.port))
        eventually(lambda: trap.visits == 2, "both have come")

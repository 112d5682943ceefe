"""Who a process may be connected to."""

import os
import socket

import pytest

from lethe.verify import procfs
from lethe.verify.sockets import UNIX, Peers, Socket, Sockets, allowed, judged, table

PEERS = Peers(3456, frozenset({("127.0.0.1", 8001)}))


@pytest.mark.parametrize(
    ("seen", "right"),
    [
        (Socket("TCP", 3456, "0.0.0.0", 0, listens=True), True),
        (Socket("TCP", 3456, "10.0.0.9", 51000), True),  # a caller
        (Socket("TCP", 40000, "127.0.0.1", 8001), True),
        (Socket("TCP", 40000, "10.1.1.1", 53), True),
        (Socket("UDP", 40000, "10.1.1.1", 53), True),
        (Socket("TCP", 40000, "127.0.0.1", 8002), False),
        (Socket("TCP", 40000, "127.0.0.2", 8001), False),
        (Socket("TCP", 9000, "0.0.0.0", 0, listens=True), False),
        (Socket("UDP", 40000, "127.0.0.1", 514), False),
        (Socket("UDP", 40000, "0.0.0.0", 0), False),  # sends to whom it likes
        (Socket("UDP", 3456, "127.0.0.1", 514), False),
    ],
)
def test_callers_upstreams_and_dns_are_right_and_nobody_else(seen: Socket, right: bool) -> None:
    assert allowed(seen, PEERS) is right


def test_the_kernels_tables_are_read() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    six = socket.create_server(("::1", 0), family=socket.AF_INET6)
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(("127.0.0.9", 514))
    one, other = socket.socketpair()
    with server, six, client, udp, one, other:
        known = table()
        mine = {fd: known[link[8:-1]] for fd, link in (procfs.links(os.getpid()) or {}).items() if link[8:-1] in known}
        assert mine[str(server.fileno())] == Socket("TCP", port, "0.0.0.0", 0, listens=True)
        assert mine[str(six.fileno())] == Socket("TCP", six.getsockname()[1], "::", 0, listens=True)
        assert mine[str(client.fileno())] == Socket("TCP", client.getsockname()[1], "127.0.0.1", port)
        seen = mine[str(udp.fileno())]
        assert (seen.protocol, seen.peer, seen.peer_port) == ("UDP", "127.0.0.9", 514)
        assert mine[str(one.fileno())] == Socket("unix")


def test_what_is_wrong_is_told_by_inode() -> None:
    known = {
        "1": Socket("TCP", 3456, "0.0.0.0", 0, listens=True),
        "2": Socket("TCP", 40000, "127.0.0.1", 9),
        "3": Socket("unix"),
    }
    links = {"4": "socket:[1]", "5": "socket:[2]", "6": "socket:[3]", "7": "/dev/null", "8": "socket:[99]"}
    wrong = judged(links, known, PEERS, worker=True)
    assert set(wrong) == {"2", "3"}
    assert wrong["3"] == UNIX
    assert set(judged(links, known, PEERS, worker=False)) == {"2"}


def test_a_wrong_socket_counts_when_it_is_seen_twice() -> None:
    sockets = Sockets()
    sockets.seen(1, "worker", {"2": "wrong"}, young=False)
    assert sockets.hits() == ()
    sockets.seen(1, "worker", {"3": "wrong"}, young=False)
    assert sockets.hits() == ()
    sockets.seen(1, "worker", {"3": "wrong"}, young=False)
    assert [(hit.what, hit.where) for hit in sockets.hits()] == [("wrong", "worker")]


def test_unix_sockets_count_when_they_are_new() -> None:
    sockets = Sockets()
    sockets.seen(1, "worker", {"2": UNIX}, young=False)
    sockets.seen(1, "worker", {"2": UNIX, "3": UNIX}, young=True)
    sockets.seen(1, "worker", {"2": UNIX, "3": UNIX}, young=False)
    assert sockets.hits() == ()
    for _ in range(2):
        sockets.seen(1, "worker", {"2": UNIX, "4": UNIX}, young=False)
    assert [hit.what for hit in sockets.hits()] == [UNIX]

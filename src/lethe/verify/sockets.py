"""Who a process is connected to: callers, upstreams, DNS, and nobody else."""

import ipaddress
from collections.abc import Mapping

from msgspec import Struct

from lethe.verify import procfs
from lethe.verify.sinks import Hit, Sink

DNS = 53
_LISTEN = "0A"
_TABLES: Mapping[str, str] = {"tcp": "TCP", "tcp6": "TCP", "udp": "UDP", "udp6": "UDP"}


class Socket(Struct, frozen=True):
    """`peer` is an address, or empty where there is none."""

    protocol: str  # TCP, UDP or unix
    port: int = 0
    peer: str = ""
    peer_port: int = 0
    listens: bool = False


class Peers(Struct, frozen=True):
    """`own` is the port that callers come to; `upstreams` are the addresses that may be spoken to."""

    own: int
    upstreams: frozenset[tuple[str, int]]


class Sockets:
    """What was seen, process by process; a socket that is on its way somewhere is not yet one that is wrong."""

    def __init__(self) -> None:
        self._before: dict[int, set[str]] = {}
        self._unix: dict[int, set[str]] = {}  # what each process may have
        self._hits: dict[Hit, None] = {}

    def seen(self, pid: int, role: str, wrong: Mapping[str, str], *, young: bool) -> None:
        """`wrong` says by inode what a socket is; the second time that it is seen it counts.

        Unix sockets that a process has when it is first seen, or makes while it is `young`, are its own business.
        """
        unix = {inode for inode, what in wrong.items() if what == UNIX}
        if young or pid not in self._unix:
            self._unix.setdefault(pid, set()).update(unix)
        now = {inode for inode, what in wrong.items() if what != UNIX or inode not in self._unix[pid]}
        for inode in now & self._before.get(pid, set()):
            self._hits[Hit(Sink.SOCKETS, wrong[inode], role)] = None
        self._before[pid] = now

    def hits(self) -> tuple[Hit, ...]:
        return tuple(self._hits)


UNIX = "a unix socket that it did not start with"


def table() -> dict[str, Socket]:
    """All sockets of this network namespace, by inode."""
    found: dict[str, Socket] = {}
    for name, protocol in _TABLES.items():
        for line in procfs.text(f"/proc/net/{name}").splitlines()[1:]:
            fields = line.split()
            _, port = _address(fields[1])
            peer, peer_port = _address(fields[2])
            found[fields[9]] = Socket(protocol, port, peer, peer_port, protocol == "TCP" and fields[3] == _LISTEN)
    for line in procfs.text("/proc/net/unix").splitlines()[1:]:
        found[line.split()[6]] = Socket("unix")
    return found


def judged(links: Mapping[str, str], known: Mapping[str, Socket], peers: Peers, *, worker: bool) -> dict[str, str]:
    """What is wrong with a process's sockets, by inode. Unix sockets matter in workers, and only if they are new."""
    wrong: dict[str, str] = {}
    for link in links.values():
        inode = link.removeprefix("socket:[").removesuffix("]")
        socket = known.get(inode) if link.startswith("socket:[") else None
        if socket is None:
            continue
        if socket.protocol == "unix":
            if worker:
                wrong[inode] = UNIX
        elif not allowed(socket, peers):
            wrong[inode] = _described(socket)
    return wrong


def allowed(socket: Socket, peers: Peers) -> bool:
    if socket.protocol == "UDP":
        return socket.peer_port == DNS
    if socket.port == peers.own:
        return True
    return socket.peer_port == DNS or (socket.peer, socket.peer_port) in peers.upstreams


def _described(socket: Socket) -> str:
    if socket.listens:
        return "TCP: it listens where nobody should come"
    return f"{socket.protocol}: connected to neither caller, upstream nor DNS"


def _address(text: str) -> tuple[str, int]:
    """The kernel writes addresses as words of the machine's byte order."""
    packed, _, port = text.partition(":")
    words = bytes.fromhex(packed)
    raw = b"".join(words[n : n + 4][::-1] for n in range(0, len(words), 4))
    address = ipaddress.ip_address(raw)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)

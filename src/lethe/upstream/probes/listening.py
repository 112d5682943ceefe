"""Who listens on a port or socket of this machine, by /proc: every process that holds the listening socket."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from lethe.upstream.probes.flags import NOWHERE, Process
from lethe.upstream.probes.verdict import Reason, Unproven

PROC = Path("/proc")
LIMIT = 1024 * 1024  # bytes of a command line or an environment
_LISTEN = "0A"  # TCP_LISTEN
_ACCEPTS = 0x10000  # __SO_ACCEPTCON


def listeners(host: str, port: int, proc: Path = PROC) -> list[Process]:
    """The processes that get what is sent to this port here. Raises Unproven when they cannot be told."""
    return _holders(_tcp_sockets(host, port, proc), proc)


def socket_listeners(path: str, proc: Path = PROC) -> list[Process]:
    """As `listeners`, for a unix socket."""
    return _holders(_unix_sockets(path, proc), proc)


def _tcp_sockets(host: str, port: int, proc: Path) -> set[str]:
    """Inodes of sockets that listen there, or on all addresses."""
    wanted = {"127.0.0.1", "::1"} if host == "localhost" or host.endswith(".localhost") else {host}
    inodes = set()
    for table in ("tcp", "tcp6"):
        for row in _rows(proc / "net" / table):
            address, _, number = row[1].partition(":")
            if row[3] == _LISTEN and int(number, 16) == port and _serves(address, wanted):
                inodes.add(row[9])
    return inodes


def _unix_sockets(path: str, proc: Path) -> set[str]:
    rows = (row for row in _rows(proc / "net" / "unix") if len(row) == 8)
    return {row[6] for row in rows if row[7] == path and int(row[3], 16) & _ACCEPTS}


def _rows(table: Path) -> Iterator[list[str]]:
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    yield from (line.split() for line in lines)


def _serves(address: str, wanted: set[str]) -> bool:
    """Addresses are words of the machine's own byte order, each in hexadecimal."""
    raw = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
    listens = ip_address(raw)
    if isinstance(listens, IPv6Address) and listens.ipv4_mapped is not None:
        listens = listens.ipv4_mapped
    return listens.is_unspecified or any(_same(listens, each) for each in wanted)


def _same(listens: IPv4Address | IPv6Address, host: str) -> bool:
    try:
        return listens == ip_address(host)
    except ValueError:
        return False


def _holders(inodes: set[str], proc: Path) -> list[Process]:
    if not inodes:
        raise Unproven(Reason.NO_LISTENER)
    links = {f"socket:[{inode}]" for inode in inodes}
    found: dict[str, Process] = {}
    seen: set[str] = set()
    for folder in proc.iterdir():
        if folder.name.isdecimal() and (held := links & set(_descriptors(folder))):
            seen |= held
            found[folder.name] = _process(folder)
    if seen != links:  # of another user, or in another namespace
        raise Unproven(Reason.UNREADABLE)
    return list(found.values())


def _descriptors(folder: Path) -> Iterator[str]:
    try:
        names = os.listdir(folder / "fd")  # noqa: PTH208 - thousands of names, no paths of them needed
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(folder / "fd" / name)  # noqa: PTH115 - as above
        except OSError:
            continue


def _process(folder: Path) -> Process:
    try:
        with (folder / "cmdline").open("rb") as file:
            arguments = file.read(LIMIT + 1)
        with (folder / "environ").open("rb") as file:
            environ = file.read(LIMIT + 1)
    except OSError:
        raise Unproven(Reason.UNREADABLE) from None
    if not arguments or len(arguments) > LIMIT or len(environ) > LIMIT:
        raise Unproven(Reason.UNREADABLE)
    pairs = (text.partition("=") for text in _texts(environ))
    return Process(
        arguments=tuple(_texts(arguments)),
        environ={name: value for name, _, value in pairs},
        outputs=tuple(_leads(folder / "fd" / name) for name in ("1", "2")),
    )


def _leads(descriptor: Path) -> str:
    """Where what is written there goes; a closed one leads nowhere."""
    try:
        return str(descriptor.readlink())
    except FileNotFoundError:
        return NOWHERE
    except OSError:
        raise Unproven(Reason.UNREADABLE) from None


def _texts(data: bytes) -> list[str]:
    return os.fsdecode(data).rstrip("\0").split("\0")

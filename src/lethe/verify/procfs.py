"""What the kernel shows of a process, opened while it still lets us."""

import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_CHUNK = 64 * 1024
WORKER, BROKER, SUPERVISOR, OTHER = "worker", "broker", "supervisor", "other"
_FLAGS, _EXITING = 6, 4  # the kernel's flags in `stat`, counted from the state; PF_EXITING
_MODULES = {b"lethe.sandbox.broker": BROKER, b"lethe.verify.host": SUPERVISOR}


class Opened:
    """A process's memory, map and environment. What could not be opened is None, and why is in `reasons`."""

    def __init__(self, pid: int, role: str) -> None:
        self.pid = pid
        self.role = role
        self.reasons: list[str] = []
        self.mem = self._open("mem")
        self.maps = self._open("maps")
        self.environ = self._open("environ")

    def close(self) -> None:
        for fd in (self.mem, self.maps, self.environ):
            if fd is not None:
                os.close(fd)
        self.mem = self.maps = self.environ = None

    def _open(self, name: str) -> int | None:
        try:
            return os.open(f"/proc/{self.pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self.reasons.append(f"{name} of the {self.role} cannot be opened: {error.strerror}")
            return None


class Region(Struct, frozen=True):
    """A mapping. `name` is a file, `[heap]` and the like, or empty."""

    start: int
    end: int
    permissions: str
    inode: int
    name: str


def regions(maps: int) -> Iterator[Region]:
    """The mappings behind an open `maps`. Nothing when the process is gone."""
    for line in whole(maps).decode(errors="replace").splitlines():
        span, permissions, _, _, inode, *name = line.split(maxsplit=5)
        start, _, end = span.partition("-")
        yield Region(int(start, 16), int(end, 16), permissions, int(inode), name[0] if name else "")


def whole(fd: int) -> bytes:
    """A file of /proc from its beginning; empty when the process is gone."""
    parts: list[bytes] = []
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        while data := os.read(fd, _CHUNK):
            parts.append(data)
    except OSError:
        pass
    return b"".join(parts)


def words(pid: int) -> bytes:
    """The arguments, with NUL between; empty when it is gone."""
    return _read(f"/proc/{pid}/cmdline")


def titles(pid: int) -> set[bytes]:
    """The names of its threads."""
    try:
        return {_read(f"/proc/{pid}/task/{task}/comm").strip() for task in os.listdir(f"/proc/{pid}/task")}  # noqa: PTH208 - numbers, not paths
    except OSError:
        return set()


def role_of(pid: int) -> str:
    said = words(pid)
    for module, role in _MODULES.items():
        if module in said:
            return role
    return OTHER


def children(pid: int) -> list[int]:
    """Processes that any of its threads has started, and that run."""
    found: list[int] = []
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - numbers, not paths
    except OSError:
        return found
    for task in tasks:
        found += [int(child) for child in _read(f"/proc/{pid}/task/{task}/children").split()]
    return found


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for each in found:  # grows while it is walked
        found += children(each)
    return found


def alive(pid: int) -> bool:
    """Runs, and is no zombie."""
    return _read(f"/proc/{pid}/stat").rpartition(b") ")[2][:1] not in (b"", b"Z", b"X")


def links(pid: int) -> dict[str, str] | None:
    """What its descriptors are, by number; None where the kernel does not tell us."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - numbers, not paths
    except PermissionError:
        return {} if _exits(pid) else None
    except OSError:
        return {}
    found: dict[str, str] = {}
    for number in numbers:
        try:
            found[number] = os.readlink(f"/proc/{pid}/fd/{number}")  # noqa: PTH115 - it need not be a path
        except OSError:
            continue
    return found


def _exits(pid: int) -> bool:
    """Is it past its last call? What is left of it belongs to root, whoever it ran as."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b") ")[2].split()
    return len(fields) <= _FLAGS or bool(int(fields[_FLAGS]) & _EXITING)


def text(path: str) -> str:
    """A file of /proc; empty when it is not there."""
    return _read(path).decode(errors="replace")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""

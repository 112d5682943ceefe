"""Looks at the instance's processes again and again while it runs: their names, sockets and open files."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lethe.verify import procfs
from lethe.verify.hits import hit, looked_at
from lethe.verify.instance import Instance
from lethe.verify.search import Search
from lethe.verify.sinks import Hit, Looked, Sink
from lethe.verify.sockets import Peers, Sockets, judged, table

TURN = 0.05  # seconds
YOUNG = 40  # turns that a process which replaces another takes to set itself up
LIMIT = 16 * 1024 * 1024  # bytes of an open file that are searched
_HARMLESS = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_WRITABLE = os.O_WRONLY | os.O_RDWR


class Watch:
    """`turn` is called again and again; the looks come at the end."""

    def __init__(self, instance: Instance, peers: Callable[[], Peers], content: Search, secrets: Search) -> None:
        self._instance = instance
        self._peers = peers
        self._content = content
        self._secrets = secrets
        self._words: dict[tuple[int, str], set[bytes]] = {}
        self._sockets = Sockets()
        self._born: dict[int, int] = {}  # the turn in which each process was first seen
        self._files: dict[Hit, None] = {}
        self._blind: dict[str, None] = {}
        self._scanned = self._turns = 0  # descriptors, looks

    def turn(self) -> None:
        """One look."""
        self._turns += 1
        known, peers = table(), self._peers()
        for pid in self._instance.family():
            role = self._role(pid)
            self._words.setdefault((pid, role), set()).update({procfs.words(pid), *procfs.titles(pid)})
            links = procfs.links(pid)
            if links is None:
                self._blind[f"the descriptors of the {role} cannot be listed"] = None
                continue
            born = self._born.setdefault(pid, self._turns)
            young = born > 1 and self._turns - born < YOUNG
            self._sockets.seen(pid, role, judged(links, known, peers, worker=role == procfs.WORKER), young=young)
            self._open_files(pid, role, links)

    def looks(self) -> list[Looked]:
        """What all turns came to."""
        blind = tuple(self._blind)
        return [
            self._process(),
            Looked(Sink.SOCKETS, self._turns, self._sockets.hits(), blind),
            Looked(Sink.OPEN_FILES, self._scanned, tuple(self._files), blind),
        ]

    def _role(self, pid: int) -> str:
        opened = self._instance.opened.get(pid)
        if opened is not None:
            return opened.role
        role = procfs.role_of(pid)
        if role == procfs.BROKER:
            self._instance.open(pid, role)
        return role

    def _process(self) -> Looked:
        """Arguments and names of all; environments of all that were opened. Secrets are the supervisor's to hand on."""
        scanned = 0
        hits: list[Hit] = []
        reasons: list[str] = []
        for (_, role), said in self._words.items():
            for each in said:
                scanned += len(each)
                hits += looked_at(Sink.PROCESS, each, (self._content, self._secrets), f"arguments of the {role}").hits
        for opened in self._instance.opened.values():
            if opened.environ is None:
                reasons += opened.reasons
                continue
            environ = procfs.whole(opened.environ)
            scanned += len(environ)
            held = (self._content, self._secrets) if opened.role == procfs.WORKER else (self._content,)
            hits += looked_at(Sink.PROCESS, environ, held, f"environment of the {opened.role}").hits
        return Looked(Sink.PROCESS, scanned, tuple(dict.fromkeys(hits)), tuple(dict.fromkeys(reasons)))

    def _open_files(self, pid: int, role: str, links: dict[str, str]) -> None:
        self._scanned += len(links)
        for number, target in links.items():
            if not target.startswith("/") or target in _HARMLESS or not _writable(pid, number):
                continue
            kind = "a memory file" if target.startswith("/memfd:") else "a file"
            gone = ", deleted" if target.endswith("(deleted)") else ""
            where = f"{role}: {kind} open for writing{gone}"
            data = _head(f"/proc/{pid}/fd/{number}")
            self._files[Hit(Sink.OPEN_FILES, "open for writing", where)] = None
            for found in self._content(data):
                self._files[hit(Sink.OPEN_FILES, found, where)] = None


@contextmanager
def watching(watch: Watch) -> Iterator[None]:
    """Look for as long as the block takes, and twice more at its end: a socket counts when it has been seen twice."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(TURN):
            watch.turn()

    thread = threading.Thread(target=run, name="watch", daemon=True)
    watch.turn()
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for _ in range(2):
            watch.turn()
            time.sleep(TURN)


def _writable(pid: int, number: str) -> bool:
    """By its flags, which are octal."""
    info = procfs.text(f"/proc/{pid}/fdinfo/{number}")
    flags = info.partition("flags:")[2].split(maxsplit=1)
    return bool(flags) and bool(int(flags[0], 8) & _WRITABLE)


def _head(path: str) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, LIMIT, 0)
    except OSError:
        return b""
    finally:
        os.close(fd)

"""Files that were created or changed while the instance ran: none of its own, and no canary in any."""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from lethe.verify import procfs
from lethe.verify.hits import hit
from lethe.verify.search import Effort, Search
from lethe.verify.sinks import Hit, Looked, Sink

ROOTS: tuple[str, ...] = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/log", "/var/crash", "/var/lib/systemd/coredump")  # noqa: S108 - they are read
ENTRIES = 2_000_000
CONTENT = 4 * 1024 * 1024 * 1024  # bytes of changed files that are read
_CHUNK = 1024 * 1024
_PSEUDO = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "debugfs", "tracefs", "securityfs"})


class Changed(Struct, frozen=True):
    """`size` is None of what is no regular file."""

    path: str
    size: int | None


def roots(*, everywhere: bool) -> list[str]:
    """Folders where processes put files, and where cores go; or every writable mount and so the home too."""
    found = dict.fromkeys((*ROOTS, *_cores()))
    if everywhere:
        found = {**found, **dict.fromkeys(_mounts())}
    return [root for root in found if Path(root).is_dir()]


def changed(root: str, since: float, skip: frozenset[str] = frozenset(), limit: int = ENTRIES) -> Iterator[Changed]:
    """What is on one file system whose inode has changed since then (Unix time). Raises OverflowError."""
    device = os.stat(root).st_dev  # noqa: PTH116 - compared with what scandir gives
    folders = [root]
    seen = 0
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except OSError:
            continue
        for entry in entries:
            seen += 1
            if seen > limit:
                raise OverflowError
            if entry.path in skip:
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                folders.append(entry.path)
            if status.st_ctime >= since:
                yield Changed(entry.path, status.st_size if stat.S_ISREG(status.st_mode) else None)


def own(folder: Path, searches: Iterable[Search]) -> Looked:
    """The instance's own folders: whatever is in them, it has made."""
    found = [each for each in changed(str(folder), 0.0) if Path(each.path).parent != folder]
    hits = [Hit(Sink.FILES, "a file was made", _place(folder, each.path)) for each in found]
    for each in found:
        hits += _content(each, searches, _place(folder, each.path))
    return Looked(Sink.FILES, sum(each.size or 0 for each in found), tuple(hits))


def elsewhere(where: Iterable[str], since: float, searches: Iterable[Search], skip: frozenset[str]) -> Looked:
    """What changed there, by whomever: names and content searched for canaries."""
    scanned = 0
    hits: list[Hit] = []
    reasons: list[str] = []
    done: set[str] = set()
    searches = tuple(searches)
    for root in where:
        try:
            for each in changed(root, since, skip):
                if each.path in done:
                    continue
                done.add(each.path)
                size = each.size or 0
                if scanned + size > CONTENT:
                    reasons.append(f"more than {CONTENT >> 20} MiB have changed")
                    return Looked(Sink.FILES, scanned, tuple(hits), tuple(reasons))
                scanned += size
                hits += _content(each, searches, f"in {root}")
        except OverflowError:
            reasons.append(f"{root} has more than {ENTRIES} entries")
        except OSError as error:
            reasons.append(f"{root} cannot be listed: {error.strerror}")
    return Looked(Sink.FILES, scanned, tuple(hits), tuple(reasons))


def marker() -> float:
    """The moment from which on files count as changed; file systems keep time less exactly than clocks."""
    return time.time() - 0.05


def _content(file: Changed, searches: Iterable[Search], where: str) -> list[Hit]:
    """Of a name, of what a link leads to, and of attributes only that they say something."""
    searches = tuple(searches)
    effort = Effort.FAST if file.size is None or file.size > _CHUNK * 16 else Effort.THOROUGH
    found = [each for search in searches for each in search(_beside(file.path), Effort.THOROUGH)]
    if file.size is not None:
        found += [each for search in searches for each in search.pieces(_parts(file.path), effort)]
    return [hit(Sink.FILES, each, where) for each in found]


def _beside(path: str) -> bytes:
    """Its name, what it leads to if it is a link, and its attributes."""
    said = [os.fsencode(Path(path).name)]
    with contextlib.suppress(OSError):
        said.append(os.fsencode(os.readlink(path)))  # noqa: PTH115 - bytes of any kind
    with contextlib.suppress(OSError):
        for name in os.listxattr(path, follow_symlinks=False):
            said += [os.fsencode(name), os.getxattr(path, name, follow_symlinks=False)]
    return b"\n".join(said)


def _parts(path: str) -> Iterator[tuple[int, bytes]]:
    """Nothing for what is gone, or is not ours to read: then it is not the instance's, which runs as we do."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        at = 0
        while data := os.pread(fd, _CHUNK, at):
            yield at, data
            at += len(data)
    except OSError:
        return
    finally:
        os.close(fd)


def _place(folder: Path, path: str) -> str:
    """Which of its folders; a name could itself say something."""
    return f"its {Path(path).relative_to(folder).parts[0]} folder"


def _cores() -> list[str]:
    pattern = procfs.text("/proc/sys/kernel/core_pattern").strip()
    return [str(Path(pattern).parent)] if pattern.startswith("/") else []


def _mounts() -> list[str]:
    found = []
    for line in procfs.text("/proc/self/mounts").splitlines():
        _, place, kind, options, *_ = line.split()
        if kind not in _PSEUDO and "ro" not in options.split(","):
            found.append(place.encode().decode("unicode_escape"))
    return found

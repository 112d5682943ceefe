"""What a tree of processes leaves behind: descriptors open for writing, and files that hold given text."""

import os
from collections.abc import Sequence
from pathlib import Path

PROC = Path("/proc")
WRITABLE = os.O_WRONLY | os.O_RDWR
PIECE = 1024 * 1024  # bytes read at once


def family(pid: int, proc: Path = PROC) -> list[int]:
    """The process and all its descendants, oldest first."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue  # it has ended meanwhile
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for known in found:
        found.extend(sorted(children.get(known, ())))
    return found


def written_files(pid: int, proc: Path = PROC) -> list[str] | None:
    """Regular files that a process has open for writing; None if we may not look, or it has ended."""
    try:
        entries = list((proc / str(pid) / "fd").iterdir())
        return [
            str(entry.readlink()) for entry in entries if entry.is_file() and _writable(proc / str(pid), entry.name)
        ]
    except OSError:
        return None


def _writable(process: Path, descriptor: str) -> bool:
    try:
        facts = (process / "fdinfo" / descriptor).read_text(encoding="ascii")
    except FileNotFoundError:
        return False  # closed meanwhile
    return bool(int(facts.partition("flags:")[2].split()[0], 8) & WRITABLE)


def holds(path: Path, needles: Sequence[bytes]) -> bool:
    """Does the file contain any of these? Read in pieces that overlap by the longest needle."""
    overlap = max(map(len, needles)) - 1
    with path.open("rb") as file:
        tail = b""
        while piece := file.read(PIECE):
            text = tail + piece
            if any(needle in text for needle in needles):
                return True
            tail = text[-overlap:] if overlap else b""
    return False


def files_below(folder: Path) -> list[Path]:
    """Every regular file below a folder, at whatever depth."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())

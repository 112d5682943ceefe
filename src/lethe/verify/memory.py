"""The memory of processes, read through descriptors that were opened before they locked themselves in."""

import os
from collections.abc import Iterator

from msgspec import Struct

from lethe.verify import procfs
from lethe.verify.hits import hit
from lethe.verify.positions import ANSWERS
from lethe.verify.procfs import Opened, Region
from lethe.verify.search import Effort, Found, Search
from lethe.verify.sinks import Hit, Looked, Sink

_CHUNK = 4 * 1024 * 1024  # bytes
_PAGE = os.sysconf("SC_PAGE_SIZE")
_NOT_MEMORY = frozenset({"[vvar]", "[vvar_vclock]", "[vsyscall]"})


class Copies(Struct, frozen=True):
    """How many pieces of questions and of answers were found."""

    prompt: int = 0
    answer: int = 0


def copies(hits: tuple[Hit, ...]) -> Copies:
    """Pieces that do not tell whose they are count as questions."""
    answers = sum(hit.position.startswith(ANSWERS) for hit in hits)
    return Copies(len(hits) - answers, answers)


def scan(processes: list[Opened], search: Search, when: str, *, thorough: bool = False) -> Looked:
    """All that these processes hold now. Those that are gone hold nothing; `when` goes to the report.

    `thorough` also looks for what takes long: zlib, digests, rare forms.
    """
    scanned, hits, reasons = 0, [], []
    for process in processes:
        if not procfs.alive(process.pid):
            continue
        if process.mem is None or process.maps is None:
            reasons += process.reasons
            continue
        size, found = _scan(process.mem, process.maps, search, thorough=thorough)
        if size == 0 and procfs.alive(process.pid):
            reasons.append(f"the memory of the {process.role} cannot be read")
        scanned += size
        hits += [hit(Sink.MEMORY, each, f"{process.role}, {when}, {_kind(region)}") for each, region in found]
    return Looked(Sink.MEMORY, scanned, tuple(hits), tuple(dict.fromkeys(reasons)))


def _scan(mem: int, maps: int, search: Search, *, thorough: bool) -> tuple[int, list[tuple[Found, Region]]]:
    scanned, found = 0, []
    for region in procfs.regions(maps):
        if not _holds_data(region):
            continue
        sizes: list[int] = []
        if thorough:
            unusual: list[Found] = []
            parts = _noting(_parts(mem, region, sizes), search, unusual)
            found += [(each, region) for each in (*search.pieces(parts, Effort.THOROUGH), *unusual)]
        else:
            found += [(each, region) for each in search.pieces(_parts(mem, region, sizes), Effort.FAST)]
        scanned += sum(sizes)
    return scanned, found


def _noting(parts: Iterator[tuple[int, bytes]], search: Search, found: list[Found]) -> Iterator[tuple[int, bytes]]:
    for at, data in parts:
        found += search.unusual(data)
        yield at, data


def _holds_data(region: Region) -> bool:
    """Pages of files that cannot be written hold what the file holds."""
    if "r" not in region.permissions or region.name in _NOT_MEMORY:
        return False
    return "w" in region.permissions or region.inode == 0


def _parts(mem: int, region: Region, sizes: list[int]) -> Iterator[tuple[int, bytes]]:
    """What can be read of it, with its addresses."""
    at = region.start
    while at < region.end:
        try:
            data = os.pread(mem, min(_CHUNK, region.end - at), at)
        except OSError:  # a page that is not there
            at += _PAGE
            continue
        if not data:  # the process is gone
            return
        sizes.append(len(data))
        yield at, data
        at += len(data)


def _kind(region: Region) -> str:
    if region.name.startswith("["):
        return region.name
    return "a file's pages" if region.inode else "a mapping"

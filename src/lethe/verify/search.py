"""Canaries in bytes of any kind: in every form, in what is compressed or encoded, and by their digests."""

import importlib
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from functools import cache

from msgspec import Struct

from lethe.verify.canary import LENGTH, MARK, SHORT_LENGTH, TAG, TOLD, Canary, Mint
from lethe.verify.forms import FORMS, RARE_FORMS, RAW, Sighting
from lethe.verify.peeling import peeled

MEMBER = 4 * 1024 * 1024  # bytes that are read of one compressed member
MEMBERS = 2000  # tried in one piece of data
DEPTH = 3  # layers of encodings and compressions
_PIECE = 6  # characters of a canary that tell it from others of its run
_RUN = 4096  # characters of one run of hexadecimal digits that are looked at
_COVERED = frozenset({"hex", "base64"})  # layers that are forms themselves
_BINARY = 1024 * 1024  # bytes in which digests are looked for at every place
_OVERLAP = 1024  # bytes; no form of a canary is longer
_WORDS = 20_000  # of which it is known that they hold nothing
_HEX = re.compile(rb"[0-9a-f]{%d,%d}|[0-9A-F]{%d,%d}" % (2 * TOLD, _RUN, 2 * TOLD, _RUN))
_FAST: tuple[bytes, ...] = (b"\x1f\x8b\x08", b"PK\x03\x04")  # gzip; a local header of zip
_THOROUGH: tuple[bytes, ...] = (
    *_FAST,
    *(b"\x78" + level for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")),
)  # and zlib


class Effort(IntEnum):
    """How much is tried, and so how much can be looked through."""

    FAST = 0  # forms, gzip and zip: gigabytes
    THOROUGH = 1  # also zlib, brotli, and digests in hexadecimal digits
    DEEP = 2  # also rare forms, raw deflate, bare digests, and what is encoded or compressed more than once


class Found(Struct, frozen=True):
    """`canary` None: a piece of one that does not tell which."""

    form: str
    canary: Canary | None
    offset: int


class Search:
    """Looks for the canaries of one mint, those that are made later too. Threads may share it."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._needles = {form.needle(mint.tag): form for form in FORMS}
        self._rare = {form.needle(mint.tag): form for form in RARE_FORMS}
        self._known: dict[str, Canary] = {}
        self._heads: dict[str, Canary] = {}  # by the first letters after the first tag
        self._tails: dict[str, Canary] = {}  # by the last letters before the second one
        self._barren: set[bytes] = set()  # what was peeled off and held nothing: names of fields, above all
        self._words: dict[int, bytes] = {}  # digests, as the machine reads eight bytes
        self._taken = 0

    def __call__(self, data: bytes, effort: Effort = Effort.DEEP) -> list[Found]:
        """Everything that is found."""
        self._take()
        found = self._plain(data) + self._members(data, _FAST if effort is Effort.FAST else _THOROUGH)
        if effort >= Effort.THOROUGH:
            found += self._digest(data) + self._brotli(data)
        if effort is Effort.DEEP:
            found += _others(self._rarely(data, DEPTH), found)
        return found

    def unusual(self, data: bytes) -> list[Found]:
        """Rare forms, and bare digests where programs have them in memory: at addresses that eight divides."""
        known = self._mint.digests
        if len(self._words) != len(known):
            self._words = {int.from_bytes(digest, sys.byteorder): digest for digest in tuple(known)}
        words = memoryview(data)[: len(data) // TOLD * TOLD].cast("Q")
        there = self._words.keys() & set(words)
        self._take()
        return self._plain(data, rare=True) + [Found(*known[self._words[word]], 0) for word in there]

    def pieces(self, parts: Iterator[tuple[int, bytes]], effort: Effort = Effort.THOROUGH) -> list[Found]:
        """The same over parts that follow each other, each with its offset; a canary across two of them is found."""
        found: dict[tuple[str, int], Found] = {}
        tail, end = b"", -1
        for offset, part in parts:
            joined = (tail + part) if offset == end else part
            start = offset + len(part) - len(joined)
            for each in self(joined, effort):
                placed = Found(each.form, each.canary, start + each.offset)
                before = found.get((each.form, placed.offset))
                if before is None or before.canary is None:
                    found[each.form, placed.offset] = placed
            tail, end = joined[-_OVERLAP:], offset + len(part)
        return list(found.values())

    def _take(self) -> None:
        """The canaries that were made since the last time; more may be made meanwhile."""
        start = self._taken
        fresh = self._mint.canaries[start:]
        for canary in fresh:
            self._known[canary.text] = canary
            random = canary.text[len(MARK) + TAG :].removesuffix(self._mint.tag)
            self._heads[random[:_PIECE]] = self._tails[random[-_PIECE:]] = canary
        self._taken = max(self._taken, start + len(fresh))

    def _plain(self, data: bytes, *, rare: bool = False) -> list[Found]:
        found: list[Found] = []
        for needle, form in (self._rare if rare else self._needles).items():
            at, before = data.find(needle), Found(form.name, None, -len(data))
            while at >= 0:
                this = Found(form.name, self._named(form.sighting(data, at)), at)
                twice = this.canary is not None and this.canary is before.canary
                if not twice or at - before.offset > 4 * len(needle):  # a canary holds its tag twice
                    found.append(this)
                    before = this
                at = data.find(needle, at + len(needle))
        return found

    def _named(self, sighting: Sighting) -> Canary | None:
        """The canary that stands there, or the one that a long enough piece belongs to."""
        text, at = sighting.text.upper(), sighting.place
        for start in (at - len(MARK), at - len(MARK) - TAG - 16):
            for length in (LENGTH, SHORT_LENGTH):
                if start >= 0 and (canary := self._known.get(text[start : start + length])) is not None:
                    return canary
        return self._heads.get(text[at + TAG :][:_PIECE]) or self._tails.get(text[max(at - _PIECE, 0) : at])

    def _digest(self, data: bytes) -> list[Found]:
        """Digests in hexadecimal digits, or the beginning of one."""
        found: list[Found] = []
        for run in _HEX.finditer(data):
            for skip in (0, 1):
                digits = run[0][skip : skip + (len(run[0]) - skip) // 2 * 2]
                found += [
                    Found(f"{each.form} in hex", each.canary, run.start() + skip + 2 * each.offset)
                    for each in self._bare(bytes.fromhex(digits.decode()))
                ]
        return found

    def _bare(self, data: bytes) -> list[Found]:
        """Digests as they are."""
        known = self._mint.digests
        return [
            Found(*known[data[n : n + TOLD]], n) for n in range(len(data) - TOLD + 1) if data[n : n + TOLD] in known
        ]

    def _rarely(self, data: bytes, depth: int) -> list[Found]:
        """What lies deeper: `depth` more layers of it."""
        found = self._plain(data, rare=True)
        if not data.isascii() and len(data) <= _BINARY:
            found += self._bare(data)
        found += [Found(f"deflate of {each.form}", each.canary, 0) for each in self._plain(_inflated(data, -15))]
        if depth == 0:
            return found
        for layer in peeled(data):
            if layer.content in self._barren:
                continue
            inner = [each for each in self._plain(layer.content) if each.form != RAW or layer.name not in _COVERED]
            inner += self._bare(layer.content) + self._members(layer.content, _THOROUGH)
            inner += self._rarely(layer.content, depth - 1)
            found += [Found(f"{layer.name} of {each.form}", each.canary, layer.offset) for each in inner]
            if not inner and len(self._barren) < _WORDS:
                self._barren.add(layer.content)
        return found

    def _members(self, data: bytes, marks: tuple[bytes, ...]) -> list[Found]:
        found: list[Found] = []
        for mark in marks:
            at, tried = data.find(mark), 0
            while at >= 0 and tried < MEMBERS:
                name, content = _opened(data, at, mark)
                if content:
                    found += [
                        Found(f"{name} of {each.form}", each.canary, at)
                        for each in self._plain(content) + self._digest(content)
                    ]
                at, tried = data.find(mark, at + 1), tried + 1
        return found

    def _brotli(self, data: bytes) -> list[Found]:
        brotli = _brotli()
        if brotli is None or len(data) > MEMBER:
            return []
        return [Found(f"brotli of {each.form}", each.canary, 0) for each in self._plain(brotli(data))]


def _others(found: Iterable[Found], before: Iterable[Found]) -> list[Found]:
    """Canaries that have not been found already, each in its plainest form."""
    known = {each.canary for each in before}
    fresh: dict[Canary | None, Found] = {}
    for each in found:
        if each.canary not in known:
            fresh.setdefault(each.canary, each)
    return list(fresh.values())


def _opened(data: bytes, at: int, mark: bytes) -> tuple[str, bytes]:
    """A compressed member that begins there, as much of it as can be read."""
    if mark.startswith(b"PK"):
        return "zip", _zipped(data[at : at + MEMBER])
    wbits, name = (31, "gzip") if mark.startswith(b"\x1f") else (15, "zlib")
    return name, _inflated(memoryview(data)[at : at + MEMBER], wbits)


def _inflated(data: memoryview | bytes, wbits: int) -> bytes:
    inflate = zlib.decompressobj(wbits)
    out = bytearray()
    for start in range(0, len(data), 4096):  # a member that is cut, or followed by others, gives what it has
        try:
            out += inflate.decompress(data[start : start + 4096], MEMBER - len(out))
        except zlib.error:
            break
        if inflate.eof or len(out) >= MEMBER:
            break
    return bytes(out)


def _zipped(data: bytes) -> bytes:
    """Local headers one after another: the archive's directory need not be there."""
    if len(data) < 30:
        return b""
    name, extra = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
    return data[30 : 30 + name] + b"\n" + _inflated(data[30 + name + extra :], -15)


@cache
def _brotli() -> Callable[[bytes], bytes] | None:
    """Where the module happens to be there."""
    try:
        module = importlib.import_module("brotli")
    except ImportError:
        return None

    def decompress(data: bytes) -> bytes:
        try:
            content: bytes = module.decompress(data)
        except module.error:
            return b""
        return content[:MEMBER]

    return decompress

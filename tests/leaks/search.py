"""Canaries in bytes, in whatever form they may have taken."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

from tests.leaks.house import MARK

_RAW = re.compile(MARK.encode() + rb"(?:[A-Z]\d+X\d+X[0-9a-f]{16}|PROVIDERKEY)")
# At the three ways in which base64 can fall on it: only the characters that depend on nothing around it.
_BASE64 = [
    base64.b64encode(b"." * n + MARK.encode())[skipped : (n + len(MARK)) * 8 // 6]
    for n, skipped in enumerate((0, 2, 3))
]
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(rb"[0-9a-fA-F]{16,}")
_ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")


def canaries(data: bytes) -> set[str]:
    """All that are in it: as they are, in base64, hex, UTF-16 and -32, percent signs, JSON escapes."""
    return {found[0].decode() for view in _views(data) for found in _RAW.finditer(view)}


def digests(data: bytes, known: Mapping[bytes, str]) -> set[str]:
    """Those of which a hash is in it, or the first 64 bits of one, as they are or in hex. `known` is by these."""
    starts = [bytes.fromhex(run[at : at + 16].decode()) for run in _HEX.findall(data) for at in range(len(run) - 15)]
    starts += [data[at : at + 8] for at in range(len(data) - 7)]
    return {known[start] for start in starts if start in known}


def hashed(canary: str, bodies: Iterable[bytes]) -> Iterator[bytes]:
    """The first 64 bits of hashes of a canary, of bodies, and of each text in them that holds it."""
    whole = list(bodies)
    texts = {canary, *(text for body in whole for text in _texts(body) if canary in text)}
    for piece in (*whole, *map(str.encode, texts)):
        for kind in ("sha256", "sha1", "md5"):
            yield hashlib.new(kind, piece).digest()[:8]


def _texts(body: bytes) -> Iterator[str]:
    try:
        left = [json.loads(body)]
    except ValueError:
        return
    while left:
        match left.pop():
            case str(text):
                yield text
            case list(items):
                left += items
            case dict(members):
                left += members.values()


def _views(data: bytes) -> Iterator[bytes]:
    yield data
    yield data.replace(b"\0", b"")  # UTF-16, UTF-32
    if b"%" in data:
        yield unquote_to_bytes(data)
    if b"\\u00" in data:
        yield _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), data)
    for run in _RUN.findall(data):
        if any(form in run for form in _BASE64):
            standard = run.replace(b"-", b"+").replace(b"_", b"/")
            for start in range(4):
                part = standard[start:] if len(standard[start:]) % 4 != 1 else standard[start:-1]
                yield base64.b64decode(part + b"=" * (-len(part) % 4))
    for run in _HEX.findall(data):
        if MARK.encode().hex().encode() in run.lower():
            at = run.lower().index(MARK.encode().hex().encode())
            yield bytes.fromhex(run[at : at + (len(run) - at) // 2 * 2].decode())

"""Canaries in bytes, in whatever form they may have taken."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from tests.leaks.house import MARK

_RAW = re.compile(MARK.encode() + rb"(?:[A-Z]\d+X\d+X[0-9a-f]{16}|PROVIDERKEY)")
# At the three ways in which base64 can fall on it: only the characters that depend on nothing around it.
_BASE64 = [
    base64.b64encode(b"." * n + MARK.encode())[skipped : (n + len(MARK)) * 8 // 6]
    for n, skipped in enumerate((0, 2, 3))
]
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{8,}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_ESCAPED = re.compile(rb"\\u00([0-7][0-9a-fA-F])")


def canaries(data: bytes) -> set[str]:
    """All that are in it: as they are, in base64, hex, UTF-16 and -32, percent signs, JSON escapes."""
    return {found[0].decode() for view in _views(data) for found in _RAW.finditer(view)}


def digests(data: bytes, known: Iterable[str]) -> set[str]:
    """Those of which a hash is in it, or the first 64 bits of one."""
    found = set()
    for canary in known:
        for kind in ("sha256", "sha1", "md5"):
            digest = hashlib.new(kind, canary.encode()).digest()[:8]
            if digest in data or digest.hex().encode() in data:
                found.add(canary)
    return found


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

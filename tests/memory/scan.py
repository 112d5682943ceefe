"""Looks for a text in all that a process can read of its own memory. Needs the right to read `/proc/PID/mem`."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)")
_PIECE = 16 * 1024 * 1024  # bytes read at once
_PAGE = 4096
_AROUND = 48  # bytes shown before and after a hit


class Found(Struct, frozen=True):
    """One hit, with what stands around it: canaries are made up, so it may be shown."""

    form: str
    mapping: str
    address: int
    around: bytes

    def __str__(self) -> str:
        return f"{self.form} in {self.mapping or 'anonymous'} at {self.address:#x}: {self.around!r}"


def forms(text: str) -> dict[bytes, str]:
    """How a text lies in memory: as bytes, as Python's wider strings, as base64 at any of its three offsets, as hex."""
    raw = text.encode()
    encoded = {
        raw: "bytes",
        text.encode("utf-16-le"): "UCS-2",
        text.encode("utf-32-le"): "UCS-4",
        raw.hex().encode(): "hex",
    }
    for skip in range(3):
        whole = base64.b64encode(b"\0" * skip + raw)
        encoded[whole[4 if skip else 0 : len(whole) // 4 * 4 - 4]] = "base64"
    return encoded


def search(pid: int, text: str) -> list[Found]:
    """Every copy of `text` in any form. Raises OSError where the process must not be looked at."""
    wanted = forms(text)
    pattern = re.compile(b"|".join(re.escape(form) for form in wanted))
    longest = max(map(len, wanted))
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end, mapping in _mappings(pid):
            at = start
            while at < end:
                memory.seek(at)
                try:
                    piece = memory.read(min(_PIECE, end - at))
                except OSError:  # a guard page, or a device
                    at += _PAGE
                    continue
                if not piece:
                    break
                for hit in pattern.finditer(piece):
                    around = piece[max(0, hit.start() - _AROUND) : hit.end() + _AROUND]
                    found.append(Found(wanted[hit[0]], mapping, at + hit.start(), around))
                at += len(piece) if at + len(piece) >= end else len(piece) - longest
    return found


def _mappings(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        parts = _LINE.fullmatch(line)
        if parts is not None and parts[3].startswith("r") and parts[4] not in ("[vvar]", "[vsyscall]"):
            yield int(parts[1], 16), int(parts[2], 16), parts[4]

"""The size of an image in pixels, read from its header.

PNG (RFC 2083, 4.1.1), GIF (89a, 18), JPEG (T.81, B.2.2), WebP (RFC 9649, 2.5 to 2.7).
"""

import binascii
from collections.abc import Callable

HEAD = 64 * 1024  # bytes in which a header must stand: a JPEG's comes after its metadata
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, 0xFF, *range(0xD0, 0xD9)})

Size = tuple[int, int]


def size_of(data: str) -> Size | None:
    """Width and height of a base64 image; None for what is no image that we can read."""
    text = data[: HEAD * 4 // 3]
    try:
        head = binascii.a2b_base64(text[: len(text) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    for magic, read in _READERS.items():
        if head.startswith(magic):
            found = read(head)
            return found if found and min(found) > 0 else None
    return None


def _png(head: bytes) -> Size | None:
    return (_big(head, 16, 4), _big(head, 20, 4)) if head[12:16] == b"IHDR" and len(head) >= 24 else None


def _gif(head: bytes) -> Size | None:
    return (_little(head, 6, 2), _little(head, 8, 2)) if len(head) >= 10 else None


def _jpeg(head: bytes) -> Size | None:
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _START_OF_FRAME:
            return _big(head, at + 7, 2), _big(head, at + 5, 2)
        at += 1 if marker == 0xFF else 2 if marker in _WITHOUT_LENGTH else 2 + max(2, _big(head, at + 2, 2))
    return None


def _webp(head: bytes) -> Size | None:
    if len(head) < 30 or head[8:12] != b"WEBP":
        return None
    match head[12:16]:
        case b"VP8X":
            return _little(head, 24, 3) + 1, _little(head, 27, 3) + 1
        case b"VP8L":
            bits = _little(head, 21, 4)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _little(head, 26, 2) & 0x3FFF, _little(head, 28, 2) & 0x3FFF
        case _:
            return None


def _big(head: bytes, at: int, length: int) -> int:
    return int.from_bytes(head[at : at + length], "big")


def _little(head: bytes, at: int, length: int) -> int:
    return int.from_bytes(head[at : at + length], "little")


_READERS: dict[bytes, Callable[[bytes], Size | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
}

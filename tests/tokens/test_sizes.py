"""Sizes of images, from headers written by hand as the formats say."""

import struct
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.tokens.sizes import HEAD, Size, size_of


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 6, 0, 0, 0) + b"\0" * 99


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0" * 9


def jpeg(width: int, height: int, *segments: bytes, frame: int = 0xC0) -> bytes:
    start = struct.pack(">BBHBHHB", 0xFF, frame, 17, 8, height, width, 3) + b"\0" * 9
    return b"\xff\xd8" + b"".join(segments) + start + b"\0" * 99


def segment(marker: int, size: int) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, size + 2) + b"\xc0" * size


def webp(kind: bytes, head: bytes) -> bytes:
    return b"RIFF" + b"\0\0\0\0WEBP" + kind + b"\0\0\0\0" + head + b"\0" * 20


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height))


def lossless(width: int, height: int) -> bytes:
    return webp(b"VP8L", b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14))


def extended(width: int, height: int) -> bytes:
    edges = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X", b"\0\0\0\0" + edges)


@pytest.mark.parametrize("write", [png, gif, jpeg, lossy, lossless, extended])
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (480, 641), (16_000, 9_000)])
def test_sizes(write: object, size: Size) -> None:
    assert callable(write)
    assert size_of(b64encode(write(*size)).decode()) == size


JPEGS = [
    ("metadata before it", jpeg(3, 4, segment(0xE0, 14), segment(0xE1, 40_000), segment(0xDB, 65))),
    ("progressive", jpeg(3, 4, frame=0xC2)),
    ("a Huffman table is no frame", jpeg(3, 4, segment(0xC4, 30))),
    ("fill bytes", jpeg(3, 4, b"\xff\xff")),
    ("a marker without a length", jpeg(3, 4, b"\xff\x01")),
]


@pytest.mark.parametrize("data", [data for _, data in JPEGS], ids=[name for name, _ in JPEGS])
def test_jpegs(data: bytes) -> None:
    assert size_of(b64encode(data).decode()) == (3, 4)


NONE = [
    ("nothing", b""),
    ("no image", b"CANARY_words and more"),
    ("no header", b"\x89PNG\r\n\x1a\n" + b"\0" * 30),
    ("cut png", png(3, 4)[:20]),
    ("cut gif", gif(3, 4)[:9]),
    ("cut jpeg", jpeg(3, 4)[:8]),
    ("cut webp", lossy(3, 4)[:29]),
    ("no webp", b"RIFF\0\0\0\0WAVEfmt " + b"\0" * 30),
    ("another webp", webp(b"ABCD", b"")),
    ("no pixels", png(0, 4)),
    ("frame beyond what is read", jpeg(3, 4, segment(0xE1, 60_000), segment(0xE1, 60_000))),
    ("jpeg of nonsense", b"\xff\xd8" + b"CANARY_words" * 9),
    ("lengths of nothing", b"\xff\xd8" + b"\xff\xe0\0\0" * 40),
]


@pytest.mark.parametrize("data", [data for _, data in NONE], ids=[name for name, _ in NONE])
def test_what_is_no_image_has_no_size(data: bytes) -> None:
    assert size_of(b64encode(data).decode()) is None


@pytest.mark.parametrize("text", ["é", "éééé", "A===", "iVBORw0KGgo", "\ud800" * 4, "%%%%"])
def test_what_is_no_base64_has_no_size(text: str) -> None:
    assert size_of(text) is None


def test_only_the_head_is_decoded() -> None:
    text = b64encode(png(3, 4)).decode()
    assert size_of(text + "A" * HEAD * 2 + "€") == (3, 4)


MAGIC = st.sampled_from([b"\x89PNG\r\n\x1a\n\0\0\0\0IHDR", b"GIF89a", b"\xff\xd8", b"RIFF\0\0\0\0WEBPVP8 ", b""])


@given(MAGIC, st.binary(max_size=200))
def test_any_bytes(magic: bytes, rest: bytes) -> None:
    size = size_of(b64encode(magic + rest).decode())
    assert size is None or min(size) > 0

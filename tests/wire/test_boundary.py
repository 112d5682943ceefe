"""Whole events only, the same bytes, at any chunking."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.wire.boundary import EventBoundary

# reads in, what each lets out, what is left at the end
CASES: list[tuple[str, list[bytes], list[bytes], bytes]] = [
    ("whole", [b"data: a\n\n"], [b"data: a\n\n"], b""),
    ("two in one", [b"data: a\n\ndata: b\n\n"], [b"data: a\n\ndata: b\n\n"], b""),
    ("a half held", [b"data: a\n\nda", b"ta: b\n\n"], [b"data: a\n\n", b"data: b\n\n"], b""),
    ("end cut", [b"data: a\n", b"\n"], [b"", b"data: a\n\n"], b""),
    ("crlf", [b"data: a\r\n\r\ndata: b\r\n\r\n"], [b"data: a\r\n\r\ndata: b\r\n\r\n"], b""),
    ("crlf cut in the middle", [b"data: a\r\n\r", b"\n", b"x"], [b"", b"data: a\r\n\r\n", b""], b"x"),
    ("cr", [b"data: a\r\rdata"], [b"data: a\r\r"], b"data"),
    ("never ends", [b"data: a", b"bc"], [b"", b""], b"data: abc"),
]


@pytest.mark.parametrize(("reads", "outs", "rest"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_reads(reads: list[bytes], outs: list[bytes], rest: bytes) -> None:
    boundary = EventBoundary()
    assert [boundary.feed(read) for read in reads] == outs
    assert boundary.rest() == rest
    assert not boundary.midway


STREAM = b"event: x\ndata: 1\n\ndata: 2\r\n\r\n: c\n\ndata: 3\r\rdata: 4\n\n"


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_chunking_never_changes_the_bytes(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    boundary = EventBoundary()
    outs = [boundary.feed(STREAM[a:b]) for a, b in itertools.pairwise(edges) if a < b]
    assert b"".join(outs) + boundary.rest() == STREAM
    assert all(out.endswith((b"\n\n", b"\r\n\r\n", b"\r\r")) for out in outs if out)


def test_an_endless_event_is_not_hoarded() -> None:
    boundary = EventBoundary(limit=10)
    assert boundary.feed(b"data: 12") == b""
    assert boundary.feed(b"3456") == b"data: 123456"
    assert boundary.midway
    assert boundary.feed(b"7\n\n") == b"7\n\n"
    assert not boundary.midway

"""Server-sent events, whole and in pieces."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.errors import MalformedReply
from lethe.wire.sse import Frame, FrameDecoder, format_frame

# (bytes of a stream, its frames)
CASES: list[tuple[bytes, list[Frame]]] = [
    (b"data: x\n\n", [Frame("x")]),
    (b"data:x\n\n", [Frame("x")]),
    (b"data:  x \n\n", [Frame(" x ")]),
    (b"event: ping\ndata: {}\n\n", [Frame("{}", "ping")]),
    (b"data: {}\nevent: ping\n\n", [Frame("{}", "ping")]),
    (b"event:\ndata: {}\n\n", [Frame("{}")]),
    (b"data: a\ndata: b\ndata\n\n", [Frame("a\nb\n")]),
    (b"data: x\r\n\r\ndata: y\r\n\r\n", [Frame("x"), Frame("y")]),
    (b"event: e\r\ndata: x\r\ndata: y\r\n\r\n", [Frame("x\ny", "e")]),
    (b"event: e\rdata: x\rdata: y\r\r", [Frame("x\ny", "e")]),
    (b"data: x\r\rdata: y\r\r", [Frame("x"), Frame("y")]),
    (b"data: x\r\n\ndata: y\n\r\ndata: z\n\r", [Frame("x"), Frame("y"), Frame("z")]),
    (b"\n\n\ndata: x\n\n\n\n", [Frame("x")]),
    (b": keep-alive\n\ndata: x\n\n", [Frame("x")]),
    (b"event: lonely\n\ndata: x\n\n", [Frame("x")]),
    (b"id: 7\nretry: 10\nother: y\ndata: x\n\n", [Frame("x")]),
    (b"\xef\xbb\xbfdata: x\n\ndata: y\n\n", [Frame("x"), Frame("y")]),
    ("data: a\u2028b\x85c\u2029\n\n".encode(), [Frame("a\u2028b\x85c\u2029")]),
    (b"data: \xff\n\n", [Frame("\ufffd")]),
    (b"data: x\n\ndata: cut off", [Frame("x"), Frame("cut off")]),
    (b"data: [DONE]\n", [Frame("[DONE]")]),
    (b"", []),
]


def frames(*chunks: bytes) -> list[Frame]:
    decoder = FrameDecoder()
    found = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return found + list(decoder.finish())


@pytest.mark.parametrize(("data", "expected"), CASES)
def test_frames_whole_and_byte_by_byte(data: bytes, expected: list[Frame]) -> None:
    assert frames(data) == expected
    assert frames(*(data[i : i + 1] for i in range(len(data)))) == expected


@given(st.data())
def test_frames_however_the_stream_is_cut(data: st.DataObject) -> None:
    stream, expected = data.draw(st.sampled_from(CASES))
    edges = sorted({0, len(stream), *data.draw(st.lists(st.integers(0, len(stream))))})
    assert frames(*(stream[a:b] for a, b in itertools.pairwise(edges))) == expected


def test_a_frame_comes_out_as_soon_as_it_is_complete() -> None:
    decoder = FrameDecoder()
    assert list(decoder.feed(b"data: x\n")) == []
    assert list(decoder.feed(b"\ndata: y")) == [Frame("x")]
    assert list(decoder.feed(b"\r\r")) == [Frame("y")]
    assert list(decoder.feed(b"\n")) == []


def test_what_is_held_back_is_bounded() -> None:
    decoder = FrameDecoder(limit=100)
    for _ in range(50):  # complete frames don't add up
        assert list(decoder.feed(b"data: " + b"x" * 50 + b"\n\n")) == [Frame("x" * 50)]
    for _ in range(10):
        assert list(decoder.feed(b"CANARY ten")) == []
    with pytest.raises(MalformedReply) as caught:
        list(decoder.feed(b"C"))
    assert "CANARY" not in str(caught.value)


def test_many_frames_in_one_read() -> None:
    data = b"".join(b"data: %d\n\n" % i for i in range(10_000))
    assert [frame.data for frame in frames(data)] == [str(i) for i in range(10_000)]


@pytest.mark.parametrize(("data", "event"), [(b"{}", "message_stop"), (b"[DONE]", None)])
def test_what_is_written_is_read(data: bytes, event: str | None) -> None:
    assert frames(format_frame(data, event)) == [Frame(data.decode(), event)]

"""AWS event streams, whole and in pieces, judged by botocore."""

import itertools
import json
import struct
from typing import Any
from zlib import crc32

import pytest
from botocore.eventstream import EventStreamBuffer
from hypothesis import given
from hypothesis import strategies as st

from lethe.errors import MalformedReply, StreamCut
from lethe.wire.eventstream import (
    MAX_HEADERS,
    MAX_MESSAGE,
    EventFrames,
    Message,
    MessageDecoder,
    decode_headers,
    encode_error,
    encode_event,
    encode_exception,
    encode_message,
)
from lethe.wire.sse import Frame

# Kind on the wire, layout of its value.
NUMBERS = {2: ">b", 3: ">h", 4: ">i", 5: ">q", 8: ">q"}
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(lambda name: len(name.encode()) < 256)
STRINGS = st.text(st.characters(codec="utf-8"), max_size=200)


def number(kind: int) -> st.SearchStrategy[tuple[int, bytes, Any]]:
    bits = 8 * struct.calcsize(NUMBERS[kind])
    values = st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return values.map(lambda value: (kind, struct.pack(NUMBERS[kind], value), value))


VALUES = st.one_of(
    st.just((0, b"", True)),
    st.just((1, b"", False)),
    *map(number, NUMBERS),
    st.binary(max_size=300).map(lambda raw: (6, struct.pack(">H", len(raw)) + raw, raw)),
    STRINGS.map(lambda text: (7, struct.pack(">H", len(text.encode())) + text.encode(), text)),
    st.binary(min_size=16, max_size=16).map(lambda raw: (9, raw, raw)),
)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=6)


def assembled(block: bytes, payload: bytes) -> bytes:
    """A message around any block of headers."""
    sizes = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head = sizes + struct.pack(">I", crc32(sizes)) + block + payload
    return head + struct.pack(">I", crc32(head))


def block_of(headers: dict[str, tuple[int, bytes, Any]]) -> bytes:
    parts = ((name.encode(), kind, raw) for name, (kind, raw, _) in headers.items())
    return b"".join(bytes((len(name),)) + name + bytes((kind,)) + raw for name, kind, raw in parts)


def decoded(*chunks: bytes) -> list[Message]:
    decoder = MessageDecoder()
    found = [message for chunk in chunks for message in decoder.feed(chunk)]
    decoder.finish()
    return found


def by_botocore(data: bytes) -> list[tuple[dict[str, Any], bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(message.headers, message.payload) for message in buffer]


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=400)), max_size=4), st.lists(st.integers(0, 5000), max_size=8))
def test_whatever_botocore_reads_is_read_the_same_however_it_is_cut(
    messages: list[tuple[dict[str, tuple[int, bytes, Any]], bytes]], places: list[int]
) -> None:
    data = b"".join(assembled(block_of(headers), payload) for headers, payload in messages)
    expected = [({name: value for name, (_, _, value) in headers.items()}, payload) for headers, payload in messages]
    assert by_botocore(data) == expected
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    found = decoded(*(data[a:b] for a, b in itertools.pairwise(edges)))
    assert [(message.headers, message.payload) for message in found] == expected


@given(st.dictionaries(NAMES, STRINGS, max_size=5), st.binary(max_size=400))
def test_what_is_written_is_read_by_botocore(headers: dict[str, str], payload: bytes) -> None:
    assert by_botocore(encode_message(headers, payload)) == [(headers, payload)]


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    """Nothing but a length that asks for more may go unnoticed, and then the end is missing."""
    raw = bytearray(encode_event("contentBlockDelta", data.draw(st.binary(max_size=60))))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((MalformedReply, StreamCut)):
        decoded(bytes(raw))


@given(st.binary(min_size=1, max_size=200))
def test_noise_is_a_typed_error(noise: bytes) -> None:
    frames = EventFrames()
    with pytest.raises((MalformedReply, StreamCut)):
        assert [*frames.feed(noise), *frames.finish()] == []


@given(st.binary(max_size=200))
def test_noise_among_headers_is_a_typed_error_or_what_botocore_reads(block: bytes) -> None:
    data = assembled(block, b"")
    try:
        headers = decode_headers(block)
    except MalformedReply:
        return
    assert by_botocore(data) == [(headers, b"")]


def prelude(total: int, headers: int) -> bytes:
    sizes = struct.pack(">II", total, headers)
    return sizes + struct.pack(">I", crc32(sizes))


STRING = bytes((1,)) + b"a" + bytes((7,))
# What is wrong, the bytes, the word for it.
WRONG: list[tuple[str, bytes, str]] = [
    ("prelude checksum", prelude(16, 0)[:-1] + b"\0", "wrong checksum"),
    ("message checksum", encode_event("a", b"{}")[:-1] + b"\0", "wrong checksum"),
    ("no room for itself", prelude(15, 0), "impossible length"),
    ("no room for its headers", prelude(20, 5), "impossible length"),
    ("too long", prelude(MAX_MESSAGE + 1, 0), "impossible length"),
    ("headers too long", prelude(MAX_HEADERS + 100, MAX_HEADERS + 1), "impossible length"),
    ("name beyond the block", assembled(b"\x05ab", b""), "broken header"),
    ("name that is no text", assembled(b"\x01\xff\x00", b""), "broken header"),
    ("unknown type", assembled(b"\x01a\x0a", b""), "broken header"),
    ("no type", assembled(b"\x01a", b""), "broken header"),
    ("string without its length", assembled(STRING + b"\0", b""), "broken header"),
    ("string beyond the block", assembled(STRING + b"\0\x05ab", b""), "broken header"),
    ("string that is no text", assembled(STRING + b"\0\x01\xff", b""), "broken header"),
    ("UUID beyond the block", assembled(b"\x01a\x09abc", b""), "broken header"),
    ("number beyond the block", assembled(b"\x01a\x05abc", b""), "broken header"),
    ("header that stands twice", assembled(b"\x01a\x00\x01a\x01", b""), "broken header"),
    ("no kind", encode_message({":event-type": "a"}, b"{}"), "unknown kind"),
    ("no type of event", encode_message({":message-type": "event"}, b"{}"), "unknown kind"),
    ("type of event that is no text", assembled(block_of({":message-type": (7, b"\0\x05event", 0), ":event-type": (0, b"", 0)}), b""), "unknown kind"),
    ("payload that is no text", encode_event("a", b"\xff"), "no text"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "word"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_what_is_broken_is_malformed(data: bytes, word: str) -> None:
    with pytest.raises(MalformedReply, match=word):
        list(EventFrames().feed(data))


def test_frames() -> None:
    data = b"".join(
        (
            encode_event("messageStart", b'{"role":"assistant"}'),
            encode_exception("throttlingException", b'{"message":"CANARY"}'),
            encode_error("InternalFailure", "CANARY_x"),
        )
    )
    frames = EventFrames()
    found = [frame for at in range(len(data)) for frame in frames.feed(data[at : at + 1])]
    assert list(frames.finish()) == []
    assert found[:2] == [
        Frame('{"role":"assistant"}', "messageStart"),
        Frame('{"message":"CANARY"}', "throttlingException"),
    ]
    assert (found[2].event, json.loads(found[2].data)) == ("error", {"code": "InternalFailure", "message": "CANARY_x"})


def test_a_message_comes_out_as_soon_as_it_is_complete_and_no_sooner() -> None:
    data, decoder = encode_event("a", b"{}"), MessageDecoder()
    assert list(decoder.feed(data[:-1])) == []
    assert [message.payload for message in decoder.feed(data[-1:] + data[:5])] == [b"{}"]
    with pytest.raises(StreamCut):
        decoder.finish()


def test_what_is_held_back_is_bounded() -> None:
    decoder = MessageDecoder(limit=100)
    for _ in range(50):  # complete messages don't add up
        assert len(list(decoder.feed(encode_event("a", b"{}")))) == 1
    with pytest.raises(MalformedReply, match="impossible length"):
        list(decoder.feed(encode_event("a", b"CANARY" * 20)))


def test_a_long_message_in_small_pieces() -> None:
    payload = b"x" * 3_000_000
    data = encode_event("a", payload)
    (message,) = decoded(*(data[at : at + 1000] for at in range(0, len(data), 1000)))
    assert message.payload == payload

"""Usage: disjoint, cumulative, and read from the ends of a reply without reading the rest."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import load, names, stream

from lethe.dialects.anthropic import StreamDecoder, buffered_usage, decode_response, streamed_usage
from lethe.dialects.anthropic.usage import decode_usage, encode_usage, leftover_usage
from lethe.ir.events import Finish
from lethe.ir.usage import Usage
from lethe.wire.sse import FrameDecoder

STREAMS = names("anthropic/streams", ".sse")
ZERO = {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 0}

# (on the wire, in the model, what is left over)
CASES: list[tuple[dict[str, Any], Usage, dict[str, Any]]] = [
    (ZERO, Usage(), {}),
    (
        {**ZERO, "input_tokens": 1, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 3, "output_tokens": 4},
        Usage(input=1, cache_write=2, cache_read=3, output=4),
        {},
    ),
    (
        {**ZERO, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 7, "future": 1}},
        Usage(output=9, reasoning=7),
        {"output_tokens_details": {"future": 1}},
    ),
    ({**ZERO, "service_tier": "priority", "speed": None}, Usage(), {"service_tier": "priority"}),
]


@pytest.mark.parametrize(("wire", "usage", "left"), CASES)
def test_read(wire: dict[str, Any], usage: Usage, left: dict[str, Any]) -> None:
    assert decode_usage(wire) == usage
    assert leftover_usage(wire) == left
    assert decode_usage(encode_usage(usage)) == usage


@pytest.mark.parametrize("count", [None, "7", 1.5, True, -1, [], {}])
def test_what_is_no_count_counts_as_nothing(count: Any) -> None:
    assert decode_usage({"input_tokens": count, "output_tokens_details": count, "output_tokens": 2}) == Usage(output=2)


@pytest.mark.parametrize("name", names("anthropic/replies", ".json"))
def test_a_buffered_reply(name: str) -> None:
    body = load(f"anthropic/replies/{name}.json")
    assert buffered_usage(json.dumps(body).encode()) == decode_response(body).finish.usage


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"usage":null}', b'{"usage":{}}', b'{"usage":7}', b'{"usage":{"input_']
)
def test_a_reply_without_usage(body: bytes) -> None:
    assert buffered_usage(body) is None


def final(data: bytes) -> Usage:
    decoder = StreamDecoder()
    events = [event for frame in FrameDecoder().feed(data) for event in decoder.feed(frame)]
    assert isinstance(events[-1], Finish)
    return events[-1].usage


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream(name: str) -> None:
    data = stream(f"anthropic/streams/{name}.sse")
    assert streamed_usage(data, data) == final(data)
    ending = data[data.index(b"event: message_delta") :]
    assert streamed_usage(data, ending) == final(data)
    assert streamed_usage(ending, ending) is not None  # what was written is known without the start
    assert streamed_usage(data.replace(b"\n", b"\r\n"), data.replace(b"\n", b"\r\n")) == final(data)


@given(st.sampled_from(STREAMS), st.integers(0, 3000), st.integers(0, 3000))
def test_a_stream_seen_from_its_ends(name: str, head: int, tail: int) -> None:
    """However the reads cut the frames, what is found is true."""
    data = stream(f"anthropic/streams/{name}.sse")
    found, whole = streamed_usage(data[:head], data[max(0, len(data) - tail) :]), final(data)
    if found is not None:
        assert found.input in (0, whole.input, decode_start(data).input)
        assert found.output in (whole.output, decode_start(data).output)
    if head >= data.index(b"\n\n") and tail >= len(data) - data.index(b"data: ", data.index(b"event: message_delta")):
        assert found == whole


def decode_start(data: bytes) -> Usage:
    first = next(iter(FrameDecoder().feed(data)))
    return decode_usage(json.loads(first.data)["message"]["usage"])


def test_content_cannot_pass_for_usage() -> None:
    fake = json.dumps({"type": "message_delta", "usage": {"output_tokens": 666}})
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"\ndata: {fake}"}}
    data = b"data: " + json.dumps(delta).encode() + b"\n\n"
    assert streamed_usage(data, data) is None


@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    assert streamed_usage(data, b'data: {"message_delta"' + data) is None
    assert streamed_usage(b'data: {"message_start"' + data, data) is None

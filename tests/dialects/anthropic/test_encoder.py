"""Streams written: what the official SDK's accumulator reads is what was said."""

import json
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter
from tests.dialects.cases import decoded, names, stream

from lethe.dialects.anthropic import KEEP_ALIVE, StreamDecoder, StreamEncoder, encode_response, join_deltas
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind
from lethe.ir.content import Dialect, Extras, Opaque, Refusal, Signature, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    Failure,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    Ping,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import fold
from lethe.ir.loss import Losses
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame, FrameDecoder

CHAT = Dialect.OPENAI_CHAT
CONTEXT = ReplyContext(id="ours", created=1)
STREAMS = names("anthropic/streams", ".sse")
_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def encoded(*events: Event) -> tuple[bytes, list[tuple[str, str]]]:
    """The bytes, and the losses as (severity, path)."""
    losses = Losses()
    encoder = StreamEncoder(CONTEXT, losses)
    data = b"".join(part for event in events for part in encoder.encode(event))
    return data, [(loss.severity, loss.path) for loss in losses]


def frames(data: bytes) -> list[Frame]:
    return list(FrameDecoder().feed(data))


def accumulated(data: bytes) -> dict[str, Any]:
    """The message as the official SDK puts it together."""
    snapshot: Any = None
    parts: dict[int, bytes] = {}
    for frame in frames(data):
        if frame.event != "ping":
            event = _EVENT.validate_json(frame.data)
            snapshot = accumulate_event(event=event, current_snapshot=snapshot, json_bufs=parts)
    assert snapshot is not None
    message = snapshot.to_dict()
    assert isinstance(message, dict)
    return message


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", STREAMS)
def test_reading_what_was_written_gives_the_same_events(name: str) -> None:
    events = decoded(StreamDecoder(), stream(f"anthropic/streams/{name}.sse"))
    data, losses = encoded(*events)
    assert decoded(StreamDecoder(), data) == events
    assert losses == []
    assert all(json.loads(f.data)["type"] == f.event for f in frames(data))


@pytest.mark.parametrize("name", ["text", "tools", "thinking", "server_tools", "refusal", "empty"])
def test_the_sdk_accumulates_what_a_buffered_reply_would_say(name: str) -> None:
    events = decoded(StreamDecoder(), stream(f"anthropic/streams/{name}.sse"))
    body = encode_response(fold(events, join_deltas), CONTEXT, Losses())
    message = without_nulls(accumulated(encoded(*events)[0]))
    extras = {"context_management": message.get("context_management")}  # the beta accumulator reads it
    for text in (b for b in body["content"] if b["type"] == "text"):
        text.setdefault("citations", [])
    for text in (b for b in message["content"] if b["type"] == "text"):
        text.setdefault("citations", [])
    expected = without_nulls({**body, **extras})
    if "container" in expected:
        message["container"]["expires_at"] = expected["container"]["expires_at"]  # parsed to a datetime
    # the SDK takes only counters from the end of a stream
    counters = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    message["usage"], expected["usage"] = ({c: u[c] for c in counters} for u in (message["usage"], expected["usage"]))
    assert message == expected


def test_a_foreign_stream() -> None:
    """Indices are ours and gapless, seals wrapped, ids supplied; what has no place is reported once."""
    data, losses = encoded(
        Start(id="", model="m", extras=Extras(CHAT, {"system_fingerprint": "f"})),
        BlockStart(0, Opaque(dialect=CHAT, data={"type": "x"})),
        OpaqueDelta(0, {"y": 1}),
        BlockStart(7, Thinking(text="")),
        BlockStop(0),
        ThinkingDelta(7, "think"),
        SignatureDelta(7, Signature(CHAT, "s")),
        BlockStop(7),
        Ping(),
        BlockStart(3, ToolCall(id="a:1", name="f", arguments="")),
        BlockStart(4, ToolCall(id="b", name="g", arguments="")),
        ArgumentsDelta(4, '{"n":2}'),
        ArgumentsDelta(3, '{"n":'),
        ArgumentsDelta(3, "1}"),
        BlockStop(3),
        BlockStop(4),
        BlockStart(5, Text(text="")),
        TextDelta(5, 'ü"\n\u2028'),
        LogprobsDelta(5, ({},)),
        LogprobsDelta(5, ({},)),
        CitationDelta(5, {"type": "page_location", "cited_text": "c"}),
        OpaqueDelta(5, {"z": 1}),
        BlockStop(5),
        Finish(reason=StopReason.TOOL_USE, usage=Usage(input=1, cache_read=2, output=3, reasoning=1)),
    )
    assert losses == [
        ("hint", "$.system_fingerprint"),
        ("dropped", "$.content[0]"),
        ("hint", "$.content[5].logprobs"),
        ("dropped", "$.content[5]"),
    ]
    kinds = [(json.loads(f.data).get("index"), f.event) for f in frames(data) if f.event != "ping"]
    started = [index for index, kind in kinds if kind == "content_block_start"]
    assert started == [0, 1, 2, 3]
    payload = [json.loads(f.data) for f in frames(data)]
    assert payload[0]["message"]["id"] == "ours"
    response = fold(decoded(StreamDecoder(), data))
    assert response.content == (
        Thinking(text="think", signature=Signature(CHAT, "s")),
        ToolCall(id="a_3a_1", name="f", arguments='{"n":1}'),
        ToolCall(id="b", name="g", arguments='{"n":2}'),
        Text(text='ü"\n\u2028', citations=({"type": "page_location", "cited_text": "c"},)),
    )
    assert payload[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {
            "input_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 2,
            "output_tokens": 3,
            "output_tokens_details": {"thinking_tokens": 1},
        },
    }


def test_what_belongs_to_a_block_that_was_left_out_is_left_out() -> None:
    custom = Opaque(dialect=CHAT, data={"type": "custom"})
    data, losses = encoded(BlockStart(0, custom), TextDelta(0, "x"), OpaqueDelta(0, {"x": 1}), BlockStop(0))
    assert data == b""
    assert losses == [("dropped", "$.content[0]")]


def test_a_refusal_is_text_and_a_stop_reason() -> None:
    data, losses = encoded(
        Start(id="r", model="m"),
        BlockStart(0, Refusal(text="")),
        TextDelta(0, "no"),
        BlockStop(0),
        Finish(reason=StopReason.END_TURN),
    )
    message = accumulated(data)
    assert message["content"] == [{"type": "text", "text": "no"}]
    assert message["stop_reason"] == "refusal"
    assert losses == []


def test_a_failure_ends_the_stream_as_an_error_event() -> None:
    data, _ = encoded(Failure(kind=ErrorKind.RATE_LIMIT, message="slow down", code="c"))
    error = {"type": "rate_limit_error", "message": "slow down", "details": {"error_code": "c"}}
    assert [(f.event, json.loads(f.data)) for f in frames(data)] == [("error", {"type": "error", "error": error})]


def test_keep_alive_is_a_ping() -> None:
    assert encoded(Ping())[0] == KEEP_ALIVE == b'event: ping\ndata: {"type": "ping"}\n\n'
    assert list(StreamDecoder().feed(frames(KEEP_ALIVE)[0])) == [Ping()]

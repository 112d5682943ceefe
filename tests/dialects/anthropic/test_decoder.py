"""Streams read: the same as their buffered twins, however cut; faults are typed and quote nothing."""

import json
from typing import Any

import pytest
from anthropic.types.beta import BetaRawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from tests.dialects.cases import CANARY, cut, decoded, load, names, stream

from lethe.dialects.anthropic import StreamDecoder, decode_response, join_deltas
from lethe.errors import ErrorKind, MalformedReply
from lethe.ir.content import Dialect, Extras, Opaque, Signature, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Event,
    Failure,
    Finish,
    OpaqueDelta,
    Ping,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import Grammar, fold
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame

OURS = Dialect.ANTHROPIC
STREAMS = {name: stream(f"anthropic/streams/{name}.sse") for name in names("anthropic/streams", ".sse")}
TWINS = [name for name in names("anthropic/replies", ".json") if name in STREAMS]
START = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": {"input_tokens": 1}}}
STOP = {"type": "message_stop"}
_EVENT: TypeAdapter[Any] = TypeAdapter(BetaRawMessageStreamEvent)


def events(*data: Any, named: bool = True) -> list[Event]:
    decoder = StreamDecoder()
    seen: list[Event] = []
    for item in data:
        text = item if isinstance(item, str) else json.dumps(item)
        seen += decoder.feed(Frame(text, item["type"] if named and isinstance(item, dict) else None))
    return seen + list(decoder.finish())


def block(content: Any, index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": content}


def delta(content: Any, index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": content}


def end(index: int = 0) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


@pytest.mark.parametrize("name", TWINS)
def test_a_stream_folds_to_its_buffered_twin(name: str) -> None:
    reply = decode_response(load(f"anthropic/replies/{name}.json"))
    assert fold(decoded(StreamDecoder(), STREAMS[name]), join_deltas) == reply


def test_all_but_one_stream_have_a_twin() -> None:
    assert len(TWINS) > 5
    assert set(STREAMS) - set(TWINS) == {"window"}  # truncated arguments have no buffered form


@pytest.mark.parametrize("name", STREAMS)
def test_the_official_types_take_the_fixtures(name: str) -> None:
    for line in STREAMS[name].decode().split("\n"):
        data = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {"type": "ping"}
        if data["type"] not in ("ping", "future_event"):
            _EVENT.validate_python(data)


@pytest.mark.parametrize("name", STREAMS)
def test_the_grammar_holds(name: str) -> None:
    grammar = Grammar()
    for event in decoded(StreamDecoder(), STREAMS[name]):
        grammar.admit(event)
    assert grammar.ended


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 10_000), max_size=8))
def test_cuts_change_nothing(name: str, places: list[int]) -> None:
    whole = decoded(StreamDecoder(), STREAMS[name])
    assert decoded(StreamDecoder(), *cut(STREAMS[name], places)) == whole


@pytest.mark.parametrize("name", STREAMS)
def test_event_names_are_not_needed(name: str) -> None:
    nameless = b"".join(line for line in STREAMS[name].splitlines(keepends=True) if not line.startswith(b"event:"))
    assert decoded(StreamDecoder(), nameless) == decoded(StreamDecoder(), STREAMS[name])


def test_truncated_arguments_survive() -> None:
    folded = fold(decoded(StreamDecoder(), STREAMS["window"]))
    assert folded.content == (ToolCall(id="toolu_9", name="write", arguments='{"text":"cut of'),)
    assert folded.finish.reason is StopReason.CONTEXT_WINDOW


def test_usage_is_cumulative_and_what_is_left_out_stays() -> None:
    counts = {"input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 1}
    start = {"type": "message_start", "message": {"id": "m", "model": "m", "usage": counts}}
    later = {"input_tokens": 4, "cache_read_input_tokens": None, "output_tokens": 9}
    delta_event = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": later}
    first, last = events(start, delta_event, STOP)
    assert isinstance(first, Start)
    assert first.usage == Usage(input=3, cache_read=5, output=1)
    assert isinstance(last, Finish)
    assert last.usage == Usage(input=4, cache_read=5, output=9)


def test_a_stream_without_message_stop_has_no_end() -> None:
    delta_event = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}
    assert [type(e) for e in events(START, delta_event)] == [Start]


def test_after_the_end_nothing_is_read() -> None:
    assert isinstance(events(START, STOP, "[DONE]", CANARY)[-1], Finish)


def test_unknown_events_are_ignored_and_unknown_deltas_kept() -> None:
    future = {"type": "future_delta", "x": 1}
    seen = events(START, {"type": "future_event", "y": 1}, block({"type": "text", "text": ""}), delta(future), end())
    assert seen[1:] == [BlockStart(0, Text(text="")), OpaqueDelta(0, future), BlockStop(0)]


def test_deltas_of_unknown_blocks_stay_theirs() -> None:
    """A server tool's arguments are not a tool call's."""
    server = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    part = {"type": "input_json_delta", "partial_json": '{"q":1}'}
    seen = events(START, block(server), delta(part), end())
    assert seen[1:] == [BlockStart(0, Opaque(dialect=OURS, data=server)), OpaqueDelta(0, part), BlockStop(0)]


def test_blocks_that_start_with_something_in_them() -> None:
    """Servers that imitate the API do that; a BlockStart holds no text."""
    seen = events(
        START,
        block({"type": "text", "text": "a"}),
        delta({"type": "text_delta", "text": "b"}),
        end(),
        block({"type": "thinking", "thinking": "c", "signature": "s"}, 1),
        end(1),
        block({"type": "tool_use", "id": "t", "name": "n", "input": {"q": 1}}, 2),
        end(2),
    )
    assert seen[1:] == [
        BlockStart(0, Text(text="")),
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        BlockStop(0),
        BlockStart(1, Thinking(text="")),
        ThinkingDelta(1, "c"),
        SignatureDelta(1, Signature(OURS, "s")),
        BlockStop(1),
        BlockStart(2, ToolCall(id="t", name="n", arguments="")),
        ArgumentsDelta(2, '{"q":1}'),
        BlockStop(2),
    ]


@pytest.mark.parametrize("named", [True, False])
def test_both_ways_of_reading_a_delta_agree(named: bool) -> None:
    """The fast one, which needs the event's name, and the general one."""
    call = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
    seen = events(
        delta({"type": "text_delta", "text": "a", "future": 1}),
        delta({"type": "thinking_delta", "thinking": "b"}),
        delta({"type": "signature_delta", "signature": "lethe:gemini:c"}),
        delta({"type": "signature_delta", "signature": ""}),
        block(call, 1),
        delta({"type": "input_json_delta", "partial_json": ""}, 1),
        end(1),
        block(call, 2),
        delta({"type": "input_json_delta", "partial_json": "{}"}, 2),
        end(2),
        named=named,
    )
    empty = ToolCall(id="t", name="n", arguments="")
    assert seen == [
        TextDelta(0, "a"),
        ThinkingDelta(0, "b"),
        SignatureDelta(0, Signature(Dialect.GEMINI, "c")),
        BlockStart(1, empty),
        ArgumentsDelta(1, ""),
        ArgumentsDelta(1, "{}"),
        BlockStop(1),
        BlockStart(2, empty),
        ArgumentsDelta(2, "{}"),
        BlockStop(2),
    ]


def test_an_error_event() -> None:
    wire = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded", "details": None}}
    assert events(START, wire, STOP)[1:] == [
        Failure(kind=ErrorKind.OVERLOADED, message="Overloaded", wire=Extras(OURS, wire))
    ]


def test_a_ping() -> None:
    assert events({"type": "ping"}) == [Ping()]


# Frames that the API does not send
MALFORMED: list[Any] = [
    CANARY,
    '{"type":"ping"',
    "[DONE]",
    "[]",
    '"x"',
    "{}",
    '{"type":1}',
    {"type": "message_start"},
    {"type": "message_start", "message": CANARY},
    {"type": "message_start", "message": {"usage": CANARY}},
    {"type": "content_block_start", "index": 0},
    {"type": "content_block_start", "content_block": {"type": "text", "text": CANARY}},
    {"type": "content_block_start", "index": CANARY, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_start", "index": 0, "content_block": {"text": CANARY}},
    {"type": "content_block_delta", "index": 0, "delta": CANARY},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": [CANARY]}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": CANARY}},
    {"type": "content_block_stop"},
    {"type": "message_delta"},
    {"type": "message_delta", "delta": {"stop_reason": [CANARY]}},
    {"type": "error"},
    '{"type":"ping","x":' + "[" * 5000 + "]" * 5000 + "}",
]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_frames_are_not_quoted(data: Any, named: bool) -> None:
    with pytest.raises(MalformedReply) as caught:
        events(data, named=named)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_joined_deltas() -> None:
    tool = Opaque(dialect=OURS, data={"type": "server_tool_use", "input": {}})

    def parts(*texts: str) -> tuple[dict[str, Any], ...]:
        return tuple({"type": "input_json_delta", "partial_json": text} for text in texts)

    assert join_deltas(tool, parts("", '{"q"', ":1}")).data["input"] == {"q": 1}
    assert join_deltas(tool, parts('{"q')).data["input"] == {"_unparsed": '{"q'}
    assert join_deltas(tool, ({"type": "x"},)).data == {**tool.data, "deltas": [{"type": "x"}]}

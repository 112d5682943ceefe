"""Streams of many servers: block boundaries, ends, errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import cut, decoded, names, stream

from lethe.dialects.openai_chat import stream_decoder
from lethe.dialects.openai_chat.stream_calls import MAX_HELD
from lethe.errors import ErrorKind, MalformedReply
from lethe.ir.content import Dialect, Extras, Refusal, Signature, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Event,
    Failure,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import Grammar
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame

STREAMS = {name: stream(f"openai_chat/streams/{name}.sse") for name in names("openai_chat/streams", ".sse")}
OURS = Dialect.OPENAI_CHAT


def chunk(delta: Any = None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def call(**fields: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [fields]})


def function(name: str | None = None, arguments: str | None = None) -> dict[str, Any]:
    return {k: v for k, v in {"name": name, "arguments": arguments}.items() if v is not None}


def events(*chunks: Any) -> list[Event]:
    """Of a whole stream; a grammar watches."""
    decoder, grammar, seen = stream_decoder(), Grammar(), []
    for data in chunks:
        for event in decoder.feed(Frame(data if isinstance(data, str) else json.dumps(data))):
            grammar.admit(event)
            seen.append(event)
    for event in decoder.finish():
        grammar.admit(event)
        seen.append(event)
    return seen


def said(*chunks: Any) -> list[Event]:
    """Without start and finish."""
    return [e for e in events(*chunks, chunk(finish="stop"), "[DONE]") if not isinstance(e, Start | Finish)]


@pytest.mark.parametrize("name", STREAMS)
def test_the_grammar_holds(name: str) -> None:
    grammar = Grammar()
    for event in decoded(stream_decoder(), STREAMS[name]):
        grammar.admit(event)
    assert grammar.ended


@given(st.sampled_from(sorted(STREAMS)), st.lists(st.integers(0, 10_000), max_size=12))
def test_cuts_change_nothing(name: str, places: list[int]) -> None:
    data = STREAMS[name]
    assert decoded(stream_decoder(), *cut(data, places)) == decoded(stream_decoder(), data)


def test_blocks_begin_and_end_as_the_kind_changes() -> None:
    assert said(
        chunk({"role": "assistant", "content": "", "reasoning_content": None}),
        chunk({"reasoning_content": "a"}),
        chunk({"reasoning_content": "b"}),
        chunk({"content": "c"}),
        chunk({"content": "d", "reasoning_content": ""}),
        chunk({"refusal": "e"}),
        chunk({"reasoning": "f", "content": "g"}),
    ) == [
        BlockStart(0, Thinking(text="")),
        ThinkingDelta(0, "a"),
        ThinkingDelta(0, "b"),
        BlockStop(0),
        BlockStart(1, Text(text="")),
        TextDelta(1, "c"),
        TextDelta(1, "d"),
        BlockStop(1),
        BlockStart(2, Refusal(text="")),
        TextDelta(2, "e"),
        BlockStop(2),
        BlockStart(3, Thinking(text="")),
        ThinkingDelta(3, "f"),
        BlockStop(3),
        BlockStart(4, Text(text="")),
        TextDelta(4, "g"),
        BlockStop(4),
    ]


def test_thinking_and_text_in_one_plain_chunk_both_count() -> None:
    both = chunk({"content": "c", "reasoning_content": "t"})
    assert [e for e in said(chunk({"content": "a"}), both) if isinstance(e, TextDelta | ThinkingDelta)] == [
        TextDelta(0, "a"),
        ThinkingDelta(1, "t"),
        TextDelta(2, "c"),
    ]


def calls(*chunks: Any) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call."""
    found: dict[int, tuple[str, str, str]] = {}
    for event in said(*chunks):
        match event:
            case BlockStart(index, ToolCall(id=id, name=name)):
                found[index] = (id, name, "")
            case ArgumentsDelta(index, more):
                id, name, arguments = found[index]
                found[index] = (id, name, arguments + more)
            case _:
                pass
    return list(found.values())


CALLS = {
    "numbered": [call(index=0, id="a", function=function("f", "")), call(index=0, function=function(None, "{}"))],
    "not numbered": [call(id="a", function=function("f", "{")), call(function=function(None, "}"))],
    "not numbered, the id repeated": [
        call(id="a", function=function("f", "{")),
        call(id="a", function=function(None, "}")),
    ],
    "id and name repeated": [call(index=0, id="a", function=function("f", x)) for x in ("", "{", "}")],
    "id late": [call(index=0, function=function("f", "{")), call(index=0, id="a", function=function(None, "}"))],
    "name late": [
        call(index=0, id="a"),
        call(index=0, function=function("f")),
        call(index=0, function=function(None, "{}")),
    ],
    "a new id in every chunk": [
        call(index=0, id="a", function=function("f", "{")),
        call(index=0, id="b", function=function(None, "}")),
    ],
    "arguments as an object": [call(index=0, id="a", function={"name": "f", "arguments": {}})],
    "arguments null": [
        call(index=0, id="a", function={"name": "f", "arguments": None}),
        call(index=0, function=function(None, "{}")),
    ],
}


@pytest.mark.parametrize("name", CALLS)
def test_one_call_however_it_is_cut(name: str) -> None:
    assert calls(*CALLS[name]) == [("a", "f", "{}")]


def test_a_name_in_pieces() -> None:
    pieces = [
        call(index=0, id="a", function=function("get_")),
        call(index=0, function=function("weather")),
        call(index=0, function=function(None, "{}")),
    ]
    assert calls(*pieces) == [("a", "get_weather", "{}")]


TWO_CALLS = {
    "numbered": [
        call(index=0, id="a", function=function("f", "1")),
        call(index=1, id="b", function=function("g", "2")),
    ],
    "both numbered 0": [
        call(index=0, id="a", function=function("f", "1")),
        call(index=0, id="b", function=function("g", "2")),
    ],
    "not numbered": [call(id="a", function=function("f", "1")), call(id="b", function=function("g", "2"))],
    "in one chunk": [
        chunk(
            {"tool_calls": [{"id": "a", "function": function("f", "1")}, {"id": "b", "function": function("g", "2")}]}
        )
    ],
    "interleaved": [
        call(index=0, id="a", function=function("f")),
        call(index=1, id="b", function=function("g")),
        call(index=1, function=function(None, "2")),
        call(index=0, function=function(None, "1")),
    ],
}


@pytest.mark.parametrize("name", TWO_CALLS)
def test_two_calls_stay_two(name: str) -> None:
    assert calls(*TWO_CALLS[name]) == [("a", "f", "1"), ("b", "g", "2")]


def test_calls_without_any_id_get_one_of_the_reply_and_their_place() -> None:
    assert calls(call(function=function("f", "1")), call(function=function("g", "2"))) == [
        ("call_c_0", "f", "1"),
        ("call_c_1", "g", "2"),
    ]


def test_parallel_calls_overlap_until_text_follows() -> None:
    seen = said(*TWO_CALLS["interleaved"], chunk({"content": "x"}))
    kinds = [(type(e).__name__, getattr(e, "index", None)) for e in seen]
    assert kinds == [
        ("BlockStart", 0),
        ("BlockStart", 1),
        ("ArgumentsDelta", 1),
        ("ArgumentsDelta", 0),
        ("BlockStop", 0),
        ("BlockStop", 1),
        ("BlockStart", 2),
        ("TextDelta", 2),
        ("BlockStop", 2),
    ]


def test_a_truncated_call_survives() -> None:
    seen = events(call(index=0, id="a", function=function("f", '{"x": "y')), chunk(finish="length"))
    assert ArgumentsDelta(0, '{"x": "y') in seen
    assert isinstance(seen[-1], Finish)
    assert seen[-1].reason is StopReason.MAX_TOKENS


def test_signatures_seal_the_thinking_before_them() -> None:
    assert said(
        chunk({"reasoning_content": "a"}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "signature": "lethe:anthropic:S"}]}),
        chunk({"reasoning_content": "b"}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "D"}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "c", "index": 1}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "d", "index": 2}]}),
    ) == [
        BlockStart(0, Thinking(text="")),
        ThinkingDelta(0, "a"),
        SignatureDelta(0, Signature(Dialect.ANTHROPIC, "S")),
        BlockStop(0),
        BlockStart(1, Thinking(text="")),
        ThinkingDelta(1, "b"),
        BlockStop(1),
        BlockStart(2, Thinking(text="", signature=Signature(OURS, "D"), redacted=True)),
        BlockStop(2),
        BlockStart(3, Thinking(text="", extras=Extras(OURS, {"index": 1}))),
        ThinkingDelta(3, "c"),
        BlockStop(3),
        BlockStart(4, Thinking(text="", extras=Extras(OURS, {"index": 2}))),
        ThinkingDelta(4, "d"),
        BlockStop(4),
    ]


USAGE = {"prompt_tokens": 5, "completion_tokens": 7}
FINISHED = Finish(reason=StopReason.END_TURN, raw_reason="stop", usage=Usage(input=5, output=7))
ENDS: dict[str, list[Any]] = {
    "usage in a chunk of its own": [
        chunk({"content": "x"}),
        chunk(finish="stop"),
        {"choices": [], "usage": USAGE},
        "[DONE]",
    ],
    "usage with the last choice": [chunk({"content": "x"}), chunk(finish="stop", usage=USAGE), "[DONE]"],
    "usage in every chunk": [
        chunk({"content": "x"}, usage={"prompt_tokens": 5, "completion_tokens": 1}),
        chunk(finish="stop", usage=USAGE),
        "[DONE]",
    ],
    "no [DONE]": [chunk({"content": "x"}), chunk(finish="stop", usage=USAGE)],
    "[DONE] twice": [chunk({"content": "x"}), chunk(finish="stop", usage=USAGE), "[DONE]", "[DONE]"],
    "more after [DONE]": [
        chunk({"content": "x"}),
        chunk(finish="stop", usage=USAGE),
        "[DONE]",
        chunk({"content": "y"}),
    ],
    "text with the finish": [chunk({"content": "x"}, finish="stop", usage=USAGE), "[DONE]"],
    "Azure's filter results first": [
        {"id": "", "model": "", "choices": [], "prompt_filter_results": []},
        chunk({"content": "x"}),
        chunk(finish="stop", usage=USAGE),
        "[DONE]",
    ],
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name: str) -> None:
    seen = events(*ENDS[name])
    assert isinstance(seen[0], Start)
    assert (seen[0].id, seen[0].model) == ("c", "m")
    assert seen[1:] == [BlockStart(0, Text(text="")), TextDelta(0, "x"), BlockStop(0), FINISHED]


def test_a_cut_stream_has_no_finish() -> None:
    assert not any(isinstance(e, Finish) for e in events(chunk({"content": "x"})))
    assert events("[DONE]") == []
    assert events() == []


def test_done_without_a_reason_is_an_end() -> None:
    assert events(chunk({"content": "x"}), "[DONE]")[-1] == Finish(reason=StopReason.END_TURN)
    assert events(*CALLS["numbered"], "[DONE]")[-1] == Finish(reason=StopReason.TOOL_USE)


def test_stop_after_a_call_means_tool_use() -> None:
    assert events(*CALLS["numbered"], chunk(finish="stop"))[-1] == Finish(reason=StopReason.TOOL_USE, raw_reason="stop")


def test_errors_end_the_stream() -> None:
    error = {"message": "busy", "type": "overloaded_error", "code": None}
    failure = Failure(kind=ErrorKind.OVERLOADED, message="busy", wire=Extras(OURS, error))
    assert events(chunk({"content": "x"}), {"error": error}, chunk({"content": "y"}), "[DONE]")[3:] == [failure]
    inside = chunk({"content": "x"})
    inside["choices"][0]["error"] = error
    assert events(inside) == [failure]


def test_logprobs_follow_their_text() -> None:
    token = {"token": "x", "logprob": -1}
    with_logprobs = chunk({"content": "x"})
    with_logprobs["choices"][0]["logprobs"] = {"content": [token], "refusal": [token]}
    seen = events(with_logprobs, with_logprobs, chunk(finish="stop"))
    assert seen[2:4] == [TextDelta(0, "x"), LogprobsDelta(0, (token,))]
    assert isinstance(seen[-1], Finish)
    assert seen[-1].extras == Extras(OURS, {"logprobs": {"refusal": [token, token]}})


def test_probabilities_of_no_text_are_nothing() -> None:
    silent = chunk({"role": "assistant"})
    silent["choices"][0]["logprobs"] = {"content": [{"token": "x"}], "refusal": None}
    assert said(silent) == []


def test_what_has_to_be_held_back_has_a_limit() -> None:
    nameless = call(index=0, function=function("f", "x" * (MAX_HELD + 1)))
    assert [type(e) for e in events(nameless)] == [Start, BlockStart, ArgumentsDelta]


def test_other_choices_were_never_asked_for() -> None:
    other = chunk({"content": "y"})
    other["choices"][0]["index"] = 1
    assert said(chunk({"content": "x"}), other, chunk({"content": "z"})) == [
        BlockStart(0, Text(text="")),
        TextDelta(0, "x"),
        TextDelta(0, "z"),
        BlockStop(0),
    ]


def test_unknown_fields_are_left_over() -> None:
    first = chunk({"content": "x", "audio": {"id": "a"}}, service_tier="flex", created=3)
    first["choices"][0]["content_filter_results"] = {"hate": {}}
    seen = events(first, chunk({"audio": {"id": "b"}}), chunk(finish="stop"))
    assert isinstance(seen[0], Start)
    assert isinstance(seen[-1], Finish)
    assert seen[0].extras == Extras(OURS, {"service_tier": "flex", "created": 3})
    assert seen[-1].extras == Extras(OURS, {"message": {"audio": {"id": "a"}}, "content_filter_results": {"hate": {}}})


MALFORMED = [
    "secret",
    "[]",
    "7",
    '{"choices": [{"delta": {"tool_calls": ["secret"]}}]}',
    json.dumps(call(function=function(None, "secret"), id="a")),
    "{" * 5000,
]
MALFORMED += [
    json.dumps(chunk({"reasoning_details": ["secret"]})),
    json.dumps(chunk({"reasoning_details": [{"type": "reasoning.text", "text": ["secret"]}]})),
]


@pytest.mark.parametrize("data", MALFORMED)
def test_malformed_frames_are_typed_and_not_quoted(data: str) -> None:
    with pytest.raises(MalformedReply) as caught:
        events(chunk({"content": "x"}), data, "[DONE]")
    assert "secret" not in str(caught.value)


def test_more_of_an_ended_call_is_malformed() -> None:
    with pytest.raises(MalformedReply):
        events(*CALLS["numbered"], chunk({"content": "x"}), call(index=0, function=function(None, "more")))


def test_shapes_that_say_nothing_are_passed_over() -> None:
    assert (
        said(
            {"choices": None},
            {"choices": [None, 7]},
            {"id": "c", "model": "m", "choices": [{"delta": None}]},
            chunk({"tool_calls": None, "content": 7}),
        )
        == []
    )

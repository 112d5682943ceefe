"""Chunks that OpenAI's SDK accepts, and that say what the events said."""

import json
from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.dialects.cases import decoded, load, names, stream

from lethe.dialects.openai_chat import KEEP_ALIVE, decode_response, encode_response, stream_decoder, stream_encoder
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind
from lethe.ir.content import Dialect, Extras, JsonObject, Media, Opaque, Refusal, Signature, Text, Thinking, ToolCall
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
from lethe.ir.grammar import fold, unfold
from lethe.ir.loss import Losses, Severity
from lethe.ir.usage import Usage

CONTEXT = ReplyContext(id="chatcmpl-ours", created=1)
START = Start(id="", model="m")
FINISH = Finish(reason=StopReason.END_TURN, usage=Usage(input=3, cache_read=2, output=4))


def written(*events: Event, context: ReplyContext = CONTEXT) -> tuple[bytes, Losses]:
    losses = Losses()
    encoder = stream_encoder(context, losses)
    return b"".join(data for event in events for data in encoder.encode(event)), losses


def chunks(data: bytes) -> list[JsonObject]:
    """Every chunk, checked against the official type; the stream must be done."""
    *lines, done, end = data.decode().split("\n\n")
    assert (done, end) == ("data: [DONE]", "")
    bodies = [json.loads(line.removeprefix("data: ")) for line in lines]
    for body in bodies:
        ChatCompletionChunk.model_validate(body)
    return bodies


def deltas(data: bytes) -> list[JsonObject]:
    return [body["choices"][0]["delta"] for body in chunks(data) if body["choices"]][1:-1]


def test_a_stream_of_text() -> None:
    data, losses = written(START, BlockStart(0, Text(text="")), TextDelta(0, 'a"\u2028é'), BlockStop(0), FINISH)
    head = {"id": "chatcmpl-ours", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    assert chunks(data) == [
        {
            **head,
            "choices": [
                {"index": 0, "delta": {"role": "assistant", "content": "", "refusal": None}, "finish_reason": None}
            ],
        },
        {**head, "choices": [{"index": 0, "delta": {"content": 'a"\u2028é'}, "finish_reason": None}]},
        {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {
            **head,
            "choices": [],
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 4,
                "total_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0},
            },
        },
    ]
    assert losses == []


def test_usage_only_for_those_who_asked() -> None:
    data, _ = written(START, FINISH, context=ReplyContext(id="x", created=1, include_usage=False))
    assert [body["choices"] != [] for body in chunks(data)] == [True, True]


def test_the_upstream_s_own_head_is_kept() -> None:
    extras = Extras(Dialect.OPENAI_CHAT, {"created": 7, "system_fingerprint": "fp"})
    data, _ = written(Start(id="theirs", model="m", extras=extras), FINISH)
    assert all((b["id"], b["created"], b["system_fingerprint"]) == ("theirs", 7, "fp") for b in chunks(data))


def test_tools_are_numbered_among_themselves() -> None:
    data, _ = written(
        START,
        BlockStart(0, Text(text="")),
        TextDelta(0, "x"),
        BlockStop(0),
        BlockStart(1, ToolCall(id="a", name="f", arguments="")),
        BlockStart(2, ToolCall(id="b", name="g", arguments="")),
        ArgumentsDelta(2, '{"q":'),
        ArgumentsDelta(1, "{}"),
        BlockStop(1),
        BlockStop(2),
        Finish(reason=StopReason.TOOL_USE),
    )
    assert deltas(data)[1:] == [
        {"tool_calls": [{"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "id": "b", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": '{"q":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]},
    ]


def test_thinking_goes_out_as_text_and_its_seal_after_it() -> None:
    data, losses = written(
        START,
        BlockStart(0, Thinking(text="", signature=Signature(Dialect.ANTHROPIC, "DATA"), redacted=True)),
        BlockStop(0),
        BlockStart(1, Thinking(text="")),
        ThinkingDelta(1, "hm"),
        SignatureDelta(1, Signature(Dialect.ANTHROPIC, "SEAL")),
        BlockStop(1),
        FINISH,
    )
    assert deltas(data) == [
        {"reasoning_details": [{"index": 0, "type": "reasoning.encrypted", "data": "lethe:anthropic:DATA"}]},
        {"reasoning_content": "hm"},
        {
            "reasoning_details": [
                {"index": 1, "type": "reasoning.text", "text": "", "signature": "lethe:anthropic:SEAL"}
            ]
        },
    ]
    assert losses == []
    assert [b for b in fold(decoded(stream_decoder(), data)).content if isinstance(b, Thinking) and b.text] == [
        Thinking(text="hm", signature=Signature(Dialect.ANTHROPIC, "SEAL"))
    ]


def test_what_chunks_cannot_say_is_reported() -> None:
    data, losses = written(
        START,
        BlockStart(0, Text(text="", extras=Extras(Dialect.ANTHROPIC, {"novel": 1}))),
        CitationDelta(0, {"cited_text": "secret"}),
        BlockStop(0),
        BlockStart(1, Opaque(dialect=Dialect.ANTHROPIC, data={"type": "server_tool_use"})),
        OpaqueDelta(1, {"type": "input_json_delta"}),
        BlockStop(1),
        BlockStart(2, Media(kind="image", url="https://example.com")),
        BlockStop(2),
        Finish(
            reason=StopReason.STOP_SEQUENCE, stop_sequence="END", extras=Extras(Dialect.ANTHROPIC, {"container": "c"})
        ),
    )
    assert deltas(data) == []
    assert [(loss.path, loss.severity) for loss in losses] == [
        ("$.content[0].*", Severity.DROPPED),
        ("$.content[0].citations", Severity.DEGRADED),
        ("$.content[1]", Severity.DROPPED),
        ("$.content[2]", Severity.DROPPED),
        ("$.finish.stop_sequence", Severity.HINT),
        ("$.finish.container", losses[-1].severity),
    ]


def test_a_failure_is_a_frame_on_which_the_sdk_raises() -> None:
    failure = Failure(kind=ErrorKind.OVERLOADED, message="busy", code="overloaded")
    assert written(failure)[0] == (
        b'data: {"error":{"message":"busy","type":"service_unavailable","param":null,"code":"overloaded"}}\n\n'
    )


def test_a_ping_is_a_comment() -> None:
    assert written(Ping())[0] == KEEP_ALIVE == b": keep-alive\n\n"


@pytest.mark.parametrize("name", names("openai_chat/streams", ".sse"))
def test_streams_come_back_whole(name: str) -> None:
    events = decoded(stream_decoder(), stream(f"openai_chat/streams/{name}.sse"))
    data, losses = written(*events)
    assert losses == []
    if name != "custom_tool":  # the official types know custom calls in buffered replies only
        chunks(data)
    again = fold(decoded(stream_decoder(), data))
    assert [b for b in again.content if not isinstance(b, Thinking)] == [
        b for b in fold(events).content if not isinstance(b, Thinking)
    ]
    assert thoughts(again.content) == thoughts(fold(events).content)
    assert again.finish.reason == fold(events).finish.reason
    assert again.finish.extras == fold(events).finish.extras


def thoughts(content: tuple[Any, ...]) -> list[tuple[str, Signature | None]]:
    """Text and seal; the entries of a stream are numbered anew."""
    return [(b.text, b.signature) for b in content if isinstance(b, Thinking)]


@pytest.mark.parametrize("name", [n for n in names("openai_chat/streams", ".sse") if n != "custom_tool"])
def test_the_sdk_puts_the_stream_together_as_the_buffered_reply(name: str) -> None:
    response = decode_response(load(f"openai_chat/streams/{name}.json"))
    data, _ = written(*unfold(response))
    state = ChatCompletionStreamState()
    for body in chunks(data):
        state.handle_chunk(ChatCompletionChunk.model_validate(body))
    streamed = state.current_completion_snapshot.model_dump(exclude_none=True)["choices"][0]
    buffered = encode_response(response, CONTEXT, Losses())["choices"][0]
    mine = buffered["message"]
    assert streamed["finish_reason"] == buffered["finish_reason"]
    assert streamed["message"].get("content", "") == (mine["content"] or "")
    assert streamed["message"].get("refusal") == mine["refusal"]
    assert [c["function"] for c in streamed["message"].get("tool_calls") or []] == [
        c["function"] for c in mine.get("tool_calls", [])
    ]
    assert streamed["message"].get("reasoning_content") == mine.get("reasoning_content")
    assert (streamed.get("logprobs") or {}).get("content") == (buffered["logprobs"] or {}).get("content")


def test_refusals_and_logprobs() -> None:
    token = {"token": "x", "logprob": -1.0, "bytes": None, "top_logprobs": []}
    data, _ = written(
        START,
        BlockStart(0, Refusal(text="")),
        TextDelta(0, "no"),
        BlockStop(0),
        BlockStart(1, Text(text="")),
        TextDelta(1, "x"),
        LogprobsDelta(1, (token,)),
        BlockStop(1),
        FINISH,
    )
    assert deltas(data)[:2] == [{"refusal": "no"}, {"content": "x"}]
    assert chunks(data)[3]["choices"][0]["logprobs"] == {"content": [token], "refusal": None}


def test_details_that_nobody_understands_pass_whole() -> None:
    detail = {"type": "reasoning.novel", "novel": 1}
    block = Opaque(dialect=Dialect.OPENAI_CHAT, data={"type": "reasoning_detail", "reasoning_detail": detail})
    events: list[Event] = [START, BlockStart(0, block), BlockStop(0), FINISH]
    data, losses = written(*events)
    assert deltas(data) == [{"reasoning_details": [detail]}]
    message = encode_response(fold(events), CONTEXT, losses)["choices"][0]["message"]
    assert message["reasoning_details"] == [detail]
    assert losses == []

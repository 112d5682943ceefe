"""Replies, buffered and streamed: valid by OpenAI's types, and put together by its own SDK."""

import json
import sys
from typing import Any

import pytest
from openai.types.responses import Response as OfficialResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from tests.dialects.cases import decoded, load, names, stream

from lethe.dialects.openai_responses import (
    KEEP_ALIVE,
    buffered_usage,
    decode_error,
    decode_response,
    encode_error,
    encode_error_event,
    encode_response,
    stream_decoder,
    stream_encoder,
    streamed_usage,
)
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind, MalformedReply, ReplyTooLarge
from lethe.ir.content import Dialect, Extras, JsonObject, Opaque, Refusal, Signature, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    Failure,
    Finish,
    OpaqueDelta,
    Ping,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import Grammar, StreamFailed, fold, unfold
from lethe.ir.loss import Losses, Severity
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame

OURS = Dialect.OPENAI_RESPONSES
STREAMS = names("openai_responses/streams", ".sse")
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
CONTEXT = ReplyContext(id="0123456789abcdef0123456789abcdef", created=1, custom_tools=frozenset({"apply_patch"}))
USAGE = Usage(input=13, cache_read=5, cache_write=2, output=9, reasoning=4)
START, FINISH = Start(id="", model="m"), Finish(reason=StopReason.END_TURN, usage=USAGE)


def events_of(name: str) -> list[Event]:
    return decoded(stream_decoder(), stream(f"openai_responses/streams/{name}.sse"))


def written(*events: Event) -> list[JsonObject]:
    """The events on the wire, each valid and numbered, named as its frame is."""
    encoder = stream_encoder(CONTEXT, Losses())
    data = b"".join(part for event in events for part in encoder.encode(event))
    found = []
    for block in data.decode().split("\n\n")[:-1]:
        name, _, body = block.partition("\n")
        event = json.loads(body.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT.validate_python(event)
        found.append(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_its_buffered_reply(name: str) -> None:
    grammar, events = Grammar(), events_of(name)
    for event in events:
        grammar.admit(event)
    streamed, buffered = fold(events), decode_response(load(f"openai_responses/streams/{name}.json"))
    assert _comparable(streamed) == _comparable(buffered)


def _comparable(response: Response) -> Any:
    return [_bare(block) for block in response.content], response.finish, response.id, response.model


def _bare(block: Any) -> Any:
    return (
        (block.text, block.signature, block.redacted) if isinstance(block, Thinking) and not block.redacted else block
    )


@pytest.mark.parametrize("name", STREAMS)
def test_what_is_written_is_valid_and_says_the_same(name: str) -> None:
    response = fold(events_of(name))
    body = encode_response(response, CONTEXT, Losses())
    OfficialResponse.model_validate(body)
    *_, last = written(*unfold(response))
    assert last["type"] == ("response.incomplete" if name == "truncated" else "response.completed")
    assert [_without_ids(item) for item in last["response"]["output"]] == [
        _without_ids(item) for item in body["output"]
    ]
    assert last["response"]["usage"] == body["usage"] == load(f"openai_responses/streams/{name}.json")["usage"]


def _without_ids(item: JsonObject) -> Any:
    parts = [{k: v for k, v in part.items() if k != "logprobs" or v} for part in item.get("content") or []]
    return {**{k: v for k, v in item.items() if k != "id"}, "content": parts}


@pytest.mark.parametrize("name", STREAMS)
def test_every_delta_belongs_to_an_item_that_was_added(name: str) -> None:
    added: dict[int, str] = {}
    for event in written(*unfold(fold(events_of(name)))):
        if event["type"] == "response.output_item.added":
            added[event["output_index"]] = event["item"]["id"]
        elif "item_id" in event:
            assert added[event["output_index"]] == event["item_id"]


def test_the_order_of_a_text() -> None:
    events = written(START, BlockStart(0, Text(text="")), TextDelta(0, 'a"\u2028é'), BlockStop(0), FINISH)
    assert [event["type"].removeprefix("response.") for event in events] == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert events[4]["delta"] == events[5]["text"] == 'a"\u2028é'


def test_custom_calls_are_unwrapped() -> None:
    call = ToolCall(id="c1", name="apply_patch", arguments="")
    events = written(
        START, BlockStart(0, call), ArgumentsDelta(0, '{"input": "a'), ArgumentsDelta(0, '\\nb"}'), BlockStop(0), FINISH
    )
    deltas = [event["delta"] for event in events if event["type"] == "response.custom_tool_call_input.delta"]
    assert deltas == ["a\nb"]
    item = events[-1]["response"]["output"][0]
    assert (item["type"], item["input"], item["call_id"]) == ("custom_tool_call", "a\nb", "c1")


def test_foreign_seals_ride_along_and_come_back() -> None:
    thought = Thinking(text="hm", signature=Signature(Dialect.ANTHROPIC, "EqQB"))
    body = encode_response(Response(id="x", model="m", content=(thought,), finish=FINISH), CONTEXT, Losses())
    assert body["output"][0]["encrypted_content"] == "lethe:anthropic:EqQB"
    (back,) = decode_response(body).content
    assert isinstance(back, Thinking)
    assert back.signature == thought.signature


def test_what_has_no_counterpart_is_a_loss() -> None:
    foreign = Opaque(dialect=Dialect.ANTHROPIC, data={"type": "server_tool_use"})
    cited = Text(text="x", citations=({"a": 1},))
    finish = Finish(reason=StopReason.STOP_SEQUENCE, stop_sequence="END", usage=USAGE)
    losses = Losses()
    body = encode_response(Response(id="", model="m", content=(foreign, cited), finish=finish), CONTEXT, losses)
    assert [(loss.path, loss.severity) for loss in losses] == [
        ("$.content[0]", Severity.DROPPED),
        ("$.content[1].citations", Severity.DEGRADED),
        ("$.finish.stop_sequence", Severity.HINT),
    ]
    assert body["status"] == "completed"
    events = written(START, BlockStart(0, foreign), OpaqueDelta(0, {}), BlockStop(0), BlockStart(1, Text(text="")),
                     CitationDelta(1, {}), TextDelta(1, "x"), BlockStop(1), finish)  # fmt: skip
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["message"]


def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = stream_encoder(CONTEXT, Losses())
    list(encoder.encode(START))
    begun = list(encoder.encode(BlockStart(0, Text(text=""))))
    held = len(begun[0]) + 10  # the item, and what it says
    monkeypatch.setattr(sys.modules["lethe.dialects.openai_responses.stream_encoder"], "MAX_HELD", held)
    list(encoder.encode(TextDelta(0, "0123456789")))
    with pytest.raises(ReplyTooLarge):
        list(encoder.encode(TextDelta(0, "0")))


def test_pings_and_failures() -> None:
    encoder = stream_encoder(CONTEXT, Losses())
    assert b"".join(encoder.encode(Ping())) == KEEP_ALIVE
    failure = Failure(kind=ErrorKind.OVERLOADED, message="busy")
    data = b"".join(encoder.encode(failure))
    assert data == encode_error_event(failure)
    events = [json.loads(line[6:]) for line in data.decode().split("\n") if line.startswith("data: ")]
    assert [event["type"] for event in events] == ["response.failed", "error"]
    assert events[1]["message"] == events[0]["response"]["error"]["message"] == "busy"
    EVENT.validate_python(events[1])


# What upstreams say


def fed(*events: Any) -> list[Event]:
    decoder, grammar, seen = stream_decoder(), Grammar(), []
    for event in events:
        for each in decoder.feed(Frame(event if isinstance(event, str) else json.dumps(event))):
            grammar.admit(each)
            seen.append(each)
    seen += decoder.finish()
    return seen


def begun(**more: Any) -> JsonObject:
    return {"type": "response.created", "response": {"id": "r", "model": "m", **more}}


def ended(**more: Any) -> JsonObject:
    return {
        "type": "response.completed",
        "response": {"id": "r", "model": "m", "status": "completed", "output": [], **more},
    }


def test_servers_that_say_little() -> None:
    """No parts announced, no items announced, no created event."""
    events = fed(
        begun(),
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "message", "content": []}},
        {"type": "response.output_item.done", "output_index": 1, "item": {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}},
        {"type": "response.output_item.done", "output_index": 2, "item": {"type": "reasoning", "summary": [], "encrypted_content": "s"}},
        ended(),
        {"type": "response.output_text.delta", "delta": "after the end"},
    )  # fmt: skip
    response = fold(events)
    assert [type(block) for block in response.content] == [Text, ToolCall, Thinking]
    assert response.finish.reason is StopReason.TOOL_USE
    only_end = fed(ended())
    assert [type(event) for event in only_end] == [Start, Finish]


def test_parts_that_nobody_knows_stay_in_a_message() -> None:
    """By themselves they would be items, such as the call that this one looks like."""
    part = {"type": "function_call", "name": "f"}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    said = {"type": "output_text", "text": "a", "annotations": []}
    buffered = decode_response({"id": "r", "model": "m", "output": [{**message, "content": [said, part]}]})
    streamed = fold(
        fed(
            begun(),
            {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "a"},
            {"type": "response.content_part.done", "output_index": 0, "content_index": 1, "part": part},
            {"type": "response.output_item.done", "output_index": 0, "item": {**message, "content": [said, part]}},
            ended(),
        )
    )
    assert buffered.content == streamed.content
    text, opaque = buffered.content
    assert isinstance(text, Text)
    assert isinstance(opaque, Opaque)
    assert opaque.data == message
    assert buffered.finish.reason is StopReason.END_TURN
    again = encode_response(buffered, CONTEXT, Losses())
    assert again["output"][1] == message


def test_arguments_and_thoughts_that_come_at_the_end_only() -> None:
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": ""}
    custom = {"type": "custom_tool_call", "call_id": "d", "name": "g", "input": ""}
    thought = {"type": "reasoning", "summary": []}
    events = fed(
        begun(),
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        {"type": "response.output_item.added", "output_index": 1, "item": custom},
        {"type": "response.output_item.added", "output_index": 2, "item": thought},
        {"type": "response.output_item.done", "output_index": 0, "item": {**call, "arguments": '{"a":1}'}},
        {"type": "response.output_item.done", "output_index": 1, "item": {**custom, "input": 'say "x"'}},
        {"type": "response.output_item.done", "output_index": 2, "item": {**thought, "summary": [{"type": "summary_text", "text": "t"}]}},
        ended(),
    )  # fmt: skip
    first, second, third = fold(events).content
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert isinstance(third, Thinking)
    assert (first.arguments, json.loads(second.arguments), third.text) == ('{"a":1}', {"input": 'say "x"'}, "t")


def test_open_models_show_their_reasoning() -> None:
    events = fed(
        begun(),
        {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "hm"},
        {"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}},
        ended(),
    )  # fmt: skip
    (thought,) = fold(events).content
    assert isinstance(thought, Thinking)
    assert thought.text == "hm"


@pytest.mark.parametrize(
    "event",
    [
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "no"}},
        },
        {"type": "error", "code": "rate_limit_exceeded", "message": "no", "param": None},
        {"type": "error", "error": {"type": "server_error", "message": "no"}},
    ],
)
def test_failures(event: JsonObject) -> None:
    *_, last = fed(begun(), event, ended())
    assert isinstance(last, Failure)
    assert last.message == "no"


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        {"type": "response.completed"},
        {"type": "response.output_item.added", "item": 1},
        {"type": "response.output_item.added", "item": {"type": "function_call"}},
        {"type": "response.output_item.done", "item": {"type": "reasoning", "encrypted_content": 1}},
        {"type": "response.function_call_arguments.delta", "delta": "x"},
    ],
)
def test_what_is_no_stream(bad: Any) -> None:
    with pytest.raises(MalformedReply):
        fed(begun(), bad)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, StopReason.MAX_TOKENS),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, StopReason.REFUSAL),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, StopReason.OTHER),
        ({"status": "incomplete"}, StopReason.MAX_TOKENS),
        ({"status": "completed"}, StopReason.END_TURN),
    ],
)
def test_reasons(more: JsonObject, reason: StopReason) -> None:
    assert decode_response({"id": "r", "model": "m", "output": [], **more}).finish.reason is reason


def test_buffered_replies_that_are_none() -> None:
    with pytest.raises(StreamFailed):
        decode_response({"error": {"code": "server_error", "message": "no"}})
    for body in ({}, {"output": 1}, {"output": [{"type": "message", "content": [{"type": "output_text"}]}]}):
        with pytest.raises(MalformedReply):
            decode_response(body)


def test_leftovers_of_a_reply() -> None:
    response = decode_response({"id": "r", "model": "m", "output": [], "novel": 1, "metadata": {"k": "v"}})
    assert response.extras == Extras(OURS, {"novel": 1})
    assert encode_response(response, CONTEXT, Losses())["novel"] == 1


def test_usage_is_read_from_the_ends() -> None:
    assert buffered_usage(json.dumps(load("openai_responses/streams/text.json")).encode()) == USAGE
    assert streamed_usage(b"", stream("openai_responses/streams/text.sse")[-300:]) == USAGE
    for nothing in (b"", b'"usage": null}', b'"usage": {"a', b"{"):
        assert streamed_usage(b"", nothing) is None
        assert buffered_usage(nothing) is None


def test_errors_are_the_upstreams_own() -> None:
    body = b'{"error":{"message":"no","type":"invalid_request_error","param":"input","code":"x"}}'
    failure = decode_error(400, body)
    assert (failure.kind, failure.param) == (ErrorKind.INVALID_REQUEST, "input")
    assert json.loads(encode_error(failure)) == json.loads(body)
    assert (
        json.loads(encode_error(Failure(kind=ErrorKind.PERMISSION, message="m")))["error"]["type"] == "permission_error"
    )


def test_a_refusal_is_said_as_one() -> None:
    events = written(START, BlockStart(0, Refusal(text="")), TextDelta(0, "no"), BlockStop(0), FINISH)
    assert events[-1]["response"]["output"][0]["content"] == [{"type": "refusal", "refusal": "no"}]
    silent = written(
        START, BlockStart(0, Thinking(text="")), ThinkingDelta(0, "a"), ThinkingDelta(0, "b"), BlockStop(0), FINISH
    )
    assert silent[-1]["response"]["output"][0]["summary"] == [{"type": "summary_text", "text": "ab"}]

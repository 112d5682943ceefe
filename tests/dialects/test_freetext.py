"""Custom tools of Chat and Responses: functions of one text to others, and their text again for who asked so."""

from importlib import import_module
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, CompletionCreateParams

from lethe.dialects import anthropic, openai_chat, openai_responses
from lethe.dialects.codec import CODECS
from lethe.dialects.freetext import CLOSING, FREE_TEXT, OPENING, as_arguments, custom_names, escaped, free_text
from lethe.dialects.reply import ReplyContext
from lethe.errors import ReplyTooLarge
from lethe.ir.content import Dialect, ToolCall
from lethe.ir.events import ArgumentsDelta, BlockStart, BlockStop, Finish, Start, StopReason
from lethe.ir.grammar import fold, unfold
from lethe.ir.loss import Losses, Severity
from lethe.ir.response import Response
from lethe.wire.sse import Frame

CHAT = Dialect.OPENAI_CHAT
TEXT = 'a "patch"\n+1 \\ é'
GREP: dict[str, Any] = {"type": "custom", "custom": {"name": "grep", "description": "CANARY_tool"}}
BODY: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "custom", "custom": {"name": "grep", "input": TEXT}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "found"},
    ],
    "tools": [GREP],
    "tool_choice": {"type": "custom", "custom": {"name": "grep"}},
}
CONTEXT = ReplyContext(id="0" * 32, created=1, custom_tools=frozenset({"grep"}))
ANSWER = Response(
    id="x",
    model="m",
    content=(
        ToolCall(id="a", name="grep", arguments=as_arguments(TEXT)),
        ToolCall(id="b", name="look", arguments="{}"),
        ToolCall(id="c", name="grep", arguments='{"other":1}'),
    ),
    finish=Finish(reason=StopReason.TOOL_USE),
)


@given(st.text(st.characters(exclude_categories=()), max_size=40), st.integers(0, 40))
def test_wrapping_has_an_inverse(text: str, cut: int) -> None:
    assert free_text(as_arguments(text)) == text
    assert free_text(OPENING + escaped(text[:cut]) + escaped(text[cut:]) + CLOSING) == text


@pytest.mark.parametrize("arguments", ["", "{", "[]", '{"input":1}', '{"text":"x"}'])
def test_what_is_not_wrapped_stays_as_it_is(arguments: str) -> None:
    assert free_text(arguments) == arguments


def test_chat_reads_and_writes_the_same() -> None:
    request = openai_chat.decode_request(BODY)
    assert custom_names(request) == {"grep"}
    again = openai_chat.encode_request(request, losses := Losses())
    assert {name: again[name] for name in BODY} == BODY
    assert not losses
    pydantic.TypeAdapter[Any](CompletionCreateParams).validate_python(again)


@pytest.mark.parametrize("target", [Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES])
def test_others_get_a_function_of_one_text(target: Dialect) -> None:
    body = CODECS[target].encode_request(openai_chat.decode_request(BODY), losses := Losses())
    (tool,) = body["tools"]
    assert (tool["name"], tool["description"]) == ("grep", "CANARY_tool")
    assert FREE_TEXT in (tool.get("input_schema"), tool.get("parameters"))
    assert as_arguments(TEXT) in msgspec.json.encode(body).decode() or target is Dialect.OPENAI_RESPONSES
    assert body["tool_choice"]["type"] in ("tool", "function")
    assert not losses


@pytest.mark.parametrize(
    ("form", "lost"),
    [
        ({"type": "text"}, []),
        ({"type": "grammar", "grammar": {"syntax": "regex", "definition": "a"}}, [("$.tools[0].custom", Severity.DEGRADED)]),
    ],
)  # fmt: skip
def test_its_grammar_does_not_cross(form: dict[str, Any], lost: list[Any]) -> None:
    tool = {"type": "custom", "custom": {**GREP["custom"], "format": form}}
    request = openai_chat.decode_request({**BODY, "tools": [tool]})
    assert openai_chat.encode_request(request, Losses())["tools"] == [tool]
    anthropic.encode_request(request, losses := Losses())
    assert [(loss.path, loss.severity) for loss in losses] == lost


CALLS = [
    {"id": "a", "type": "custom", "custom": {"name": "grep", "input": TEXT}},
    {"id": "b", "type": "function", "function": {"name": "look", "arguments": "{}"}},
    {"id": "c", "type": "custom", "custom": {"name": "grep", "input": '{"other":1}'}},
]


def test_a_chat_caller_gets_its_text_back() -> None:
    body = openai_chat.encode_response(ANSWER, CONTEXT, losses := Losses())
    assert body["choices"][0]["message"]["tool_calls"] == CALLS
    ChatCompletion.model_validate(body)
    assert not losses
    plain = openai_chat.encode_response(ANSWER, ReplyContext(id="0", created=1), Losses())
    assert {call["type"] for call in plain["choices"][0]["message"]["tool_calls"]} == {"function"}


def test_a_chat_caller_gets_its_text_back_in_a_stream() -> None:
    encoder = openai_chat.stream_encoder(CONTEXT, losses := Losses())
    frames = [frame for event in unfold(ANSWER) for frame in encoder.encode(event)]
    assert not losses
    decoder = openai_chat.stream_decoder()
    data = [frame.decode().removeprefix("data: ").strip() for frame in frames]
    events = [event for each in data for event in decoder.feed(Frame(each, ""))]
    assert openai_chat.encode_response(fold(events), ReplyContext(id="0", created=1), Losses())["choices"][0]["message"][
        "tool_calls"
    ] == CALLS  # fmt: skip
    numbers = [call["index"] for each in data[:-1] for call in msgspec.json.decode(each)["choices"][:1] for call in call["delta"].get("tool_calls", ())]  # fmt: skip
    assert numbers == [0, 0, 1, 1, 2, 2]


def test_a_stream_in_pieces() -> None:
    def delta(**call: Any) -> str:
        return msgspec.json.encode({"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **call}]}}]}).decode()  # fmt: skip

    said = [
        delta(id="a", type="custom", custom={"name": "grep", "input": ""}),
        delta(custom={"input": 'say "'}),
        delta(custom={"input": 'x"'}),
        '{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}',
        "[DONE]",
    ]
    decoder = openai_chat.stream_decoder()
    response = fold(event for each in said for event in decoder.feed(Frame(each, "")))
    (call,) = response.content
    assert isinstance(call, ToolCall)
    assert (call.name, free_text(call.arguments), response.finish.reason) == ("grep", 'say "x"', StopReason.TOOL_USE)


def test_what_is_held_of_a_call_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("lethe.dialects.openai_chat.stream_encoder"), "MAX_HELD", 10)
    encoder = openai_chat.stream_encoder(CONTEXT, Losses())
    for event in (Start(id="x", model="m"), BlockStart(0, ToolCall(id="a", name="grep", arguments=""))):
        list(encoder.encode(event))
    list(encoder.encode(ArgumentsDelta(0, "x" * 10)))
    with pytest.raises(ReplyTooLarge):
        encoder.encode(ArgumentsDelta(0, "x"))
    assert list(encoder.encode(BlockStop(0)))


def test_a_call_that_responses_made_is_a_call_to_a_chat_caller() -> None:
    item = {"type": "custom_tool_call", "call_id": "a", "name": "grep", "input": TEXT}
    response = openai_responses.decode_response({"id": "r", "model": "m", "output": [item], "status": "completed"})
    body = openai_chat.encode_response(response, CONTEXT, Losses())
    assert body["choices"][0]["message"]["tool_calls"] == CALLS[:1]
    assert CODECS[CHAT].decode_response(body).content == openai_chat.decode_response(body).content


def test_calls_of_a_kind_that_nobody_knows_stay_whole() -> None:
    novel = {"id": "a", "type": "novel", "novel": {"x": 1}}
    turns = [{"role": "user", "content": "go"}, {"role": "assistant", "content": None, "tool_calls": [novel]}]
    request = openai_chat.decode_request({"model": "m", "messages": turns})
    assert openai_chat.encode_request(request, Losses())["messages"] == turns
    reply = Response(id="x", model="m", content=request.turns[1].content, finish=Finish(reason=StopReason.TOOL_USE))
    body = openai_chat.encode_response(reply, CONTEXT, Losses())
    assert body["choices"][0]["message"]["tool_calls"] == [novel]
    assert openai_chat.decode_response(body).finish.reason is StopReason.TOOL_USE
    encoder = openai_chat.stream_encoder(CONTEXT, Losses())
    frames = [frame for event in unfold(reply) for frame in encoder.encode(event)]
    deltas = [msgspec.json.decode(frame.removeprefix(b"data: "))["choices"] for frame in frames[:-1]]
    assert [c["delta"]["tool_calls"] for d in deltas for c in d if "tool_calls" in c["delta"]] == [
        [{"index": 0, **novel}]
    ]
    anthropic.encode_request(request, losses := Losses())
    assert [(loss.path, loss.severity) for loss in losses] == [("$.turns[1].content[0]", Severity.DROPPED)]

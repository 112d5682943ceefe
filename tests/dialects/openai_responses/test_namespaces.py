"""Tools in groups: the same again for OpenAI, tools like any other for everybody else, and calls that find back."""

from typing import Any

import msgspec
import pydantic
import pytest
from openai.types.responses import Response as OfficialResponse
from openai.types.responses import ResponseCreateParams, ResponseStreamEvent

from lethe.dialects import anthropic, openai_chat, openai_responses
from lethe.dialects.freetext import custom_names
from lethe.dialects.openai_responses.namespaces import namespaces
from lethe.dialects.openai_responses.places import locator
from lethe.dialects.reply import ReplyContext
from lethe.dialects.toolnames import fit
from lethe.ir.content import Dialect, ToolCall
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import unfold
from lethe.ir.loss import Loss, Losses, Severity
from lethe.ir.response import Response
from lethe.wire.sse import Frame

SCHEMA = {"type": "object", "properties": {"task": {"type": "string"}}}
SPAWN = {"type": "function", "name": "spawn", "description": "Starts one.", "parameters": SCHEMA, "strict": False}
PATCH = {"type": "custom", "name": "patch", "description": "Changes files.", "format": {"type": "text"}}
GROUP = {"type": "namespace", "name": "agents", "description": "CANARY_group", "tools": [SPAWN, PATCH]}
LOOK = {"type": "function", "name": "look", "parameters": SCHEMA, "strict": True}
PAST = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "go"}]},
    {"type": "function_call", "call_id": "a", "name": "spawn", "namespace": "agents", "arguments": '{"task":"x"}'},
    {"type": "custom_tool_call", "call_id": "b", "name": "patch", "namespace": "agents", "input": "+1"},
    {"type": "function_call_output", "call_id": "a", "output": "done"},
    {"type": "custom_tool_call_output", "call_id": "b", "output": "done"},
]
BODY: dict[str, Any] = {
    "model": "m",
    "input": PAST,
    "tools": [LOOK, GROUP, {**GROUP, "name": "more", "x_extra": 1, "tools": [SPAWN]}],
    "tool_choice": "auto",
    "store": False,
}


def decoded(body: dict[str, Any] = BODY) -> Any:
    return openai_responses.decode_request(body)


def test_the_same_again_for_openai() -> None:
    losses = Losses()
    again = openai_responses.encode_request(decoded(), losses)
    assert (again["tools"], again["input"], list(losses)) == (BODY["tools"], PAST, [])
    pydantic.TypeAdapter[Any](ResponseCreateParams).validate_python(again)


@pytest.mark.parametrize("target", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT])
def test_tools_like_any_other_for_others(target: Dialect) -> None:
    losses = Losses()
    fitted, names = fit(decoded(), target)
    codec = anthropic if target is Dialect.ANTHROPIC else openai_chat
    body = codec.encode_request(fitted, losses)
    tools = [tool.get("function", tool) for tool in body["tools"]]
    assert [tool["name"] for tool in tools] == ["look", "agents__spawn", "agents__patch", "more__spawn"]
    assert names == {}  # all of them fit
    text = msgspec.json.encode(body["messages"]).decode()
    assert text.count('"agents__spawn"') == text.count('"agents__patch"') == 1
    told = [(locator(BODY)(loss.path), loss.severity) for loss in losses if "namespace" in loss.path]
    assert told == [("$.tools[1].description", Severity.DEGRADED), ("$.tools[2].description", Severity.DEGRADED)]
    assert all(loss.severity is not Severity.DROPPED for loss in losses)


def context(body: dict[str, Any] = BODY) -> ReplyContext:
    request = decoded(body)
    return ReplyContext(id="0" * 32, created=1, custom_tools=custom_names(request), namespaces=namespaces(request))


REPLY = Response(
    id="x",
    model="m",
    content=(
        ToolCall(id="a", name="agents__spawn", arguments='{"task":"x"}'),
        ToolCall(id="b", name="agents__patch", arguments='{"input":"+1"}'),
        ToolCall(id="c", name="look", arguments="{}"),
        ToolCall(id="d", name="agents__unknown", arguments="{}"),
    ),
    finish=Finish(reason=StopReason.TOOL_USE),
)
CALLED = [
    ("function_call", "spawn", "agents"),
    ("custom_tool_call", "patch", "agents"),
    ("function_call", "look", None),
    ("function_call", "agents__unknown", None),
]


def named(items: list[Any]) -> list[tuple[str, str, str | None]]:
    return [(item.type, item.name, item.namespace) for item in items]


def test_calls_find_back_in_a_reply() -> None:
    body = openai_responses.encode_response(REPLY, context(), losses := Losses())
    assert named(OfficialResponse.model_validate(body).output) == CALLED
    assert not losses
    again = openai_responses.decode_response(body)
    assert [block.name for block in again.content if isinstance(block, ToolCall)] == [
        call.name for call in REPLY.content if isinstance(call, ToolCall)
    ]


def test_calls_find_back_in_a_stream() -> None:
    encoder = openai_responses.stream_encoder(context(), losses := Losses())
    frames = [frame for event in unfold(REPLY) for frame in encoder.encode(event)]
    events = [msgspec.json.decode(frame.split(b"data: ", 1)[1]) for frame in frames]
    official = [pydantic.TypeAdapter[Any](ResponseStreamEvent).validate_python(event) for event in events]
    assert named([event.item for event in official if event.type == "response.output_item.added"]) == CALLED
    assert named([event.item for event in official if event.type == "response.output_item.done"]) == CALLED
    assert not losses
    decoder = openai_responses.stream_decoder()
    back = [e for event in events for e in decoder.feed(Frame(msgspec.json.encode(event).decode(), event["type"]))]
    assert "agents__spawn" in str(back)


@pytest.mark.parametrize(
    "group",
    [
        {"type": "namespace", "name": "n", "description": "d", "tools": []},
        {"type": "namespace", "name": "n", "description": "d"},
        {"type": "namespace", "name": "n", "tools": [{"type": "web_search"}]},
        {"type": "namespace", "name": "n", "tools": [{"type": "function"}]},
        {"type": "namespace", "name": None, "tools": [SPAWN]},
        {"type": "namespace", "name": "n", "tools": "CANARY"},
        {"type": "tool_search", "name": "n", "tools": [SPAWN]},
    ],
)
def test_what_holds_other_things_stays_whole(group: dict[str, Any]) -> None:
    request = decoded({**BODY, "tools": [group], "input": "x"})
    assert openai_responses.encode_request(request, Losses())["tools"] == [group]
    losses = Losses()
    anthropic.encode_request(request, losses)
    assert [(loss.path, loss.severity) for loss in losses] == [("$.tools[0]", Severity.DROPPED)]


def test_names_that_are_too_long_are_cut_and_find_back() -> None:
    group = {**GROUP, "name": "n" * 40, "tools": [{**SPAWN, "name": "s" * 40}]}
    fitted, names = fit(decoded({**BODY, "tools": [group], "input": "x"}), Dialect.OPENAI_CHAT)
    (short,) = names
    assert fitted.tools[0].name == short
    assert len(short) == 64
    assert names[short] == "n" * 40 + "__" + "s" * 40


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("$.tools[0]", "$.tools[0]"),
        ("$.tools[1].strict", "$.tools[1].tools[0].strict"),
        ("$.tools[2].format", "$.tools[1].tools[1].format"),
        ("$.tools[3]", "$.tools[2].tools[0]"),
        ("$.tools[9]", "$.tools"),
    ],
)
def test_losses_are_told_where_the_tool_stands(path: str, place: str) -> None:
    assert locator(BODY)(path) == place
    assert locator({"input": "x"})(path) == "$.tools"


def test_a_loss_is_no_content() -> None:
    losses = Losses()
    openai_chat.encode_request(decoded(), losses)
    assert "CANARY" not in str(list(losses))
    assert Loss("$.tools[1].about_namespace", "field without a counterpart", Severity.DEGRADED) in losses

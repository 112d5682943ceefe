"""Tools, native tools and the choice among them."""

import pytest

from lethe.dialects.anthropic import decode_request, encode_request
from lethe.ir.content import Dialect, Extras, JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Tool, ToolChoice

LOOK = Tool(name="look", parameters={"type": "object"})
WIRE = {"name": "look", "input_schema": {"type": "object"}}


def encoded(
    choice: ToolChoice | None, parallel: bool | None, tools: tuple[Tool, ...] = (LOOK,)
) -> tuple[JsonObject, Losses]:
    losses = Losses()
    request = Request(model="m", turns=(), tools=tools, tool_choice=choice, parallel_tool_calls=parallel)
    return encode_request(request, losses), losses


# (choice and whether calls may be parallel, on the wire)
CHOICES: list[tuple[ToolChoice | None, bool | None, JsonObject | None]] = [
    (None, None, None),
    (None, True, None),
    (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    (ToolChoice("auto"), None, {"type": "auto"}),
    (ToolChoice("auto"), True, {"type": "auto", "disable_parallel_tool_use": False}),
    (ToolChoice("required"), False, {"type": "any", "disable_parallel_tool_use": True}),
    (ToolChoice("named", "look"), None, {"type": "tool", "name": "look"}),
    (ToolChoice("none"), None, {"type": "none"}),
    (ToolChoice("none"), False, {"type": "none"}),
]


@pytest.mark.parametrize(("choice", "parallel", "wire"), CHOICES)
def test_choices(choice: ToolChoice | None, parallel: bool | None, wire: JsonObject | None) -> None:
    body, losses = encoded(choice, parallel)
    assert body.get("tool_choice") == wire
    assert losses == []


@pytest.mark.parametrize(("choice", "parallel", "wire"), [c for c in CHOICES if c[0] is not None])
def test_choices_are_read_as_they_are_written(
    choice: ToolChoice | None, parallel: bool | None, wire: JsonObject | None
) -> None:
    request = decode_request({"model": "m", "messages": [], "tools": [WIRE], "tool_choice": wire})
    assert request.tool_choice == choice
    assert request.parallel_tool_calls == (parallel if choice != ToolChoice("none") else None)


def test_no_choice_among_no_tools() -> None:
    assert "tool_choice" not in encoded(None, False, ())[0]


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        (None, {"type": "object"}),
        ({}, {"type": "object"}),
        ({"properties": {}}, {"type": "object", "properties": {}}),
        ({"type": "object", "$defs": {}}, {"type": "object", "$defs": {}}),
    ],
)
def test_a_schema_has_a_type(parameters: JsonObject | None, schema: JsonObject) -> None:
    body, losses = encoded(None, None, (Tool(name="t", parameters=parameters),))
    assert body["tools"] == [{"name": "t", "input_schema": schema}]
    assert losses == []


def test_a_native_tool_is_kept_whole_and_named() -> None:
    native = {"type": "bash_20250124", "name": "bash", "cache_control": {"type": "ephemeral"}}
    nameless = {"type": "computer_toolset_20260801", "configs": {}}
    request = decode_request({"model": "m", "messages": [], "tools": [native, nameless]})
    assert [tool.name for tool in request.tools] == ["bash", "computer_toolset_20260801"]
    assert encode_request(request, Losses())["tools"] == [native, nameless]


def test_tools_of_other_apis_are_dropped() -> None:
    foreign = Tool(name="x", native=Opaque(dialect=Dialect.OPENAI_CHAT, data={"type": "custom"}))
    noted = Tool(name="look", parameters={"type": "object"}, extras=Extras(Dialect.GEMINI, {"novel": 1}))
    body, losses = encoded(None, False, (foreign, noted))
    assert body["tools"] == [WIRE]
    assert [(loss.severity, loss.path) for loss in losses] == [
        ("dropped", "$.tools[0]"),
        ("dropped", "$.tools[1].*"),
    ]
    body, _ = encoded(None, False, (foreign,))
    assert "tools" not in body
    assert "tool_choice" not in body

"""Tools and tool choices both ways."""

from typing import Any

import pytest

from lethe.dialects.freetext import FREE_TEXT
from lethe.dialects.openai_chat.tools import decode_choice, decode_tool, encode_tools
from lethe.ir.content import CacheHint, Dialect, Extras, JsonObject, Opaque
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import Request, Tool, ToolChoice
from lethe.wire.fields import Fields

OURS, ANTHROPIC = Dialect.OPENAI_CHAT, Dialect.ANTHROPIC
SEARCH = Tool(name="web_search", native=Opaque(dialect=ANTHROPIC, data={"type": "web_search_20250305"}))
PLAIN = Tool(name="f")
PLAIN_WIRE: JsonObject = {"type": "function", "function": {"name": "f"}}

TOOLS: list[tuple[JsonObject, Tool]] = [
    (PLAIN_WIRE, PLAIN),
    (
        {
            "type": "function",
            "novel": 1,
            "function": {
                "name": "f",
                "description": "d",
                "parameters": {"type": "object"},
                "strict": False,
                "other": 2,
            },
        },
        Tool(
            name="f",
            description="d",
            parameters={"type": "object"},
            strict=False,
            extras=Extras(OURS, {"novel": 1, "function": {"other": 2}}),
        ),
    ),
    (
        {"type": "custom", "custom": {"name": "grep"}},
        Tool(name="grep", parameters=FREE_TEXT, extras=Extras(OURS, {"type": "custom"})),
    ),
    (
        {"type": "custom", "custom": {"name": "grep", "description": "d", "format": {"type": "text"}}, "novel": 1},
        Tool(
            name="grep",
            description="d",
            parameters=FREE_TEXT,
            extras=Extras(OURS, {"novel": 1, "custom": {"format": {"type": "text"}}, "type": "custom"}),
        ),
    ),
    ({"type": "novel"}, Tool(name="novel", native=Opaque(dialect=OURS, data={"type": "novel"}))),
]


def encoded(**fields: Any) -> tuple[JsonObject, list[tuple[str, Severity]]]:
    losses = Losses()
    body = encode_tools(Request(model="m", turns=(), **fields), losses)
    return body, [(loss.path, loss.severity) for loss in losses]


@pytest.mark.parametrize(("wire", "tool"), TOOLS)
def test_tools(wire: JsonObject, tool: Tool) -> None:
    assert decode_tool(Fields(wire)) == tool
    assert encoded(tools=(tool,)) == ({"tools": [wire]}, [])


CHOICES: list[tuple[Any, ToolChoice]] = [
    ("auto", ToolChoice("auto")),
    ("none", ToolChoice("none")),
    ("required", ToolChoice("required")),
    ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
    (
        {"type": "function", "function": {"name": "f", "novel": 1}},
        ToolChoice("named", "f", Extras(OURS, {"function": {"novel": 1}})),
    ),
    ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("named", "f", Extras(OURS, {"type": "custom"}))),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
        ToolChoice(
            "required",
            None,
            Extras(OURS, {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}}),
        ),
    ),
]


@pytest.mark.parametrize(("wire", "choice"), CHOICES)
def test_choices(wire: Any, choice: ToolChoice) -> None:
    assert decode_choice(wire) == choice
    assert encoded(tools=(PLAIN,), tool_choice=choice) == ({"tools": [PLAIN_WIRE], "tool_choice": wire}, [])


@pytest.mark.parametrize("wire", [None, "novel", {"type": "novel"}, 7])
def test_unknown_choices_are_not_guessed(wire: Any) -> None:
    assert decode_choice(wire) is None


def test_a_foreign_native_tool_does_not_leak_through() -> None:
    tools = (SEARCH, Tool(name="f", cache=CacheHint(), extras=Extras(ANTHROPIC, {"novel": 1})))
    assert encoded(tools=tools, tool_choice=ToolChoice("named", "web_search"), parallel_tool_calls=False) == (
        {"tools": [PLAIN_WIRE], "parallel_tool_calls": False},
        [
            ("$.tools[0]", Severity.DROPPED),
            ("$.tools[1].cache", Severity.HINT),
            ("$.tools[1].*", Severity.DROPPED),
            ("$.tool_choice", Severity.DEGRADED),
        ],
    )


def test_a_choice_needs_tools() -> None:
    assert encoded(tools=(SEARCH,), tool_choice=ToolChoice("auto"), parallel_tool_calls=True) == (
        {},
        [("$.tools[0]", Severity.DROPPED), ("$.tool_choice", Severity.DEGRADED)],
    )
    assert encoded(tools=(SEARCH,)) == ({}, [("$.tools[0]", Severity.DROPPED)])
    assert encoded(tool_choice=ToolChoice("none")) == ({"tool_choice": "none"}, [])


def test_leftovers_of_a_foreign_choice_are_losses() -> None:
    choice = ToolChoice("auto", None, Extras(ANTHROPIC, {"novel": 1}))
    assert encoded(tools=(PLAIN,), tool_choice=choice) == (
        {"tools": [PLAIN_WIRE], "tool_choice": "auto"},
        [("$.tool_choice.*", Severity.DROPPED)],
    )

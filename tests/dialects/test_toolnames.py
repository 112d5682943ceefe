"""Names of tools: what each API takes, and the way back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.dialects.codec import CODECS
from lethe.dialects.toolnames import LONGEST, fit, fitting, renamed
from lethe.ir.content import Dialect, Text, ToolCall
from lethe.ir.loss import Losses

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
LONG = "mcp__" + "a" * 80 + "__read_file"  # as Claude Code names the tools of a server with a long name
SHORT = "mcp__" + "a" * 48 + "_5097860a07"

CASES: list[tuple[str, Dialect, str]] = [
    ("f", CHAT, "f"),
    ("Bash-2_x", CHAT, "Bash-2_x"),
    ("a" * 64, CHAT, "a" * 64),
    ("a" * 65, CHAT, "a" * 53 + "_635361c48b"),
    (LONG, CHAT, SHORT),
    (LONG, ANTHROPIC, LONG),
    ("a" * 128, ANTHROPIC, "a" * 128),
    ("a" * 129, ANTHROPIC, "a" * 117 + "_c12cb024a2"),
    ("files.read", ANTHROPIC, "files_read_601e4eb608"),
    ("", ANTHROPIC, "_e3b0c44298"),
    ("\ud800", CHAT, "__91a681b998"),
    ("files.read:x-1", Dialect.GEMINI, "files.read:x-1"),
    ("1st", Dialect.GEMINI, "_st_e01ddf6594"),
]


@pytest.mark.parametrize(("name", "target", "expected"), CASES)
def test_fitting(name: str, target: Dialect, expected: str) -> None:
    assert fitting(name, target) == expected


@given(st.text(max_size=200), st.sampled_from(list(LONGEST)))
def test_whatever_comes_fits_and_then_stays(name: str, target: Dialect) -> None:
    made = fitting(name, target)
    assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_.:-]*" if target is Dialect.GEMINI else r"[a-zA-Z0-9_-]+", made)
    assert len(made) <= LONGEST[target]
    assert fitting(made, target) == made


def body(name: str) -> dict[str, Any]:
    """A name in all the places where one may stand."""
    call = {"type": "tool_use", "id": "a", "name": name, "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    return {
        "model": "m",
        "max_tokens": 9,
        "tools": [{"name": name, "input_schema": {"type": "object"}}, {"name": "g", "input_schema": {}}],
        "tool_choice": {"type": "tool", "name": name},
        "messages": [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}],
    }


def test_every_place_of_a_request_is_renamed_and_nothing_is_lost() -> None:
    request, names = fit(CODECS[ANTHROPIC].decode_request(body(LONG)), CHAT)
    losses = Losses()
    made = CODECS[CHAT].encode_request(request, losses)
    function = {"name": SHORT}
    assert [tool["function"]["name"] for tool in made["tools"]] == [SHORT, "g"]
    assert made["tool_choice"] == {"type": "function", "function": function}
    assert made["messages"][0]["tool_calls"][0]["function"]["name"] == SHORT
    assert losses == []
    assert names == {SHORT: LONG}


def test_a_request_whose_names_fit_is_left_alone() -> None:
    request = CODECS[ANTHROPIC].decode_request(body("f"))
    made, names = fit(request, CHAT)
    assert made is request
    assert names == {}


def test_a_name_in_the_history_only_is_renamed_too() -> None:
    history = {**body(LONG), "tools": [{"name": "g", "input_schema": {}}], "tool_choice": {"type": "auto"}}
    request, _ = fit(CODECS[ANTHROPIC].decode_request(history), CHAT)
    assert [b.name for b in request.turns[0].content if isinstance(b, ToolCall)] == [SHORT]
    assert request.tool_choice is not None
    assert request.tool_choice.name is None


def test_a_tool_of_the_provider_keeps_its_name() -> None:
    native = {**body("f"), "tools": [{"type": "web.search", "name": "web.search"}], "tool_choice": {"type": "auto"}}
    request, names = fit(CODECS[ANTHROPIC].decode_request(native), CHAT)
    assert (request.tools[0].name, names) == ("web.search", {})


def test_the_way_back() -> None:
    call, other = ToolCall(id="a", name=SHORT, arguments=""), ToolCall(id="a", name="g", arguments="")
    assert renamed(call, {SHORT: LONG}) == ToolCall(id="a", name=LONG, arguments="")
    assert renamed(other, {SHORT: LONG}) is other
    assert renamed(Text(text=SHORT), {SHORT: LONG}) == Text(text=SHORT)

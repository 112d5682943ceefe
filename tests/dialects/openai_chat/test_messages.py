"""Turns of any dialect as chat messages."""

import pytest

from lethe.dialects.openai_chat import decode_request, encode_request
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import Request, Role, Turn

ANTHROPIC, OURS = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
PNG = Media(kind="image", media_type="image/png", data="AAAA")
PNG_PART: JsonObject = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
NATIVE = Opaque(dialect=ANTHROPIC, data={"type": "server_tool_use", "id": "x"})


def messages(
    *turns: Turn, system: tuple[ContentBlock, ...] = ()
) -> tuple[list[JsonObject], list[tuple[str, Severity]]]:
    losses = Losses()
    body = encode_request(Request(model="m", turns=turns, system=system), losses)
    return body["messages"], [(loss.path, loss.severity) for loss in losses]


def turn(role: Role, *content: ContentBlock) -> Turn:
    return Turn(role=role, content=content)


def text(value: str) -> JsonObject:
    return {"type": "text", "text": value}


def test_system_blocks_become_one_message_without_attribution() -> None:
    header = Text(text="x-anthropic-billing-header: cc_version=2.1")
    system = (header, Text(text="one", cache=CacheHint("1h")), Text(text="two"))
    assert messages(system=system) == (
        [{"role": "system", "content": [text("one"), text("two")]}],
        [("$.system[1].cache", Severity.HINT)],
    )
    assert messages(system=(header,)) == ([], [])
    assert messages(system=(Text(text="one"),)) == ([{"role": "system", "content": "one"}], [])


def test_tool_results_come_first_and_their_images_follow() -> None:
    made = messages(
        turn(
            "user",
            ToolResult(call_id="a", is_error=True, content=(Text(text="no such file"), PNG)),
            ToolResult(call_id="b", content=()),
            ToolResult(call_id="c", is_error=True, content=(Text(text="1"), Text(text="2"))),
            Text(text="look"),
        )
    )
    assert made == (
        [
            {"role": "tool", "tool_call_id": "a", "content": "Error: no such file"},
            {"role": "tool", "tool_call_id": "b", "content": ""},
            {"role": "tool", "tool_call_id": "c", "content": [text("Error: 1"), text("2")]},
            {"role": "user", "content": [PNG_PART, text("look")]},
        ],
        [
            ("$.turns[0].content[0].content[1]", Severity.DEGRADED),
            ("$.turns[0].content[0].is_error", Severity.DEGRADED),
            ("$.turns[0].content[2].is_error", Severity.DEGRADED),
        ],
    )


def test_a_failed_call_whose_result_is_no_text() -> None:
    novel = Opaque(dialect=Dialect.OPENAI_CHAT, data={"type": "novel"})
    made, _ = messages(turn("user", ToolResult(call_id="a", is_error=True, content=(novel,))))
    assert made == [{"role": "tool", "tool_call_id": "a", "content": [text("Error:"), {"type": "novel"}]}]


def test_a_result_s_text_document_stays_in_it() -> None:
    document = Media(kind="document", media_type="text/plain", data="plain", title="T")
    made = messages(turn("user", ToolResult(call_id="a", content=(document,), cache=CacheHint())))
    assert made == (
        [{"role": "tool", "tool_call_id": "a", "content": "T\n\nplain"}],
        [("$.turns[0].content[0].content[0]", Severity.DEGRADED), ("$.turns[0].content[0].cache", Severity.HINT)],
    )


def test_assistant_turns() -> None:
    made = messages(
        turn(
            "assistant",
            Thinking(text="hm"),
            Text(text="one"),
            Text(text="two", citations=({"cited_text": "c"},)),
            ToolCall(id="a", name="f", arguments='{"x":', cache=CacheHint()),
        )
    )
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":'}}
    assert made == (
        [{"role": "assistant", "content": [text("one"), text("two")], "tool_calls": [call], "reasoning_content": "hm"}],
        [("$.turns[0].content[3].cache", Severity.HINT), ("$.turns[0].content[2].citations", Severity.DEGRADED)],
    )


def test_sealed_thinking_rides_in_details() -> None:
    """Where its API sealed it; what others sealed is text."""
    made, losses = messages(
        turn(
            "assistant",
            Thinking(text="hm", signature=Signature(OURS, "S")),
            Thinking(text="", signature=Signature(OURS, "D"), redacted=True),
            Thinking(text="foreign", signature=Signature(ANTHROPIC, "S")),
            Thinking(text="", signature=Signature(ANTHROPIC, "D"), redacted=True),
            Text(text="x"),
        )
    )
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "S"},
        {"type": "reasoning.encrypted", "data": "D"},
        {"type": "reasoning.text", "text": "foreign"},
    ]
    assert made == [{"role": "assistant", "content": "x", "reasoning_details": details}]
    assert losses == [("$.turns[0].content[2]", Severity.HINT), ("$.turns[0].content[3]", Severity.DEGRADED)]


def test_blocks_in_an_order_that_chat_lacks() -> None:
    made, losses = messages(turn("assistant", Text(text="a"), Thinking(text="b"), Thinking(text="c")))
    assert made == [{"role": "assistant", "content": "a", "reasoning_content": "b\n\nc"}]
    assert losses == [("$.turns[0]", Severity.DEGRADED), ("$.turns[0].content[2]", Severity.HINT)]


ODD: list[tuple[Turn, list[JsonObject], list[tuple[str, Severity]]]] = [
    (turn("user"), [{"role": "user", "content": ""}], []),
    (turn("assistant"), [{"role": "assistant", "content": ""}], []),
    (turn("system", Text(text="x")), [{"role": "system", "content": "x"}], []),
    (turn("assistant", Refusal(text="no")), [{"role": "assistant", "content": None, "refusal": "no"}], []),
    (
        turn("assistant", Refusal(text="no"), Refusal(text="never")),
        [
            {
                "role": "assistant",
                "content": [{"type": "refusal", "refusal": "no"}, {"type": "refusal", "refusal": "never"}],
            }
        ],
        [],
    ),
    (
        turn("user", Refusal(text="no")),
        [{"role": "user", "content": "no"}],
        [("$.turns[0].content[0]", Severity.DEGRADED)],
    ),
    (turn("user", NATIVE), [{"role": "user", "content": ""}], [("$.turns[0].content[0]", Severity.DROPPED)]),
    (turn("assistant", NATIVE), [{"role": "assistant", "content": ""}], [("$.turns[0].content[0]", Severity.DROPPED)]),
    (
        turn("user", Thinking(text="x")),
        [{"role": "user", "content": ""}],
        [("$.turns[0].content[0]", Severity.DROPPED)],
    ),
    (
        Turn(role="user", content=(Text(text="x"),), extras=Extras(ANTHROPIC, {"novel": 1})),
        [{"role": "user", "content": "x"}],
        [("$.turns[0].*", Severity.DROPPED)],
    ),
    (
        Turn(
            role="user",
            content=(ToolResult(call_id="a", content=()), ToolResult(call_id="b", content=())),
            extras=Extras(ANTHROPIC, {"novel": 1}),
        ),
        [{"role": "tool", "tool_call_id": "a", "content": ""}, {"role": "tool", "tool_call_id": "b", "content": ""}],
        [("$.turns[0].*", Severity.DROPPED)],
    ),
]


@pytest.mark.parametrize(("said", "made", "losses"), ODD)
def test_odd_turns(said: Turn, made: list[JsonObject], losses: list[tuple[str, Severity]]) -> None:
    assert messages(said) == (made, losses)


def system_of(*said: JsonObject) -> Request:
    return decode_request({"model": "m", "messages": list(said)})


def test_leading_messages_are_the_system_and_later_ones_are_turns() -> None:
    request = system_of(
        {"role": "system", "content": "a"},
        {"role": "developer", "content": ""},
        {"role": "developer", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "system", "content": "d"},
    )
    assert [b.text for b in request.system if isinstance(b, Text)] == ["a", "b"]
    assert [t.role for t in request.turns] == ["user", "system"]


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "developer", "content": "a"}],
        [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}],
        [{"role": "system", "name": "n", "content": "a"}],
        [{"role": "system", "name": "n", "content": ""}],
    ],
)
def test_system_messages_come_back_as_they_were(said: list[JsonObject]) -> None:
    losses = Losses()
    assert encode_request(system_of(*said), losses)["messages"] == said
    assert losses == []


def test_empty_and_null_say_nothing() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said = {"role": "assistant", "content": "", "refusal": None, "tool_calls": [call], "reasoning_content": ""}
    request = system_of({"role": "user", "content": "x"}, said)
    assert request.turns[1].content == (ToolCall(id="a", name="f", arguments="{}"),)
    assert request.turns[1].extras is None

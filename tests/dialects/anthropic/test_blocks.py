"""Single content blocks: in the model, back, and in an OpenAI Chat request."""

import pytest
from tests.dialects.cases import load

from lethe.dialects import openai_chat
from lethe.dialects.anthropic import decode_request
from lethe.dialects.anthropic.blocks import decode_block, encode_block, tool_id
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses, Severity
from lethe.wire.fields import Fields

OURS = Dialect.ANTHROPIC
BASE64 = {"type": "base64", "media_type": "image/png", "data": "AA=="}
PLAIN = {"type": "text", "media_type": "text/plain", "data": "plain"}
FILE = {"type": "file", "file_id": "f"}

# (on the wire, in the model)
BLOCKS: list[tuple[JsonObject, ContentBlock]] = [
    ({"type": "text", "text": "t"}, Text(text="t")),
    ({"type": "text", "text": "t", "cache_control": {"type": "ephemeral"}}, Text(text="t", cache=CacheHint())),
    (
        {"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1d", "x": 1}},
        Text(text="t", cache=CacheHint(), extras=Extras(OURS, {"cache_control": {"ttl": "1d", "x": 1}})),
    ),
    ({"type": "text", "text": "t", "citations": [{"a": 1}]}, Text(text="t", citations=({"a": 1},))),
    (
        {"type": "thinking", "thinking": "t", "signature": "s"},
        Thinking(text="t", signature=Signature(OURS, "s")),
    ),
    (
        {"type": "thinking", "thinking": "t", "signature": "lethe:openai-chat:s"},
        Thinking(text="t", signature=Signature(Dialect.OPENAI_CHAT, "s")),
    ),
    ({"type": "thinking", "thinking": "t", "signature": ""}, Thinking(text="t")),
    (
        {"type": "redacted_thinking", "data": "d"},
        Thinking(text="", signature=Signature(OURS, "d"), redacted=True),
    ),
    (
        {"type": "tool_use", "id": "i", "name": "n", "input": {"b": [1.5, None], "a": "ü"}},
        ToolCall(id="i", name="n", arguments='{"b":[1.5,null],"a":"ü"}'),
    ),
    (
        {"type": "tool_result", "tool_use_id": "i", "content": [{"type": "text", "text": "t"}], "is_error": True},
        ToolResult(call_id="i", content=(Text(text="t"),), is_error=True),
    ),
    ({"type": "image", "source": BASE64}, Media(kind="image", media_type="image/png", data="AA==")),
    ({"type": "image", "source": {"type": "url", "url": "u"}}, Media(kind="image", url="u")),
    ({"type": "image", "source": FILE}, Opaque(dialect=OURS, data={"type": "image", "source": FILE})),
    (
        {"type": "document", "source": PLAIN, "title": "T"},
        Media(kind="document", media_type="text/plain", data="plain", title="T"),
    ),
    (
        {"type": "document", "source": {**BASE64, "media_type": "application/pdf", "x": 1}},
        Media(
            kind="document", media_type="application/pdf", data="AA==", extras=Extras(OURS, {"source": {"x": 1}})
        ),
    ),
    (
        {"type": "tool_reference", "tool_name": "n", "x": 1},
        Text(
            text="Tool loaded: n",
            extras=Extras(OURS, {"tool_reference": {"type": "tool_reference", "tool_name": "n", "x": 1}}),
        ),
    ),
    ({"type": "server_tool_use", "id": "i"}, Opaque(dialect=OURS, data={"type": "server_tool_use", "id": "i"})),
    ({"type": "future"}, Opaque(dialect=OURS, data={"type": "future"})),
]  # fmt: skip


@pytest.mark.parametrize(("wire", "block"), BLOCKS)
def test_read_and_written(wire: JsonObject, block: ContentBlock) -> None:
    losses = Losses()
    assert decode_block(Fields(wire)) == block
    assert encode_block(block, "$", losses) == wire
    assert losses == []


@pytest.mark.parametrize(
    ("media", "wire", "losses"),
    [
        (
            Media(kind="image", url="u", media_type="image/png", title="T"),
            {"type": "image", "source": {"type": "url", "url": "u"}},
            [("hint", "$.b.media_type"), ("hint", "$.b.title")],
        ),
        (Media(kind="audio", data="x"), None, [("dropped", "$.b")]),
    ],
)
def test_media_of_others(media: Media, wire: JsonObject | None, losses: list[tuple[str, str]]) -> None:
    lost = Losses()
    assert encode_block(media, "$.b", lost) == wire
    assert [(loss.severity, loss.path) for loss in lost] == losses


@pytest.mark.parametrize(
    ("given", "taken"), [("toolu_01-A", "toolu_01-A"), ("call.1", "call_2e_1"), ("", "_"), ("é", "_e9_")]
)
def test_ids(given: str, taken: str) -> None:
    assert tool_id(given) == taken


def test_claude_codes_search_for_tools_has_a_result_elsewhere() -> None:
    """A conversation with a deferred tool, its search and what was found must not be refused."""
    request, losses = decode_request(load("anthropic/requests/claude_code.json")), Losses()
    body = openai_chat.encode_request(request, losses)
    told = next(m for m in body["messages"] if m.get("tool_call_id") == "toolu_02")
    assert "Tool loaded: CronCreate" in str(told["content"])
    assert [loss for loss in losses if loss.severity is Severity.DROPPED] == []
    assert any(loss.path.endswith("tool_reference") and loss.severity is Severity.DEGRADED for loss in losses)

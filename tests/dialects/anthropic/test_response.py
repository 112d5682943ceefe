"""Buffered replies: identity, the official types, malformed ones, and replies of other dialects."""

from typing import Any

import pytest
from anthropic.types.beta import BetaMessage
from tests.dialects.cases import CANARY, load, names

from lethe.dialects.anthropic import decode_response, encode_response
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind, MalformedReply
from lethe.ir.content import (
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
)
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.ir.response import Response
from lethe.ir.usage import Usage

REPLIES = names("anthropic/replies", ".json")
CONTEXT = ReplyContext(id="ours", created=1)


def encoded(*content: ContentBlock, reason: StopReason = StopReason.END_TURN, **more: Any) -> tuple[JsonObject, Losses]:
    losses = Losses()
    reply = Response(id="", model="m", content=content, finish=Finish(reason=reason, **more))
    return encode_response(reply, CONTEXT, losses), losses


@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_comes_back_identical(name: str) -> None:
    body, losses = load(f"anthropic/replies/{name}.json"), Losses()
    assert encode_response(decode_response(body), CONTEXT, losses) == body
    assert losses == []


@pytest.mark.parametrize("name", REPLIES)
def test_the_official_types_take_the_fixtures(name: str) -> None:
    BetaMessage.model_validate(load(f"anthropic/replies/{name}.json"))


def test_nulls_of_a_reply_say_nothing() -> None:
    body = load("anthropic/replies/text.json")
    nulls = {"container": None, "stop_details": None, "context_management": None, "diagnostics": None}
    assert decode_response({**body, **nulls}) == decode_response(body)


def test_usage_is_disjoint_and_knows_thinking() -> None:
    usage = decode_response(load("anthropic/replies/thinking.json")).finish.usage
    assert usage == Usage(input=5, cache_read=900, output=40, reasoning=30)


# Replies that the API does not send
MALFORMED: list[JsonObject] = [
    {},
    {"content": None},
    {"content": CANARY},
    {"content": [CANARY]},
    {"content": [{"type": "text", "text": [CANARY]}]},
    {"content": [], "usage": CANARY},
    {"content": [], "id": [CANARY]},
    {"content": [], "stop_reason": [CANARY]},
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_replies_are_not_quoted(body: JsonObject) -> None:
    with pytest.raises(MalformedReply) as caught:
        decode_response(body)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


ERRORS: list[tuple[JsonObject, ErrorKind, str]] = [
    ({"type": "error", "error": {"type": "overloaded_error", "message": CANARY}}, ErrorKind.OVERLOADED, CANARY),
    ({"error": {"message": CANARY}}, ErrorKind.API, CANARY),
    ({"error": CANARY}, ErrorKind.API, CANARY),
    ({"type": "error"}, ErrorKind.API, "the upstream answered with an error"),
]


@pytest.mark.parametrize(("body", "kind", "message"), ERRORS)
def test_an_error_under_a_status_of_success_is_one(body: JsonObject, kind: ErrorKind, message: str) -> None:
    with pytest.raises(StreamFailed) as caught:
        decode_response(body)
    assert (caught.value.failure.kind, caught.value.failure.message) == (kind, message)
    assert CANARY not in repr(caught.value)


# (what ended a reply elsewhere, what it held, the API's word)
REASONS: list[tuple[StopReason, ContentBlock, str]] = [
    (StopReason.END_TURN, Text(text="t"), "end_turn"),
    (StopReason.MAX_TOKENS, Text(text="t"), "max_tokens"),
    (StopReason.CONTEXT_WINDOW, Text(text="t"), "model_context_window_exceeded"),
    (StopReason.TOOL_USE, ToolCall(id="c", name="n", arguments="{}"), "tool_use"),
    (StopReason.STOP_SEQUENCE, Text(text="t"), "stop_sequence"),
    (StopReason.REFUSAL, Text(text="t"), "refusal"),
    (StopReason.PAUSE, Text(text="t"), "pause_turn"),
    (StopReason.OTHER, Text(text="t"), "end_turn"),
    (StopReason.END_TURN, Refusal(text="no"), "refusal"),
    (StopReason.MAX_TOKENS, Refusal(text="no"), "max_tokens"),
]


@pytest.mark.parametrize(("reason", "block", "word"), REASONS)
def test_reasons(reason: StopReason, block: ContentBlock, word: str) -> None:
    body, losses = encoded(block, reason=reason, raw_reason="their word")
    assert body["stop_reason"] == word
    assert losses == []
    BetaMessage.model_validate(body)


def test_a_reply_of_another_dialect() -> None:
    """Ids are supplied, foreign seals wrapped, truncated arguments kept; the rest is reported."""
    theirs = Signature(Dialect.OPENAI_CHAT, "s")
    body, losses = encoded(
        Thinking(text="t", signature=theirs),
        Thinking(text="", signature=theirs, redacted=True),
        Thinking(text="unsigned"),
        Text(text="x", logprobs=({"token": "x"},)),
        ToolCall(id="c", name="n", arguments='{"a'),
        Media(kind="audio", data="x"),
        Opaque(dialect=Dialect.OPENAI_CHAT, data={"type": "y"}),
        extras=Extras(Dialect.OPENAI_CHAT, {"system_fingerprint": "f"}),
    )
    assert body["id"] == "ours"
    assert body["content"] == [
        {"type": "thinking", "thinking": "t", "signature": "lethe:openai-chat:s"},
        {"type": "redacted_thinking", "data": "lethe:openai-chat:s"},
        {"type": "thinking", "thinking": "unsigned", "signature": ""},
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "c", "name": "n", "input": {"_unparsed": '{"a'}},
    ]
    assert [(loss.severity, loss.path) for loss in losses] == [
        ("hint", "$.content[3].logprobs"),
        ("degraded", "$.content[4]"),
        ("dropped", "$.content[5]"),
        ("dropped", "$.content[6]"),
        ("hint", "$.finish.system_fingerprint"),
    ]
    BetaMessage.model_validate(body)
    seals = [b.signature for b in decode_response(body).content if isinstance(b, Thinking)]
    assert seals == [theirs, theirs, None]

"""Thinking in a message: text, details, seals, and the copies that clients send of them."""

import msgspec
import pytest

from lethe.dialects.openai_chat.reasoning import decode_reasoning, encode_reasoning
from lethe.ir.content import ContentBlock, Dialect, Extras, JsonObject, Opaque, Signature, Thinking
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

OURS, ANTHROPIC = Dialect.OPENAI_CHAT, Dialect.ANTHROPIC


def sealed(text: str, value: str, issuer: Dialect = ANTHROPIC, **extras: object) -> Thinking:
    return Thinking(
        text=text, signature=Signature(issuer, value), extras=Extras(OURS, dict(extras)) if extras else None
    )


def detail(**fields: object) -> JsonObject:
    return {"type": "reasoning.text", **fields}


SAID: list[tuple[JsonObject, tuple[ContentBlock, ...], JsonObject]] = [
    ({}, (), {}),
    ({"reasoning_content": "", "reasoning": None}, (), {}),
    ({"reasoning_content": "a"}, (Thinking(text="a"),), {}),
    ({"reasoning": "a"}, (Thinking(text="a", extras=Extras(OURS, {"field": "reasoning"})),), {}),
    ({"reasoning_content": "a", "reasoning": "b"}, (Thinking(text="a"),), {"reasoning": "b"}),
    ({"reasoning_details": [detail(text="a", signature="lethe:anthropic:S")]}, (sealed("a", "S"),), {}),
    ({"reasoning_details": [detail(text="a", signature="S")]}, (sealed("a", "S", OURS),), {}),
    (
        {"reasoning": "a", "reasoning_details": [detail(text="a", signature="S")]},
        (sealed("a", "S", OURS),),
        {"reasoning": "a"},
    ),
    # as our own stream sends them: the text here, its seal there
    (
        {"reasoning_content": "a", "reasoning_details": [detail(signature="lethe:anthropic:S", index=0)]},
        (sealed("a", "S", index=0),),
        {},
    ),
    # fragments, echoed one by one
    (
        {
            "reasoning_details": [
                detail(text="a", index=0),
                detail(text="b", index=0),
                detail(signature="lethe:anthropic:S", index=0),
                detail(text="c", index=1),
            ]
        },
        (sealed("ab", "S", index=0), Thinking(text="c", extras=Extras(OURS, {"index": 1}))),
        {},
    ),
    ({"reasoning_details": [detail(text="a")]}, (Thinking(text="a"),), {}),
    (
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "lethe:anthropic:D"}]},
        (Thinking(text="", signature=Signature(ANTHROPIC, "D"), redacted=True),),
        {},
    ),
    (
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "s"}]},
        (Thinking(text="s", extras=Extras(OURS, {"type": "reasoning.summary"})),),
        {},
    ),
    (
        {"reasoning_details": [{"type": "reasoning.encrypted"}]},
        (Opaque(dialect=OURS, data={"type": "reasoning_detail", "reasoning_detail": {"type": "reasoning.encrypted"}}),),
        {},
    ),
]


@pytest.mark.parametrize(("message", "blocks", "repeated"), SAID)
def test_decode(message: JsonObject, blocks: tuple[ContentBlock, ...], repeated: JsonObject) -> None:
    f = Fields(message)
    assert decode_reasoning(f) == (blocks, repeated)
    assert f.rest(OURS) is None or "reasoning" in message


@pytest.mark.parametrize(("message", "blocks", "repeated"), SAID)
def test_encoding_keeps_the_blocks(message: JsonObject, blocks: tuple[ContentBlock, ...], repeated: JsonObject) -> None:
    losses = Losses()
    blocks = tuple(_ours(block) for block in blocks)
    fields = encode_reasoning([(f"$[{i}]", b) for i, b in enumerate(blocks)], losses)
    assert decode_reasoning(Fields(fields))[0] == blocks
    assert losses == []


def _ours(block: ContentBlock) -> ContentBlock:
    if not isinstance(block, Thinking) or block.signature is None:
        return block
    return msgspec.structs.replace(block, signature=Signature(OURS, block.signature.value))


def test_seals_of_others_stay_behind() -> None:
    """Upstreams check seals, and servers that read plain reasoning do not look into details."""
    losses = Losses()
    blocks = [
        ("$[0]", sealed("a", "S")),
        ("$[1]", Thinking(text="", signature=Signature(ANTHROPIC, "D"), redacted=True)),
        ("$[2]", Thinking(text="b")),
    ]
    assert encode_reasoning(blocks, losses) == {"reasoning_content": "a\n\nb"}
    assert [f"{loss.severity} {loss.path}" for loss in losses] == ["hint $[0]", "degraded $[1]", "hint $[2]"]


def test_plain_blocks_are_joined() -> None:
    losses = Losses()
    blocks = [("$[0]", Thinking(text="a")), ("$[1]", Thinking(text="b"))]
    assert encode_reasoning(blocks, losses) == {"reasoning_content": "a\n\nb"}
    assert [loss.path for loss in losses] == ["$[1]"]

"""Content parts both ways."""

import pytest

from lethe.dialects.openai_chat.parts import decode_part, encode_content, encode_part
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
)
from lethe.ir.loss import Losses, Severity
from lethe.wire.fields import Fields

OURS = Dialect.OPENAI_CHAT


def extras(**fields: object) -> Extras:
    return Extras(OURS, dict(fields))


PARTS: list[tuple[JsonObject, ContentBlock]] = [
    ({"type": "text", "text": "x"}, Text(text="x")),
    ({"type": "text", "text": "x", "novel": 1}, Text(text="x", extras=extras(novel=1))),
    ({"type": "refusal", "refusal": "x"}, Refusal(text="x")),
    ({"type": "image_url", "image_url": {"url": "https://e.com/i"}}, Media(kind="image", url="https://e.com/i")),
    (
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
        Media(kind="image", media_type="image/png", data="AA"),
    ),
    ({"type": "image_url", "image_url": {"url": "data:;base64,AA"}}, Media(kind="image", media_type="", data="AA")),
    (
        {"type": "image_url", "image_url": {"url": "data:image/svg+xml,<svg/>"}},
        Media(kind="image", url="data:image/svg+xml,<svg/>"),
    ),
    (
        {"type": "image_url", "image_url": {"url": "u", "detail": "low"}},
        Media(kind="image", url="u", extras=extras(image_url={"detail": "low"})),
    ),
    ({"type": "image_url", "image_url": "u"}, Opaque(dialect=OURS, data={"type": "image_url", "image_url": "u"})),
    (
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}},
        Media(kind="audio", media_type="audio/wav", data="AA"),
    ),
    (
        {"type": "input_audio", "input_audio": {"data": "AA", "format": "flac"}},
        Media(kind="audio", media_type="audio/flac", data="AA"),
    ),
    (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}},
        Media(kind="document", media_type="application/pdf", data="AA", title="a.pdf"),
    ),
    ({"type": "file", "file": {"file_data": "AA", "filename": "a"}}, Media(kind="document", data="AA", title="a")),
    ({"type": "file", "file": {"file_id": "f"}}, Opaque(dialect=OURS, data={"type": "file", "file": {"file_id": "f"}})),
    (
        {"type": "thinking", "thinking": "x"},
        Opaque(dialect=OURS, data={"type": "thinking", "thinking": "x"}),
    ),
    ({"type": "novel", "id": 3}, Opaque(dialect=OURS, data={"type": "novel", "id": 3})),
]


def test_a_thought_in_parts_goes_into_a_field_of_the_message() -> None:
    part = {"type": "thinking", "thinking": [{"type": "text", "text": "x"}, 1, {"text": "y"}], "closed": True}
    assert decode_part(Fields(part)) == Thinking(text="xy", extras=extras(closed=True))


@pytest.mark.parametrize(("part", "block"), PARTS)
def test_both_ways(part: JsonObject, block: ContentBlock) -> None:
    losses = Losses()
    assert decode_part(Fields(part)) == block
    assert encode_part(block, "$", losses) == part
    assert losses == []


@pytest.mark.parametrize(
    ("mark", "hint"),
    [
        ({"prompt_cache_breakpoint": {"mode": "explicit"}}, CacheHint()),
        ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, CacheHint("1h")),
        ({"cache_control": {"type": "ephemeral"}}, CacheHint()),
        ({"cache_control": {"type": "ephemeral", "ttl": "5m"}}, CacheHint("5m")),
        ({"cache_control": "secret"}, None),
        ({}, None),
    ],
)
def test_cache_breakpoints(mark: JsonObject, hint: CacheHint | None) -> None:
    part = {"type": "text", "text": "x", **mark}
    block, losses = decode_part(Fields(part)), Losses()
    assert block.cache == hint
    assert encode_part(block, "$", losses) == part
    assert losses == []


TRANSLATED: list[tuple[ContentBlock, JsonObject | None, list[tuple[str, Severity]]]] = [
    (
        Media(kind="document", media_type="application/pdf", data="AA"),
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AA", "filename": "document.pdf"}},
        [],
    ),
    (
        Media(kind="document", media_type="text/plain", data="words"),
        {"type": "text", "text": "words"},
        [("$", Severity.DEGRADED)],
    ),
    (Media(kind="document", media_type="application/pdf", url="https://e.com/d"), None, [("$", Severity.DROPPED)]),
    (Media(kind="audio", url="https://e.com/a"), None, [("$", Severity.DROPPED)]),
    (
        Media(kind="image", url="u", title="t"),
        {"type": "image_url", "image_url": {"url": "u"}},
        [("$.title", Severity.DEGRADED)],
    ),
    (Text(text="x", cache=CacheHint("5m")), {"type": "text", "text": "x"}, [("$.cache", Severity.HINT)]),
]


@pytest.mark.parametrize(("block", "part", "losses"), TRANSLATED)
def test_toward_chat(block: ContentBlock, part: JsonObject | None, losses: list[tuple[str, Severity]]) -> None:
    reported = Losses()
    assert encode_part(block, "$", reported) == part
    assert [(loss.path, loss.severity) for loss in reported] == losses


def test_one_bare_text_is_a_string() -> None:
    assert encode_content([("$", Text(text="x"))], Losses()) == "x"
    assert encode_content([], Losses()) == ""
    assert encode_content([("$", Text(text="x", extras=extras(novel=1)))], Losses()) == [
        {"type": "text", "text": "x", "novel": 1}
    ]

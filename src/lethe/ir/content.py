"""Content blocks: the vocabulary of a conversation.

A block keeps three things that a naive common model loses: fields that we do not model (`extras`),
provider-sealed tokens with their provenance (`Signature`), and blocks that we cannot interpret (`Opaque`).
"""

from enum import StrEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

JsonObject: TypeAlias = dict[str, Any]


class Dialect(StrEnum):
    """A wire protocol. The value is its name in the configuration."""

    ANTHROPIC = "anthropic"
    OPENAI_CHAT = "openai-chat"
    OPENAI_RESPONSES = "openai-responses"
    GEMINI = "gemini"
    CONVERSE = "converse"


class Extras(Struct, frozen=True):
    """Fields of one dialect that have no place in the model; replayed only to that dialect."""

    dialect: Dialect
    fields: JsonObject


class Signature(Struct, frozen=True):
    """A sealed token. It means something only to the dialect that issued it."""

    issuer: Dialect
    value: str


class CacheHint(Struct, frozen=True):
    """A prompt-cache breakpoint after the block it rides on."""

    ttl: Literal["5m", "1h"] | None = None


class Block(Struct, frozen=True, kw_only=True):
    cache: CacheHint | None = None
    extras: Extras | None = None


class Text(Block, frozen=True, tag="text"):
    text: str
    citations: tuple[JsonObject, ...] = ()
    logprobs: tuple[JsonObject, ...] = ()  # one object a token, in OpenAI's shape


class Refusal(Block, frozen=True, tag="refusal"):
    text: str


class Thinking(Block, frozen=True, tag="thinking"):
    text: str
    signature: Signature | None = None
    redacted: bool = False  # nothing to read; the signature holds all of it


class Media(Block, frozen=True, tag="media"):
    """Exactly one of `data` (base64; plain for text/plain documents) and `url` is set."""

    kind: Literal["image", "document", "audio"]
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None


class ToolCall(Block, frozen=True, tag="tool_call"):
    id: str
    name: str
    arguments: str  # JSON text, possibly truncated: never parsed here


class ToolResult(Block, frozen=True, tag="tool_result"):
    call_id: str
    content: tuple["ContentBlock", ...]
    is_error: bool = False


class Opaque(Block, frozen=True, tag="opaque"):
    """A block that only its own dialect understands, whole."""

    dialect: Dialect
    data: JsonObject


ContentBlock: TypeAlias = Text | Refusal | Thinking | Media | ToolCall | ToolResult | Opaque

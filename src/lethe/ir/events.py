"""Streaming events and the grammar that they obey.

Start (BlockStart Delta* BlockStop)* Finish     blocks may overlap; a Ping may stand anywhere
Failure may replace anything, and ends the stream
"""

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from lethe.errors import ErrorKind
from lethe.ir.content import ContentBlock, Extras, JsonObject, Signature
from lethe.ir.usage import Usage


class StopReason(StrEnum):
    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    CONTEXT_WINDOW = "context_window"
    TOOL_USE = "tool_use"
    STOP_SEQUENCE = "stop_sequence"
    REFUSAL = "refusal"
    PAUSE = "pause"
    OTHER = "other"


class Start(Struct, frozen=True, kw_only=True, tag="start"):
    id: str
    model: str
    usage: Usage = Usage()
    extras: Extras | None = None


class BlockStart(Struct, frozen=True, tag="block_start"):
    """`block` holds no text yet, only what is known at its start (ids, names, an Opaque's whole)."""

    index: int
    block: ContentBlock


class TextDelta(Struct, frozen=True, tag="text"):
    """More of a Text or Refusal block."""

    index: int
    text: str


class ThinkingDelta(Struct, frozen=True, tag="thinking"):
    index: int
    text: str


class SignatureDelta(Struct, frozen=True, tag="signature"):
    index: int
    signature: Signature


class ArgumentsDelta(Struct, frozen=True, tag="arguments"):
    index: int
    json: str


class CitationDelta(Struct, frozen=True, tag="citation"):
    index: int
    citation: JsonObject


class LogprobsDelta(Struct, frozen=True, tag="logprobs"):
    index: int
    tokens: tuple[JsonObject, ...]


class OpaqueDelta(Struct, frozen=True, tag="opaque"):
    """A delta that only its dialect understands, for the Opaque block at `index`."""

    index: int
    data: JsonObject


class BlockStop(Struct, frozen=True, tag="block_stop"):
    index: int


class Finish(Struct, frozen=True, kw_only=True, tag="finish"):
    reason: StopReason
    raw_reason: str | None = None  # the upstream's own word
    stop_sequence: str | None = None
    usage: Usage = Usage()
    extras: Extras | None = None


class Failure(Struct, frozen=True, kw_only=True, tag="failure"):
    """An error in an upstream's answer. `message` and `wire` are content: for the caller only."""

    kind: ErrorKind
    message: str
    code: str | None = None  # the upstream's machine-readable code
    param: str | None = None
    retry_after: int | None = None  # seconds, where the body says so and not a header
    wire: Extras | None = None  # the whole error object, for its own dialect


class Ping(Struct, frozen=True, tag="ping"):
    pass


Delta: TypeAlias = (
    TextDelta | ThinkingDelta | SignatureDelta | ArgumentsDelta | CitationDelta | LogprobsDelta | OpaqueDelta
)
Event: TypeAlias = Start | BlockStart | Delta | BlockStop | Finish | Failure | Ping

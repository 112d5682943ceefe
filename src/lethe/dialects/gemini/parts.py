"""Parts of a content, of whoever said it (google-genai 3.6.1 types, Part)."""

from collections.abc import Sequence
from typing import assert_never

from lethe.dialects.gemini.calls import Pairing, decode_call
from lethe.dialects.gemini.media import BY_URL, INLINE, decode_by_url, decode_inline, encode_media
from lethe.dialects.gemini.overlay import OURS, leftovers, overlaid, whole
from lethe.dialects.gemini.proto import listed, message
from lethe.dialects.gemini.seals import SIGNATURE, joins, seal
from lethe.ir.content import (
    Block,
    ContentBlock,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

_BREAKPOINTS = frozenset({"prompt_cache_breakpoint", "cache_control"})  # as leftovers they are reported as such


class Blocks(list[ContentBlock]):
    """The blocks of a content, as its parts are added; `parts` are the numbers of the parts that they come from."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[int] = []

    def add(self, part: int, *blocks: ContentBlock) -> None:
        for block in blocks:
            if isinstance(block, Thinking) and joins(self[-1] if self else None, block):
                self[-1] = block  # the thought itself was shown, and rides with its seal as well
            else:
                self.append(block)
                self.parts.append(part)


def decode_parts(parts: Sequence[Fields], pairing: Pairing, made: str) -> Blocks:
    """All parts; `made` begins the ids of calls without any. Raises InvalidRequest."""
    blocks = Blocks()
    for number, f in enumerate(parts):
        blocks.add(number, *_decode_part(f, pairing, f"{made}{number}"))
    return blocks


def _decode_part(f: Fields, pairing: Pairing, made: str) -> tuple[ContentBlock, ...]:
    """A signature comes before what it stands on."""
    if isinstance(f.peek("text"), str):
        return decode_text(f)
    if isinstance(f.peek("functionCall"), dict):
        sealed = take_seal(f)
        call = decode_call(f, made)
        pairing.called(call)
        return (*sealed, call)
    if isinstance(response := f.peek("functionResponse"), dict):
        inner = [_file(message(part, f.path)) for part in listed(response.get("parts") or [])]
        return (pairing.decode_result(f, tuple(inner), made),)
    return decode_other(f)


def decode_text(f: Fields) -> tuple[ContentBlock, ...]:
    """A thought, or what was said. An empty text only holds its signature."""
    thought, text = f.take("thought", bool), f.require("text", str)
    if thought:
        sealed = take_seal(f)
        signature = sealed[0].signature if sealed else None
        return (Thinking(text=text, signature=signature, extras=leftovers(f)),)
    sealed, extras = take_seal(f), leftovers(f)
    return (*sealed, *((Text(text=text, extras=extras),) if text or extras else ()))


def decode_other(f: Fields) -> tuple[ContentBlock, ...]:
    """Media, or what only this API understands, whole."""
    if f.peek(INLINE) is None and f.peek(BY_URL) is None:
        return (_file(f),)
    held = f.take(SIGNATURE, str)
    block = _file(f)
    if not held:
        return (block,)
    if isinstance(block, Opaque):
        return (Opaque(dialect=OURS, data={**block.data, SIGNATURE: held}),)
    return seal(held), block


def _file(f: Fields) -> Media | Opaque:
    media = decode_inline(f) if f.peek(INLINE) is not None else decode_by_url(f)
    return media or Opaque(dialect=OURS, data=whole(f))


def take_seal(f: Fields) -> tuple[Thinking, ...]:
    value = f.take(SIGNATURE, str)
    return (seal(value),) if value else ()


# Encoding


def encode_spoken(block: ContentBlock, path: str, losses: Losses) -> JsonObject | None:
    """A part of text, media or what is this API's own; None, and perhaps a loss, where there is nothing to say."""
    match block:
        case Text(text=text, citations=citations):
            if citations:
                losses.degraded(f"{path}.citations", "citations")
            if not text and block.extras is None:
                return None
            part: JsonObject = {"text": text}
        case Refusal(text=text):
            losses.degraded(path, "refusal as text")
            if not text:
                return None
            part = {"text": text}
        case Media():
            part = encode_media(block, path, losses)
        case Opaque(dialect=dialect, data=data) if dialect is OURS:
            return data
        case Opaque() | Thinking() | ToolCall() | ToolResult():
            losses.dropped(path, "block without a counterpart")
            return None
        case _:
            assert_never(block)
    report_cache(block, path, losses)
    return overlaid(part, block.extras, path, losses)


def report_cache(block: Block, path: str, losses: Losses) -> None:
    """The API caches prefixes by itself, or under names of their own."""
    if block.cache is not None and (block.extras is None or _BREAKPOINTS.isdisjoint(block.extras.fields)):
        losses.hint(f"{path}.cache", "cache breakpoint")

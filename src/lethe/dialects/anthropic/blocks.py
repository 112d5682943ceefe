"""Content blocks on the wire (anthropic 2.13.0 types, ContentBlockParam and ContentBlock)."""

import re
from collections.abc import Callable
from typing import Literal, assert_never

from lethe.dialects.carrier import unwrap, wrap
from lethe.dialects.leftovers import merged
from lethe.errors import InvalidRequest
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
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses
from lethe.wire import lenient
from lethe.wire.fields import Fields

OURS = Dialect.ANTHROPIC
PLAIN_TEXT = "text/plain"
REFERENCE = "tool_reference"  # in a tool's result: a deferred tool is now loaded
UNPARSED = "_unparsed"  # an `input` must be an object, so arguments that are none ride in one under this name
_TTLS: dict[str, Literal["5m", "1h"]] = {"5m": "5m", "1h": "1h"}
_FOREIGN_ID_CHARACTER = re.compile(r"[^a-zA-Z0-9_-]")


def decode_content(f: Fields) -> tuple[ContentBlock, ...]:
    """`content` as a string or a list of blocks; a string is one Text."""
    return decode_blocks(f, "content", decode_block)


def decode_blocks(f: Fields, name: str, decode: Callable[[Fields], ContentBlock]) -> tuple[ContentBlock, ...]:
    """The field `name`, a string or a list of objects, through `decode`."""
    match f.peek(name):
        case None:
            f.raw(name)
            return ()
        case str():
            return (Text(text=f.require(name, str)),)
        case list():
            return tuple(decode(b) for b in f.items(name))
        case _:
            raise InvalidRequest(f"{f.path}.{name}", "expected a string or an array")


def decode_block(f: Fields) -> ContentBlock:
    """What we cannot interpret stays whole, as Opaque. Raises InvalidRequest."""
    if f.peek("type") == "tool_result":
        return _decode_result(f)
    return _decode_part(f)


def _decode_part(f: Fields) -> ContentBlock:
    """Any block but a tool result: results don't nest, so neither does the work."""
    kind = f.require("type", str)
    match kind:
        case "text":
            text, citations = f.require("text", str), f.take("citations", list[JsonObject], [])
            return Text(text=text, citations=tuple(citations), cache=take_cache(f), extras=f.rest(OURS))
        case "tool_use":
            return ToolCall(
                id=f.require("id", str),
                name=f.require("name", str),
                arguments=_arguments_text(f.take("input", dict, {})),
                cache=take_cache(f),
                extras=f.rest(OURS),
            )
        case "thinking":
            sealed = f.take("signature", str)
            text = f.require("thinking", str)
            return Thinking(text=text, signature=unwrap(sealed, OURS) if sealed else None, extras=f.rest(OURS))
        case "redacted_thinking":
            sealed = f.require("data", str)
            return Thinking(text="", signature=unwrap(sealed, OURS), redacted=True, extras=f.rest(OURS))
        case "tool_reference" if isinstance(name := f.peek("tool_name"), str):
            # others know their tools from the start; told in words, a search for tools has a result there too
            return Text(text=f"Tool loaded: {name}", extras=Extras(OURS, {REFERENCE: _whole(kind, f)}))
        case "image" | "document" if (source := _plain_source(f)) is not None:
            return _decode_media("image" if kind == "image" else "document", f, source)
        case _:
            return Opaque(dialect=OURS, data=_whole(kind, f))


def _whole(kind: str, f: Fields) -> JsonObject:
    rest = f.rest(OURS)
    return {"type": kind, **(rest.fields if rest else {})}


def _decode_result(f: Fields) -> ToolResult:
    f.raw("type")
    return ToolResult(
        call_id=f.require("tool_use_id", str),
        content=decode_blocks(f, "content", _decode_part),
        is_error=bool(f.take("is_error", bool)),
        cache=take_cache(f),
        extras=f.rest(OURS),
    )


def _plain_source(f: Fields) -> Fields | None:
    """The source of an image or document, if it is one that other dialects know (not a file id, not blocks)."""
    source = f.peek("source")
    known = isinstance(source, dict) and source.get("type") in ("base64", "url", "text")
    return f.child("source") if known else None


def _decode_media(kind: Literal["image", "document"], f: Fields, source: Fields) -> Media:
    how, data, url = source.require("type", str), None, None
    media_type = source.take("media_type", str)
    if how == "url":
        url = source.require("url", str)
    else:
        data = source.require("data", str)
    f.keep("source", source)
    return Media(
        kind=kind,
        media_type=media_type or (PLAIN_TEXT if how == "text" else None),
        data=data,
        url=url,
        title=f.take("title", str),
        cache=take_cache(f),
        extras=f.rest(OURS),
    )


def take_cache(f: Fields) -> CacheHint | None:
    """The breakpoint on a block or tool; what it says beyond ours stays a leftover."""
    control = f.peek("cache_control")
    if control is None:
        f.raw("cache_control")
        return None
    if not isinstance(control, dict) or control.get("type") != "ephemeral":
        return None
    child = Fields(f.raw("cache_control"), f"{f.path}.cache_control")
    child.raw("type")
    ttl = child.peek("ttl")
    known = _TTLS.get(ttl) if isinstance(ttl, str) else None
    if known or ttl is None:
        child.raw("ttl")
    f.keep("cache_control", child)
    return CacheHint(known)


def encode_cache(cache: CacheHint | None) -> JsonObject:
    """The `cache_control` field, if any."""
    if cache is None:
        return {}
    return {"cache_control": {"type": "ephemeral"} if cache.ttl is None else {"type": "ephemeral", "ttl": cache.ttl}}


def encode_block(block: ContentBlock, path: str, losses: Losses) -> JsonObject | None:
    """None, and a loss, where the block has no place here. Foreign seals are wrapped: see `carrier`."""
    match block:
        case Text(extras=Extras(dialect=Dialect.ANTHROPIC, fields={"tool_reference": dict(reference)})):
            return reference
        case Text(text=text, citations=citations):
            encoded: JsonObject = {"type": "text", "text": text}
            if citations:
                encoded["citations"] = list(citations)
        case Refusal(text=text):
            encoded = {"type": "text", "text": text}
        case Thinking():
            encoded = encode_thinking(block)
        case Media(kind="audio"):
            losses.dropped(path, "audio")
            return None
        case Media():
            encoded = _encode_media(block, path, losses)
        case ToolCall(id=id, name=name, arguments=arguments):
            tool_input = _input_object(arguments, path, losses)
            encoded = {"type": "tool_use", "id": tool_id(id), "name": name, "input": tool_input}
        case ToolResult():
            encoded = _encode_result(block, path, losses)
        case Opaque(dialect=Dialect.ANTHROPIC, data=data):
            return data
        case Opaque():
            losses.dropped(path, "block of another API")
            return None
        case _:
            assert_never(block)
    return merged({**encoded, **encode_cache(block.cache)}, block.extras, OURS, path, losses)


def encode_thinking(block: Thinking) -> JsonObject:
    """The block without leftovers; both fields are required, so an unsigned one has an empty signature."""
    sealed = wrap(block.signature, OURS) if block.signature else ""
    if block.redacted:
        return {"type": "redacted_thinking", "data": sealed}
    return {"type": "thinking", "thinking": block.text, "signature": sealed}


def is_blank(block: ContentBlock) -> bool:
    """A text that says nothing: the API refuses empty text blocks."""
    return isinstance(block, Text) and not block.text and block.extras is None


def tool_id(id: str) -> str:
    """An id as the API takes it (`^[a-zA-Z0-9_-]+$`); the same for a call and its result."""
    return _FOREIGN_ID_CHARACTER.sub(lambda found: f"_{ord(found.group()):x}_", id) or "_"


def _encode_result(block: ToolResult, path: str, losses: Losses) -> JsonObject:
    encoded: JsonObject = {"type": "tool_result", "tool_use_id": tool_id(block.call_id)}
    parts = [
        part
        for i, b in enumerate(block.content)
        if not is_blank(b) and (part := encode_block(b, f"{path}.content[{i}]", losses)) is not None
    ]
    if parts:
        encoded["content"] = parts
    if block.is_error:
        encoded["is_error"] = True
    return encoded


def _encode_media(media: Media, path: str, losses: Losses) -> JsonObject:
    if media.url is not None:
        source: JsonObject = {"type": "url", "url": media.url}
        if media.media_type is not None:
            losses.hint(f"{path}.media_type", "media type beside a URL")
    elif media.kind == "document" and media.media_type == PLAIN_TEXT:
        source = {"type": "text", "media_type": PLAIN_TEXT, "data": media.data or ""}
    else:
        source = {"type": "base64", "media_type": media.media_type, "data": media.data or ""}
    encoded: JsonObject = {"type": media.kind, "source": source}
    if media.title is not None and media.kind == "document":
        encoded["title"] = media.title
    elif media.title is not None:
        losses.hint(f"{path}.title", "title of an image")
    return encoded


def _arguments_text(tool_input: JsonObject) -> str:
    match tool_input:
        case {"_unparsed": str(text)} if len(tool_input) == 1:
            return text
        case _:
            return lenient.encode(tool_input).decode()


def _input_object(arguments: str, path: str, losses: Losses) -> JsonObject:
    try:
        value = lenient.decode(arguments or "{}")
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    losses.degraded(path, "tool arguments that are not a JSON object")
    return {UNPARSED: arguments}

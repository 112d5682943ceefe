"""Content parts of messages and of tool outputs (openai 3.57.0 types, ResponseInput*Param, ResponseOutput*Param)."""

from collections.abc import Iterator, Sequence
from typing import Any, assert_never

from lethe.dialects import openai
from lethe.dialects.openai import DEFAULT_FILENAME, report_cache, split_data_url
from lethe.dialects.openai_responses.overlay import OURS, leftovers, marked, overlaid, own, whole
from lethe.dialects.overlay import present
from lethe.dialects.textfile import PLAIN_TEXT, closed, opened
from lethe.ir.content import (
    CacheHint,
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

BREAKPOINT = "prompt_cache_breakpoint"
DEFAULT_DETAIL = "auto"
TEXTS = ("input_text", "output_text", "text")
SPOKEN = (*TEXTS, "refusal")  # what a model may say in parts that we know


def decode_content(content: Any, path: str) -> tuple[ContentBlock, ...]:
    """What stands in a message or in a tool's output."""
    return openai.decode_content(content, path, decode_part)


def decode_part(f: Fields) -> ContentBlock:
    """One part; what we cannot interpret stays whole."""
    match f.raw("type"):
        case kind if kind in TEXTS:
            logprobs = tuple(item for item in f.take("logprobs", list, []) if isinstance(item, dict))
            return Text(text=f.require("text", str), logprobs=logprobs, cache=cache_hint(f), extras=leftovers(f))
        case "refusal":
            return Refusal(text=f.require("refusal", str), extras=leftovers(f))
        case "input_image" if isinstance(f.peek("image_url"), str) and not f.peek("file_id"):
            return _decode_image(f)
        case "input_file" if _has_content(f):
            return _decode_file(f)
        case kind:
            return Opaque(dialect=OURS, data=whole(f, type=kind))


def cache_hint(f: Fields) -> CacheHint | None:
    """A breakpoint; the field itself stays among the leftovers. OpenAI's lifetimes are nearest to an hour."""
    mark = f.peek(BREAKPOINT)
    return CacheHint("1h" if mark.get("ttl") else None) if isinstance(mark, dict) else None


def encode_parts(
    blocks: Sequence[tuple[str, ContentBlock]], losses: Losses, *, spoken: bool = False
) -> Iterator[JsonObject]:
    """Blocks with their paths; `spoken` is what an assistant said, whose text has another type."""
    for path, block in blocks:
        part = _encode_part(block, path, losses, spoken=spoken)
        if part is not None:
            yield part


def _encode_part(block: ContentBlock, path: str, losses: Losses, *, spoken: bool) -> JsonObject | None:
    """None if there is no such part; that is then a loss."""
    match block:
        case Text(citations=citations):
            if citations:
                losses.degraded(f"{path}.citations", "citations")
            part: JsonObject | None = encode_text(block) if spoken else {"type": "input_text", "text": block.text}
        case Refusal(text=text):
            if not spoken:
                losses.degraded(path, "refusal as text")
            part = {"type": "refusal", "refusal": text} if spoken else {"type": "input_text", "text": text}
        case Media():
            part = _encode_media(block, path, losses)
        case Opaque(dialect=dialect, data=data) if dialect is OURS:
            return data
        case Opaque() | Thinking() | ToolCall() | ToolResult():
            losses.dropped(path, "block without a counterpart")
            return None
        case _:
            assert_never(block)
    if part is None:
        return None
    report_cache(block, path, losses)
    return overlaid(part, block.extras, path, losses)


def encode_text(block: Text) -> JsonObject:
    """What an assistant said."""
    part: JsonObject = {"type": "output_text", "text": block.text, "annotations": []}
    return part | present(logprobs=encode_logprobs(block.logprobs))


def encode_logprobs(tokens: Sequence[JsonObject]) -> list[JsonObject]:
    """Each with its bytes, which Chat may leave out and this API always says."""
    return [
        {"top_logprobs": [], **token, "bytes": token.get("bytes") or [], **_alternatives(token)} for token in tokens
    ]


def _alternatives(token: JsonObject) -> JsonObject:
    found = token.get("top_logprobs")
    if not isinstance(found, list):
        return {}
    return {"top_logprobs": [{**each, "bytes": each.get("bytes") or []} for each in found if isinstance(each, dict)]}


# Media


def _decode_image(f: Fields) -> Media:
    url, cache = f.require("image_url", str), cache_hint(f)
    f.raw("file_id")
    inline = split_data_url(url)
    if inline is None:
        return Media(kind="image", url=url, cache=cache, extras=leftovers(f))
    media_type, data = inline
    return Media(kind="image", media_type=media_type, data=data, cache=cache, extras=leftovers(f))


def _has_content(f: Fields) -> bool:
    """Inline, or by URL: a stored file is nothing that we could hand on."""
    found = isinstance(f.peek("file_data"), str) != isinstance(f.peek("file_url"), str)
    return found and not f.peek("file_id")


def _decode_file(f: Fields) -> Media:
    data, url, title = f.take("file_data", str), f.take("file_url", str), f.take("filename", str)
    f.raw("file_id")
    inline = split_data_url(data) if data is not None else None
    media_type, data = inline or (None, data)
    cache = cache_hint(f)
    extras = leftovers(f)
    if (text := opened(media_type, data)) is not None:
        media_type, data, extras = PLAIN_TEXT, text, marked(extras, type="input_file")
    return Media(kind="document", media_type=media_type, data=data, url=url, title=title, cache=cache, extras=extras)


def _encode_media(media: Media, path: str, losses: Losses) -> JsonObject | None:
    match media:
        case Media(kind="image", url=url, media_type=media_type, data=data):
            if media.title:
                losses.degraded(f"{path}.title", "image title")
            shown = url or f"data:{media_type or ''};base64,{data or ''}"
            return {"type": "input_image", "image_url": shown, "detail": DEFAULT_DETAIL}
        case Media(kind="document", media_type="text/plain", data=str(data), title=title) if not own(media.extras):
            losses.degraded(path, "document as text")
            return {"type": "input_text", "text": f"{title}\n\n{data}" if title else data}
        case Media(kind="document", media_type=media_type, data=str(data), title=title):
            content = data if media_type is None else f"data:{media_type};base64,{closed(media_type, data)}"
            return {"type": "input_file", "file_data": content, "filename": title or DEFAULT_FILENAME}
        case Media(kind="document", url=str(url), title=title):
            if title:
                losses.degraded(f"{path}.title", "title of a document by URL")
            return {"type": "input_file", "file_url": url}
        case _:
            losses.dropped(path, "media of a kind that this API does not take")
            return None

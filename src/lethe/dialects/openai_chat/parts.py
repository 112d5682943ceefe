"""Content parts: what stands in a message's `content` (openai 3.57.0 types, ChatCompletionContentPart*Param)."""

from collections.abc import Iterator, Sequence
from typing import Any, assert_never

from lethe.dialects import openai
from lethe.dialects.openai import BREAKPOINTS, DEFAULT_FILENAME, report_cache, split_data_url
from lethe.dialects.openai_chat.overlay import OURS, leftovers, marked, overlaid, own, present, whole
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

_TEXT = {"type", "text"}
AUDIO_TYPES = {"wav": "audio/wav", "mp3": "audio/mpeg"}
AUDIO_FORMATS = {media_type: name for name, media_type in AUDIO_TYPES.items()}


def decode_content(content: Any, path: str) -> tuple[ContentBlock, ...]:
    """A message's `content`."""
    return openai.decode_content(content, path, decode_part)


def decode_part(f: Fields) -> ContentBlock:
    """One part; what we cannot interpret stays whole."""
    match f.raw("type"):
        case "text":
            return Text(text=f.require("text", str), cache=cache_hint(f), extras=leftovers(f))
        case "thinking" if isinstance(f.peek("thinking"), list):
            return Thinking(text=thought_of(f.raw("thinking")), extras=leftovers(f))
        case "refusal":
            return Refusal(text=f.require("refusal", str), extras=leftovers(f))
        case "image_url" if isinstance(f.peek("image_url"), dict):
            return _decode_image(f)
        case "input_audio" if isinstance(f.peek("input_audio"), dict):
            return _decode_audio(f)
        case "file" if _is_inline(f.peek("file")):
            return _decode_file(f)
        case kind:
            return Opaque(dialect=OURS, data=whole(f, type=kind))


def thought_of(pieces: Any) -> str:
    """The text of a thinking part (mistralai 3.7.0, ThinkChunk)."""
    texts = (piece.get("text") for piece in pieces if isinstance(piece, dict)) if isinstance(pieces, list) else ()
    return "".join(text for text in texts if isinstance(text, str))


def cache_hint(f: Fields) -> CacheHint | None:
    """A breakpoint, in OpenAI's or OpenRouter's spelling; the field itself stays among the leftovers."""
    for name in BREAKPOINTS:
        if isinstance(mark := f.peek(name), dict):
            # OpenAI's lifetimes (30m, 12h) are nearest to an hour
            return CacheHint("5m" if mark.get("ttl") == "5m" else "1h" if mark.get("ttl") else None)
    return None


def encode_content(blocks: Sequence[tuple[str, ContentBlock]], losses: Losses) -> str | list[JsonObject]:
    """Blocks with their paths. One bare text is a string, as old servers expect; else parts, to keep boundaries."""
    parts = list(encode_parts(blocks, losses))
    if len(parts) == 1 and parts[0].keys() == _TEXT and isinstance(text := parts[0]["text"], str):
        return text
    return parts or ""


def encode_parts(blocks: Sequence[tuple[str, ContentBlock]], losses: Losses) -> Iterator[JsonObject]:
    for path, block in blocks:
        part = encode_part(block, path, losses)
        if part is not None:
            yield part


def encode_part(block: ContentBlock, path: str, losses: Losses) -> JsonObject | None:
    """None if there is no such part; that is then a loss."""
    match block:
        case Text(text=text, citations=citations):
            if citations:
                losses.degraded(f"{path}.citations", "citations")
            part: JsonObject | None = {"type": "text", "text": text}
        case Refusal(text=text):
            part = {"type": "refusal", "refusal": text}
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


# Media


def _decode_image(f: Fields) -> Media:
    image = Fields(f.raw("image_url"), f"{f.path}.image_url")
    url, cache = image.require("url", str), cache_hint(f)
    inline = split_data_url(url)
    if inline is None:
        return Media(kind="image", url=url, cache=cache, extras=leftovers(f, image_url=image))
    media_type, data = inline
    return Media(kind="image", media_type=media_type, data=data, cache=cache, extras=leftovers(f, image_url=image))


def _decode_audio(f: Fields) -> Media:
    audio = Fields(f.raw("input_audio"), f"{f.path}.input_audio")
    name = audio.require("format", str)
    media_type = AUDIO_TYPES.get(name, f"audio/{name}")
    data, cache = audio.require("data", str), cache_hint(f)
    return Media(kind="audio", media_type=media_type, data=data, cache=cache, extras=leftovers(f, input_audio=audio))


def _is_inline(file: Any) -> bool:
    return isinstance(file, dict) and isinstance(file.get("file_data"), str) and not file.get("file_id")


def _decode_file(f: Fields) -> Media:
    file = Fields(f.raw("file"), f"{f.path}.file")
    content = file.require("file_data", str)
    media_type, data = split_data_url(content) or (None, content)
    title, cache = file.take("filename", str), cache_hint(f)
    extras = leftovers(f, file=file)
    if (text := opened(media_type, data)) is not None:
        media_type, data, extras = PLAIN_TEXT, text, marked(extras, type="file")
    return Media(kind="document", media_type=media_type, data=data, title=title, cache=cache, extras=extras)


def _encode_media(media: Media, path: str, losses: Losses) -> JsonObject | None:
    match media:
        case Media(kind="image", url=url, media_type=media_type, data=data):
            if media.title:
                losses.degraded(f"{path}.title", "image title")
            return {"type": "image_url", "image_url": {"url": url or f"data:{media_type or ''};base64,{data or ''}"}}
        case Media(kind="audio", media_type=media_type, data=str(data)):
            name = AUDIO_FORMATS.get(media_type or "", (media_type or "audio/wav").removeprefix("audio/"))
            return {"type": "input_audio", "input_audio": {"data": data, "format": name}}
        case Media(kind="document", media_type="text/plain", data=str(data), title=title) if not own(media.extras):
            losses.degraded(path, "document as text")
            return {"type": "text", "text": f"{title}\n\n{data}" if title else data}
        case Media(kind="document", media_type=media_type, data=str(data), title=title):
            content = data if media_type is None else f"data:{media_type};base64,{closed(media_type, data)}"
            return {"type": "file", "file": present(file_data=content, filename=title or DEFAULT_FILENAME)}
        case _:
            losses.dropped(path, "media by URL")  # Chat fetches images only
            return None

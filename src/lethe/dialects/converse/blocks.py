"""Content blocks on the wire, objects of one field each (botocore 1.44.8, bedrock-runtime, ContentBlock)."""

import re
from hashlib import sha256
from typing import Any, assert_never

from lethe.dialects.anthropic.blocks import UNPARSED
from lethe.dialects.converse.families import Family, Place
from lethe.dialects.converse.families import Thinking as Ways
from lethe.dialects.converse.media import Names, encode_media
from lethe.dialects.converse.overlay import OURS, overlaid
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses
from lethe.wire import lenient

EMPTY = "(empty)"  # a tool's result must say something
ERROR = "Error:"
LONGEST_ID = 64
_FOREIGN_ID = re.compile(r"[^a-zA-Z0-9_.:-]")  # ToolUseId
_ID_DIGITS = 16


class Content:
    """Encodes the blocks of one request for a family of models."""

    def __init__(self, family: Family, losses: Losses) -> None:
        self._family = family
        self._losses = losses
        self._names = Names()

    def encode(self, block: ContentBlock, path: str, *, spoken: bool) -> list[list[JsonObject]]:
        """Blocks, each with the cache point that follows it; none, and a loss, where there is no place for it.

        `spoken` is what an assistant said. Images of a tool's result may come beside it.
        """
        match block:
            case Text(text=text, citations=citations):
                if citations:
                    self._losses.degraded(f"{path}.citations", "citations")
                made = self._text(text, path)
            case Refusal(text=text):
                self._losses.degraded(path, "refusal as text")
                made = self._text(text, path)
            case Thinking():
                made = self._thinking(block, path)
            case Media() if spoken:
                self._losses.dropped(path, "media said by an assistant")
                made = None
            case Media():
                made = encode_media(block, self._names, path, self._losses)
            case ToolCall(id=id, name=name, arguments=arguments):
                made = {"toolUse": {"toolUseId": tool_id(id), "name": name, "input": self._input(arguments, path)}}
            case ToolResult():
                return self._result(block, path)
            case Opaque():
                self._losses.dropped(path, "block of another API")
                made = None
            case _:
                assert_never(block)
        return self._followed(block, made, path)

    def cache_point(self, cache: CacheHint | None, place: Place, path: str) -> list[JsonObject]:
        """What a breakpoint becomes."""
        if cache is None:
            return []
        if place not in self._family.cached:
            self._losses.hint(f"{path}.cache", "cache breakpoint")
            return []
        if cache.ttl != "1h":  # five minutes are the default
            return [{"cachePoint": {"type": "default"}}]
        if not self._family.hour:
            self._losses.hint(f"{path}.cache", "lifetime of a cache")
            return [{"cachePoint": {"type": "default"}}]
        return [{"cachePoint": {"type": "default", "ttl": cache.ttl}}]

    def _followed(self, block: ContentBlock, made: JsonObject | None, path: str) -> list[list[JsonObject]]:
        if not isinstance(block, Opaque):
            overlaid({}, block.extras, path, self._losses)
        if made is None:
            return []
        return [[made, *self.cache_point(block.cache, "messages", path)]]

    def _text(self, text: str, path: str) -> JsonObject | None:
        if text.strip():
            return {"text": text}
        if text:
            self._losses.hint(path, "text of spaces only, which the API refuses")
        return None

    def _thinking(self, block: Thinking, path: str) -> JsonObject | None:
        """Claude verifies seals, which are valid on all platforms; other models take no thinking back unsealed."""
        match block.signature:
            case None:
                self._losses.degraded(path, "thinking without a signature")
                return None
            case Signature(issuer=issuer, value=value) if issuer is OURS and block.redacted:
                return {"reasoningContent": {"redactedContent": value}}
            case Signature(issuer=issuer, value=value) if issuer is OURS or self._is_claudes(issuer, block):
                return {"reasoningContent": {"reasoningText": {"text": block.text, "signature": value}}}
            case _:
                self._losses.degraded(path, "thinking sealed by another API")
                return None

    def _is_claudes(self, issuer: Dialect, block: Thinking) -> bool:
        # platform.claude.com, "Extended thinking": signatures are compatible across platforms (read 2026-11-29)
        return issuer is Dialect.ANTHROPIC and self._family.thinking is Ways.CLAUDE and not block.redacted

    def _input(self, arguments: str, path: str) -> JsonObject:
        try:
            value = lenient.decode(arguments or "{}")
        except ValueError:
            value = None
        if isinstance(value, dict):
            return value
        self._losses.degraded(path, "tool arguments that are not a JSON object")
        return {UNPARSED: arguments}

    def _result(self, result: ToolResult, path: str) -> list[list[JsonObject]]:
        parts: list[JsonObject] = []
        beside: list[list[JsonObject]] = []
        for i, block in enumerate(result.content):
            where = f"{path}.content[{i}]"
            made = self._part(block, where)
            if made is not None and "image" in made and not self._family.results:
                self._losses.degraded(where, "image of a tool's result beside it")
                beside.append([made])
            elif made is not None:
                parts.append(made)
        if not parts and not result.is_error:
            self._losses.hint(path, "empty result as a word")
            parts.append({"text": EMPTY})
        encoded: JsonObject = {"toolUseId": tool_id(result.call_id), "content": parts}
        if result.is_error and self._family.results:
            encoded["status"] = "error"
        if result.is_error and not (self._family.results and parts):
            if not self._family.results:
                self._losses.degraded(f"{path}.is_error", "is_error as text")
            parts.insert(0, {"text": ERROR})
        overlaid({}, result.extras, path, self._losses)
        return [[{"toolResult": encoded}, *self.cache_point(result.cache, "messages", path)], *beside]

    def _part(self, block: ContentBlock, path: str) -> JsonObject | None:
        """A part of a tool's result; no cache point may stand there."""
        if isinstance(block, Text | Media) and block.cache:
            self._losses.hint(f"{path}.cache", "cache breakpoint in a tool's result")
        match block:
            case Text(text=text):
                made = self._text(text, path)
            case Media(kind="image" | "document"):
                made = encode_media(block, self._names, path, self._losses)
            case _:
                self._losses.dropped(path, "block without a counterpart")
                return None
        overlaid({}, block.extras, path, self._losses)
        return made


def tool_id(id: str) -> str:
    """An id as the API takes it; the same for a call and its result."""
    fitting = _FOREIGN_ID.sub(lambda found: f"_{ord(found.group()):x}_", id) or "_"
    if len(fitting) <= LONGEST_ID:
        return fitting
    digest = sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]
    return f"{fitting[: LONGEST_ID - _ID_DIGITS - 1]}_{digest}"


# Decoding


def decode_block(data: Any) -> ContentBlock | None:
    """A block of a reply; what we cannot interpret stays whole. None for a text that says nothing."""
    match data:
        case {"text": str(text)}:
            return Text(text=text) if text else None
        case {"toolUse": {"toolUseId": str(id), "name": str(name), "input": arguments, **rest}} if "type" not in rest:
            return ToolCall(id=id, name=name, arguments=arguments_text(arguments))
        case {"reasoningContent": {"reasoningText": {"text": str(text), **rest}}}:
            sealed = rest.get("signature")
            return Thinking(text=text, signature=seal(sealed) if isinstance(sealed, str) and sealed else None)
        case {"reasoningContent": {"redactedContent": str(sealed)}}:
            return Thinking(text="", signature=seal(sealed), redacted=True)
        case {"citationsContent": {"content": list(content), **rest}}:
            text = "".join(
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )
            cited = rest.get("citations")
            found = (citation(c) for c in cited if isinstance(c, dict)) if isinstance(cited, list) else ()
            return Text(text=text, citations=tuple(found))
        case dict():
            return Opaque(dialect=OURS, data=data)
        case _:
            return None


def seal(value: str) -> Signature:
    return Signature(OURS, value)


def arguments_text(value: Any) -> str:
    """Text is what a model said that was no JSON."""
    return value if isinstance(value, str) else lenient.encode(value).decode()


# Of a citation's location: its kind, and the names of its numbers, here and in the hub, which has Anthropic's.
_LOCATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "documentChar": (
        "char_location",
        {"documentIndex": "document_index", "start": "start_char_index", "end": "end_char_index"},
    ),
    "documentPage": (
        "page_location",
        {"documentIndex": "document_index", "start": "start_page_number", "end": "end_page_number"},
    ),
    "documentChunk": (
        "content_block_location",
        {"documentIndex": "document_index", "start": "start_block_index", "end": "end_block_index"},
    ),
    "searchResultLocation": (
        "search_result_location",
        {"searchResultIndex": "search_result_index", "start": "start_block_index", "end": "end_block_index"},
    ),
}


def citation(data: JsonObject) -> JsonObject:
    """A citation in the hub's shape (anthropic 2.13.0, TextCitation)."""
    content, location = data.get("sourceContent"), data.get("location")
    parts = content if isinstance(content, list) else []
    cited = "".join(p["text"] for p in parts if isinstance(p, dict) and isinstance(p.get("text"), str))
    title = data.get("title")
    kind, place = next(iter(location.items()), ("", None)) if isinstance(location, dict) else ("", None)
    numbers: JsonObject = place if isinstance(place, dict) else {}
    if kind == "web":
        return {
            "type": "web_search_result_location",
            "cited_text": cited,
            "title": title,
            "url": numbers.get("url") or "",
            "encrypted_index": "",
        }
    name, fields = _LOCATIONS.get(kind, _LOCATIONS["documentChar"])
    made: JsonObject = {"type": name, "cited_text": cited}
    made |= {theirs: numbers.get(ours, 0) for ours, theirs in fields.items()}
    if name == "search_result_location":
        return {**made, "source": data.get("source") or "", "title": title}
    return {**made, "document_title": title, "file_id": None}

"""A request as a model would read it: texts to be counted, and tokens that are known without."""

import math
from collections.abc import Iterable, Iterator
from typing import assert_never

import msgspec

from lethe.ir.content import ContentBlock, JsonObject, Media, Opaque, Refusal, Text, Thinking, ToolCall, ToolResult
from lethe.ir.request import Request, Tool
from lethe.tokens.families import Family
from lethe.tokens.sizes import size_of

# Of the framing: a message, the answer's beginning, a function (OpenAI's cookbook, "How to count tokens").
MESSAGE, ANSWER, TOOL = 3, 3, 7
UNSEEN = 1_600  # an image that nobody shows us: a large one
_PAGE_BYTES = 50_000  # of a document; how many pages it has only a reader of its format could tell
_SOUND_BYTES = 500  # of compressed audio a token: 16 KB and 32 tokens a second (Gemini docs, "Audio")
_PLAIN = ("text/plain", "text/markdown", "text/csv", "application/json")
_DETAILS = ("image_url", "detail")  # where Chat and Responses say how finely an image is wanted

Part = str | int


def parts(request: Request, family: Family) -> Iterator[Part]:
    """Texts, and numbers of tokens. Sealed thinking has none: what it holds only its vendor knows."""
    yield from _blocks(request.system, family)
    for turn in request.turns:
        yield MESSAGE
        yield from _blocks(turn.content, family)
    yield ANSWER + (MESSAGE if request.system else 0)
    if request.tools:
        yield family.tools
    for tool in request.tools:
        yield TOOL
        yield _tool(tool)
    if request.output is not None and request.output.schema is not None:
        yield _json(request.output.schema)


def _blocks(blocks: Iterable[ContentBlock], family: Family) -> Iterator[Part]:
    for block in blocks:
        match block:
            case Text(text=text) | Refusal(text=text) | Thinking(text=text):
                yield text
            case ToolCall(name=name, arguments=arguments):
                yield MESSAGE
                yield name
                yield arguments
            case ToolResult(content=content):
                yield MESSAGE
                yield from _blocks(content, family)
            case Media():
                yield from _media(block, family)
            case Opaque(data=data):
                yield _json(data)
            case _:
                assert_never(block)


def _tool(tool: Tool) -> str:
    if tool.native is not None:
        return _json(tool.native.data)
    return _json({"name": tool.name, "description": tool.description, "parameters": tool.parameters})


def _media(media: Media, family: Family) -> Iterator[Part]:
    if media.title:
        yield media.title
    data = media.data
    match media.kind:
        case "image":
            yield _image(media, family)
        case "document" if data is not None and media.media_type in _PLAIN:
            yield data  # plain text as it is; base64 of another kind is counted too high rather than not at all
        case "document":
            yield family.page * max(1, math.ceil(_size(data) / _PAGE_BYTES))
        case "audio":
            yield max(1, math.ceil(_size(data) / _SOUND_BYTES))
        case _:
            assert_never(media.kind)


def _image(media: Media, family: Family) -> int:
    if family.low is not None and _is_low(media):
        return family.low
    size = size_of(media.data) if media.data is not None else None
    return UNSEEN if size is None else family.image.tokens(size)


def _is_low(media: Media) -> bool:
    fields = media.extras.fields if media.extras is not None else {}
    inner = fields.get(_DETAILS[0])
    return "low" in (fields.get(_DETAILS[1]), inner.get(_DETAILS[1]) if isinstance(inner, dict) else None)


def _size(data: str | None) -> int:
    """Bytes of base64."""
    return len(data or "") * 3 // 4


def _json(value: JsonObject) -> str:
    return msgspec.json.encode(value).decode()

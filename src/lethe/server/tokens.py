"""count_tokens where no upstream counts: an estimate, labelled as one."""

from collections.abc import Iterable

import msgspec

from lethe.ir.content import ContentBlock, Media, ToolResult
from lethe.ir.request import Request
from lethe.server.exchange import Exchange
from lethe.server.headers import JSON

_BYTES_A_TOKEN = 4  # of UTF-8 English and code; the ratio that vendors' own help pages give
_MEDIA_TOKENS = 1600  # a large image by Anthropic's own formula (docs, "Vision", 2026-11); its bytes say nothing
ESTIMATE = (b"x-lethe-estimate", b"utf8-bytes/4")


async def estimate(exchange: Exchange, request: Request) -> None:
    """Counts what the model would read: system, turns and tools."""
    tokens = count(request.system) + sum(count(turn.content) for turn in request.turns) + _size(request.tools)
    await exchange.reply(200, [JSON, ESTIMATE], msgspec.json.encode({"input_tokens": tokens}))


def count(blocks: Iterable[ContentBlock]) -> int:
    """An estimate in tokens."""
    total = 0
    for block in blocks:
        match block:
            case Media():
                total += _MEDIA_TOKENS
            case ToolResult(content=content):
                total += count(content)
            case _:
                total += _size(block)
    return total


def _size(part: object) -> int:
    return -(-len(msgspec.json.encode(part)) // _BYTES_A_TOKEN)

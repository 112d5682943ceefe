"""Token counts on the wire (openai 3.57.0 types, CompletionUsage), where the totals include the parts."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage
from lethe.wire.lenient import UNREADABLE


class _Metered(msgspec.Struct):
    usage: Any = None


_METERED = msgspec.json.Decoder(_Metered)


def decode_usage(usage: Any) -> Usage:
    """Disjoint counters. Sloppy servers count more cached tokens than prompt tokens: clamped."""
    if not isinstance(usage, dict):
        return Usage()
    prompt, output = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    read, written = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    # DeepSeek and Moonshot report cached tokens beside the totals
    cached = _count(read, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens") or _count(usage, "cached_tokens")
    cached = min(cached, prompt)
    stored = min(_count(read, "cache_write_tokens"), prompt - cached)
    reasoning = _count(written, "reasoning_tokens")
    if reasoning and _count(usage, "total_tokens") == prompt + output + reasoning:
        output += reasoning  # xAI counts reasoning beside the completion; its total tells
    return Usage(
        input=prompt - cached - stored,
        cache_read=cached,
        cache_write=stored,
        output=output,
        reasoning=min(reasoning, output),
    )


def encode_usage(usage: Usage) -> JsonObject:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    return _usage_of(body)


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the ends of a stream: the last chunk that has any. Cut frames are passed over."""
    found = (usage for part in (tail, head) for data in _frames(part) if (usage := _usage_of(data)) is not None)
    return next(found, None)


def _frames(part: bytes) -> Iterator[bytes]:
    """The data lines that may hold usage, last first."""
    for line in reversed(part.replace(b"\r", b"\n").split(b"\n")):
        if line.startswith(b"data:") and b'"usage"' in line:
            yield line[5:]


def _usage_of(data: bytes) -> Usage | None:
    try:
        usage = _METERED.decode(data).usage
    except UNREADABLE:
        return None
    return decode_usage(usage) if isinstance(usage, dict) else None


def _count(counters: Any, name: str) -> int:
    value = counters.get(name) if isinstance(counters, dict) else None
    return value if isinstance(value, int) and value > 0 else 0

"""Token counts on the wire (openai 3.57.0 types, ResponseUsage), where the totals include the parts."""

import json
from typing import Any

import msgspec

from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage
from lethe.wire.lenient import UNREADABLE

_MARK = b'"usage":'  # cannot stand in a JSON string: its quotes would be escaped
_MAX_USAGE = 4096  # bytes


class _Metered(msgspec.Struct):
    usage: Any = None


_METERED = msgspec.json.Decoder(_Metered)


def decode_usage(usage: Any) -> Usage:
    """Disjoint counters; more cached tokens than prompt tokens are clamped."""
    if not isinstance(usage, dict):
        return Usage()
    prompt, output = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    read, written = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    cached = min(_count(read, "cached_tokens"), prompt)
    stored = min(_count(read, "cache_write_tokens"), prompt - cached)
    return Usage(
        input=prompt - cached - stored,
        cache_read=cached,
        cache_write=stored,
        output=output,
        reasoning=min(_count(written, "reasoning_tokens"), output),
    )


def encode_usage(usage: Usage) -> JsonObject:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read, "cache_write_tokens": usage.cache_write},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.output,
    }


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    try:
        usage = _METERED.decode(body).usage
    except UNREADABLE:
        return None
    return decode_usage(usage) if isinstance(usage, dict) else None


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the last event of a stream, whose beginning may be far off: it holds the whole answer."""
    del head
    at = tail.rfind(_MARK)
    if at < 0:
        return None
    try:
        rest = tail[at + len(_MARK) :][:_MAX_USAGE].decode("utf-8", "replace")
        usage, _ = json.JSONDecoder().raw_decode(rest.lstrip())
    except (ValueError, RecursionError):
        return None
    return decode_usage(usage) if isinstance(usage, dict) else None


def _count(counters: Any, name: str) -> int:
    value = counters.get(name) if isinstance(counters, dict) else None
    return value if isinstance(value, int) and value > 0 else 0

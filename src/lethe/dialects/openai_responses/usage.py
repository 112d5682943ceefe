"""Token counts on the wire (openai 3.57.0 types, ResponseUsage), where the totals include the parts."""

from typing import Any

from lethe.dialects.counters import count, last_object, usage_member
from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage


def decode_usage(usage: Any) -> Usage:
    """Disjoint counters; more cached tokens than prompt tokens are clamped."""
    if not isinstance(usage, dict):
        return Usage()
    prompt, output = count(usage, "input_tokens"), count(usage, "output_tokens")
    read, written = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    cached = min(count(read, "cached_tokens"), prompt)
    stored = min(count(read, "cache_write_tokens"), prompt - cached)
    return Usage(
        input=prompt - cached - stored,
        cache_read=cached,
        cache_write=stored,
        output=output,
        reasoning=min(count(written, "reasoning_tokens"), output),
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
    usage = usage_member(body)
    return None if usage is None else decode_usage(usage)


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the last event of a stream, whose beginning may be far off: it holds the whole answer."""
    del head
    usage = last_object(tail, b'"usage":')
    return None if usage is None else decode_usage(usage)

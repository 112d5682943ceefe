"""Token counts on the wire (openai 3.57.0 types, CompletionUsage), where the totals include the parts."""

from typing import Any

from lethe.dialects.counters import count, data_at, usage_member
from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage


def decode_usage(usage: Any) -> Usage:
    """Disjoint counters. Sloppy servers count more cached tokens than prompt tokens: clamped."""
    if not isinstance(usage, dict):
        return Usage()
    prompt, output = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    read, written = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    # DeepSeek and Moonshot report cached tokens beside the totals
    cached = count(read, "cached_tokens") or count(usage, "prompt_cache_hit_tokens") or count(usage, "cached_tokens")
    stored, reasoning = count(read, "cache_write_tokens"), count(written, "reasoning_tokens")
    if not (cached or stored or reasoning):
        return Usage(input=prompt, output=output)
    cached = min(cached, prompt)
    stored = min(stored, prompt - cached)
    if reasoning and count(usage, "total_tokens") == prompt + output + reasoning:
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
    usage = usage_member(body)
    return None if usage is None else decode_usage(usage)


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the ends of a stream: the last chunk that has any. Cut frames are passed over."""
    for part in (tail, head):
        at = len(part)
        while (at := part.rfind(b'"usage"', 0, at)) >= 0:
            if (usage := buffered_usage(data_at(part, at))) is not None:
                return usage
    return None

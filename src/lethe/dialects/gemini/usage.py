"""Token counts on the wire (google-genai 3.6.1 types, GenerateContentResponseUsageMetadata).

The prompt's count includes what came from a cache and leaves out what tools added; thoughts are beside the answer.
"""

from typing import Any

import msgspec

from lethe.dialects.counters import count, last_object
from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage
from lethe.wire.lenient import UNREADABLE

_COUNTERS = frozenset(
    {
        "promptTokenCount",
        "cachedContentTokenCount",
        "toolUsePromptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "totalTokenCount",
    }
)


class _Metered(msgspec.Struct, rename="camel"):
    usage_metadata: Any = None


_METERED = msgspec.json.Decoder(_Metered)


def decode_usage(usage: Any) -> Usage:
    """Disjoint counters; more cached tokens than prompt tokens are clamped."""
    prompt, thoughts = count(usage, "promptTokenCount"), count(usage, "thoughtsTokenCount")
    cached = min(count(usage, "cachedContentTokenCount"), prompt)
    return Usage(
        input=prompt - cached + count(usage, "toolUsePromptTokenCount"),
        cache_read=cached,
        output=count(usage, "candidatesTokenCount") + thoughts,
        reasoning=thoughts,
    )


def leftover_usage(usage: Any) -> JsonObject:
    """What is said beyond the counters."""
    if not isinstance(usage, dict):
        return {}
    return {name: value for name, value in usage.items() if name not in _COUNTERS and value not in (None, [])}


def encode_usage(usage: Usage) -> JsonObject:
    """What was written to a cache is a part of the prompt; only counters that say something."""
    encoded: JsonObject = {"promptTokenCount": usage.prompt, "candidatesTokenCount": usage.output - usage.reasoning}
    if usage.cache_read:
        encoded["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        encoded["thoughtsTokenCount"] = usage.reasoning
    return {**encoded, "totalTokenCount": usage.prompt + usage.output}


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    try:
        usage = _METERED.decode(body).usage_metadata
    except UNREADABLE:
        return None
    return decode_usage(usage) if isinstance(usage, dict) else None


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the last chunk that tells: counts are cumulative."""
    del head
    usage = last_object(tail, b'"usageMetadata":')
    return None if usage is None else decode_usage(usage)

"""Token counts on the wire (botocore 1.44.8, TokenUsage): disjoint, as docs.aws.amazon.com says of prompt caching.

The prompt is `inputTokens` and what was read from and written to a cache besides.
"""

from typing import Any

import msgspec

from lethe.ir.usage import Usage
from lethe.wire import lenient


class _Metered(msgspec.Struct):
    usage: Any = None


_METERED = msgspec.json.Decoder(_Metered)


def decode_usage(usage: Any) -> Usage:
    """Counters that are absent or no numbers count as 0."""
    return Usage(
        input=_count(usage, "inputTokens"),
        cache_read=_count(usage, "cacheReadInputTokens"),
        cache_write=_count(usage, "cacheWriteInputTokens"),
        output=_count(usage, "outputTokens"),
    )


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    try:
        usage = _METERED.decode(body).usage
    except lenient.UNREADABLE:
        return None
    return decode_usage(usage) if isinstance(usage, dict) else None


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Streams are not server-sent events here, and none passes untranslated."""
    del head, tail
    return None


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and value > 0 else 0

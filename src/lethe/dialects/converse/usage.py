"""Token counts on the wire (botocore 1.44.8, TokenUsage): disjoint, as docs.aws.amazon.com says of prompt caching.

The prompt is `inputTokens` and what was read from and written to a cache besides.
"""

from typing import Any

from lethe.dialects.counters import count, usage_member
from lethe.ir.usage import Usage


def decode_usage(usage: Any) -> Usage:
    """Counters that are absent or no numbers count as 0."""
    return Usage(
        input=count(usage, "inputTokens"),
        cache_read=count(usage, "cacheReadInputTokens"),
        cache_write=count(usage, "cacheWriteInputTokens"),
        output=count(usage, "outputTokens"),
    )


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    usage = usage_member(body)
    return None if usage is None else decode_usage(usage)


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Streams are not server-sent events here, and none passes untranslated."""
    del head, tail
    return None

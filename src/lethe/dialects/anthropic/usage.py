"""Token counts on the wire (anthropic 2.13.0 types, Usage, MessageDeltaUsage): disjoint, and cumulative in streams."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lethe.dialects.counters import count, data_at
from lethe.ir.content import JsonObject
from lethe.ir.usage import Usage
from lethe.wire.lenient import UNREADABLE

_COUNTERS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
_DETAILS = "output_tokens_details"
_THINKING = "thinking_tokens"


class _Details(msgspec.Struct):
    thinking_tokens: int | None = None


class _Counts(msgspec.Struct):
    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: _Details | None = None


class _Metered(msgspec.Struct):
    """Anything with `usage`: a whole message, or the data of a message_delta event."""

    usage: _Counts | None = None


class _Started(msgspec.Struct):
    """The data of a message_start event."""

    message: _Metered | None = None


_NO_COUNTS = _Counts()
_METERED = msgspec.json.Decoder(_Metered)
_STARTED = msgspec.json.Decoder(_Started)


def decode_usage(usage: Mapping[str, Any]) -> Usage:
    """Of a usage object; counters that are absent, null or no numbers count as 0."""
    return Usage(
        input=count(usage, "input_tokens"),
        cache_read=count(usage, "cache_read_input_tokens"),
        cache_write=count(usage, "cache_creation_input_tokens"),
        output=count(usage, "output_tokens"),
        reasoning=count(usage.get(_DETAILS), _THINKING),
    )


def leftover_usage(usage: Mapping[str, Any]) -> JsonObject:
    """What a usage object says beyond the counters; null says nothing."""
    left = {name: value for name, value in usage.items() if name not in _COUNTERS and value is not None}
    details = left.pop(_DETAILS, None)
    if isinstance(details, dict) and (more := {n: v for n, v in details.items() if n != _THINKING}):
        left[_DETAILS] = more
    return left


def encode_usage(usage: Usage) -> JsonObject:
    """All four counters, zeros too: clients add them up. Thinking tokens only where there are any."""
    encoded: JsonObject = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.output,
    }
    if usage.reasoning:
        encoded[_DETAILS] = {_THINKING: usage.reasoning}
    return encoded


def buffered_usage(body: bytes) -> Usage | None:
    """Usage of a buffered reply; None if it has none or is not JSON."""
    counts = _counts(body)
    if counts is None:
        return None
    details = counts.output_tokens_details
    return Usage(
        input=_positive(counts.input_tokens),
        cache_read=_positive(counts.cache_read_input_tokens),
        cache_write=_positive(counts.cache_creation_input_tokens),
        output=_positive(counts.output_tokens),
        reasoning=_positive(details.thinking_tokens) if details is not None else 0,
    )


def _positive(counted: int | None) -> int:
    return counted if counted is not None and counted > 0 else 0


def streamed_usage(head: bytes, tail: bytes) -> Usage | None:
    """Usage from the ends of a stream: message_start says what was read, the last message_delta what was written."""
    return _merged(_start_counts(head), _end_counts(tail))


def _start_counts(head: bytes) -> _Counts | None:
    at = head.find(b'"message_start"')
    if at < 0:
        return None
    try:
        started = _STARTED.decode(data_at(head, at))
    except UNREADABLE:
        return None
    return started.message.usage if started.message else None


def _end_counts(tail: bytes) -> _Counts | None:
    # a quote inside JSON text is escaped, so content cannot look like this
    at = len(tail)
    while (at := tail.rfind(b'"message_delta"', 0, at)) >= 0:
        if (counts := _counts(data_at(tail, at))) is not None:
            return counts
    return None


def _counts(data: bytes) -> _Counts | None:
    try:
        counts = _METERED.decode(data).usage
    except UNREADABLE:
        return None
    return counts if counts != _NO_COUNTS else None


def _merged(start: _Counts | None, end: _Counts | None) -> Usage | None:
    """The later of two counts holds: they are cumulative, and may leave out what has not changed."""
    parts = [counts for counts in (end, start) if counts is not None]
    if not parts:
        return None

    def latest(*counts: int | None) -> int:
        return next((max(0, count) for count in counts if count is not None), 0)

    details = [c.output_tokens_details for c in parts if c.output_tokens_details is not None]
    return Usage(
        input=latest(*(c.input_tokens for c in parts)),
        cache_read=latest(*(c.cache_read_input_tokens for c in parts)),
        cache_write=latest(*(c.cache_creation_input_tokens for c in parts)),
        output=latest(*(c.output_tokens for c in parts)),
        reasoning=latest(*(d.thinking_tokens for d in details)),
    )

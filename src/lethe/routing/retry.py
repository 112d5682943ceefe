"""Which failures are worth another attempt, and how long an upstream wants to be left alone."""

from collections.abc import Iterable
from email.utils import parsedate_to_datetime

from lethe.errors import LetheError, UpstreamAnswered

MAX_COOLING = 300.0  # seconds; an upstream that asks for more is asked again after this

_MOVE_ON = frozenset({408, 429})


def moves_on(error: LetheError) -> bool:
    """May the next attempt succeed where this one failed?"""
    if isinstance(error, UpstreamAnswered):
        return error.upstream_status in _MOVE_ON or error.upstream_status >= 500
    return error.retryable


def retry_after(headers: Iterable[tuple[bytes, bytes]], now: float) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `retry-after` (RFC 9110, 10.2.3); `now` is Unix time."""
    found = dict(headers)
    try:
        if (millis := found.get(b"retry-after-ms")) is not None:
            return max(0.0, float(millis) / 1000)
        if (value := found.get(b"retry-after")) is None:
            return None
        if value.strip().isdigit():
            return float(value)
        return max(0.0, parsedate_to_datetime(value.decode("latin-1")).timestamp() - now)
    except ValueError:
        return None

"""Token counts on the wire, as far as reading them is the same everywhere."""

import json
from typing import Any

import msgspec

from lethe.ir.content import JsonObject
from lethe.wire.lenient import UNREADABLE

_MAX_USAGE = 4096  # bytes


class _Metered(msgspec.Struct):
    usage: Any = None


_METERED = msgspec.json.Decoder(_Metered)


def count(counters: Any, name: str) -> int:
    """A counter; one that is absent, negative or no number is 0, as are all of what is no object."""
    value = counters.get(name) if isinstance(counters, dict) else None
    return value if type(value) is int and value > 0 else 0


def usage_member(body: bytes) -> JsonObject | None:
    """What `usage` holds, without decoding the rest; None if it is absent, no object, or the body is not JSON."""
    try:
        usage = _METERED.decode(body).usage
    except UNREADABLE:
        return None
    return usage if isinstance(usage, dict) else None


def data_at(part: bytes, at: int) -> bytes:
    """The data of the line around a place; empty if the line is no data."""
    start = max(part.rfind(b"\n", 0, at), part.rfind(b"\r", 0, at)) + 1
    ends = [end for end in (part.find(b"\n", at), part.find(b"\r", at)) if end >= 0]
    line = part[start : min(ends, default=len(part))]
    return line[5:] if line.startswith(b"data:") else b""


def last_object(tail: bytes, mark: bytes) -> JsonObject | None:
    """The object after the last `mark`: a member's name with its quotes and colon, which no JSON string can hold."""
    at = tail.rfind(mark)
    if at < 0:
        return None
    try:
        rest = tail[at + len(mark) :][:_MAX_USAGE].decode("utf-8", "replace")
        found, _ = json.JSONDecoder().raw_decode(rest.lstrip())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None

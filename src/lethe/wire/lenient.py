"""JSON values, also such as msgspec refuses: what is written in JavaScript may send halves of surrogate pairs."""

import json
from math import isfinite
from typing import Any

import msgspec

# What msgspec raises for bytes that it cannot read as what was asked for.
UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Unwritable(ValueError):
    """JSON cannot hold it, or it is nested more deeply than the stack has room for."""


def encode(value: Any) -> bytes:
    """JSON without spaces; text that UTF-8 cannot hold is escaped. Raises Unwritable."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError):
        pass
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise Unwritable from None


def decode(text: str | bytes | msgspec.Raw) -> Any:
    """A decoded value; text that UTF-8 cannot hold is kept. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except UNREADABLE:
        pass
    try:
        return json.loads(text if isinstance(text, str) else bytes(text), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _refuse(constant: str) -> None:
    """NaN and the infinities, which Python's decoder would take."""
    raise ValueError(constant)


def _finite(number: str) -> float:
    """A number that is one: JSON has no way to write what overflows."""
    value = float(number)
    if not isfinite(value):
        raise ValueError
    return value

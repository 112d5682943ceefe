"""JSON values, also such as msgspec refuses: what is written in JavaScript may send halves of surrogate pairs."""

import json
from typing import Any

import msgspec


def encode(value: Any) -> bytes:
    """JSON without spaces; text that UTF-8 cannot hold is escaped. Raises ValueError for what JSON cannot hold."""
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, RecursionError):
        pass
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise ValueError("no JSON value") from None


def decode(text: str | bytes | msgspec.Raw) -> Any:
    """A decoded value; text that UTF-8 cannot hold is kept. Raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        return json.loads(text if isinstance(text, str) else bytes(text), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _refuse(constant: str) -> None:
    """NaN and the infinities, which Python's decoder would take."""
    raise ValueError(constant)

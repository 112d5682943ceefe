"""Errors on the wire: `{"message"}` under a status, and exceptions in a stream (botocore 1.44.8, bedrock-runtime)."""

from typing import Any

from lethe.errors import ErrorKind
from lethe.ir.events import Failure
from lethe.providers.bedrock import KINDS_BY_STATUS, SILENT, exception_kind, message_of
from lethe.wire import lenient

CONTEXT_LENGTH = "context_length_exceeded"
# How models behind the API say that a conversation is too long for them.
_TOO_LONG = (
    "input is too long",
    "prompt is too long",
    "exceed context limit",
    "maximum context length",
    "context window",
    "input tokens exceeded",
    "too many input tokens",
)


def decode_error(status: int, body: bytes) -> Failure:
    """Of whatever an upstream said."""
    try:
        value = lenient.decode(body)
    except ValueError:
        value = None
    fallback = ErrorKind.INVALID_REQUEST if 400 <= status < 500 else ErrorKind.API
    return _failure(value, KINDS_BY_STATUS.get(status, fallback), f"{SILENT} ({status})")


def decode_exception(name: str, value: Any) -> Failure:
    """Of an exception's type and payload."""
    return _failure(value, exception_kind(name, value), SILENT)


def _failure(value: Any, kind: ErrorKind, otherwise: str) -> Failure:
    message = message_of(value)
    lower = (message or "").lower()
    too_long = kind is ErrorKind.INVALID_REQUEST and any(words in lower for words in _TOO_LONG)
    return Failure(kind=kind, message=message or otherwise, code=CONTEXT_LENGTH if too_long else None)

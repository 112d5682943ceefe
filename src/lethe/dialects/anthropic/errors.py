"""Errors on the wire: `{"type": "error", "error": {"type", "message", "details"?}, "request_id"?}`.

Names from anthropic 2.13.0, `types/shared/error_type.py`; statuses from the vendor's page on errors.
"""

from typing import Any

from lethe.errors import ErrorKind
from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.events import Failure
from lethe.wire import lenient
from lethe.wire.sse import format_frame

# What the API calls each kind, and with which status it answers.
ERRORS: dict[ErrorKind, tuple[str, int]] = {
    ErrorKind.INVALID_REQUEST: ("invalid_request_error", 400),
    ErrorKind.AUTHENTICATION: ("authentication_error", 401),
    ErrorKind.BILLING: ("billing_error", 402),
    ErrorKind.PERMISSION: ("permission_error", 403),
    ErrorKind.NOT_FOUND: ("not_found_error", 404),
    ErrorKind.TOO_LARGE: ("request_too_large", 413),
    ErrorKind.RATE_LIMIT: ("rate_limit_error", 429),
    ErrorKind.API: ("api_error", 500),
    ErrorKind.TIMEOUT: ("timeout_error", 504),
    ErrorKind.OVERLOADED: ("overloaded_error", 529),
}
ERROR_STATUS: dict[ErrorKind, int] = {kind: status for kind, (_, status) in ERRORS.items()}
KINDS_BY_TYPE: dict[str, ErrorKind] = {name: kind for kind, (name, _) in ERRORS.items()}
KINDS_BY_STATUS: dict[int, ErrorKind] = {
    **{status: kind for kind, (_, status) in ERRORS.items()},
    408: ErrorKind.TIMEOUT,
    503: ErrorKind.OVERLOADED,
}
# Claude Code shortens a conversation when it reads the API's own words, so they stand before another upstream's.
TOO_LONG = "prompt is too long"
_TOO_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
UNREADABLE = "the upstream answered with an error"


def decode_error(status: int, body: bytes) -> Failure:
    """Of whatever an upstream said: this dialect's error, another JSON, HTML, nothing."""
    try:
        value = lenient.decode(body)
    except ValueError:
        value = None
    return decode_error_object(value, status)


def decode_error_object(value: Any, status: int | None = None) -> Failure:
    """`value` is a whole error body, or the data of a stream's error event."""
    match value:
        case {"error": dict(error)}:
            return _decode(value, error, status)
        case {"error": str(message)} | {"message": str(message)} | {"detail": str(message)}:
            return Failure(kind=_kind(None, status), message=message)
        case _:
            return Failure(
                kind=_kind(None, status), message=UNREADABLE if status is None else f"{UNREADABLE} ({status})"
            )


def encode_error(failure: Failure) -> bytes:
    """A buffered error body. A code rides in `error.details.error_code`, where the SDKs look for it."""
    return lenient.encode(_encode(failure))


def encode_error_event(failure: Failure) -> bytes:
    """The event that ends a stream which cannot go on."""
    return format_frame(encode_error(failure), "error")


def _decode(body: JsonObject, error: JsonObject, status: int | None) -> Failure:
    details, message = error.get("details"), error.get("message")
    code = details.get("error_code") if isinstance(details, dict) else error.get("code")
    param = details.get("param") if isinstance(details, dict) else error.get("param")
    return Failure(
        kind=_kind(error.get("type"), status),
        message=message if isinstance(message, str) else UNREADABLE,
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param, str) else None,
        wire=Extras(Dialect.ANTHROPIC, body) if body.get("type") == "error" else None,
    )


def _kind(name: Any, status: int | None) -> ErrorKind:
    """A type says more than a status, but for those that also stand for narrower errors."""
    known = KINDS_BY_TYPE.get(name) if isinstance(name, str) else None
    if known is not None and known not in (ErrorKind.INVALID_REQUEST, ErrorKind.API):
        return known
    if status in KINDS_BY_STATUS:
        return KINDS_BY_STATUS[status]
    if known is not None:
        return known
    return ErrorKind.INVALID_REQUEST if status is not None and 400 <= status < 500 else ErrorKind.API


def _encode(failure: Failure) -> JsonObject:
    if failure.wire is not None and failure.wire.dialect is Dialect.ANTHROPIC:
        return {"type": "error", **failure.wire.fields}
    message = failure.message
    if failure.code in _TOO_LONG_CODES and not message.startswith(TOO_LONG):
        message = f"{TOO_LONG}: {message}"
    error: JsonObject = {"type": ERRORS[failure.kind][0], "message": message}
    details = {"error_code": failure.code, "param": failure.param}
    if said := {name: value for name, value in details.items() if value is not None}:
        error["details"] = said
    return {"type": "error", "error": error}

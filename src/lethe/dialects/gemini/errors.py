"""Errors on the wire: `{"error": {"code", "message", "status", "details"}}` (google.aip.dev/193).

In a stream it is an event's data (google-genai 3.6.1, `_api_client.py`); some servers send it in a list of one.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from lethe.dialects.gemini.overlay import OURS, own
from lethe.errors import ErrorKind
from lethe.ir.content import Extras, JsonObject
from lethe.ir.events import Failure
from lethe.wire import lenient
from lethe.wire.sse import format_frame

# What the API calls each kind, and with which status it answers.
ERRORS: Mapping[ErrorKind, tuple[str, int]] = {
    ErrorKind.INVALID_REQUEST: ("INVALID_ARGUMENT", 400),
    ErrorKind.AUTHENTICATION: ("UNAUTHENTICATED", 401),
    ErrorKind.BILLING: ("FAILED_PRECONDITION", 402),
    ErrorKind.PERMISSION: ("PERMISSION_DENIED", 403),
    ErrorKind.NOT_FOUND: ("NOT_FOUND", 404),
    ErrorKind.TOO_LARGE: ("INVALID_ARGUMENT", 413),
    ErrorKind.RATE_LIMIT: ("RESOURCE_EXHAUSTED", 429),
    ErrorKind.API: ("INTERNAL", 500),
    ErrorKind.OVERLOADED: ("UNAVAILABLE", 503),
    ErrorKind.TIMEOUT: ("DEADLINE_EXCEEDED", 504),
}
KINDS_BY_STATUS: Mapping[int, ErrorKind] = {
    **{status: kind for kind, (_, status) in ERRORS.items()},
    408: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}
_VAGUE = (ErrorKind.INVALID_REQUEST, ErrorKind.TOO_LARGE, ErrorKind.BILLING, ErrorKind.API)
KINDS_BY_NAME: Mapping[str, ErrorKind] = {name: kind for kind, (name, _) in ERRORS.items() if kind not in _VAGUE}
# The API answers 400 for a key that it does not know.
KINDS_BY_REASON: Mapping[str, ErrorKind] = {"API_KEY_INVALID": ErrorKind.AUTHENTICATION}
ERROR_INFO, BAD_REQUEST = "type.googleapis.com/google.rpc.ErrorInfo", "type.googleapis.com/google.rpc.BadRequest"
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
DOMAIN = "lethe"
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")  # a Duration, as ProtoJSON has it
TOO_LONG = "context_length_exceeded"  # OpenAI's word, which encoders of other dialects know
_TOO_LONG_WORDS = ("token count", "exceeds the maximum number of tokens")
UNREADABLE = "the upstream answered with an error"


def decode_error(status: int, body: bytes) -> Failure:
    """Of whatever an upstream said: this dialect's error, another JSON, HTML, nothing."""
    try:
        value = lenient.decode(body)
    except ValueError:
        value = None
    return decode_error_object(value, status)


def decode_error_object(value: Any, status: int | None = None) -> Failure:
    """`value` is a whole error body, or the data of a stream's event."""
    match value:
        case [dict(inner)]:
            return decode_error_object(inner, status)
        case {"error": dict(error)}:
            return _decode(error, status)
        case {"error": str(said)} | {"message": str(said)} | {"detail": str(said)}:
            return Failure(kind=_kind(None, None, status), message=said)
        case _:
            said = UNREADABLE if status is None else f"{UNREADABLE} ({status})"
            return Failure(kind=_kind(None, None, status), message=said)


def encode_error(failure: Failure) -> bytes:
    """A buffered error body; the upstream's own object if it was of this dialect."""
    return lenient.encode({"error": own(failure.wire) or _encode(failure)})


def encode_error_event(failure: Failure) -> bytes:
    """The frame that ends a stream which cannot go on: SDKs raise what begins with `error`."""
    return format_frame(encode_error(failure))


def _decode(error: JsonObject, status: int | None) -> Failure:
    said, given = error.get("message"), error.get("code")
    reason, param, wait = _details(error.get("details"))
    told = said if isinstance(said, str) else UNREADABLE
    if reason is None and all(words in told for words in _TOO_LONG_WORDS):
        reason = TOO_LONG
    known = status if status is not None else given if isinstance(given, int) else None
    return Failure(
        kind=_kind(error.get("status"), reason, known),
        message=told,
        code=reason,
        param=param,
        retry_after=wait,
        wire=Extras(OURS, error),
    )


def _details(details: Any) -> tuple[str | None, str | None, int | None]:
    """The machine-readable reason, the field that is wrong, and the seconds to wait."""
    reason = param = wait = None
    for detail in details if isinstance(details, list) else ():
        match detail:
            case {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": str(found)}:
                reason = reason or found
            case {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": str(found)}, *_]}:
                param = param or found
            case {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": str(found)}:
                wait = math.ceil(float(told[1])) if (told := _SECONDS.fullmatch(found)) else wait
            case _:
                pass
    return reason, param, wait


def _kind(name: Any, reason: str | None, status: int | None) -> ErrorKind:
    """A reason says more than a name, and a name more than a status, but for those that many errors share."""
    if reason is not None and reason in KINDS_BY_REASON:
        return KINDS_BY_REASON[reason]
    if isinstance(name, str) and name in KINDS_BY_NAME:
        return KINDS_BY_NAME[name]
    if status is not None and status in KINDS_BY_STATUS:
        return KINDS_BY_STATUS[status]
    return ErrorKind.INVALID_REQUEST if status is not None and 400 <= status < 500 else ErrorKind.API


def _encode(failure: Failure) -> JsonObject:
    name, code = ERRORS[failure.kind]
    error: JsonObject = {"code": code, "message": failure.message, "status": name}
    details: list[JsonObject] = []
    if failure.code is not None:
        details.append({"@type": ERROR_INFO, "reason": failure.code, "domain": DOMAIN})
    if failure.param is not None:
        details.append({"@type": BAD_REQUEST, "fieldViolations": [{"field": failure.param}]})
    if failure.retry_after is not None:
        details.append({"@type": RETRY_INFO, "retryDelay": f"{failure.retry_after}s"})
    return {**error, "details": details} if details else error

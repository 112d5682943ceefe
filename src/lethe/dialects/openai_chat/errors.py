"""Errors on the wire: `{"error": {"message", "type", "param", "code"}}` (openai 3.57.0, `_exceptions.py`)."""

from collections.abc import Mapping
from typing import Any

from lethe.dialects.openai_chat.overlay import OURS, own
from lethe.errors import ErrorKind
from lethe.ir.content import Extras, JsonObject
from lethe.ir.events import Failure
from lethe.wire import lenient
from lethe.wire.sse import format_frame

# What OpenAI calls each kind: its `type`, and its `code` where one always goes with it.
NAMES: dict[ErrorKind, tuple[str, str | None]] = {
    ErrorKind.INVALID_REQUEST: ("invalid_request_error", None),
    ErrorKind.AUTHENTICATION: ("authentication_error", "invalid_api_key"),
    ErrorKind.BILLING: ("insufficient_quota", "insufficient_quota"),
    ErrorKind.PERMISSION: ("permission_error", None),
    ErrorKind.NOT_FOUND: ("not_found_error", None),
    ErrorKind.TOO_LARGE: ("invalid_request_error", "request_too_large"),
    ErrorKind.RATE_LIMIT: ("rate_limit_error", "rate_limit_exceeded"),
    ErrorKind.OVERLOADED: ("service_unavailable", "overloaded"),
    ErrorKind.TIMEOUT: ("timeout_error", "timeout"),
    ErrorKind.API: ("server_error", None),
}
_TYPES = {name: kind for kind, (name, _) in NAMES.items() if kind is not ErrorKind.TOO_LARGE}

# A code says more than a type ("invalid_request_error" is the type of a bad key as well), and a type than a status.
KINDS_BY_CODE: Mapping[str, ErrorKind] = {
    **{code: kind for kind, (_, code) in NAMES.items() if code},
    "model_not_found": ErrorKind.NOT_FOUND,
    "billing_hard_limit_reached": ErrorKind.BILLING,
    "billing_not_active": ErrorKind.BILLING,
    "context_length_exceeded": ErrorKind.INVALID_REQUEST,
    "server_is_overloaded": ErrorKind.OVERLOADED,
    "slow_down": ErrorKind.OVERLOADED,
    "thread_unsupported_request": ErrorKind.INVALID_REQUEST,
}
KINDS_BY_TYPE: Mapping[str, ErrorKind] = {
    **_TYPES,
    "invalid_authentication_error": ErrorKind.AUTHENTICATION,
    "tokens": ErrorKind.RATE_LIMIT,
    "requests": ErrorKind.RATE_LIMIT,
    "rate_limit_exceeded": ErrorKind.RATE_LIMIT,
    "service_unavailable_error": ErrorKind.OVERLOADED,
    "unavailable_error": ErrorKind.OVERLOADED,  # llama.cpp, while it loads a model
    "overloaded_error": ErrorKind.OVERLOADED,
    "exceed_context_size_error": ErrorKind.INVALID_REQUEST,  # llama.cpp
    "timeout": ErrorKind.TIMEOUT,
    "internal_error": ErrorKind.API,
}
VAGUE_TYPES = ("invalid_request_error", "server_error")  # also stand for narrower errors, which the status tells
KINDS_BY_STATUS: Mapping[int, ErrorKind] = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    402: ErrorKind.BILLING,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    409: ErrorKind.INVALID_REQUEST,
    413: ErrorKind.TOO_LARGE,
    422: ErrorKind.INVALID_REQUEST,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    524: ErrorKind.TIMEOUT,  # Cloudflare
    529: ErrorKind.OVERLOADED,  # Anthropic
}


def decode_error(status: int, body: bytes) -> Failure:
    """Of whatever an upstream said: its own shape, another JSON, HTML, nothing."""
    try:
        value = lenient.decode(body)
    except ValueError:
        value = None
    return decode_error_object(value, status)


def decode_error_object(value: Any, status: int | None = None) -> Failure:
    """`value` is a whole error body, or the data of a stream's error frame."""
    match value:
        case {"error": dict(error)} | [{"error": dict(error)}]:  # in a list: Gemini
            return _decode(error, status)
        case {"message": str(), "type": str()}:  # nothing around it: Mistral, Cerebras
            return _decode(value, status)
        case {"errors": [{"message": str(message)}, *_]} | {"error": [{"message": str(message)}, *_]}:  # Cloudflare
            return Failure(kind=_kind(None, None, status), message=message)
        case {"error": str(message)} | {"message": str(message)} | {"detail": str(message)}:
            return Failure(kind=_kind(None, None, status), message=message)
        case {"detail": [{"msg": str(message)}, *_]} | {"message": {"detail": [{"msg": str(message)}, *_]}}:  # FastAPI
            return Failure(kind=_kind(None, None, status), message=message)
        case _:
            said = "the upstream answered with an error"
            return Failure(kind=_kind(None, None, status), message=said if status is None else f"{said} ({status})")


def encode_error(failure: Failure) -> bytes:
    """A buffered error body; the upstream's own object if it was of this dialect."""
    return lenient.encode({"error": _encode(failure)})


def encode_error_event(failure: Failure) -> bytes:
    """The frame on which OpenAI's SDKs raise."""
    return format_frame(encode_error(failure))


def _decode(error: JsonObject, status: int | None) -> Failure:
    kind, code, message = error.get("type"), error.get("code"), error.get("message")
    if isinstance(code, int):  # OpenRouter and llama.cpp put the status there
        status, code = status if status is not None and status >= 400 else code, None
    return Failure(
        kind=_kind(code, kind, status),
        message=message if isinstance(message, str) else "the upstream answered with an error",
        code=code if isinstance(code, str) else None,
        param=param if isinstance(param := error.get("param"), str) else None,
        wire=Extras(OURS, error),
    )


def _kind(code: Any, kind: Any, status: int | None) -> ErrorKind:
    if isinstance(code, str) and code in KINDS_BY_CODE:
        return KINDS_BY_CODE[code]
    by_type = KINDS_BY_TYPE.get(kind) if isinstance(kind, str) else None
    by_status = KINDS_BY_STATUS.get(status or 0)
    if by_status is not None and (by_type is None or kind in VAGUE_TYPES):
        return by_status
    if by_type is not None:
        return by_type
    return ErrorKind.INVALID_REQUEST if status is not None and 400 <= status < 500 else ErrorKind.API


def _encode(failure: Failure) -> JsonObject:
    if wire := own(failure.wire):
        return wire
    kind, code = NAMES[failure.kind]
    return {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code or code}

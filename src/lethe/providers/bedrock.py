"""Claude by InvokeModel: events of the Messages API in AWS's event streams.

Each message holds an event as base64 (botocore 1.44.8, bedrock-runtime, ResponseStream); what else may come are
exceptions, which become the error events that Anthropic's own SDK makes of them (2.13.0, `lib/bedrock`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from lethe.errors import ErrorKind, MalformedReply
from lethe.ir.content import JsonObject
from lethe.wire import lenient
from lethe.wire.eventstream import ERROR, EventFrames
from lethe.wire.sse import Frame

CHUNK = "chunk"
EXCEPTION = "Exception"  # how the types of exceptions end
EXCEPTIONS: Mapping[str, ErrorKind] = {
    "internalServerException": ErrorKind.API,
    "modelStreamErrorException": ErrorKind.API,
    "modelTimeoutException": ErrorKind.TIMEOUT,
    "serviceUnavailableException": ErrorKind.OVERLOADED,
    "throttlingException": ErrorKind.RATE_LIMIT,
    "validationException": ErrorKind.INVALID_REQUEST,
}
# 403 is AccessDenied, 404 ResourceNotFound, 408 ModelTimeout, 424 ModelError, 429 Throttling.
KINDS_BY_STATUS: Mapping[int, ErrorKind] = {
    400: ErrorKind.INVALID_REQUEST,
    401: ErrorKind.AUTHENTICATION,
    403: ErrorKind.PERMISSION,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMEOUT,
    413: ErrorKind.TOO_LARGE,
    424: ErrorKind.API,
    429: ErrorKind.RATE_LIMIT,
    503: ErrorKind.OVERLOADED,
    504: ErrorKind.TIMEOUT,
    529: ErrorKind.OVERLOADED,
}
# What the Messages API calls the kinds that an exception may be of.
_NAMES: Mapping[ErrorKind, str] = {
    ErrorKind.INVALID_REQUEST: "invalid_request_error",
    ErrorKind.RATE_LIMIT: "rate_limit_error",
    ErrorKind.TIMEOUT: "timeout_error",
    ErrorKind.OVERLOADED: "overloaded_error",
}
_OTHER = "api_error"
SILENT = "the upstream answered with an error"


class _Chunk(Struct):
    bytes: bytes


class _Typed(Struct):
    type: str


_CHUNK = msgspec.json.Decoder(_Chunk)
_TYPED = msgspec.json.Decoder(_Typed)


class InvokedFrames:
    """A FrameReader of the events within; an exception is a frame `error`."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames = EventFrames()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Raises MalformedReply."""
        for frame in self._frames.feed(chunk):
            name = frame.event or ""
            if name == CHUNK:
                yield _within(frame.data)
            elif name == ERROR or name.endswith(EXCEPTION):
                yield _error(name, frame.data)

    def finish(self) -> Iterator[Frame]:
        """Raises StreamCut if the stream ended within a message."""
        return self._frames.finish()


def exception_kind(name: str, value: Any) -> ErrorKind:
    """Of an exception's type and payload. One of a model's own stream tells the model's status as well."""
    kind = EXCEPTIONS.get(name, ErrorKind.API)
    original = value.get("originalStatusCode") if isinstance(value, dict) else None
    return KINDS_BY_STATUS.get(original, kind) if kind is ErrorKind.API and isinstance(original, int) else kind


def message_of(value: Any) -> str | None:
    """The words of an error object, if it is one."""
    match value:
        case {"message": str(message)} | {"Message": str(message)}:
            return message
        case _:
            return None


def _within(data: str) -> Frame:
    try:
        event = _CHUNK.decode(data).bytes
        return Frame(event.decode(), _TYPED.decode(event).type)
    except lenient.UNREADABLE:
        raise MalformedReply("the upstream's event stream holds no event of its API") from None


def _error(name: str, data: str) -> Frame:
    try:
        said = lenient.decode(data)
    except ValueError:
        said = None
    error: JsonObject = {
        "type": _NAMES.get(exception_kind(name, said), _OTHER),
        "message": message_of(said) or SILENT,
    }
    return Frame(lenient.encode({"type": ERROR, "error": error}).decode(), ERROR)

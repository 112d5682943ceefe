"""Errors as the caller sees them: the right status, in the shape of the asking dialect."""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.errors import ErrorKind, LetheError, UpstreamAnswered
from lethe.ir.content import Dialect
from lethe.ir.events import Failure
from lethe.ir.grammar import StreamFailed
from lethe.server.headers import JSON, Header, response_headers
from lethe.wire.lenient import Unwritable

# A failure that came inside a stream has no HTTP status of its own.
STATUS: dict[ErrorKind, int] = {
    ErrorKind.INVALID_REQUEST: 400,
    ErrorKind.AUTHENTICATION: 401,
    ErrorKind.BILLING: 402,
    ErrorKind.PERMISSION: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.RATE_LIMIT: 429,
    ErrorKind.OVERLOADED: 529,
    ErrorKind.TIMEOUT: 504,
    ErrorKind.API: 500,
}


class ErrorReply(Struct, frozen=True):
    """A whole error answer. `body` may be the upstream's own: for the caller only."""

    status: int
    headers: list[Header]
    body: bytes


def failure_of(error: LetheError, upstream: Dialect | None) -> Failure:
    """The error in the hub's terms; `upstream` is the dialect of whoever reported it."""
    match error:
        case StreamFailed(failure=failure):
            return failure
        case UpstreamAnswered(upstream_status=status, body=body) if upstream is not None:
            return UPSTREAM_CODECS[upstream].decode_error(status, body)
        case _:
            return Failure(kind=error.kind, message=error.message, code=error.code, retry_after=error.retry_after)


def reply(error: LetheError, caller: Dialect, upstream: Dialect | None = None) -> ErrorReply:
    """An upstream's own answer keeps its status, and in the same dialect its bytes."""
    codec = CODECS[caller]
    match error:
        case UpstreamAnswered(upstream_status=status, headers=headers, body=body) if upstream is not None:
            passed = response_headers(headers, upstream, caller)
            if upstream is caller and body:
                return ErrorReply(status, passed, body)
            failure = failure_of(error, upstream)
            return ErrorReply(
                status, [*_with_wait(_untyped(passed), failure), JSON], _told(failure, codec.encode_error)
            )
        case StreamFailed(failure=failure):
            return ErrorReply(STATUS[failure.kind], _with_wait([JSON], failure), _told(failure, codec.encode_error))
        case _:
            failure = failure_of(error, upstream)
            return ErrorReply(error.status, _with_wait([JSON], failure), _told(failure, codec.encode_error))


def _untyped(headers: list[Header]) -> list[Header]:
    return [h for h in headers if h[0] not in {b"content-type", b"content-encoding"}]


def _with_wait(headers: list[Header], failure: Failure) -> list[Header]:
    """With the time to wait that the body told, where no header does."""
    if failure.retry_after is None or any(name.startswith(b"retry-after") for name, _ in headers):
        return headers
    return [*headers, (b"retry-after", b"%d" % failure.retry_after)]


def error_event(error: LetheError, caller: Dialect, upstream: Dialect | None = None) -> bytes:
    """What ends a stream that cannot go on."""
    return _told(failure_of(error, upstream), CODECS[caller].encode_error_event)


def _told(failure: Failure, encode: Callable[[Failure], bytes]) -> bytes:
    """In the caller's dialect; without the upstream's own object where that is nested too deeply to be written."""
    try:
        return encode(failure)
    except (Unwritable, RecursionError):
        return encode(replace(failure, wire=None))

"""Everything that can go wrong with a request, by whose fault it is.

    LetheError
    ├── CallerError                 the caller's request
    │   ├── InvalidRequest          does not fit its dialect
    │   ├── LossRefused             would lose content in translation
    │   ├── RetentionRefused        asks an upstream for what its level does not allow
    │   ├── ThreadUnsupported       asks for server-held state
    │   ├── Unauthenticated · Forbidden · ClassRefused · LevelNotEnforced
    │   ├── UnknownModel · UnknownEndpoint · MethodNotAllowed
    │   ├── BodyTooLarge
    │   └── RateLimited             has had what its key may have
    ├── UpstreamError               the upstream, or the way to it
    │   ├── ConnectFailed · ConnectTimeout · TlsFailed
    │   ├── FirstByteTimeout · IdleTimeout · StreamCut
    │   ├── MalformedReply · ReplyTooLarge · RetentionUnproven · ClassFell
    │   ├── CredentialUnavailable   nothing to authenticate with: it was not asked
    │   ├── UpstreamAnswered        it answered, with an error of its own
    │   └── UpstreamFailed          it put an error into its stream (ir.grammar.StreamFailed)
    └── OurError
        ├── Draining                shutting down
        ├── LimitsUnavailable       nobody can say whether its key may
        └── InternalFault

An error's text is fixed, or made of configured names, field paths and numbers; it never quotes content.
What an upstream said travels in `UpstreamAnswered.body`, to the caller only, and is in no `str()` or `repr()`.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """What an error means, before a dialect gives it a name."""

    INVALID_REQUEST = "invalid_request"
    AUTHENTICATION = "authentication"
    BILLING = "billing"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    API = "api"


class LetheError(Exception):
    """Base of all; `status` is the HTTP status to answer, `code` a stable machine-readable name."""

    status: ClassVar[int] = 500
    kind: ClassVar[ErrorKind] = ErrorKind.API
    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False  # may another attempt, here or elsewhere, succeed?
    retry_after: int | None = None  # seconds that the caller should wait

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class CallerError(LetheError):
    """The caller can mend it."""

    status, kind, code = 400, ErrorKind.INVALID_REQUEST, "invalid_request"


class InvalidRequest(CallerError):
    """The body does not fit its dialect. `path` is a JSON path of field names and indices."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path


class LossRefused(CallerError):
    """Translating would drop content, and the route does not allow that."""

    code = "translation_loss"

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__("cannot be carried to this model's API: " + ", ".join(paths))
        self.paths = tuple(paths)


class RetentionRefused(CallerError):
    """The request uses what its retention level does not allow. `paths` are the register's, or positions."""

    code = "retention_refused"

    def __init__(self, message: str, paths: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.paths = tuple(paths)


class ThreadUnsupported(CallerError):
    """A `thread` keeps the conversation on a server; SDKs resend without one on this code."""

    code = "thread_unsupported_request"

    def __init__(self) -> None:
        super().__init__("thread: server-held conversations are not available here; send the whole conversation")


class Unauthenticated(CallerError):
    status, kind, code = 401, ErrorKind.AUTHENTICATION, "invalid_api_key"

    def __init__(self) -> None:
        super().__init__("missing or unknown API key (x-api-key, or Authorization: Bearer)")


class Forbidden(CallerError):
    status, kind, code = 403, ErrorKind.PERMISSION, "forbidden"


class ClassRefused(Forbidden):
    """No upstream of this route is of a class that the retention level accepts."""

    code = "upstream_class_refused"


class LevelNotEnforced(Forbidden):
    """The request asks for a level that this process is not locked in or configured well enough to serve."""

    code = "level_not_enforced"


class UnknownModel(CallerError):
    status, kind, code = 404, ErrorKind.NOT_FOUND, "model_not_found"


class UnknownEndpoint(CallerError):
    status, kind, code = 404, ErrorKind.NOT_FOUND, "unknown_endpoint"

    def __init__(self) -> None:
        super().__init__("no such endpoint")


class MethodNotAllowed(CallerError):
    status, code = 405, "method_not_allowed"

    def __init__(self, allowed: str) -> None:
        super().__init__(f"use {allowed}")
        self.allowed = allowed


class BodyTooLarge(CallerError):
    status, kind, code = 413, ErrorKind.TOO_LARGE, "request_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is larger than {limit} bytes (server.max_body)")


class RateLimited(CallerError):
    """`limit` is a setting's name; after `wait` seconds it is worth asking again."""

    status, kind, code, retryable = 429, ErrorKind.RATE_LIMIT, "rate_limit_exceeded", True

    def __init__(self, limit: str, most: int, wait: int) -> None:
        super().__init__(f"this key may have {limit} = {most}; ask again in {wait} seconds")
        self.retry_after = wait


class UpstreamError(LetheError):
    """Not the caller's fault: another attempt may succeed."""

    status, code, retryable = 502, "upstream_error", True


class ConnectFailed(UpstreamError):
    code = "upstream_unreachable"

    def __init__(self) -> None:
        super().__init__("could not connect to the upstream")


class ConnectTimeout(UpstreamError):
    status, kind, code = 504, ErrorKind.TIMEOUT, "upstream_connect_timeout"

    def __init__(self) -> None:
        super().__init__("the upstream did not accept a connection in time")


class TlsFailed(UpstreamError):
    code = "upstream_tls_failed"

    def __init__(self) -> None:
        super().__init__("could not establish TLS with the upstream (certificate or protocol)")


class FirstByteTimeout(UpstreamError):
    status, kind, code = 504, ErrorKind.TIMEOUT, "upstream_first_byte_timeout"

    def __init__(self) -> None:
        super().__init__("the upstream did not begin to answer in time")


class IdleTimeout(UpstreamError):
    status, kind, code = 504, ErrorKind.TIMEOUT, "upstream_idle_timeout"

    def __init__(self) -> None:
        super().__init__("the upstream fell silent in the middle of its answer")


class StreamCut(UpstreamError):
    code = "upstream_stream_cut"

    def __init__(self) -> None:
        super().__init__("the upstream closed the connection before its answer was complete")


class MalformedReply(UpstreamError):
    code = "upstream_malformed_reply"

    def __init__(self, what: str = "the upstream's answer is not what its API promises") -> None:
        super().__init__(what)


class ReplyTooLarge(UpstreamError):
    code, retryable = "upstream_reply_too_large", False

    def __init__(self) -> None:
        super().__init__("the upstream's answer is larger than can be buffered")


class RetentionUnproven(UpstreamError):
    """The request was sent because of what the upstream says on every response, and this one did not say it."""

    code = "retention_unproven"

    def __init__(self) -> None:
        super().__init__("the upstream's answer does not attest that nothing is kept, so nothing of it is passed on")


class ClassFell(UpstreamError):
    """The upstream's class, while it was being connected: nothing was sent over that connection."""

    code = "retention_unproven"

    def __init__(self) -> None:
        super().__init__("what the upstream's class rested on ended while it was being connected")


class CredentialUnavailable(UpstreamError):
    """The upstream is not asked, because nothing is there to authenticate with; `upstream` is its configured name."""

    status, kind, code = 503, ErrorKind.OVERLOADED, "credential_unavailable"

    def __init__(self, upstream: str) -> None:
        super().__init__(f"upstream {upstream} cannot be asked: there is no valid credential for it now")


class UpstreamAnswered(UpstreamError):
    """The upstream answered with an error status. Body and headers are content: for the caller only."""

    code = "upstream_answered"

    def __init__(self, upstream_status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(f"the upstream answered with status {upstream_status}")
        self.upstream_status = upstream_status
        self.headers = tuple(headers)
        self.body = body


class UpstreamFailed(UpstreamError):
    """The upstream reported an error inside an answer that began well."""

    code = "upstream_stream_failed"

    def __init__(self) -> None:
        super().__init__("the upstream reported an error in its answer")


class OurError(LetheError):
    """Lethe's own."""


class Draining(OurError):
    status, kind, code, retryable = 503, ErrorKind.OVERLOADED, "shutting_down", True

    def __init__(self) -> None:
        super().__init__("this instance is shutting down; retry")


class LimitsUnavailable(OurError):
    """The store of limits does not answer, and is configured to fail closed."""

    status, kind, code, retryable = 503, ErrorKind.OVERLOADED, "limits_unavailable", True
    retry_after = 1

    def __init__(self) -> None:
        super().__init__("the store that counts requests does not answer (limits.when_store_fails = closed)")


class InternalFault(OurError):
    def __init__(self) -> None:
        super().__init__("internal error")

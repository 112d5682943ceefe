"""The ways in which a request goes well, or goes wrong."""

from enum import StrEnum


class Front(StrEnum):
    """What the caller asks; the value is its name in reports."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count-tokens"
    CHAT = "chat"
    RESPONSES = "responses"
    INPUT_TOKENS = "input-tokens"
    GENERATE = "generate"
    GENERATE_TOKENS = "generate-tokens"
    EMBEDDINGS = "embeddings"
    MODELS = "models"


class Mode(StrEnum):
    """One way to end; the value is its name in reports."""

    # It goes well.
    SERVED = "served"
    SECOND = "second-identical"
    DELICATE = "delicate"  # with one position that a level may refuse
    REFUSAL = "model-refuses"
    LARGE = "large-body"  # question and answer
    LATE = "late-answer"  # the status line is out before the upstream's is there
    # The caller's fault.
    BAD_JSON = "bad-json"
    TRUNCATED_GZIP = "truncated-gzip"
    INVALID_UTF8 = "invalid-utf8"
    LONE_SURROGATE = "lone-surrogate"
    EMPTY = "empty-body"
    OVERSIZE = "oversize"
    WRONG_TYPE = "wrong-type"
    CLASS_REFUSED = "class-refused"
    GUARD_REFUSED = "guard-refused"
    UNKNOWN_MODEL = "unknown-model"
    UNKNOWN_PATH = "unknown-path"
    WRONG_METHOD = "wrong-method"
    BAD_HTTP = "bad-http"
    # The upstream's fault.
    STATUS_400 = "upstream-400"
    STATUS_401 = "upstream-401"
    STATUS_404 = "upstream-404"
    STATUS_429 = "upstream-429"
    STATUS_500 = "upstream-500"
    STATUS_529 = "upstream-529"
    LATE_ERROR = "late-error"  # when the status line is out already
    HTML = "upstream-html"
    REDIRECT = "upstream-redirect"
    MALFORMED_HEAD = "malformed-head"
    MALFORMED_JSON = "malformed-json"
    MALFORMED_SSE = "malformed-sse"
    TRAILER = "trailer"
    COMPRESSED = "compressed-answer"
    ERROR_EVENT = "error-event"
    CONNECT_REFUSED = "connect-refused"
    TLS_MISMATCH = "tls-mismatch"
    DNS_FAILURE = "dns-failure"
    FIRST_BYTE_TIMEOUT = "first-byte-timeout"
    IDLE_TIMEOUT = "idle-timeout"
    RESET = "mid-stream-reset"
    # The caller leaves.
    GONE_UPLOADING = "gone-uploading"
    GONE_BEFORE = "gone-before-answer"
    GONE_AT_FIRST = "gone-at-first-chunk"
    GONE_MIDSTREAM = "gone-mid-stream"
    # The process.
    LOG_CLOSED = "log-pipe-closed"
    WORKER_ABORTS = "worker-sigabrt"
    WORKER_KILLED = "worker-sigkill"
    SIGTERM = "sigterm"


STATUSES: dict[Mode, int] = {
    Mode.STATUS_400: 400,
    Mode.STATUS_401: 401,
    Mode.STATUS_404: 404,
    Mode.STATUS_429: 429,
    Mode.STATUS_500: 500,
    Mode.STATUS_529: 529,
}
# The proxy answers these itself; no upstream is asked.
CALLER_FAULTS: frozenset[Mode] = frozenset(
    {
        Mode.BAD_JSON,
        Mode.TRUNCATED_GZIP,
        Mode.INVALID_UTF8,
        Mode.LONE_SURROGATE,
        Mode.EMPTY,
        Mode.OVERSIZE,
        Mode.WRONG_TYPE,
        Mode.CLASS_REFUSED,
        Mode.GUARD_REFUSED,
        Mode.UNKNOWN_MODEL,
        Mode.UNKNOWN_PATH,
        Mode.WRONG_METHOD,
        Mode.BAD_HTTP,
    }
)
# These go to upstreams that are only there to fail.
UNREACHABLE: frozenset[Mode] = frozenset({Mode.CONNECT_REFUSED, Mode.TLS_MISMATCH, Mode.DNS_FAILURE})
LEAVES: frozenset[Mode] = frozenset({Mode.GONE_UPLOADING, Mode.GONE_BEFORE, Mode.GONE_AT_FIRST, Mode.GONE_MIDSTREAM})
STREAMS_ONLY: frozenset[Mode] = frozenset(
    {Mode.LATE, Mode.LATE_ERROR, Mode.MALFORMED_SSE, Mode.ERROR_EVENT, Mode.GONE_AT_FIRST, Mode.GONE_MIDSTREAM}
)
BUFFERED_ONLY: frozenset[Mode] = frozenset({Mode.MALFORMED_JSON})
# For every worker at once, one after another, and last.
PROCESS: tuple[Mode, ...] = (Mode.LOG_CLOSED, Mode.WORKER_ABORTS, Mode.WORKER_KILLED, Mode.SIGTERM)

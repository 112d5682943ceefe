"""The one event of a request: enums, numbers and random ids. There is no text field, so nothing can leak by mistake."""

from enum import IntEnum

from msgspec import Struct

NONE = 0xFFFF  # "no index": the request ended before one was known


class Outcome(IntEnum):
    """How a request ended."""

    OK = 0
    CALLER_ERROR = 1
    UPSTREAM_ERROR = 2
    UPSTREAM_ANSWERED = 3  # with an error status of its own
    STREAM_FAILED = 4  # after the first byte to the caller
    CANCELLED = 5  # the caller went away
    DRAINED = 6  # ended by our own deadline
    INTERNAL = 7


class RequestEvent(Struct):
    """Filled in while the request is answered; closed, without a text field.

    Times in milliseconds, sizes in bytes, counts in tokens; indices point into the plan; enums by index.
    """

    time: int  # Unix milliseconds at arrival
    request_id: bytes  # 16 random bytes
    endpoint: int = NONE
    route: int = NONE
    upstream: int = NONE
    key: int = NONE
    level: int = 0
    upstream_class: int = NONE
    status: int = 0
    outcome: Outcome = Outcome.OK
    error: int = NONE  # index of the error's code in `ledger.codes`
    stream: bool = False
    translated: bool = False
    attempts: int = 0
    first_byte_ms: int = 0
    duration_ms: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    hints: int = 0
    degraded: int = 0
    dropped: int = 0
    tee_errors: int = 0

"""One line of JSON for each request at level C."""

from datetime import UTC, datetime
from functools import lru_cache

import msgspec
from msgspec import Struct

from lethe.ledger.codes import CODES
from lethe.ledger.events import RequestEvent
from lethe.ledger.names import CLASSES, ENDPOINTS, LEVELS, OUTCOMES, Names, name_at


class Line(Struct, frozen=True):
    """The schema of the ledger. `time` is RFC 3339 in UTC; names are those of the configuration."""

    time: str
    request_id: str
    endpoint: str | None
    route: str | None
    upstream: str | None
    key: str | None
    level: str
    upstream_class: str | None
    status: int
    outcome: str
    error: str | None
    stream: bool
    translated: bool
    attempts: int
    first_byte_ms: int
    duration_ms: int
    request_bytes: int
    response_bytes: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    reasoning_tokens: int
    loss_hints: int
    loss_degraded: int
    loss_dropped: int
    tee_errors: int


_ENCODER = msgspec.json.Encoder()


def line(event: RequestEvent, names: Names) -> bytes:
    """The event as one line, newline included."""
    return _ENCODER.encode(_spell(event, names)) + b"\n"


def _spell(event: RequestEvent, names: Names) -> Line:
    seconds, milliseconds = divmod(event.time, 1000)  # a float of both would round some of them
    return Line(
        f"{_second(seconds)}.{milliseconds:03d}Z",
        event.request_id.hex(),
        name_at(ENDPOINTS, event.endpoint),
        name_at(names.routes, event.route),
        name_at(names.upstreams, event.upstream),
        name_at(names.keys, event.key),
        LEVELS[event.level],
        name_at(CLASSES, event.upstream_class),
        event.status,
        OUTCOMES[event.outcome],
        name_at(CODES, event.error),
        event.stream,
        event.translated,
        event.attempts,
        event.first_byte_ms,
        event.duration_ms,
        event.request_bytes,
        event.response_bytes,
        event.input,
        event.cache_read,
        event.cache_write,
        event.output,
        event.reasoning,
        event.hints,
        event.degraded,
        event.dropped,
        event.tee_errors,
    )


@lru_cache(maxsize=4)
def _second(unix: int) -> str:
    """Most events share their second with the one before."""
    return datetime.fromtimestamp(unix, UTC).isoformat()[:19]

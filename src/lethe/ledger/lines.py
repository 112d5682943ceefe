"""One line of JSON for each request at level C."""

from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from lethe.ledger.codes import CODES
from lethe.ledger.events import RequestEvent
from lethe.ledger.names import CLASSES, ENDPOINTS, LEVELS, Names, name_at


class Line(Struct, frozen=True, kw_only=True):
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
        time=f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{milliseconds:03d}Z",
        request_id=event.request_id.hex(),
        endpoint=name_at(ENDPOINTS, event.endpoint),
        route=name_at(names.routes, event.route),
        upstream=name_at(names.upstreams, event.upstream),
        key=name_at(names.keys, event.key),
        level=LEVELS[event.level],
        upstream_class=name_at(CLASSES, event.upstream_class),
        status=event.status,
        outcome=event.outcome.name.lower(),
        error=name_at(CODES, event.error),
        stream=event.stream,
        translated=event.translated,
        attempts=event.attempts,
        first_byte_ms=event.first_byte_ms,
        duration_ms=event.duration_ms,
        request_bytes=event.request_bytes,
        response_bytes=event.response_bytes,
        input_tokens=event.input,
        cache_read_tokens=event.cache_read,
        cache_write_tokens=event.cache_write,
        output_tokens=event.output,
        reasoning_tokens=event.reasoning,
        loss_hints=event.hints,
        loss_degraded=event.degraded,
        loss_dropped=event.dropped,
        tee_errors=event.tee_errors,
    )

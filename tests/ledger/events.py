"""Request events for tests: one with a different number in every field, and a strategy for all that can be packed."""

from hypothesis import strategies as st

from lethe.ledger.events import NONE, Outcome, RequestEvent
from lethe.ledger.names import LEVELS

LEVEL_B, LEVEL_C = LEVELS.index("B"), LEVELS.index("C")


def event(**fields: object) -> RequestEvent:
    """A finished request at level C; `fields` replace what is usual."""
    usual: dict[str, object] = {
        "time": 1_764_000_000_123,
        "request_id": bytes(range(16)),
        "endpoint": 0,
        "route": 1,
        "upstream": 2,
        "key": 3,
        "level": LEVEL_C,
        "upstream_class": 6,
        "status": 529,
        "outcome": Outcome.UPSTREAM_ANSWERED,
        "error": 4,
        "stream": True,
        "translated": False,
        "attempts": 5,
        "first_byte_ms": 1001,
        "duration_ms": 2002,
        "request_bytes": 3003,
        "response_bytes": 4004,
        "input": 11,
        "cache_read": 12,
        "cache_write": 13,
        "output": 14,
        "reasoning": 15,
        "hints": 16,
        "degraded": 17,
        "dropped": 18,
        "tee_errors": 19,
    }
    return RequestEvent(**{**usual, **fields})  # type: ignore[arg-type] # a table of fields


_BYTE, _SHORT = st.integers(0, 0xFF), st.integers(0, 0xFFFF)
_WORD, _LONG = st.integers(0, 0xFFFFFFFF), st.integers(0, 2**60)
_INDEX = st.one_of(st.just(NONE), st.integers(0, 40))

events = st.builds(
    RequestEvent,
    time=st.integers(0, 253_402_300_799_999),
    request_id=st.binary(min_size=16, max_size=16),
    endpoint=_INDEX,
    route=_INDEX,
    upstream=_INDEX,
    key=_INDEX,
    level=st.integers(0, len(LEVELS) - 1),
    upstream_class=_INDEX,
    status=st.integers(0, 999),
    outcome=st.sampled_from(Outcome),
    error=_INDEX,
    stream=st.booleans(),
    translated=st.booleans(),
    attempts=_BYTE,
    first_byte_ms=_WORD,
    duration_ms=_WORD,
    request_bytes=_LONG,
    response_bytes=_LONG,
    input=_WORD,
    cache_read=_WORD,
    cache_write=_WORD,
    output=_WORD,
    reasoning=_WORD,
    hints=_SHORT,
    degraded=_SHORT,
    dropped=_SHORT,
    tee_errors=_SHORT,
)

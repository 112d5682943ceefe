"""Request events as fixed-size binary records: how they cross from worker to supervisor."""

import struct
from collections.abc import Iterator

from msgspec.structs import astuple

from lethe.ledger.events import Outcome, RequestEvent
from lethe.ledger.names import LEVELS

FIELDS: tuple[tuple[str, str], ...] = (
    ("time", "Q"),
    ("request_id", "16s"),
    ("endpoint", "H"),
    ("route", "H"),
    ("upstream", "H"),
    ("key", "H"),
    ("level", "B"),
    ("upstream_class", "H"),
    ("status", "H"),
    ("outcome", "B"),
    ("error", "H"),
    ("stream", "?"),
    ("translated", "?"),
    ("attempts", "B"),
    ("first_byte_ms", "I"),
    ("duration_ms", "I"),
    ("request_bytes", "Q"),
    ("response_bytes", "Q"),
    ("input", "I"),
    ("cache_read", "I"),
    ("cache_write", "I"),
    ("output", "I"),
    ("reasoning", "I"),
    ("hints", "H"),
    ("degraded", "H"),
    ("dropped", "H"),
    ("tee_errors", "H"),
)
"""Every field of RequestEvent in the order of the record, with its `struct` code. Little-endian, no padding."""

_LAYOUT = struct.Struct("<" + "".join(code for _, code in FIELDS))
_OUTCOMES = tuple(Outcome)  # they count from 0
SIZE = _LAYOUT.size  # bytes a record
_MAXIMA = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF, "Q": 0xFFFFFFFFFFFFFFFF}
_LATEST = 253_402_300_799_999  # Unix ms of the last moment of the year 9999


def pack(event: RequestEvent) -> bytes:
    """One record. A number that does not fit its field becomes the largest or smallest that does."""
    values = astuple(event)  # its fields stand in the same order
    try:
        return _LAYOUT.pack(*values)
    except struct.error:
        return _LAYOUT.pack(
            *(
                max(0, min(value, _MAXIMA[code])) if code in _MAXIMA else value
                for value, (_, code) in zip(values, FIELDS, strict=True)
            )
        )


def unpack(records: bytes) -> Iterator[RequestEvent]:
    """The events of whole records. Raises ValueError for bytes that no `pack` makes."""
    if len(records) % SIZE:
        raise ValueError("not whole records")
    for values in _LAYOUT.iter_unpack(records):
        event = RequestEvent(*values)  # its fields stand in the same order
        if event.outcome >= len(_OUTCOMES) or event.level >= len(LEVELS) or event.time > _LATEST:
            raise ValueError("no such outcome, level or time")
        event.outcome = _OUTCOMES[event.outcome]
        yield event

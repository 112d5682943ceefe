"""The binary record: its layout is pinned, every event survives it, and nothing else is accepted."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.events import event, events

from lethe.ledger.events import NONE, RequestEvent
from lethe.ledger.record import FIELDS, SIZE, pack, unpack

# Field by field, little-endian, in the order of FIELDS.
GOLDEN = (
    "7be897b69a010000"  # time
    "000102030405060708090a0b0c0d0e0f"  # request_id
    "0000 0100 0200 0300"  # endpoint route upstream key
    "03 0600 1102 03 0400"  # level upstream_class status outcome error
    "01 00 05"  # stream translated attempts
    "e9030000 d2070000"  # first_byte_ms duration_ms
    "bb0b000000000000 a40f000000000000"  # request_bytes response_bytes
    "0b000000 0c000000 0d000000 0e000000 0f000000"  # tokens
    "1000 1100 1200 1300"  # losses, tee_errors
).replace(" ", "")


def test_the_layout_is_pinned() -> None:
    assert pack(event()).hex() == GOLDEN
    assert len(GOLDEN) // 2 == SIZE == 95


def test_every_field_of_an_event_is_in_the_record() -> None:
    assert tuple(name for name, _ in FIELDS) == RequestEvent.__struct_fields__


def test_no_field_can_hold_text() -> None:
    assert {code for _, code in FIELDS} <= {"B", "H", "I", "Q", "?", "16s"}
    assert [name for name, code in FIELDS if code == "16s"] == ["request_id"]


@settings(max_examples=40)
@given(st.lists(events, max_size=3))
def test_what_is_packed_comes_back(several: list[RequestEvent]) -> None:
    assert list(unpack(b"".join(map(pack, several)))) == several


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("attempts", 256, 0xFF),
        ("input", 2**32, 2**32 - 1),
        ("duration_ms", -1, 0),
        ("hints", 70_000, 0xFFFF),
        ("route", 70_000, NONE),
        ("request_bytes", 2**64, 2**64 - 1),
    ],
)
def test_a_number_that_does_not_fit_becomes_the_nearest(field: str, value: int, kept: int) -> None:
    (back,) = unpack(pack(event(**{field: value})))
    assert back == event(**{field: kept})


def _with(offset: int, data: bytes) -> bytes:
    record = pack(event())
    return record[:offset] + data + record[offset + len(data) :]


GARBAGE: dict[str, bytes] = {
    "half a record": pack(event())[:50],
    "one byte more": pack(event()) + b"\0",
    "no such outcome": _with(37, b"\xff"),
    "no such level": _with(32, b"\x04"),
    "a time beyond the calendar": _with(0, b"\xff" * 8),
}


@pytest.mark.parametrize("records", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_refused(records: bytes) -> None:
    with pytest.raises(ValueError, match=r"whole records|valid Outcome|level or time"):
        list(unpack(records))


@given(st.binary(min_size=SIZE, max_size=SIZE))
def test_any_bytes_are_an_event_or_refused(record: bytes) -> None:
    try:
        (back,) = unpack(record)
    except ValueError:
        return
    assert list(unpack(pack(back))) == [back]

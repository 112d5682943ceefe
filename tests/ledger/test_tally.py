"""Counters add up in any order, cross the channel as they are, and hold no trace of a single request."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ledger.events import event, events

from lethe.ledger.events import NONE, RequestEvent
from lethe.ledger.tally import BOUNDS_MS, Cell, Histogram, Tally

several = st.lists(events, max_size=3)


def tally(*groups: list[RequestEvent]) -> Tally:
    counted = Tally()
    for each in (one for group in groups for one in group):
        counted.add(each)
    return counted


def merged(*tallies: Tally) -> Tally:
    whole = Tally()
    for each in tallies:
        whole.merge(each)
    return whole


@settings(max_examples=25)
@given(several, several, several)
def test_merging_equals_adding_in_any_grouping(
    a: list[RequestEvent], b: list[RequestEvent], c: list[RequestEvent]
) -> None:
    whole = tally(a, b, c)
    assert merged(merged(tally(a), tally(b)), tally(c)) == whole
    assert merged(tally(a), merged(tally(b), tally(c))) == whole
    assert merged(tally(c), tally(a), tally(b)) == whole


def test_merging_leaves_the_other_alone() -> None:
    one = tally([event()])
    merged(one, tally([event()]))
    whole = merged(one)
    whole.add(event())
    assert one == tally([event()])


def test_what_one_event_adds() -> None:
    (place, cell), *rest = tally([event()]).cells.items()
    assert (place, rest) == ((0, 2, 3), [])
    assert (cell.ended, cell.errors) == ({(5, 3): 1}, {4: 1})
    assert (cell.tokens, cell.losses) == ([11, 12, 13, 14, 15], [16, 17, 18])
    assert (cell.attempts, cell.tee_errors, cell.request_bytes, cell.response_bytes) == (5, 19, 3003, 4004)
    assert (cell.duration.total, cell.first_byte.total) == (2002, 1001)


def test_what_did_not_happen_is_not_counted() -> None:
    (cell,) = tally([event(error=NONE, first_byte_ms=0)]).cells.values()
    assert cell.errors == {}
    assert sum(cell.first_byte.counts) == 0


@pytest.mark.parametrize(
    ("milliseconds", "bucket"), [(0, 0), (5, 0), (6, 1), (600_000, len(BOUNDS_MS) - 1), (600_001, len(BOUNDS_MS))]
)
def test_bounds_are_inclusive(milliseconds: int, bucket: int) -> None:
    histogram = Histogram()
    histogram.add(milliseconds)
    assert histogram.counts.index(1) == bucket


@settings(max_examples=25)
@given(several)
def test_it_crosses_as_msgpack(group: list[RequestEvent]) -> None:
    whole = tally(group)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Tally) == whole


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        merged(tally([event()])).merge(Tally({(0, 2, 3): Cell(tokens=[1])}))


def test_no_trace_of_a_single_request() -> None:
    kept = msgspec.msgpack.encode(tally([event(request_id=b"canary-request-i")]))
    assert b"canary" not in kept
    assert (1_764_000_000_123).to_bytes(8, "big") not in kept

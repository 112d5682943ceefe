"""When events leave the data plane: in batches at level C, as sums at the others."""

import heapq
from collections.abc import Callable
from itertools import count

import pytest
from tests.ledger.events import LEVEL_B, LEVEL_C, event

from lethe.ledger.events import RequestEvent
from lethe.ledger.names import LEVELS
from lethe.ledger.record import SIZE, unpack
from lethe.ledger.recorder import BATCH, PATIENCE, PERIOD, Recorder
from lethe.ledger.tally import Tally


class Clock:
    """`later` as an event loop has it; time passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._calls, (self.now + seconds, next(self._order), call))

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._calls and self._calls[0][0] <= end:
            self.now, _, call = heapq.heappop(self._calls)
            call()
        self.now = end


class Heard:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.batches: list[bytes] = []
        self.tallies: list[Tally] = []

    def events(self, records: bytes) -> None:
        self.batches.append(records)

    def counters(self, tally: Tally) -> None:
        self.tallies.append(tally)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def recorder(clock: Clock, heard: Heard) -> Recorder:
    return Recorder(heard, clock.later)


def numbered(number: int, level: int = LEVEL_C) -> RequestEvent:
    return event(status=number, level=level)


def statuses(heard: Heard) -> list[list[int]]:
    return [[each.status for each in unpack(batch)] for batch in heard.batches]


def test_a_record_waits_for_company_only_so_long(recorder: Recorder, clock: Clock, heard: Heard) -> None:
    recorder.record(numbered(1))
    clock.advance(PATIENCE / 2)
    recorder.record(numbered(2))
    clock.advance(PATIENCE / 4)
    assert heard.batches == []
    clock.advance(PATIENCE / 4)
    assert statuses(heard) == [[1, 2]]
    clock.advance(PERIOD)
    assert statuses(heard) == [[1, 2]]


def test_a_full_batch_leaves_at_once(recorder: Recorder, clock: Clock, heard: Heard) -> None:
    for number in range(BATCH + 1):
        recorder.record(numbered(number))
    assert [len(batch) for batch in heard.batches] == [BATCH * SIZE]
    clock.advance(PATIENCE)
    assert statuses(heard) == [list(range(BATCH)), [BATCH]]


@pytest.mark.parametrize("level", [n for n, name in enumerate(LEVELS) if name != "C"])
def test_without_the_ledger_only_sums_leave_and_only_each_period(
    level: int, recorder: Recorder, clock: Clock, heard: Heard
) -> None:
    for number in range(3 * BATCH):
        recorder.record(numbered(200 + number % 2, level))
    clock.advance(PERIOD - 1)
    assert (heard.batches, heard.tallies) == ([], [])
    clock.advance(1)
    (tally,) = heard.tallies
    assert [(place, cell.ended) for place, cell in tally.cells.items()] == [((0, 2, level), {(2, 3): 3 * BATCH})]
    assert heard.batches == []
    clock.advance(2 * PERIOD)
    assert len(heard.tallies) == 1  # a period without requests says nothing


def test_each_period_starts_from_nothing(recorder: Recorder, clock: Clock, heard: Heard) -> None:
    recorder.record(numbered(200, LEVEL_B))
    clock.advance(PERIOD)
    recorder.record(numbered(500, LEVEL_B))
    clock.advance(PERIOD)
    assert [next(iter(tally.cells.values())).ended for tally in heard.tallies] == [{(2, 3): 1}, {(5, 3): 1}]


def test_flush_sends_all_that_is_held_once(recorder: Recorder, clock: Clock, heard: Heard) -> None:
    recorder.record(numbered(1))
    recorder.record(numbered(200, LEVEL_B))
    recorder.flush()
    assert (statuses(heard), len(heard.tallies)) == ([[1]], 1)
    recorder.flush()
    clock.advance(PATIENCE)
    assert (statuses(heard), len(heard.tallies)) == ([[1]], 1)
    recorder.record(numbered(2))  # after a flush records are waited for again
    clock.advance(PATIENCE)
    assert statuses(heard) == [[1], [2]]

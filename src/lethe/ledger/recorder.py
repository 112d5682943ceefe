"""Where the data plane leaves its events: batched at level C, counted at the others."""

from collections.abc import Callable
from typing import Protocol

from lethe.ledger.events import RequestEvent
from lethe.ledger.names import LEVELS
from lethe.ledger.record import pack
from lethe.ledger.tally import Tally
from lethe.retention.levels import Level

BATCH = 64  # records
PATIENCE = 0.05  # seconds that a record waits for company
PERIOD = 60.0  # seconds between counters, whatever happened meanwhile
_C = LEVELS.index(Level.C)


class Sink(Protocol):
    """The way up. It drops and counts what does not fit, and never blocks."""

    def events(self, records: bytes) -> None: ...
    def counters(self, tally: Tally) -> None: ...


class Recorder:
    """Belongs to one event loop; `later(seconds, call)` is the loop's `call_later`."""

    def __init__(self, sink: Sink, later: Callable[[float, Callable[[], None]], object]) -> None:
        self._sink = sink
        self._later = later
        self._records: list[bytes] = []
        self._armed = False
        self._tally = Tally()
        later(PERIOD, self._tick)

    def record(self, event: RequestEvent) -> None:
        """Takes the event of a finished request. At A1, A2 and B nothing of it is left but sums."""
        if event.level != _C:
            self._tally.add(event)
            return
        self._records.append(pack(event))
        if len(self._records) >= BATCH:
            self._send_events()
        elif not self._armed:
            self._armed = True
            self._later(PATIENCE, self._expire)

    def flush(self) -> None:
        """Send all that is held."""
        self._send_events()
        if self._tally.cells:
            tally, self._tally = self._tally, Tally()
            self._sink.counters(tally)

    def _send_events(self) -> None:
        if self._records:
            records = b"".join(self._records)
            self._records.clear()
            self._sink.events(records)

    def _expire(self) -> None:
        self._armed = False
        self._send_events()

    def _tick(self) -> None:
        self._later(PERIOD, self._tick)
        self.flush()

"""What leaves the supervisor: lines of the ledger, notices for people, and the page of metrics."""

from lethe.ledger.lines import line
from lethe.ledger.metrics import Figures, Totals, render
from lethe.ledger.names import LEVELS
from lethe.ledger.record import unpack
from lethe.retention.levels import Level
from lethe.sandbox import faults
from lethe.sandbox.channel import Dropped, Fault
from lethe.sandbox.generation import Generation
from lethe.sandbox.outlet import Outlet

_C = LEVELS.index(Level.C)
_KINDS_OF_FAULT = 256  # told apart; each is reported when it happens for the 1st, 2nd, 4th, 8th ... time
_LAST_LINES = 1.0  # seconds for stdout to take what is waiting


class Outputs:
    """Owns stdout and stderr. Nothing that workers print gets here; it is counted."""

    def __init__(self) -> None:
        self.figures = Figures()
        self._lines = Outlet(1)
        self._notices = Outlet(2)
        self._ended = Totals()  # of generations that are gone
        self._faults: dict[Fault, int] = {}

    def say(self, text: str) -> None:
        """A notice for people."""
        for line_of_text in text.splitlines():
            self._notices.write(f"lethe: {line_of_text}\n".encode(errors="replace"))

    def ended(self, generation: Generation) -> None:
        """Keep the sums of a generation that is gone."""
        self._ended.add(generation.tally, generation.names)

    def worker_ended(self, slot: int, how: str, restart_in: float) -> None:
        self.figures.worker_restarts += restart_in > 0
        self.say(f"worker {slot} {how}" + (f"; another one starts in {restart_in:g} s" if restart_in else ""))

    def faulted(self, slot: int, fault: Fault) -> None:
        self.figures.worker_faults += 1
        if not faults.plain(fault) or (fault not in self._faults and len(self._faults) >= _KINDS_OF_FAULT):
            return
        times = self._faults[fault] = self._faults.get(fault, 0) + 1
        if times & (times - 1) == 0:
            self.say(f"worker {slot}: {fault}" + (f" ({times} times)" if times > 1 else ""))

    def recorded(self, generation: Generation, records: bytes) -> None:
        """Raises ValueError for what is no record of this generation."""
        out: list[bytes] = []
        for event in unpack(records):
            if event.level != _C or not generation.names.known(event.endpoint, event.upstream, event.level):
                raise ValueError("an event of what is not configured")
            generation.tally.add(event)
            out.append(line(event, generation.names))
        self._lines.write(b"".join(out), len(out))

    def dropped(self, dropped: Dropped) -> None:
        self.figures.events_dropped += dropped.events
        self.figures.counters_dropped += dropped.counters

    def printed(self, data: bytes) -> None:
        self.figures.discarded_bytes += len(data)

    def metrics(self, generations: list[Generation]) -> bytes:
        self.figures.workers = sum(generation.serving for generation in generations)
        self.figures.lines_dropped = self._lines.dropped
        totals = Totals()
        totals.merge(self._ended)
        for generation in generations:
            totals.add(generation.tally, generation.names)
        return render(totals, self.figures)

    def close(self) -> None:
        """After a moment for what is waiting."""
        self._lines.close(_LAST_LINES)
        self._notices.close(_LAST_LINES)

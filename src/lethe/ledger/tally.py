"""Counters of requests: pure, mergeable, and without a trace of any single one."""

from bisect import bisect_left
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct, field

from lethe.ledger.events import NONE, RequestEvent

Count: TypeAlias = Annotated[int, Meta(ge=0)]

BOUNDS_MS: tuple[int, ...] = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000)
"""Upper bounds of the histograms' buckets; one more bucket holds what is above."""
TOKEN_KINDS: tuple[str, ...] = ("input", "cache_read", "cache_write", "output", "reasoning")
SEVERITIES: tuple[str, ...] = ("hint", "degraded", "dropped")


def _zeros(count: int) -> list[int]:
    return [0] * count


class Histogram(Struct):
    """`counts` by bucket, not cumulative; `total` in milliseconds."""

    counts: list[Count] = field(default_factory=lambda: _zeros(len(BOUNDS_MS) + 1))
    total: Count = 0

    def add(self, milliseconds: int) -> None:
        self.counts[bisect_left(BOUNDS_MS, milliseconds)] += 1
        self.total += milliseconds

    def merge(self, other: "Histogram") -> None:
        self.counts = _sums(self.counts, other.counts)
        self.total += other.total


class Cell(Struct):
    """All counters of one endpoint, upstream and level."""

    ended: dict[tuple[Count, Count], Count] = field(default_factory=dict)  # by (hundreds of the status, outcome)
    errors: dict[Count, Count] = field(default_factory=dict)  # by index in `codes`
    tokens: list[Count] = field(default_factory=lambda: _zeros(len(TOKEN_KINDS)))
    losses: list[Count] = field(default_factory=lambda: _zeros(len(SEVERITIES)))
    duration: Histogram = field(default_factory=Histogram)
    first_byte: Histogram = field(default_factory=Histogram)
    attempts: Count = 0
    tee_errors: Count = 0
    request_bytes: Count = 0
    response_bytes: Count = 0

    def add(self, event: RequestEvent) -> None:
        end = (event.status // 100, int(event.outcome))
        self.ended[end] = self.ended.get(end, 0) + 1
        if event.error != NONE:
            self.errors[event.error] = self.errors.get(event.error, 0) + 1
        tokens = self.tokens
        tokens[0] += event.input
        tokens[1] += event.cache_read
        tokens[2] += event.cache_write
        tokens[3] += event.output
        tokens[4] += event.reasoning
        losses = self.losses
        losses[0] += event.hints
        losses[1] += event.degraded
        losses[2] += event.dropped
        self.duration.add(event.duration_ms)
        if event.first_byte_ms:
            self.first_byte.add(event.first_byte_ms)
        self.attempts += event.attempts
        self.tee_errors += event.tee_errors
        self.request_bytes += event.request_bytes
        self.response_bytes += event.response_bytes

    def merge(self, other: "Cell") -> None:
        """Add another's counts. Raises ValueError when its lists have other lengths than ours."""
        for end, count in other.ended.items():
            self.ended[end] = self.ended.get(end, 0) + count
        for error, count in other.errors.items():
            self.errors[error] = self.errors.get(error, 0) + count
        self.tokens = _sums(self.tokens, other.tokens)
        self.losses = _sums(self.losses, other.losses)
        self.duration.merge(other.duration)
        self.first_byte.merge(other.first_byte)
        self.attempts += other.attempts
        self.tee_errors += other.tee_errors
        self.request_bytes += other.request_bytes
        self.response_bytes += other.response_bytes


class Tally(Struct):
    """Cells by (endpoint, upstream, level), as indices into one plan."""

    cells: dict[tuple[Count, Count, Count], Cell] = field(default_factory=dict)

    def add(self, event: RequestEvent) -> None:
        self._cell((event.endpoint, event.upstream, event.level)).add(event)

    def merge(self, other: "Tally") -> None:
        """Add another's counts. Raises ValueError when it is not shaped like ours."""
        for place, cell in other.cells.items():
            self._cell(place).merge(cell)

    def _cell(self, place: tuple[int, int, int]) -> Cell:
        cell = self.cells.get(place)
        if cell is None:
            cell = self.cells[place] = Cell()
        return cell


def _sums(ours: list[int], theirs: list[int]) -> list[int]:
    return [a + b for a, b in zip(ours, theirs, strict=True)]

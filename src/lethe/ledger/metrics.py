"""Prometheus text (format 0.0.4) of tallies and of the processes' own figures. Every label comes from a closed set."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from lethe import __version__
from lethe.ledger.codes import CODES
from lethe.ledger.names import ENDPOINTS, LEVELS, OUTCOMES, Names, name_at
from lethe.ledger.tally import BOUNDS_MS, SEVERITIES, TOKEN_KINDS, Cell, Histogram, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Place: TypeAlias = tuple[str, str, str]  # endpoint, upstream, level
Sample: TypeAlias = tuple[str, str, float]  # suffix of the metric's name, labels, value
Samples: TypeAlias = Callable[[Cell], Iterator[Sample]]


class Figures(Struct):
    """What the supervisor counts about itself and its children."""

    generation: int = 0
    workers: int = 0
    worker_restarts: int = 0
    worker_faults: int = 0
    reloads: int = 0
    reload_failures: int = 0
    events_dropped: int = 0  # records that a full channel did not take
    counters_dropped: int = 0  # tallies that a full channel did not take
    lines_dropped: int = 0  # ledger lines that stdout did not take
    discarded_bytes: int = 0  # written by workers to their stdout and stderr, and thrown away


class Totals:
    """Cells by name, so that generations with different plans add up."""

    def __init__(self) -> None:
        self.cells: dict[Place, Cell] = {}

    def add(self, tally: Tally, names: Names) -> None:
        """Add a generation's counts under the names that its plan gave to the indices."""
        for (endpoint, upstream, level), cell in tally.cells.items():
            place = (
                name_at(ENDPOINTS, endpoint) or "none",
                name_at(names.upstreams, upstream) or "none",
                name_at(LEVELS, level) or "none",
            )
            self.cells.setdefault(place, Cell()).merge(cell)

    def merge(self, other: "Totals") -> None:
        for place, cell in other.cells.items():
            self.cells.setdefault(place, Cell()).merge(cell)


def render(totals: Totals, figures: Figures) -> bytes:
    """The whole page."""
    return ("\n".join((*_requests(totals.cells), *_processes(figures))) + "\n").encode()


def _requests(cells: Mapping[Place, Cell]) -> Iterator[str]:
    for name, kind, about, samples in _FAMILIES:
        yield from _family(name, kind, about, _each(cells, samples))


def _processes(figures: Figures) -> Iterator[str]:
    yield from _family("lethe_build_info", "gauge", "The running version.", [("", f'version="{__version__}"', 1)])
    rows = (
        ("lethe_generation", "gauge", "Number of the serving configuration.", figures.generation),
        ("lethe_workers", "gauge", "Workers that serve.", figures.workers),
        ("lethe_worker_restarts_total", "counter", "Workers started anew after a crash.", figures.worker_restarts),
        ("lethe_worker_faults_total", "counter", "Exceptions that should not happen.", figures.worker_faults),
        ("lethe_reloads_total", "counter", "Configurations taken over.", figures.reloads),
        ("lethe_reload_failures_total", "counter", "Configurations refused.", figures.reload_failures),
        ("lethe_events_dropped_total", "counter", "Events lost to a full channel.", figures.events_dropped),
        ("lethe_counters_dropped_total", "counter", "Tallies lost to a full channel.", figures.counters_dropped),
        ("lethe_ledger_lines_dropped_total", "counter", "Lines that stdout did not take.", figures.lines_dropped),
        ("lethe_discarded_bytes_total", "counter", "Workers' output, thrown away.", figures.discarded_bytes),
    )
    for name, kind, about, value in rows:
        yield from _family(name, kind, about, [("", "", value)])


def _family(name: str, kind: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {about}"
    yield f"# TYPE {name} {kind}"
    for suffix, labels, value in samples:
        yield f"{name}{suffix}{{{labels}}} {value}" if labels else f"{name}{suffix} {value}"


def _each(cells: Mapping[Place, Cell], samples: Samples) -> Iterator[Sample]:
    for (endpoint, upstream, level), cell in sorted(cells.items()):
        where = f'endpoint="{endpoint}",upstream="{_escape(upstream)}",level="{level}"'
        for suffix, labels, value in samples(cell):
            yield suffix, f"{where},{labels}" if labels else where, value


def _ended(cell: Cell) -> Iterator[Sample]:
    return _summed((_end_labels(*end), count) for end, count in sorted(cell.ended.items()))


def _end_labels(hundreds: int, outcome: int) -> str:
    status = f"{hundreds}xx" if 1 <= hundreds <= 5 else "none"
    return f'status="{status}",outcome="{name_at(OUTCOMES, outcome) or "none"}"'


def _errors(cell: Cell) -> Iterator[Sample]:
    return _summed((f'code="{name_at(CODES, error) or "none"}"', count) for error, count in sorted(cell.errors.items()))


def _summed(counts: Iterable[tuple[str, int]]) -> Iterator[Sample]:
    """A scraper refuses a page that names a series twice, and several numbers may have no name."""
    sums: dict[str, int] = {}
    for labels, count in counts:
        sums[labels] = sums.get(labels, 0) + count
    return (("", labels, count) for labels, count in sums.items())


def _tokens(cell: Cell) -> Iterator[Sample]:
    return (("", f'kind="{kind}"', count) for kind, count in zip(TOKEN_KINDS, cell.tokens, strict=True))


def _losses(cell: Cell) -> Iterator[Sample]:
    return (("", f'severity="{severity}"', count) for severity, count in zip(SEVERITIES, cell.losses, strict=True))


def _single(count: int) -> Iterator[Sample]:
    yield "", "", count


def _histogram(histogram: Histogram) -> Iterator[Sample]:
    below = 0
    for bound, count in zip((*(f"{ms / 1000:g}" for ms in BOUNDS_MS), "+Inf"), histogram.counts, strict=True):
        below += count
        yield "_bucket", f'le="{bound}"', below
    yield "_sum", "", histogram.total / 1000
    yield "_count", "", below


def _escape(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


_FAMILIES: tuple[tuple[str, str, str, Samples], ...] = (
    ("lethe_requests_total", "counter", "Requests that ended.", _ended),
    ("lethe_errors_total", "counter", "Requests that ended in an error, by its code.", _errors),
    ("lethe_tokens_total", "counter", "Tokens by kind; reasoning is within output.", _tokens),
    ("lethe_losses_total", "counter", "Features that translation lost.", _losses),
    ("lethe_attempts_total", "counter", "Calls to upstreams.", lambda cell: _single(cell.attempts)),
    ("lethe_tee_errors_total", "counter", "Usage that could not be read.", lambda cell: _single(cell.tee_errors)),
    ("lethe_request_bytes_total", "counter", "Bytes of callers' bodies.", lambda cell: _single(cell.request_bytes)),
    ("lethe_response_bytes_total", "counter", "Bytes of bodies to callers.", lambda cell: _single(cell.response_bytes)),
    ("lethe_request_duration_seconds", "histogram", "From arrival to end.", lambda cell: _histogram(cell.duration)),
    ("lethe_first_byte_seconds", "histogram", "From arrival to first byte.", lambda cell: _histogram(cell.first_byte)),
)

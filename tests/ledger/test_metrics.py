"""The page for Prometheus, read by a strict parser of its own."""

import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from tests.ledger.events import event, events

from lethe import __version__
from lethe.ledger.codes import CODES
from lethe.ledger.events import NONE, Outcome, RequestEvent
from lethe.ledger.metrics import Figures, Totals, render
from lethe.ledger.names import ENDPOINTS, LEVELS, Names
from lethe.ledger.tally import BOUNDS_MS, SEVERITIES, TOKEN_KINDS, Tally

NAMES = Names(upstreams=("a", "b", "c"))

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\d+(?:\.\d+)?(?:e[+-]\d+)?)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')
_SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


class Sample(Struct, frozen=True):
    name: str
    labels: dict[str, str]
    value: float


class Page:
    """Every family with a help, a type and its samples together; anything else fails."""

    def __init__(self, text: bytes) -> None:
        self.samples: list[Sample] = []
        self.types: dict[str, str] = {}
        family, helped = "", ""
        assert text.endswith(b"\n")
        for line in text.decode().splitlines():
            match line.split(" ", 3):
                case ["#", "HELP", name, _]:
                    assert name.startswith("lethe_")
                    assert name not in self.types
                    helped = name
                case ["#", "TYPE", name, kind]:
                    assert name == helped
                    self.types[name], family = kind, name
                case _:
                    sample = self._sample(line)
                    assert sample.name in {family + suffix for suffix in _SUFFIXES[self.types[family]]}
                    self.samples.append(sample)
        keys = [(each.name, *sorted(each.labels.items())) for each in self.samples]
        assert len(set(keys)) == len(keys), "a series twice"

    def values(self, name: str) -> list[tuple[dict[str, str], float]]:
        return [(each.labels, each.value) for each in self.samples if each.name == name]

    def value(self, name: str) -> float:
        ((_, value),) = self.values(name)
        return value

    @staticmethod
    def _sample(line: str) -> Sample:
        found = _SAMPLE.fullmatch(line)
        assert found, line
        labels: dict[str, str] = {}
        rest = found[2] or ""
        while rest:
            label = _LABEL.match(rest)
            assert label, line
            assert label[1] not in labels
            labels[label[1]] = label[2]
            rest = rest[label.end() :]
            assert not rest or rest.startswith(",")
            rest = rest[1:]
        return Sample(found[1], labels, float(found[3]))


def page(*several: RequestEvent, names: Names = NAMES, figures: Figures | None = None) -> Page:
    tally, totals = Tally(), Totals()
    for each in several:
        tally.add(each)
    totals.add(tally, names)
    return Page(render(totals, figures or Figures()))


def test_one_request() -> None:
    read = page(event())
    place = {"endpoint": "messages", "upstream": "c", "level": "C"}
    assert read.values("lethe_requests_total") == [({**place, "status": "5xx", "outcome": "upstream_answered"}, 1)]
    assert read.values("lethe_errors_total") == [({**place, "code": CODES[4]}, 1)]
    assert [value for _, value in read.values("lethe_tokens_total")] == [11, 12, 13, 14, 15]
    assert [value for _, value in read.values("lethe_losses_total")] == [16, 17, 18]
    assert read.values("lethe_request_duration_seconds_sum") == [(place, 2.002)]
    buckets = {labels["le"]: value for labels, value in read.values("lethe_request_duration_seconds_bucket")}
    assert (buckets["1"], buckets["2.5"], buckets["+Inf"], len(buckets)) == (0, 1, 1, len(BOUNDS_MS) + 1)


def test_statuses_and_codes_without_a_name_are_one_series() -> None:
    read = page(event(status=0, error=500), event(status=999, error=501))
    assert [(labels["status"], count) for labels, count in read.values("lethe_requests_total")] == [("none", 2)]
    assert [(labels["code"], count) for labels, count in read.values("lethe_errors_total")] == [("none", 2)]


def test_before_any_request() -> None:
    read = page()
    assert read.values("lethe_requests_total") == []
    assert read.values("lethe_build_info") == [({"version": __version__}, 1)]


def test_the_processes_own_figures() -> None:
    figures = Figures(
        generation=1, workers=2, worker_restarts=3, worker_faults=4, reloads=5, reload_failures=6,
        events_dropped=7, counters_dropped=8, lines_dropped=9, discarded_bytes=10,
    )  # fmt: skip
    read = page(figures=figures)
    shown = [each for each in read.samples if each.name != "lethe_build_info"]
    assert [each.value for each in shown] == list(range(1, 11))
    assert {name for name, kind in read.types.items() if kind == "gauge"} == {
        "lethe_build_info", "lethe_generation", "lethe_workers",
    }  # fmt: skip
    assert all(name.endswith("_total") for name, kind in read.types.items() if kind == "counter")


CLOSED: dict[str, set[str]] = {
    "endpoint": {*ENDPOINTS, "none"},
    "upstream": {*NAMES.upstreams, "none"},
    "level": set(LEVELS),
    "status": {"1xx", "2xx", "3xx", "4xx", "5xx", "none"},
    "outcome": {outcome.name.lower() for outcome in Outcome},
    "code": {*CODES, "none"},
    "kind": set(TOKEN_KINDS),
    "severity": set(SEVERITIES),
    "le": {*(f"{bound / 1000:g}" for bound in BOUNDS_MS), "+Inf"},
    "version": {__version__},
}


@settings(max_examples=25)
@given(st.lists(events, max_size=4))
def test_labels_come_from_closed_sets_and_histograms_add_up(several: list[RequestEvent]) -> None:
    read = page(*several)
    for each in read.samples:
        for label, value in each.labels.items():
            assert value in CLOSED[label]
    assert sum(value for _, value in read.values("lethe_requests_total")) == len(several)
    counts = {tuple(labels.items()): value for labels, value in read.values("lethe_request_duration_seconds_count")}
    buckets: dict[tuple[tuple[str, str], ...], list[float]] = defaultdict(list)
    for labels, count in read.values("lethe_request_duration_seconds_bucket"):
        buckets[tuple(item for item in labels.items() if item[0] != "le")].append(count)
    assert {place: values[-1] for place, values in buckets.items()} == counts
    assert all(values == sorted(values) for values in buckets.values())


@pytest.mark.parametrize("name", ['a"b', "a\\", "a\nb", 'x",level="A1'])
def test_a_configured_name_cannot_break_the_page(name: str) -> None:
    ((labels, _),) = page(event(), names=Names(upstreams=("", "", name))).values("lethe_requests_total")
    shown = labels["upstream"].replace(r"\n", "\n").replace(r"\"", '"').replace("\\\\", "\\")
    assert (shown, labels["level"]) == (name, "C")


def test_generations_add_up_by_name() -> None:
    """The same upstream has another index in another plan."""
    tally, totals = Tally(), Totals()
    tally.add(event(upstream=0))
    totals.add(tally, Names(upstreams=("a", "b")))
    totals.add(tally, Names(upstreams=("b", "a")))
    totals.add(tally, Names(upstreams=("b",)))
    counts = {
        labels["upstream"]: value for labels, value in Page(render(totals, Figures())).values("lethe_requests_total")
    }
    assert counts == {"a": 1, "b": 2}


def test_merged_totals_leave_their_parts_alone() -> None:
    tally, whole, part = Tally(), Totals(), Totals()
    tally.add(event(upstream=NONE))
    part.add(tally, NAMES)
    whole.merge(part)
    whole.merge(part)
    whole.add(tally, NAMES)
    assert Page(render(whole, Figures())).value("lethe_requests_total") == 3
    assert Page(render(part, Figures())).value("lethe_requests_total") == 1

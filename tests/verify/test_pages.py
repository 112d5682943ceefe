"""Lines of the ledger and labels of the metrics, under their closed schemas."""

import os
from datetime import date
from typing import Any

import msgspec
import pytest

import lethe
from lethe.config.plan import Plan
from lethe.ledger.metrics import Figures, Totals, render
from lethe.ledger.pages import POSTURE_PATH
from lethe.ledger.tally import Cell
from lethe.retention.levels import Level
from lethe.verify import pages
from lethe.verify.canary import Mint
from lethe.verify.sample import sample
from lethe.verify.search import Search
from lethe.verify.sinks import Verdict

PLAN: Plan = sample(Level.C, date(2026, 11, 1)).plan
LINE: dict[str, Any] = {
    "time": "2026-11-24T22:51:32.746Z",
    "request_id": "dbe8bd8eec418ee99b24017545f3bb4b",
    "endpoint": "messages",
    "route": "claude-*",
    "upstream": "anthropic-like",
    "key": "somebody",
    "level": "C",
    "upstream_class": "U5",
    "status": 200,
    "outcome": "ok",
    "error": None,
    "stream": False,
    "translated": False,
    **dict.fromkeys(
        [
            "attempts",
            "first_byte_ms",
            "duration_ms",
            "request_bytes",
            "response_bytes",
            "input_tokens",
            "cache_read_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "loss_hints",
            "loss_degraded",
            "loss_dropped",
            "tee_errors",
        ],
        0,
    ),
}


def lines(**changed: Any) -> bytes:
    return msgspec.json.encode(LINE | changed) + b"\n"


@pytest.mark.parametrize("changed", [{}, {"upstream": None, "route": None, "key": None}, {"error": "translation_loss"}])
def test_right_lines_pass(changed: dict[str, Any]) -> None:
    look = pages.ledger(lines() + lines(**changed), PLAN)
    assert (look.verdict, look.notes) == (Verdict.CLEAN, ("2 lines",))


@pytest.mark.parametrize(
    "changed",
    [
        {"upstream": "some words"},
        {"route": "some words"},
        {"key": "some words"},
        {"error": "some words"},
        {"outcome": "some words"},
        {"endpoint": "some words"},
        {"upstream_class": "some words"},
        {"time": "2026-11-24T22:51:32.746Z some words"},
        {"request_id": "some words"},
        {"level": "B"},
        {"status": "some words"},
        {"note": "some words"},
        {"input_tokens": 90},
        {"reasoning_tokens": 1 << 31},
        {"duration_ms": 1 << 40},
        {"loss_hints": 5000},
        {"attempts": -1},
        {"status": 68},
    ],
)
def test_a_line_with_words_of_its_own_is_a_hit(changed: dict[str, Any]) -> None:
    look = pages.ledger(lines() + lines(**changed), PLAN)
    assert [(hit.what, hit.where) for hit in look.hits] == [("outside the schema", "1 lines")]


def test_times_that_no_verification_spans_are_a_hit() -> None:
    early = "2017-03-01T22:51:32.746Z"
    assert pages.ledger(lines() + lines(time=early), PLAN).verdict is Verdict.HIT
    assert pages.ledger(lines() + lines(time="2026-11-24T22:59:00.000Z"), PLAN).verdict is Verdict.CLEAN


@pytest.mark.parametrize("other", [b"some words\n", b"{}\n", b"[1]\n", b"\xff\n"])
def test_what_is_no_line_is_a_hit(other: bytes) -> None:
    assert pages.ledger(lines() + other, PLAN).verdict is Verdict.HIT


def test_a_line_that_lacks_something_is_a_hit() -> None:
    short = {name: value for name, value in LINE.items() if name != "tee_errors"}
    assert pages.ledger(msgspec.json.encode(short) + b"\n", PLAN).verdict is Verdict.HIT


def test_at_level_b_there_is_no_line_at_all() -> None:
    plan = sample(Level.B, date(2026, 11, 1)).plan
    assert pages.ledger(b"", plan).verdict is Verdict.CLEAN
    assert [hit.where for hit in pages.ledger(lines(level="B"), plan).hits] == ["at level B"]


GOOD = (
    "# HELP lethe_requests_total Requests that ended.\n"
    'lethe_requests_total{endpoint="chat",upstream="openai-like",level="C",status="2xx",outcome="ok"} 1\n'
    'lethe_errors_total{endpoint="chat",upstream="none",level="C",code="translation_loss"} 1\n'
    'lethe_first_byte_seconds_bucket{endpoint="chat",upstream="none",level="C",le="0.005"} 1\n'
    'lethe_first_byte_seconds_bucket{endpoint="chat",upstream="none",level="C",le="+Inf"} 1\n'
    "lethe_workers 1\n"
)


def test_known_labels_pass() -> None:
    assert pages.labels(GOOD, PLAN) == []


@pytest.mark.parametrize(
    "bad",
    [
        'lethe_errors_total{code="some words"} 1',
        'lethe_errors_total{model="claude"} 1',
        'lethe_requests_total{upstream="another"} 1',
        'lethe_first_byte_seconds_bucket{le="words"} 1',
        'lethe_requests_total{status="200"} 1',
    ],
)
def test_a_label_of_another_kind_is_a_hit(bad: str) -> None:
    assert len(pages.labels(GOOD + bad + "\n", PLAN)) == 1


@pytest.mark.parametrize(
    "bad",
    [
        "lethe_mqez 1",
        "lethe_workers 1 # words",
        "# HELP lethe_workers Words.",
        "# words",
        "lethe_workers words",
        'lethe_workers{level="C"} 1 1',
    ],
)
def test_a_figure_of_another_kind_is_a_hit(bad: str) -> None:
    assert [hit.what for hit in pages.labels(GOOD + bad + "\n", PLAN)] == ["a figure that is none of ours"]
    assert pages.labels(GOOD + bad + "\n", None) == []


def test_the_real_page_is_known() -> None:
    cell = Cell()
    cell.ended[2, 0] = cell.errors[0] = 1
    totals = Totals()
    totals.cells["chat", "openai-like", "C"] = cell
    assert pages.labels(render(totals, Figures()).decode(), PLAN) == []


@pytest.mark.parametrize(
    ("path", "body", "known"),
    [
        ("/health", b'{"status":"ok"}', True),
        ("/ready", b'{"status":"draining"}', True),
        ("/ready", b'{"status":"words"}', False),
        ("/health", b'{"status":"ok","last":"words"}', False),
        ("/health", b"words", False),
        ("/", b'{"name":"lethe","version":"%b"}' % lethe.__version__.encode(), True),
        ("/", b'{"name":"lethe","version":"words"}', False),
        (POSTURE_PATH, b'{"note":"words"}', False),
    ],
)
def test_what_a_page_says_is_known(path: str, body: bytes, *, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(url: str, asked: str, key: str | None) -> pages.Page:
        del url, key
        return pages.Page(200 if asked == path else 404, b"", body)

    monkeypatch.setattr(pages, "fetched", fetched)
    hits = [(hit.what, hit.where) for hit in pages.pages("http://127.0.0.1:1", {}, PLAN, []).hits]
    assert hits == ([] if known else [("more than it should say", path)])


def test_a_page_that_is_none_of_ours_and_a_header_with_a_canary_are_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    mint = Mint(os.urandom)
    head = b"x-last: " + mint.new("p", "c").text.encode()
    monkeypatch.setattr(pages, "fetched", lambda *_: pages.Page(200, head, b'{"status":"ok"}'))
    hits = pages.pages("http://127.0.0.1:1", {}, PLAN, [Search(mint)]).hits
    assert {hit.where for hit in hits if hit.what == "a page that is none of ours"} == set(pages.STRANGE)
    assert {hit.where for hit in hits if hit.what == "raw"} == {*pages.PATHS, *pages.STRANGE}


def test_elsewhere_upstreams_have_names_of_their_own() -> None:
    assert pages.labels('lethe_requests_total{upstream="another"} 1\n', None) == []


def test_pages_that_cannot_be_had_are_no_pass() -> None:
    look = pages.pages("http://127.0.0.1:1", {}, PLAN, [])
    assert (look.verdict, len(look.reasons)) == (Verdict.INCONCLUSIVE, len(pages.PATHS))

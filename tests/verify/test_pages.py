"""Pages and the labels of the metrics, under their closed schemas."""

import os
from datetime import date

import pytest

import lethe
from lethe.config.plan import Plan
from lethe.ledger.metrics import Figures, Totals, render
from lethe.ledger.pages import POSTURE_PATH
from lethe.ledger.tally import Cell
from lethe.retention.levels import Level
from lethe.verify import pages
from lethe.verify.canary import Mint
from lethe.verify.remote import Reply
from lethe.verify.sample import sample
from lethe.verify.search import Search
from lethe.verify.sinks import Verdict

PLAN: Plan = sample(Level.C, date(2026, 11, 1)).plan
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
    def asked(_: str, wanted: str, __: object) -> Reply:
        return Reply(200 if wanted == path else 404, (), body)

    monkeypatch.setattr(pages, "asked", asked)
    hits = [(hit.what, hit.where) for hit in pages.pages("http://127.0.0.1:1", {}, PLAN, []).hits]
    assert hits == ([] if known else [("more than it should say", path)])


def test_a_page_that_is_none_of_ours_and_a_header_with_a_canary_are_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    mint = Mint(os.urandom)
    head = (("x-last", mint.new("p", "c").text), ("x-last", "nothing"))
    monkeypatch.setattr(pages, "asked", lambda *_: Reply(200, head, b'{"status":"ok"}'))
    hits = pages.pages("http://127.0.0.1:1", {}, PLAN, [Search(mint)]).hits
    assert {hit.where for hit in hits if hit.what == "a page that is none of ours"} == set(pages.STRANGE)
    assert {hit.where for hit in hits if hit.what == "raw"} == {*pages.PATHS, *pages.STRANGE}


def test_elsewhere_upstreams_have_names_of_their_own() -> None:
    assert pages.labels('lethe_requests_total{upstream="another"} 1\n', None) == []


def test_pages_that_cannot_be_had_are_no_pass() -> None:
    look = pages.pages("http://127.0.0.1:1", {}, PLAN, [])
    assert (look.verdict, len(look.reasons)) == (Verdict.INCONCLUSIVE, len(pages.PATHS))

"""Lines of the ledger, under their closed schema."""

from datetime import date
from typing import Any

import msgspec
import pytest

from lethe.config.plan import Plan
from lethe.retention.levels import Level
from lethe.verify.ledger import ledger
from lethe.verify.sample import sample
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
    look = ledger(lines() + lines(**changed), PLAN)
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
        {"time": "2026-13-24T22:51:32.746Z"},
        {"time": "2026-11-24T22:51:3\N{ARABIC-INDIC DIGIT TWO}.746Z"},
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
    look = ledger(lines() + lines(**changed), PLAN)
    assert [(hit.what, hit.where) for hit in look.hits] == [("outside the schema", "1 lines")]


def test_times_that_no_verification_spans_are_a_hit() -> None:
    early = "2017-03-01T22:51:32.746Z"
    assert ledger(lines() + lines(time=early), PLAN).verdict is Verdict.HIT
    assert ledger(lines() + lines(time="2026-11-24T22:59:00.000Z"), PLAN).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "other",
    [
        *(b"some words\n", b"{}\n", b"[1]\n", b"\xff\n"),
        lines().replace(b"{", b'{"route":"some words",'),  # which a reader of JSON does not see
        lines().replace(b",", b",  \t "),
        lines().replace(b'"ok"', b'"\\u006fk"'),
        b'{"note":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
    ],
    ids=range(8),
)
def test_what_is_no_line_is_a_hit(other: bytes) -> None:
    assert ledger(lines() + other, PLAN).verdict is Verdict.HIT


def test_a_line_that_lacks_something_is_a_hit() -> None:
    short = {name: value for name, value in LINE.items() if name != "tee_errors"}
    assert ledger(msgspec.json.encode(short) + b"\n", PLAN).verdict is Verdict.HIT


def test_at_level_b_there_is_no_line_at_all() -> None:
    plan = sample(Level.B, date(2026, 11, 1)).plan
    assert ledger(b"", plan).verdict is Verdict.CLEAN
    assert [hit.where for hit in ledger(lines(level="B"), plan).hits] == ["at level B"]

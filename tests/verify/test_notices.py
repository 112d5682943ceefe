"""Every line of stderr is one that is known; what is spelt so that no search finds it is told all the same."""

import codecs
from datetime import date

import pytest

from lethe.retention.levels import Level
from lethe.verify.notices import notices
from lethe.verify.sample import sample

PLAN = sample(Level.C, date(2026, 11, 1)).plan


@pytest.mark.parametrize(
    "line",
    [
        "listening on http://127.0.0.1:3456",
        "shutting down",
        "worker 1 was ended by SIGKILL; another one starts in 0.1 s",
        "worker 2 ended with exit code 1",
        "worker 1: InternalFault at app.py:12",
        "worker 1: ValueError at selectors.py:3 (4 times)",
        "worker 1: LoopError at unknown:0",
        "upstream openai-like did not attest its retention",
    ],
)
def test_what_a_supervisor_says_is_known(line: str) -> None:
    look = notices(f"lethe: {line}\n".encode(), PLAN)
    assert (look.hits, look.notes) == ((), ("1 lines",))


@pytest.mark.parametrize(
    "line",
    [
        "some words",
        "lethe: some words",
        "lethe: " + codecs.encode("what was said", "rot13"),
        "lethe: listening on http://127.0.0.1:3456 some words",
        "lethe: worker 1: Words at app.py:12",
        "lethe: worker 1: ValueError at words.py:12",
        "lethe: worker 1: ValueError at app.py:90826",
        "lethe: upstream words did not attest its retention",
        "",
    ],
)
def test_any_other_line_is_a_hit(line: str) -> None:
    look = notices(f"lethe: shutting down\n{line}\n".encode(), PLAN)
    assert [(hit.what, hit.where) for hit in look.hits] == [("no line that is known", "1 lines")]

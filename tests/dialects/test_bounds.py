"""What a stream makes its decoder keep has bounds; that memory follows them is shown in `tests/fuzz/test_memory.py`."""

import pytest
from tests.fuzz.growth import ANTHROPIC, CHAT, GROWING, grow

MB = 1024 * 1024
# By which size the stream has ended with an error.
BOUNDS = {
    "blocks": 2 * MB,
    "whole calls": 80 * MB,
    "leftovers of the end": 2 * MB,
    "kinds of usage": 2 * MB,
    "names of chunks": 2 * MB,
    "names of choices": 2 * MB,
    "lists of choices": 2 * MB,
    "calls": 2 * MB,
    "a call's name": 2 * MB,
    "a call's arguments without its name": MB,
    "thoughts": 10 * MB,
    "candidates' leftovers": 2 * MB,
    "redacted blocks": 10 * MB,
    "a redacted block": 10 * MB,
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_stream_that_makes_us_keep_too_much_ends(name: str) -> None:
    source, _ = GROWING[name]
    assert grow(name, CHAT if source is ANTHROPIC else ANTHROPIC, 100 * MB) < BOUNDS[name]

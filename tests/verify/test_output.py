"""What a process prints is all there."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.verify.test_trap import limited, opened

from lethe.verify import output
from lethe.verify.output import Capture


@contextmanager
def piped() -> Iterator[tuple[Capture, int]]:
    """A capture, and the end into which is printed."""
    reading, writing = os.pipe()
    with ExitStack() as ends:
        ends.callback(os.close, writing)
        yield Capture(os.fdopen(reading, "rb")), writing


def test_all_of_it_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "LIMIT", 8)
    with piped() as (capture, printed):
        os.write(printed, b"one ")
        os.write(printed, b"two three")
    capture.join(10)
    assert (capture.data, capture.beyond) == (b"one two ", 5)


def test_in_a_process_with_many_descriptors() -> None:
    with limited(2048) as ends:
        for _ in range(1024):  # beyond which select() knows none
            opened(ends)
        with piped() as (capture, printed):
            os.write(printed, b"words")
        capture.join(10)
        assert capture.data == b"words"


def test_whoever_prints_to_a_closed_one_hears_of_it() -> None:
    with piped() as (capture, printed):
        capture.close()
        with pytest.raises(BrokenPipeError):
            os.write(printed, b"words")

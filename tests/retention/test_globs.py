"""Globs of the register."""

import pytest

from lethe.retention.globs import matches

CASES = [
    ((), "a", False),
    (("a",), "a", True),
    (("a",), "A", True),
    (("Ab",), "aB", True),
    (("a",), "ab", False),
    (("a*",), "AB", True),
    (("*b", "c"), "C", True),
    (("*b", "c"), "ab\n", False),
    (("[!dD]*",), "https://x", True),
    (("[!dD]*",), "data:x", False),
    (("a.c",), "abc", False),
]


@pytest.mark.parametrize(("globs", "text", "expected"), CASES)
def test_matches(globs: tuple[str, ...], text: str, expected: bool) -> None:
    assert matches(globs, text) is expected

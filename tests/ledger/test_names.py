"""Indices and what they stand for."""

import pytest

from lethe.ledger.events import NONE
from lethe.ledger.names import ENDPOINTS, LEVELS, Names, name_at

NAMES = Names(upstreams=("a", "b"))


@pytest.mark.parametrize(
    ("place", "known"),
    [
        ((0, 0, 0), True),
        ((NONE, NONE, len(LEVELS) - 1), True),
        ((len(ENDPOINTS) - 1, 1, 0), True),
        ((len(ENDPOINTS), 0, 0), False),
        ((0, 2, 0), False),
        ((0, 0, len(LEVELS)), False),
        ((0, 0, NONE), False),
    ],
)
def test_known(place: tuple[int, int, int], known: bool) -> None:
    assert NAMES.known(*place) is known


def test_an_index_of_nothing_has_no_name() -> None:
    assert [name_at(("a", "b"), index) for index in (0, 1, 2, NONE)] == ["a", "b", None, None]

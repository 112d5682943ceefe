"""Limits as pure decisions: what is exceeded, for how long, and how a minute slides."""

import pytest

from lethe.policies.limits import Counted, Exceeded, Limits, Window, cost, exceeded

NOW = 1_000_000 * 60.0 + 15  # a quarter into a minute

CASES: list[tuple[Limits, Counted, Exceeded | None]] = [
    (Limits(), Counted(10**9, 10**9, 10**9), None),
    (Limits(requests_per_minute=5), Counted(4, 0, 0), None),
    (Limits(requests_per_minute=5), Counted(4.1, 0, 0), Exceeded("requests_per_minute", 5, 45)),
    (Limits(requests_per_minute=5), Counted(5, 0, 0), Exceeded("requests_per_minute", 5, 45)),
    (Limits(tokens_per_minute=100), Counted(0, 99.9, 0), None),
    (Limits(tokens_per_minute=100), Counted(0, 100, 0), Exceeded("tokens_per_minute", 100, 45)),
    (Limits(concurrent=1), Counted(9, 9, 0), None),
    (Limits(concurrent=1), Counted(0, 0, 1), Exceeded("concurrent", 1, 1)),
    (Limits(concurrent=1, requests_per_minute=1), Counted(1, 0, 1), Exceeded("concurrent", 1, 1)),
]


@pytest.mark.parametrize(("limits", "counted", "expected"), CASES)
def test_exceeded(limits: Limits, counted: Counted, expected: Exceeded | None) -> None:
    assert exceeded(limits, counted, NOW) == expected


@pytest.mark.parametrize(
    ("told", "asked", "answered", "stream", "expected"),
    [
        (9, 4000, 4000, False, 9),
        (0, 4000, 0, False, 0),
        (0, 4000, 400, False, 1101),
        (0, 4000, 4000, True, 1021),
        (0, 1, 1, True, 1),
    ],
)
def test_what_is_not_told_is_estimated(told: int, asked: int, answered: int, stream: bool, expected: int) -> None:
    assert cost(told, asked, answered, stream=stream) == expected


def test_none_is_none() -> None:
    assert Limits().none
    assert not Limits(concurrent=1).none


def test_a_minute_slides() -> None:
    window, start = Window(), 600.0
    window.add(10, start + 1)
    assert window.total(start + 59) == 10
    assert window.total(start + 60) == 10
    assert window.total(start + 90) == 5
    window.add(2, start + 90)
    assert window.total(start + 105) == 10 * 0.25 + 2
    assert window.total(start + 120) == 2
    assert window.total(start + 240) == 0


def test_the_wait_is_at_least_a_second() -> None:
    reached = exceeded(Limits(requests_per_minute=1), Counted(1, 0, 0), 59.9999)
    assert reached is not None
    assert reached.wait == 1

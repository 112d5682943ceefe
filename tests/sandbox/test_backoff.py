"""Waits double up to a limit, and a long life forgets them."""

from lethe.sandbox.backoff import HEALTHY, LONGEST, Backoff


def test_waits_double_up_to_a_limit() -> None:
    backoff = Backoff()
    assert [backoff.after(0.0) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert backoff.failures == 8


def test_a_long_life_forgets() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(HEALTHY - 0.1)
    assert backoff.after(HEALTHY) == 0.1
    assert backoff.failures == 1


def test_never_longer_however_often() -> None:
    backoff = Backoff()
    assert {backoff.after(0.0) for _ in range(3000)} >= {LONGEST}
    assert backoff.after(0.0) == LONGEST

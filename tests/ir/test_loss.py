"""Losses as data."""

from lethe.ir.loss import Loss, Losses, Severity


def test_the_same_in_a_row_is_told_once() -> None:
    losses = Losses()
    for _ in range(3):
        losses.degraded("$.a", "x")
    losses.hint("$.a", "x")
    losses.dropped("$.b", "x")
    losses.degraded("$.a", "x")
    assert losses == [
        Loss("$.a", "x", Severity.DEGRADED),
        Loss("$.a", "x", Severity.HINT),
        Loss("$.b", "x", Severity.DROPPED),
        Loss("$.a", "x", Severity.DEGRADED),
    ]

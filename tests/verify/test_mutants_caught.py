"""Leaks are planted in real instances, and the search that is shipped finds each where it leaks."""

import os
import time

import pytest
from tests.verify import ground

from lethe.verify.mutants.roster import BY_ID, MUTANTS, Mutant, impossible
from lethe.verify.mutation import LANES, hunt, kill
from lethe.verify.stage import Clock, staged

CLOCK = Clock(time.time, time.sleep, os.urandom)
# Quick ones: a leak in the supervisor, one at an upstream, one that outlives its request, one that the kernel refuses.
FEW = ("stdout-cancel", "header-upstream-error", "tmpfile-success", "file-here-prevented")


@pytest.mark.parametrize(
    "mutant",
    [pytest.param(mutant, id=mutant.id, marks=() if mutant.id in FEW else pytest.mark.slow) for mutant in MUTANTS],
)
def test_the_leak_is_found(mutant: Mutant) -> None:
    if reason := impossible(mutant):
        pytest.skip(reason)
    with staged(ground.settings(), CLOCK, lambda *_: None) as stage:
        found = kill(stage, mutant)
    assert found.caught, found.why


def test_a_mutant_that_does_nothing_survives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search must not find what is not there: UDP to nobody, by a worker whose moment does not come."""
    asleep = BY_ID["udp-crash"]
    monkeypatch.setattr(Mutant, "dies", property(lambda _: False))
    with staged(ground.settings(), CLOCK, lambda *_: None) as stage:
        found = kill(stage, asleep)
    assert not found.caught
    assert found.why == "nothing was found"


def test_an_interruption_ends_the_hunt_before_another_mutant_is_planted() -> None:
    steps: list[int] = []

    def interrupted(what: str, done: int, of: int) -> None:
        del what, of
        steps.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hunt(ground.settings(), CLOCK, interrupted, MUTANTS)
    assert 1 <= len(steps) <= LANES

"""Which levels a process may serve, from what the kernel enforces on it: each mechanism, each state, each excuse."""

import itertools

import pytest

from lethe.retention.enforcement import ACCEPTABLE, REQUIRED, Enforcement, Mechanism, State
from lethe.retention.levels import Level

FULL = dict.fromkeys(Mechanism, State.ENFORCED)
NAMES = ("", "landlock", "landlock-net", "seccomp", "fsize", "core", "no-swap")


@pytest.mark.parametrize(
    ("mechanism", "state", "accepted"), list(itertools.product(Mechanism, (State.ABSENT, State.REFUSED, None), NAMES))
)
def test_one_that_is_missing(mechanism: Mechanism, state: State | None, accepted: str) -> None:
    states = {each: was for each, was in FULL.items() if each is not mechanism}
    if state is not None:
        states[mechanism] = state
    enforcement = Enforcement(states)
    excused = mechanism in ACCEPTABLE and accepted == mechanism
    if excused:
        assert enforcement.levels((accepted,)) == set(Level)
    elif mechanism is Mechanism.NO_SWAP:
        assert enforcement.levels((accepted,)) == {Level.A2, Level.B, Level.C}
        assert enforcement.lacking(Level.B, (accepted,)) == ()
        assert enforcement.lacking(Level.A1, (accepted,)) == (mechanism,)
    else:
        assert enforcement.levels((accepted,)) == {Level.C}
        assert enforcement.lacking(Level.B, (accepted,)) == (mechanism,)


def test_all_and_none() -> None:
    assert Enforcement(FULL).levels(()) == set(Level)
    assert Enforcement({}).levels(tuple(Mechanism)) == {Level.C}
    assert Enforcement({}).lacking(Level.B, ()) == tuple(each for each in Mechanism if each in REQUIRED)
    assert Enforcement({}).lacking(Level.C, ()) == ()

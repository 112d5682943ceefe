"""What a plan needs of the world, and what it asks of the host."""

import msgspec
import pytest
from tests.sandbox.messages import PLAN

from lethe.config.plan import ClientKey, Plan
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.routing.table import Route, Target
from lethe.sandbox.lockin.confines import Confines, demanded, of_plan, shortfall

FULL = dict.fromkeys(Mechanism, State.ENFORCED)


def plan(level: Level = Level.C, *, route: Level | None = None, key: Level | None = None, accept: str = "") -> Plan:
    return msgspec.structs.replace(
        PLAN,
        level=level,
        routes=(Route(model="*", to=(Target(0),), level=route),),
        keys=(ClientKey(name="k", digest=bytes(32), level=key),),
        accept_unenforced=tuple(accept.split()),
    )


def reached(*upstreams: tuple[str, str | None]) -> Plan:
    first = PLAN.upstreams[0]
    made = [msgspec.structs.replace(first, base_url=url, proxy=proxy) for url, proxy in upstreams]
    return msgspec.structs.replace(PLAN, upstreams=tuple(made))


@pytest.mark.parametrize(
    ("upstreams", "confines"),
    [
        ([("https://api.example", None)], Confines(frozenset({53, 443}))),
        ([("http://a.example", None), ("http://[::1]:8080/v1", None)], Confines(frozenset({53, 80, 8080}))),
        ([("https://api.example", "http://user:pw@proxy:3128")], Confines(frozenset({53, 3128}))),
        ([("unix:/run/engine.sock:/v1", None)], Confines(frozenset({53}), unix=True)),
        ([("unix:/run/e.sock", None), ("https://b.example:8443", None)], Confines(frozenset({53, 8443}), unix=True)),
    ],
)
def test_ways_out(upstreams: list[tuple[str, str | None]], confines: Confines) -> None:
    assert of_plan(reached(*upstreams)) == confines
    assert of_plan(reached(*upstreams), 7) == msgspec.structs.replace(confines, listener=7)


@pytest.mark.parametrize(
    ("given", "level"),
    [
        (plan(Level.C), Level.C),
        (plan(Level.B), Level.B),
        (plan(Level.C, route=Level.A2), Level.A2),
        (plan(Level.C, key=Level.B), Level.B),
        (plan(Level.A2, route=Level.A1, key=Level.B), Level.A1),
    ],
)
def test_the_strictest_anywhere(given: Plan, level: Level) -> None:
    assert demanded(given) is level


def lacking(*names: Mechanism) -> Enforcement:
    return Enforcement(FULL | dict.fromkeys(names, State.ABSENT))


SEE = "(see lethe check --host)"
KNOB = "; what you can accept: retention.accept_unenforced = "
CASES = [
    (plan(Level.A1), lacking(), None),
    (plan(Level.C), lacking(*Mechanism), None),
    (
        plan(Level.B),
        lacking(Mechanism.LANDLOCK, Mechanism.LANDLOCK_NET),
        f'level B needs what this host does not enforce: landlock, landlock-net {SEE}{KNOB}["landlock", "landlock-net"]',
    ),
    (plan(Level.B, accept="landlock landlock-net"), lacking(Mechanism.LANDLOCK, Mechanism.LANDLOCK_NET), None),
    (
        plan(route=Level.A2, accept="landlock"),
        lacking(Mechanism.LANDLOCK, Mechanism.SECCOMP, Mechanism.FSIZE),
        f'level A2 needs what this host does not enforce: fsize, seccomp {SEE}{KNOB}["seccomp"]',
    ),
    (
        plan(Level.B, accept="fsize"),
        lacking(Mechanism.FSIZE),
        f"level B needs what this host does not enforce: fsize {SEE}",
    ),
    (plan(Level.A2), lacking(Mechanism.NO_SWAP), None),
    (plan(key=Level.A1), lacking(Mechanism.NO_SWAP), f"level A1 needs what this host does not enforce: no-swap {SEE}"),
]


@pytest.mark.parametrize(("given", "enforcement", "why"), CASES)
def test_shortfall(given: Plan, enforcement: Enforcement, why: str | None) -> None:
    assert shortfall(given, enforcement) == why


@pytest.mark.parametrize(("given", "enforcement", "why"), CASES)
def test_it_agrees_with_the_levels_that_are_served(given: Plan, enforcement: Enforcement, why: str | None) -> None:
    assert (demanded(given) in enforcement.levels(given.accept_unenforced)) is (why is None)

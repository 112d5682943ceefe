"""The matrix really has every front, mode and position: closed enumerations."""

import pytest
from msgspec.structs import replace
from tests.verify import ground

from lethe.config.plan import Plan
from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Route, Target
from lethe.verify import cases
from lethe.verify.cases import Case, pairs
from lethe.verify.modes import PROCESS, UNREACHABLE, Front, Mode
from lethe.verify.positions import DELICATE, ORDINARY, Position
from lethe.verify.upstreams import NAMES

PLAN = ground.settings().plan
UPSTREAM = Upstream(
    name="a",
    dialect=Dialect.ANTHROPIC,
    base_url="http://127.0.0.1:1",
    auth=Auth.X_API_KEY,
    upstream_class=UpstreamClass.U4,
)


def plan(*routes: Route) -> Plan:
    return Plan(level=Level.C, upstreams=tuple(replace(UPSTREAM, name=name) for name in "abc"), routes=routes)


@pytest.mark.parametrize("chosen", [cases.every(PLAN), cases.some(PLAN)], ids=["every", "some"])
def test_nothing_is_left_out(chosen: list[Case]) -> None:
    assert {case.front for case in chosen} == set(Front)
    assert {case.mode for case in chosen} == set(Mode) - set(PROCESS)
    assert {case.delicate for case in chosen} - {None} == set(DELICATE)
    served = {(case.front, case.pair, case.stream) for case in chosen if case.mode is Mode.SERVED}
    assert served >= {(f, p, s) for f in cases.CONVERSING for p in pairs(PLAN) for s in (True, False)}
    assert len(set(chosen)) == len(chosen)


def test_every_position_has_a_place() -> None:
    question = {*ORDINARY, *DELICATE, Position.HEADER, Position.RAW}
    assert {position for position in Position if not position.startswith("answer-")} == question


def test_some_is_dozens_and_every_is_hundreds() -> None:
    assert len(cases.some(PLAN)) < 150
    assert 500 < len(cases.every(PLAN)) < 5000


def test_many_upstreams_do_not_make_for_endless_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cases.many(PLAN) == cases.every(PLAN)
    monkeypatch.setattr(cases, "MOST", 300)
    fewer = cases.many(PLAN)
    assert 200 < len(fewer) <= 300
    assert set(fewer) >= set(cases.some(PLAN))


def test_every_mode_of_a_process_has_streams_on_every_way() -> None:
    for mode in PROCESS:
        made = cases.process(PLAN, mode)
        assert {(case.front, case.pair) for case in made} == {
            (front, pair) for front in sorted(cases.CONVERSING) for pair in pairs(PLAN)
        }
        assert all(case.stream for case in made)


def test_what_cannot_be_reached_has_an_upstream_for_it() -> None:
    assert set(NAMES) == set(UNREACHABLE)


def led(found: tuple[cases.Pair, ...]) -> list[tuple[str, str, str | None]]:
    return [(pair.model, pair.name, pair.free) for pair in found]


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ((), [("a/x", "a", "a/"), ("b/x", "b", "b/"), ("c/x", "c", "c/")]),
        (
            (Route(model="m-*", to=(Target(0), Target(1, "n"))),),
            [("m-x", "a", "m-"), ("m-x", "b", None), ("c/x", "c", "c/")],
        ),
        (  # the second is never reached
            (Route(model="*", to=(Target(0),)), Route(model="m", to=(Target(1),))),
            [("x", "a", "")],
        ),
        (  # what the first one takes is no way to the second
            (Route(model="m-x*", to=(Target(0),)), Route(model="m-*", to=(Target(1), Target(2)))),
            [("m-xx", "a", "m-x"), ("m-lethe-verify", "b", "m-"), ("m-lethe-verify", "c", "m-")],
        ),
        (
            (Route(model="[ab]?[!x]*", to=(Target(0), Target(1), Target(2))),),
            [("ax0x", "a", None), ("ax0x", "b", None), ("ax0x", "c", None)],
        ),
        ((Route(model="m", to=(Target(2),)),), [("m", "c", None), ("a/x", "a", "a/"), ("b/x", "b", "b/")]),
    ],
    ids=["by name", "fallback", "shadowed", "shadowed in part", "classes", "exact"],
)
def test_every_way_through_the_routes_is_taken(
    routes: tuple[Route, ...], expected: list[tuple[str, str, str | None]]
) -> None:
    assert led(pairs(plan(*routes))) == expected


def test_a_route_that_nothing_leads_to_is_told() -> None:
    routes = (Route(model="*", to=(Target(0),)), Route(model="m", to=(Target(1),)))
    assert cases.unreached(plan(*routes)) == ("m",)
    assert cases.unreached(PLAN) == ()


def test_the_routes_that_only_fail_are_no_way() -> None:
    own = Route(model=f"{cases.OWN}tls", to=(Target(1),))
    assert led(pairs(plan(own, Route(model="*", to=(Target(0),))))) == [("x", "a", "")]


def test_the_level_of_a_route_binds() -> None:
    found = pairs(plan(Route(model="m", to=(Target(0),), level=Level.A2)))
    assert [pair.level for pair in found if pair.name == "a"] == [Level.A2]

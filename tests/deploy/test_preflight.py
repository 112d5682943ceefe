"""Platforms against needs: a table of one limit and one need each, and what every platform's file has to say."""

from datetime import date

import msgspec
import pytest
from msgspec.structs import replace

from lethe.config.load import parse_settings
from lethe.config.plan import ClientKey, Plan
from lethe.deploy.need import Asked, Need, need_of, seconds
from lethe.deploy.platform import Limit, Measure, Place, Platform, Source, State, parse, platform, platforms
from lethe.deploy.preflight import Finding, Verdict, examined, worst
from lethe.deploy.target import TARGETS
from lethe.retention.enforcement import ACCEPTABLE, Mechanism
from lethe.retention.levels import Level

SOURCE = Source(url="https://vendor.example/limits", read=date(2026, 11, 1))
REPORT = replace(SOURCE, confidence="report")
BARE = Platform(
    id="bare",
    title="Bare",
    rank=1,
    because="it is bare",
    front="none",
    operated="nobody",
    retention="nothing",
    residency="nowhere",
    limits={},
    places=(),
    attestations=(),
    costs=(),
    unconfirmed=(),
)
PASS, WARN, FAIL = Verdict


def limited(measure: Measure, value: float | None, source: Source = SOURCE) -> Platform:
    return replace(BARE, limits={measure: Limit(what="it", value=value, source=source)})


def place(state: State) -> Platform:
    return replace(
        BARE, places=(Place(name="log", holds="URLs", default="on", knob="off", state=state, source=SOURCE),)
    )


CASES: list[tuple[Platform, Need, str, Verdict]] = [
    (limited(Measure.TOTAL, 3600), Need(max_stream=3600), "longest stream", PASS),
    (limited(Measure.TOTAL, 3600), Need(max_stream=3601), "longest stream", FAIL),
    (limited(Measure.TOTAL, None), Need(max_stream=86400), "longest stream", PASS),
    (limited(Measure.TOTAL, None, REPORT), Need(), "longest stream", WARN),
    (limited(Measure.IDLE, 60), Need(heartbeat=15), "heartbeat in the idle timeout", PASS),
    (limited(Measure.IDLE, 60), Need(heartbeat=31), "heartbeat in the idle timeout", WARN),
    (limited(Measure.IDLE, 60), Need(heartbeat=60), "heartbeat in the idle timeout", FAIL),
    (limited(Measure.IDLE, 60), Need(status_hold=60), "status held back", FAIL),
    (limited(Measure.IDLE, 60), Need(status_hold=15), "status held back", PASS),
    (limited(Measure.IDLE, 60), Need(), "answers that are not streamed", WARN),
    (replace(limited(Measure.IDLE, 600), heartbeats=False), Need(), "heartbeat in the idle timeout", FAIL),
    (limited(Measure.SIGTERM, 10), Need(drain=9), "drain in the notice before the end", FAIL),
    (limited(Measure.SIGTERM, 10), Need(drain=8), "drain in the notice before the end", WARN),
    (limited(Measure.SIGTERM, 3600), Need(drain=900, max_stream=1800), "drain in the notice before the end", PASS),
    (limited(Measure.BODY, 2**25), Need(max_body=2**25), "request body", PASS),
    (limited(Measure.BODY, 2**25), Need(max_body=2**25 + 1), "request body", FAIL),
    (limited(Measure.CONCURRENCY, 80), Need(concurrency=81), "requests in one instance", WARN),
    (limited(Measure.CONCURRENCY, 80), Need(concurrency=80), "requests in one instance", PASS),
    (BARE, Need(level=Level.A1), "enforcement", PASS),
    (replace(BARE, runs=False), Need(), "enforcement", PASS),
    (replace(BARE, runs=False), Need(level=Level.B), "enforcement", FAIL),
    (replace(BARE, lacks=(Mechanism.LANDLOCK,)), Need(), "enforcement", PASS),
    (replace(BARE, lacks=(Mechanism.LANDLOCK,)), Need(level=Level.B), "enforcement", FAIL),
    (
        replace(BARE, lacks=(Mechanism.LANDLOCK,)),
        Need(level=Level.B, accept_unenforced=("landlock",)),
        "enforcement",
        PASS,
    ),
    (place(State.CLOSED), Need(level=Level.A1), "kept by: log", PASS),
    (place(State.METADATA), Need(), "kept by: log", PASS),
    (place(State.METADATA), Need(level=Level.B), "kept by: log", WARN),
    (place(State.OPEN), Need(), "kept by: log", WARN),
    (place(State.OPEN), Need(level=Level.B), "kept by: log", FAIL),
    (replace(BARE, regions=("eu-*",)), Need(regions=("eu-1",)), "region", PASS),
    (replace(BARE, regions=("eu-*",)), Need(regions=("us-1",)), "region", FAIL),
    (BARE, Need(regions=("us-1",)), "region", FAIL),
]


@pytest.mark.parametrize(("on", "need", "check", "verdict"), CASES)
def test_one_limit_and_one_need(on: Platform, need: Need, check: str, verdict: Verdict) -> None:
    (found,) = [finding for finding in examined(on, need) if finding.check == check]
    assert found.verdict is verdict
    assert found.change or not found.verdict, "what is wrong comes with what to do"


def test_what_is_not_accepted_is_named_as_the_configuration_has_it() -> None:
    on = replace(BARE, lacks=(Mechanism.LANDLOCK, Mechanism.LANDLOCK_NET))
    said = [f.change for f in examined(on, Need(level=Level.B, accept_unenforced=("landlock",)))]
    assert said == ['say that you accept it: retention.accept_unenforced = ["landlock-net"]']
    assert [f.verdict for f in examined(on, Need(level=Level.A1, accept_unenforced=tuple(ACCEPTABLE)))] == [PASS]
    on = replace(BARE, lacks=(Mechanism.LANDLOCK, Mechanism.FSIZE))
    assert [f.change for f in examined(on, Need(level=Level.B))] == ["level B cannot be served here"]


def test_the_worst_counts() -> None:
    findings = tuple(Finding(check="c", need="n", limit="l", verdict=verdict) for verdict in (WARN, PASS, FAIL))
    assert worst(findings) is FAIL
    assert worst(()) is PASS


def test_the_need_of_a_plan() -> None:
    keys = (ClientKey(name="k", digest=b"", level=Level.A2),)
    plan = Plan(level=Level.C, upstreams=(), keys=keys, heartbeat=5, status_hold=7, max_body=9)
    need = need_of(plan, max_stream=60, level=Level.B, regions=["eu"])
    assert (need.level, need.heartbeat, need.status_hold, need.max_body) == (Level.A2, 5, 7, 9)
    assert (need.max_stream, need.drain, need.regions) == (60, 10, ("eu",))


@pytest.mark.parametrize(("text", "expected"), [("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), (" 1h ", 3600)])
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "-1", "m", "1d", "1 m 2", "nan"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="30m"):
        seconds(text)


# The files


@pytest.mark.parametrize("on", platforms(), ids=lambda on: on.id)
def test_a_platform_fits_its_own_files(on: Platform) -> None:
    """A stream of 30 minutes at level C, with the drain that its files set, fits everywhere."""
    need = Need(drain=on.drain)
    assert [f.check for f in examined(on, need) if f.verdict is FAIL] == []
    assert on.places
    assert on.attestations
    assert on.costs
    assert all(source.url.startswith("https://") for source in sources(on))


def sources(on: Platform) -> list[Source]:
    held = [place.source for place in on.places] + [cost.source for cost in on.costs]
    return [limit.source for limit in on.limits.values()] + [each.source for each in on.attestations] + held


def test_ranks_are_an_order() -> None:
    assert [on.rank for on in platforms()] == list(range(1, len(platforms()) + 1))


def test_every_platform_can_be_deployed_to() -> None:
    assert {on.id for on in platforms()} == set(TARGETS)


def test_a_misspelt_key_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        parse('id = "x"\ntitel = "y"')
    with pytest.raises(KeyError):
        platform("heroku")


# What is asked from there


def test_the_class_of_an_upstream_is_told_but_refuses_nothing() -> None:
    passed_over = Need(level=Level.B, upstreams=(Asked(name="a", kept="U6", admitted=False),))
    (found,) = [finding for finding in examined(BARE, passed_over) if finding.check == "class of upstream a"]
    assert (found.verdict, found.limit) == (WARN, "class U6 without proofs")
    admitted = Need(upstreams=(Asked(name="a", kept="U6", admitted=True),))
    assert {finding.verdict for finding in examined(BARE, admitted)} == {PASS}


@pytest.mark.parametrize(
    ("where", "regions", "verdicts"),
    [("eu-1", ("eu-1",), [PASS]), ("us-1", ("eu-1",), [WARN]), (None, ("eu-1",), [WARN]), ("us-1", (), [])],
)
def test_an_upstream_elsewhere(where: str | None, regions: tuple[str, ...], verdicts: list[Verdict]) -> None:
    need = Need(regions=regions, upstreams=(Asked(name="a", kept="U5", admitted=True, region=where),))
    assert [f.verdict for f in examined(BARE, need) if f.check == "region of upstream a"] == verdicts


def test_an_upstream_beside_lethe_is_where_lethe_is() -> None:
    need = Need(regions=("eu-1",), upstreams=(Asked(name="a", kept="U0", admitted=True, here=True),))
    assert [f.verdict for f in examined(BARE, need) if f.check == "region of upstream a"] == [PASS]


def test_the_upstreams_of_a_plan() -> None:
    text = '[retention]\nlevel = "B"\n[upstreams.bedrock]\nregion = "eu-west-1"\n[upstreams.ollama]\n'
    plan = parse_settings(text, "test", embedded_available=False, today=date(2026, 11, 29)).plan
    assert need_of(plan).upstreams == (
        Asked(name="bedrock", kept="U6", admitted=False, region="eu-west-1"),
        Asked(name="ollama", kept="U5", admitted=True, here=True),
    )
    assert [each.admitted for each in need_of(replace(plan, level=Level.C)).upstreams] == [True, True]

"""What is refused is told by the rule and what to do, and never by what was sent."""

from typing import Any

import pytest
from msgspec.structs import replace
from tests.retention.surfaces import surface

from lethe.errors import InvalidRequest, LevelNotEnforced, RetentionRefused
from lethe.policies.retention import (
    MAX_NAMED,
    Weakness,
    class_refused,
    refuse_counted,
    refuse_features,
    refuse_query,
    refuse_unenforced,
    tightened,
    weakness,
)
from lethe.retention.classes import review_ended
from lethe.retention.guard import Refusal
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Standing
from lethe.retention.surface import Evidence, EvidenceKind, ModelRule, Surface

U4, U5, U6 = UpstreamClass.U4, UpstreamClass.U5, UpstreamClass.U6


def stands(kept: UpstreamClass) -> Standing:
    return Standing(upstream_class=kept, kind=EvidenceKind.PUBLISHED, why="its page says so")


# level, opted in, standing, used, what is too weak, and why
WEAK = [
    (Level.B, (), U5, (), None),
    (Level.B, (), U6, (), (U6, "its page says so")),
    (Level.B, (U6,), U6, (), None),
    (Level.A2, (), U4, (("$.a", U4),), None),
    (Level.A2, (), U4, (("$.a", U4), ("$.b", U6)), (U6, "the request uses $.b")),
    (Level.C, (), U4, (("$.b", U6),), None),
]


@pytest.mark.parametrize(("level", "opted_in", "kept", "used", "expected"), WEAK)
def test_weakness(
    level: Level,
    opted_in: tuple[UpstreamClass, ...],
    kept: UpstreamClass,
    used: tuple[tuple[str, UpstreamClass], ...],
    expected: tuple[UpstreamClass, str] | None,
) -> None:
    found = weakness(level, opted_in, stands(kept), surface(), "m", used)
    assert (None if found is None else (found.upstream_class, found.why)) == expected


def lifts(kind: EvidenceKind, upstream_class: UpstreamClass, **more: Any) -> Evidence:
    return Evidence(kind=kind, upstream_class=upstream_class, because="so", **more)


WAYS = surface(
    evidence=(
        lifts(EvidenceKind.LOCAL_FLAGS, UpstreamClass.U0, probe="p.flags"),
        lifts(EvidenceKind.ACCOUNT, UpstreamClass.U3, probe="p.account", needs="k1"),
        lifts(EvidenceKind.CONTRACT, U4, contracts=("k1", "k2")),
        lifts(EvidenceKind.DECLARED, U5),
    ),
    models=(ModelRule(models=("kept-*",), upstream_class=U6, because="kept"),),
)
ELSEWHERE = "route to another upstream"
OPT_IN = 'U6 by retention.accept_classes = ["U6"]'
FLAGS, SIGNED = "U0 by a proof of p.flags", "U3 by a proof of p.account and a contract of kind k1"
# level, opted in, why the class is what it is, surface, what would help a model that is like others
REMEDIES = [
    (Level.A1, (), "so", WAYS, f"{FLAGS}, or {ELSEWHERE}"),
    (
        Level.A2, (), "so", WAYS,
        f"{FLAGS}, or {SIGNED}, or U4 by a contract of kind k1 or k2, or {ELSEWHERE}",
    ),
    (
        Level.B, (), "so", replace(WAYS, evidence=WAYS.evidence[3:]),
        f"U5 by declaring class and reason, or {OPT_IN}, or {ELSEWHERE}",
    ),
    (Level.A2, (U5,), "so", replace(WAYS, evidence=WAYS.evidence[3:]), f"U5 by declaring class and reason, or {ELSEWHERE}"),
    (Level.A2, (), "so", surface(), ELSEWHERE),
    (Level.B, (), "so", surface(), f"{OPT_IN}, or {ELSEWHERE}"),
    (Level.B, (), "so", None, f"declare class and reason for it, or {OPT_IN}, or {ELSEWHERE}"),
    (Level.A2, (), f"declared by the operator; {review_ended(WAYS)}", WAYS, f"update Lethe, or {ELSEWHERE}"),
    (Level.A2, (), "so", surface(provider="generic"), f"declare class and reason for it, or {ELSEWHERE}"),
    (Level.A2, (), "so", None, f"declare class and reason for it, or {ELSEWHERE}"),
]  # fmt: skip


@pytest.mark.parametrize(("level", "opted_in", "why", "known", "expected"), REMEDIES)
def test_what_would_help(
    level: Level, opted_in: tuple[UpstreamClass, ...], why: str, known: Surface | None, expected: str
) -> None:
    found = weakness(level, opted_in, replace(stands(U6), why=why), known, "m")
    assert found is not None
    assert found.remedy == expected


# level, why the class is what it is, the ways of the surface, what would help a model that is kept whatever is signed
KEPT = [
    (Level.A2, "kept", WAYS, f"ask for another model, or {ELSEWHERE}"),
    (Level.A1, "so", WAYS, f"for another model {FLAGS}, or {ELSEWHERE}"),
    (Level.A2, "so", replace(WAYS, evidence=()), ELSEWHERE),
    (Level.B, "kept", WAYS, f"ask for another model, or {OPT_IN}, or {ELSEWHERE}"),
    (Level.B, "so", replace(WAYS, evidence=WAYS.evidence[3:]), f"for another model U5 by declaring class and reason, or {OPT_IN}, or {ELSEWHERE}"),
]  # fmt: skip


@pytest.mark.parametrize(("level", "why", "known", "expected"), KEPT)
def test_what_would_help_a_model_that_is_kept_whatever_is_signed(
    level: Level, why: str, known: Surface, expected: str
) -> None:
    found = weakness(level, (), replace(stands(U6), why=why), known, "kept-1")
    assert found is not None
    assert found.remedy == expected


def test_who_has_declared_is_not_told_to_declare() -> None:
    declared = replace(stands(U6), kind=EvidenceKind.DECLARED, why="declared by the operator")
    found = weakness(Level.A2, (), declared, surface(provider="generic"), "m")
    assert found is not None
    assert found.remedy == ELSEWHERE


def test_a_class_is_refused_with_the_rule_and_a_way_out() -> None:
    weak = [("a", Weakness(U5, "published", "do this")), ("b", Weakness(U6, "by default", "do that"))]
    message = class_refused(Level.A2, (), weak).message
    assert message == (
        "retention level A2 accepts upstream classes up to U4; "
        "a is U5: published (do this); b is U6: by default (do that)"
    )
    assert "up to U5" in class_refused(Level.A2, (U5, U6), weak[1:]).message


# what the headers say, what binds at B
WISHES: list[tuple[list[bytes], Level | None]] = [
    ([], Level.B),
    ([b"A2"], Level.A2),
    ([b"C"], Level.B),
    ([b" A2\t"], Level.A2),
    ([b"C", b"A1"], Level.A1),
    ([b"C, A1"], Level.A1),
    ([b"A1,C", b"B"], Level.A1),
    ([b""], None),
    ([b"a2"], None),
    ([b"A2,"], None),
    ([b"A1 A2"], None),
    ([b"A2", b"D"], None),
    ([b"A2\xa0"], None),
]


@pytest.mark.parametrize(("lines", "binds"), WISHES)
def test_wishes_tighten_only(lines: list[bytes], binds: Level | None) -> None:
    if binds is None:
        with pytest.raises(InvalidRequest, match="expected one of A1, A2, B, C"):
            tightened(Level.B, lines)
    else:
        assert tightened(Level.B, lines) is binds


@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize("level", Level)
def test_at_a1_nobody_else_counts(level: Level, elsewhere: bool) -> None:
    if elsewhere and level is Level.A1:
        with pytest.raises(LevelNotEnforced, match="a store of limits hears of each"):
            refuse_counted(level, elsewhere=elsewhere)
    else:
        refuse_counted(level, elsewhere=elsewhere)


def test_features() -> None:
    refuse_features(Level.B, "up", ())
    many = [Refusal(f"$.f{n}", "kept", "leave it out" if n else "") for n in range(MAX_NAMED + 2)]
    with pytest.raises(RetentionRefused) as caught:
        refuse_features(Level.B, "up", many)
    message = caught.value.message
    assert message.startswith("retention level B refuses at upstream up: $.f0: kept; $.f1: kept (leave it out); ")
    assert message.endswith("; and 2 more")
    assert len(caught.value.paths) == MAX_NAMED + 2


def test_levels_that_the_host_does_not_enforce() -> None:
    refuse_unenforced(Level.C, frozenset({Level.C}))
    for levels in (frozenset({Level.C}), frozenset[Level]()):
        with pytest.raises(LevelNotEnforced, match="level B needs more than this host enforces"):
            refuse_unenforced(Level.B, levels)


@pytest.mark.parametrize("query", [b"CANARY", b"beta=true&x=CANARY", b"beta=true&", b"BETA=true"])
def test_queries(query: bytes) -> None:
    refuse_query(b"", frozenset())
    refuse_query(b"beta=true", {b"beta=true"})
    with pytest.raises(InvalidRequest) as caught:
        refuse_query(query, {b"beta=true"})
    assert "CANARY" not in str(caught.value)

"""What is refused is told by the rule and what to do, and never by what was sent."""

import pytest

from lethe.errors import InvalidRequest, LevelNotEnforced, RetentionRefused
from lethe.policies.retention import (
    MAX_NAMED,
    class_refused,
    refuse_features,
    refuse_query,
    refuse_unenforced,
    weakness,
)
from lethe.retention.guard import Refusal
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Standing
from lethe.retention.surface import EvidenceKind

U4, U5, U6 = UpstreamClass.U4, UpstreamClass.U5, UpstreamClass.U6


def stands(kept: UpstreamClass) -> Standing:
    return Standing(upstream_class=kept, kind=EvidenceKind.PUBLISHED, why="its page says so")


# level, opted in, standing, used, what is too weak
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
    assert weakness(level, opted_in, stands(kept), used) == expected


def test_a_class_is_refused_with_the_rule_and_a_way_out() -> None:
    weak = [("a", U5, "published"), ("b", U6, "by default")]
    message = class_refused(Level.A2, (), weak).message
    assert message.startswith("retention level A2 accepts upstream classes up to U4; a is U5: published; b is U6: ")
    assert "declare a class" in message
    assert "up to U5" in class_refused(Level.A2, (U5, U6), weak[1:]).message


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

"""What a retention level refuses, told so that the caller knows what to change."""

from collections.abc import Collection, Sequence

from lethe.errors import ClassRefused, InvalidRequest, LevelNotEnforced, RetentionRefused
from lethe.retention.guard import Refusal
from lethe.retention.levels import ACCEPTS, OPT_INS, Level, UpstreamClass, admits
from lethe.retention.standing import Standing

MAX_NAMED = 10  # refusals in one error; the rest are counted
_HOW = "arrange a contract or a proof for it, declare a class, or route to another upstream"


def refuse_query(query: bytes, allowed: Collection[bytes]) -> None:
    """Query strings end in the logs of whoever is on the way. Raises InvalidRequest."""
    if query and query not in allowed:
        raise InvalidRequest("query string", "is not passed on to any upstream; send everything in the body")


def refuse_unenforced(level: Level, levels: Collection[Level]) -> None:
    """Raises LevelNotEnforced."""
    if level not in levels:
        raise LevelNotEnforced(
            f"retention level {level} needs more than this host enforces (see: lethe check --host), "
            f"which is enough for {', '.join(sorted(levels)) or 'none'}"
        )


def refuse_features(level: Level, upstream: str, refusals: Sequence[Refusal]) -> None:
    """Raises RetentionRefused naming the register's paths, why, and what to do instead."""
    if not refusals:
        return
    said = [f"{r.path}: {r.because}" + (f" ({r.instead})" if r.instead else "") for r in refusals[:MAX_NAMED]]
    if len(refusals) > MAX_NAMED:
        said.append(f"and {len(refusals) - MAX_NAMED} more")
    raise RetentionRefused(
        f"retention level {level} refuses at upstream {upstream}: " + "; ".join(said), [r.path for r in refusals]
    )


def class_refused(
    level: Level, opted_in: Collection[UpstreamClass], weak: Sequence[tuple[str, UpstreamClass, str]]
) -> ClassRefused:
    """No upstream is good enough: each by its name, its class and the reason."""
    best = max([ACCEPTS[level], *(kept for kept in opted_in if OPT_INS.get(level) is kept)])
    classes = "; ".join(f"{name} is {kept.name}: {why}" for name, kept, why in weak)
    return ClassRefused(f"retention level {level} accepts upstream classes up to {best.name}; {classes} ({_HOW})")


def weakness(
    level: Level, opted_in: Collection[UpstreamClass], standing: Standing, used: Sequence[tuple[str, UpstreamClass]]
) -> tuple[UpstreamClass, str] | None:
    """The class that is too weak for the level, and what makes it so; None if it is good enough."""
    if not admits(level, standing.upstream_class, opted_in):
        return standing.upstream_class, standing.why
    for path, kept in used:
        if not admits(level, kept, opted_in):
            return kept, f"the request uses {path}"
    return None

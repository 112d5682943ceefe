"""What a retention level refuses, told so that the caller knows what to change."""

from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from lethe.errors import ClassRefused, InvalidRequest, LevelNotEnforced, RetentionRefused
from lethe.retention.classes import GENERIC, review_ended
from lethe.retention.globs import concerns
from lethe.retention.guard import Refusal
from lethe.retention.levels import ACCEPTS, OPT_INS, Level, UpstreamClass, admits, strictest
from lethe.retention.standing import Standing
from lethe.retention.surface import Evidence, EvidenceKind, Surface

MAX_NAMED = 10  # refusals in one error; the rest are counted
LEVEL_HEADER = "x-lethe-level"
_LEVELS: dict[bytes, Level] = {level.encode(): level for level in Level}
_ELSEWHERE = "route to another upstream"


def refuse_query(query: bytes, allowed: Collection[bytes]) -> None:
    """Query strings end in the logs of whoever is on the way. Raises InvalidRequest."""
    if query and query not in allowed:
        raise InvalidRequest("query string", "is not passed on to any upstream; send everything in the body")


def tightened(level: Level, lines: Iterable[bytes]) -> Level:
    """The strictest of a level and those that a request wishes for; `lines` are the values of its headers.

    Each proxy on the way may have added one, or put them into one line. Raises InvalidRequest.
    """
    wishes = _wishes(lines)
    if not all(wish in _LEVELS for wish in wishes):
        raise InvalidRequest(LEVEL_HEADER, "expected one of " + ", ".join(Level))
    return strictest([level, *(_LEVELS[wish] for wish in wishes)])


def tightened_anyway(level: Level, lines: Iterable[bytes]) -> Level:
    """The same of a request that is refused, whatever for; what is no level counts as no wish."""
    return strictest([level, *(_LEVELS[wish] for wish in _wishes(lines) if wish in _LEVELS)])


def _wishes(lines: Iterable[bytes]) -> list[bytes]:
    return [wish.strip(b" \t") for line in lines for wish in line.split(b",")]


def refuse_unenforced(level: Level, levels: Collection[Level]) -> None:
    """Raises LevelNotEnforced."""
    if level not in levels:
        raise LevelNotEnforced(
            f"retention level {level} needs more than this host enforces (see: lethe check --host), "
            f"which is enough for {', '.join(sorted(levels)) or 'none'}"
        )


def refuse_counted(level: Level, *, elsewhere: bool) -> None:
    """Raises LevelNotEnforced at A1, where nobody else hears of a request."""
    if elsewhere and level is Level.A1:
        raise LevelNotEnforced("retention level A1 tells nobody of a request, and here a store of limits hears of each")


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


class Weakness(Struct, frozen=True):
    """A class that does not do for a level, what makes it so, and what would help."""

    upstream_class: UpstreamClass
    why: str
    remedy: str


def class_refused(
    level: Level, opted_in: Collection[UpstreamClass], weak: Sequence[tuple[str, Weakness]]
) -> ClassRefused:
    """No upstream is good enough: each by its name, its class, the reason and what would help."""
    best = max([ACCEPTS[level], *(kept for kept in opted_in if OPT_INS.get(level) is kept)])
    classes = "; ".join(f"{name} is {w.upstream_class.name}: {w.why} ({w.remedy})" for name, w in weak)
    return ClassRefused(f"retention level {level} accepts upstream classes up to {best.name}; {classes}")


def weakness(
    level: Level,
    opted_in: Collection[UpstreamClass],
    standing: Standing,
    surface: Surface | None,
    model: str,
    used: Sequence[tuple[str, UpstreamClass]] = (),
) -> Weakness | None:
    """Why an upstream is not good enough for a level; None if it is."""
    if not admits(level, standing.upstream_class, opted_in):
        ways = [*_ways(level, opted_in, standing, surface, model), *_opting_in(level, standing), _ELSEWHERE]
        return Weakness(standing.upstream_class, standing.why, ", or ".join(ways))
    for path, kept in used:
        if not admits(level, kept, opted_in):
            return Weakness(kept, f"the request uses {path}", f"leave it out, or {_ELSEWHERE}")
    return None


def _ways(
    level: Level, opted_in: Collection[UpstreamClass], standing: Standing, surface: Surface | None, model: str
) -> list[str]:
    """What would make the class good enough, as far as the register knows."""
    if surface is None or surface.provider == GENERIC:
        return [] if standing.kind is EvidenceKind.DECLARED else ["declare class and reason for it"]
    if standing.why.endswith(review_ended(surface)):
        return ["update Lethe"]
    kept = [rule for rule in surface.models if concerns(rule.models, rule.not_models, model)]
    if any(rule.because == standing.why for rule in kept):
        return ["ask for another model"]
    ways = [_way(row) for row in surface.evidence if admits(level, row.upstream_class, opted_in)]
    if ways and not all(admits(level, rule.upstream_class, opted_in) for rule in kept):
        ways[0] = f"for another model {ways[0]}"
    return ways


def _opting_in(level: Level, standing: Standing) -> list[str]:
    name = standing.upstream_class.name
    return [f'{name} by retention.accept_classes = ["{name}"]'] if OPT_INS.get(level) is standing.upstream_class else []


def _way(row: Evidence) -> str:
    """How the configuration makes a row of evidence count."""
    match row.kind:
        case EvidenceKind.CONTRACT:
            return f"{row.upstream_class.name} by a contract of kind {' or '.join(row.contracts)}"
        case EvidenceKind.DECLARED:
            return f"{row.upstream_class.name} by declaring class and reason"
        case _:
            signed = f" and a contract of kind {row.needs}" if row.needs else ""
            return f"{row.upstream_class.name} by a proof of {row.probe}{signed}"

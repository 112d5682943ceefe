"""A platform's limits against a need: what fits, what to mind, what to change. Pure."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from fnmatch import fnmatchcase

from msgspec import Struct

from lethe.deploy.need import Need
from lethe.deploy.platform import Limit, Measure, Place, Platform, Source, State
from lethe.retention.enforcement import ACCEPTABLE
from lethe.retention.levels import Level

_SAFE = 2.0  # heartbeats in an idle timeout: one may be late
_ERROR_EVENT = 2.0  # seconds in which every stream is told that it ends


class Verdict(IntEnum):
    """The worst one of a table counts."""

    PASS = 0
    WARN = 1
    FAIL = 2


class Finding(Struct, frozen=True, kw_only=True):
    """One row. `need` and `limit` are for people; `change` is what to do about it."""

    check: str
    need: str
    limit: str
    verdict: Verdict
    change: str | None = None
    source: Source | None = None


def examined(platform: Platform, need: Need) -> tuple[Finding, ...]:
    """Every check, in the order in which they are read."""
    of_platform = (finding for check in _CHECKS for finding in check(platform, need))
    return (*of_platform, *_upstreams(need), *_residency(need))


def worst(findings: tuple[Finding, ...]) -> Verdict:
    return max((finding.verdict for finding in findings), default=Verdict.PASS)


def bound(platform: Platform, measure: Measure) -> str:
    """A limit in words, as `60 min`; `none`, or `not known` where the vendor does not say."""
    limit = platform.limits.get(measure)
    if limit is None or (limit.value is None and limit.source.confidence in _DOUBTFUL):
        return "not known"
    return "none" if limit.value is None else worded(measure, limit.value)


def worded(measure: Measure, value: float) -> str:
    """A figure of that measure with its unit."""
    return _UNITS[measure](value)


def _total(platform: Platform, need: Need) -> Iterator[Finding]:
    limit = platform.limits.get(Measure.TOTAL)
    if limit is None:
        return
    verdict, change = Verdict.PASS, limit.note
    if limit.value is not None and need.max_stream > limit.value:
        verdict = Verdict.FAIL
        change = f"streams end after {_time(limit.value)}: ask for less, or choose a platform without this limit"
    elif limit.source.confidence in _DOUBTFUL:
        verdict, change = Verdict.WARN, limit.note or "not confirmed: try a stream of this length before you promise it"
    yield _finding("longest stream", _time(need.max_stream), limit, _time, verdict, change)


def _idle(platform: Platform, need: Need) -> Iterator[Finding]:
    limit = platform.limits.get(Measure.IDLE)
    if limit is None:
        return
    verdict, change = Verdict.PASS, limit.note
    if limit.value is not None:
        if not platform.heartbeats or need.heartbeat >= limit.value:
            verdict, change = Verdict.FAIL, f"set server.heartbeat below {limit.value / _SAFE:g} seconds"
        elif need.heartbeat * _SAFE > limit.value:
            verdict, change = Verdict.WARN, f"set server.heartbeat to {limit.value / _SAFE:g} seconds or less"
    yield _finding("heartbeat in the idle timeout", _time(need.heartbeat), limit, _time, verdict, change)
    if limit.value is not None:
        held = Verdict.PASS if need.status_hold < limit.value else Verdict.FAIL
        wish = f"set server.status_hold below {limit.value:g} seconds" if held else None
        yield _finding("status held back", _time(need.status_hold), limit, _time, held, wish)
        slow = "an answer that is not streamed has no heartbeat: whoever waits longer than this has to stream"
        yield _finding("answers that are not streamed", "may take minutes", limit, _time, Verdict.WARN, slow)


def _sigterm(platform: Platform, need: Need) -> Iterator[Finding]:
    limit = platform.limits.get(Measure.SIGTERM)
    if limit is None:
        return
    verdict, change = Verdict.PASS, limit.note
    if limit.value is not None and need.drain + _ERROR_EVENT > limit.value:
        verdict = Verdict.FAIL
        change = f"drain for {max(limit.value - _ERROR_EVENT, 0):g} seconds (--drain)"
    elif limit.value is not None and need.max_stream > limit.value:
        verdict = Verdict.WARN
        change = "streams that are longer than this end with an error event when an instance is replaced"
    yield _finding("drain in the notice before the end", _time(need.drain), limit, _time, verdict, change)


def _body(platform: Platform, need: Need) -> Iterator[Finding]:
    limit = platform.limits.get(Measure.BODY)
    if limit is None:
        return
    fits = limit.value is None or need.max_body <= limit.value
    change = limit.note if fits else "set server.max_body to this limit, or callers get the platform's own error"
    yield _finding("request body", _size(need.max_body), limit, _size, Verdict.PASS if fits else Verdict.FAIL, change)


def _concurrency(platform: Platform, need: Need) -> Iterator[Finding]:
    limit = platform.limits.get(Measure.CONCURRENCY)
    if limit is None:
        return
    fits = limit.value is None or need.concurrency <= limit.value
    change = limit.note if fits else "more instances are started; set the limit as high as the platform allows"
    yield _finding(
        "requests in one instance", str(need.concurrency), limit, _count, Verdict.PASS if fits else Verdict.WARN, change
    )


def _level(platform: Platform, need: Need) -> Iterator[Finding]:
    demand = f"level {need.level}"
    if not platform.runs:
        verdict = Verdict.PASS if need.level is Level.C else Verdict.FAIL
        change = "Lethe does not run here, so nothing enforces a level" if verdict else None
        yield Finding(check="enforcement", need=demand, limit="none: a managed gateway", verdict=verdict, change=change)
        return
    lacking = [m for m in platform.lacks if m not in need.accept_unenforced] if need.level is not Level.C else []
    limit = f"kernel without {', '.join(platform.lacks)}" if platform.lacks else "the whole lock-in"
    if not lacking:
        yield Finding(check="enforcement", need=demand, limit=limit, verdict=Verdict.PASS)
        return
    refused = [m for m in lacking if m not in ACCEPTABLE]
    listed = ", ".join(f'"{m}"' for m in lacking)
    change = (
        f"level {need.level} cannot be served here"
        if refused
        else f"say that you accept it: retention.accept_unenforced = [{listed}]"
    )
    yield Finding(check="enforcement", need=demand, limit=limit, verdict=Verdict.FAIL, change=change)


def _places(platform: Platform, need: Need) -> Iterator[Finding]:
    for place in platform.places:
        yield Finding(
            check=f"kept by: {place.name}",
            need="no content",
            limit=f"{place.holds}; {place.default} by default",
            verdict=_kept(place, need.level),
            change=place.left or place.knob,
            source=place.source,
        )


def _kept(place: Place, level: Level) -> Verdict:
    match place.state:
        case State.CLOSED:
            return Verdict.PASS
        case State.METADATA:
            return Verdict.PASS if level is Level.C else Verdict.WARN
        case State.OPEN:
            return Verdict.WARN if level is Level.C else Verdict.FAIL


def _regions(platform: Platform, need: Need) -> Iterator[Finding]:
    for region in need.regions:
        known = any(fnmatchcase(region, glob) for glob in platform.regions)
        verdict = Verdict.PASS if known else Verdict.FAIL
        change = platform.residency if known else f"no region of that name here: {platform.residency}"
        limit = ", ".join(platform.regions) or "no choice of region"
        yield Finding(check="region", need=region, limit=limit, verdict=verdict, change=change)


def _upstreams(need: Need) -> Iterator[Finding]:
    """The same on every platform: a class is the provider's affair, not the place's."""
    for asked in need.upstreams:
        yield Finding(
            check=f"class of upstream {asked.name}",
            need=f"level {need.level}",
            limit=f"class {asked.kept} without proofs",
            verdict=Verdict.PASS if asked.admitted else Verdict.WARN,
            change=None if asked.admitted else "this level passes it over until a contract or a proof lifts its class",
        )


def _residency(need: Need) -> Iterator[Finding]:
    """Only where somebody asks for a region. Names are compared with names: which lies where, nobody says here."""
    for asked in need.upstreams if need.regions else ():
        inside = asked.here or asked.region in need.regions
        yield Finding(
            check=f"region of upstream {asked.name}",
            need=", ".join(need.regions),
            limit="beside Lethe" if asked.here else asked.region or "not said",
            verdict=Verdict.PASS if inside else Verdict.WARN,
            change=None
            if inside
            else "requests may leave the region: say where it is asked, and set retention.regions",
        )


_CHECKS: tuple[Callable[[Platform, Need], Iterator[Finding]], ...] = (
    _total, _idle, _sigterm, _body, _concurrency, _level, _places, _regions,
)  # fmt: skip
_DOUBTFUL = frozenset({"report", "unconfirmed"})


def _finding(
    check: str, need: str, limit: Limit, unit: Callable[[float], str], verdict: Verdict, change: str | None
) -> Finding:
    value = "none" if limit.value is None else unit(limit.value)
    return Finding(
        check=check, need=need, limit=f"{limit.what}: {value}", verdict=verdict, change=change, source=limit.source
    )


def _time(value: float) -> str:
    if value < 120 or value % 60:
        return f"{value:g} s"
    return f"{value / 60:g} min" if value < 7200 or value % 3600 else f"{value / 3600:g} h"


def _size(value: float) -> str:
    return f"{value / 2**20:g} MiB" if value % 2**30 else f"{value / 2**30:g} GiB"


def _count(value: float) -> str:
    return f"{value:g}"


_UNITS: dict[Measure, Callable[[float], str]] = {
    Measure.TOTAL: _time,
    Measure.IDLE: _time,
    Measure.SIGTERM: _time,
    Measure.BODY: _size,
    Measure.CONCURRENCY: _count,
}

"""Which class an upstream has at this moment: for one of its surfaces, one model, and what is known now."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from lethe.retention.globs import concerns
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Declared, Finding, Standing
from lethe.retention.surface import PROBED, Evidence, EvidenceKind, Surface

GENERIC = "generic"  # the provider of the surfaces that stand for servers nobody knows
OURS = frozenset({GENERIC, "embedded"})  # nobody's pages stand behind these, so no review of them ends
DAY = 86_400.0  # seconds
AHEAD = 60.0  # seconds by which a clock may have been set back before what it said of evidence counts no more
_EPOCH = date(1970, 1, 1).toordinal()
_STRENGTH = {kind: n for n, kind in enumerate(EvidenceKind)}
# The best that a surface has whose review has ended: nothing is promised any more, and level C does not stop.
_STALE_BEST = UpstreamClass.U6


class Subject(Protocol):
    """What a class is asked for: an upstream."""

    @property
    def name(self) -> str: ...
    @property
    def upstream_class(self) -> UpstreamClass: ...
    @property
    def contract(self) -> Contract | None: ...
    @property
    def declared(self) -> Declared | None: ...


class _Known(Struct, frozen=True):
    """All that a class is computed from."""

    subject: Subject
    model: str
    findings: tuple[Finding, ...]
    now: float


def day(of: date) -> float:
    """The Unix time at which a day begins, in UTC."""
    return (of.toordinal() - _EPOCH) * DAY


def review_ends(surface: Surface) -> float:
    """The Unix time from which nothing of what a page said counts any more."""
    return day(surface.expires) + DAY


def review_ended(surface: Surface) -> str:
    """Why nothing of a surface counts once its review has ended."""
    return f"the register's review of {surface.id} ended on {surface.expires.isoformat()}"


def standing(
    subject: Subject,
    surface: Surface | None,
    model: str,
    findings: Iterable[Finding],
    now: float,
    *,
    trusted: frozenset[EvidenceKind] = frozenset(EvidenceKind),
) -> Standing:
    """The best class that something proves, agrees or publishes now, capped by what the model keeps.

    `now` is Unix time; evidence of kinds that are not `trusted` counts nothing.
    """
    if surface is None:
        return _without_register(subject)
    known = _Known(subject, model, tuple(f for f in findings if f.upstream == subject.name), now)
    ends = None if surface.provider in OURS else review_ends(surface)
    if ends is not None and now >= ends:
        best = _stale(subject, surface)
    else:
        found = [_default(subject, surface), *_lifted(surface, known, trusted)]
        best = min(found, key=lambda s: (s.upstream_class, _STRENGTH[s.kind]))
        best = _lowered(best, subject, surface)
        best = replace(best, until=min((end for end in (best.until, ends) if end is not None), default=None))
    for rule in surface.models:
        if model and rule.upstream_class > best.upstream_class and concerns(rule.models, rule.not_models, model):
            best = replace(best, upstream_class=rule.upstream_class, kind=EvidenceKind.PUBLISHED, why=rule.because)
    return replace(best, carve_outs=surface.carve_outs)


def _without_register(subject: Subject) -> Standing:
    if subject.declared is not None:
        return Standing(
            upstream_class=subject.upstream_class, kind=EvidenceKind.DECLARED, why="declared by the operator"
        )
    why = "nothing is known of it" if subject.upstream_class is UpstreamClass.U7 else "as configured"
    return Standing(upstream_class=subject.upstream_class, kind=EvidenceKind.NONE, why=why)


def _stale(subject: Subject, surface: Surface) -> Standing:
    """Standard retention, or worse where it was worse: nothing that a level above C accepts without being told to."""
    why = review_ended(surface)
    declared = subject.declared
    if declared is not None and declared.upstream_class <= _STALE_BEST:
        return Standing(upstream_class=_STALE_BEST, kind=EvidenceKind.DECLARED, why=f"declared by the operator; {why}")
    kept = max(_STALE_BEST, surface.upstream_class)
    return Standing(upstream_class=kept, kind=EvidenceKind.PUBLISHED, why=why)


def _default(subject: Subject, surface: Surface) -> Standing:
    """What holds without any evidence. A server nobody knows has what the configuration says of it."""
    if surface.provider != GENERIC:
        return Standing(
            upstream_class=surface.upstream_class,
            kind=EvidenceKind.PUBLISHED,
            why=surface.because,
            at=day(surface.reviewed),
        )
    made = _without_register(subject)
    if subject.declared is None and subject.upstream_class < surface.upstream_class:
        made = replace(made, why="on this machine; its flags are not verified")
    return made


def _lowered(best: Standing, subject: Subject, surface: Surface) -> Standing:
    """An operator who says that a known provider keeps more is believed."""
    declared = subject.declared
    if declared is None or surface.provider == GENERIC or declared.upstream_class <= best.upstream_class:
        return best
    return Standing(upstream_class=declared.upstream_class, kind=EvidenceKind.DECLARED, why="declared by the operator")


def _lifted(surface: Surface, known: _Known, trusted: frozenset[EvidenceKind]) -> Iterator[Standing]:
    for row in surface.evidence:
        if row.kind in trusted and (made := _by(row, known)) is not None:
            yield made


def _by(row: Evidence, known: _Known) -> Standing | None:
    """What one row of evidence makes of it now; None where it does not hold."""
    if row.kind in PROBED:
        return _proven(row, known)
    if row.kind is EvidenceKind.CONTRACT:
        contract = known.subject.contract
        if contract is None or contract.kind not in row.contracts or not in_force(contract, known.now):
            return None
        return Standing(
            upstream_class=row.upstream_class,
            kind=row.kind,
            why=f"{contract.kind}: {row.because}",
            at=contract.signed,
            until=contract.expires,
        )
    if row.kind is EvidenceKind.DECLARED:
        declared = known.subject.declared
        if declared is None:
            return None
        kept = max(row.upstream_class, declared.upstream_class)
        return Standing(upstream_class=kept, kind=row.kind, why=f"declared by the operator: {row.because}")
    return Standing(upstream_class=row.upstream_class, kind=row.kind, why=row.because)


def in_force(contract: Contract, now: float) -> bool:
    return (contract.signed is None or contract.signed <= now) and now < contract.expires


def _proven(row: Evidence, known: _Known) -> Standing | None:
    until = float("inf")
    if row.needs:
        contract = known.subject.contract
        if contract is None or contract.kind != row.needs or not in_force(contract, known.now):
            return None
        until = contract.expires
    at = known.now
    for probe in (row.probe, *row.also):
        # Of a model or not is said of the row's own probe; what must hold besides may be the account's.
        kind = row.kind if probe == row.probe else EvidenceKind.ACCOUNT
        finding = _holding(probe, kind, row.max_age, known)
        if finding is None:
            return None
        until, at = min(until, finding.until, finding.at + row.max_age), min(at, finding.at)
    return Standing(
        upstream_class=row.upstream_class, kind=row.kind, why=f"{row.probe}: {row.because}", at=at, until=until
    )


def _holding(probe: str, kind: EvidenceKind, max_age: float, known: _Known) -> Finding | None:
    """The newest word of a probe that counts here, if it is a good one and not too old; of two the more particular."""
    asked = [f for f in known.findings if f.probe == probe and _concerns(f, kind, known.model)]
    newest = max(asked, key=lambda f: (f.at, bool(f.models), not f.holds), default=None)
    if newest is None or not newest.holds:
        return None
    fresh = known.now < newest.until and -AHEAD <= known.now - newest.at < max_age
    return newest if fresh else None


def _concerns(finding: Finding, kind: EvidenceKind, model: str) -> bool:
    """A proof for each model names the model; a failure without a name concerns all of them."""
    if finding.models:
        return model in finding.models
    return kind is not EvidenceKind.MODEL or not finding.holds

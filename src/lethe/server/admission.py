"""Which upstreams may be asked now: each one's surfaces, what guards them, and the class that holds at this moment."""

from collections.abc import Collection, Iterable, Sequence
from itertools import takewhile

from lethe.providers.envelopes import COMPLETION, Endpoint
from lethe.providers.upstream import Upstream
from lethe.retention.attestation import probes
from lethe.retention.classes import standing
from lethe.retention.globs import concerns
from lethe.retention.guard import Guard
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Finding, Standing
from lethe.retention.surface import EvidenceKind, Surface
from lethe.routing.attempts import Attempt

_KEPT_AT_MOST = 256
_LOOK_AGAIN = 60.0  # seconds; a contract may begin meanwhile
_SILENT = frozenset(EvidenceKind) - {EvidenceKind.RESPONSE}


class Admission:
    """One a worker. Upstreams are known by their index.

    Standings are kept by which rows of the register and which findings concern a model, never by its name, which is
    the caller's; but for `configured` names.
    """

    def __init__(self, upstreams: Sequence[Upstream], configured: Collection[str] = ()) -> None:
        self._upstreams = upstreams
        self._configured = frozenset(configured)
        self._rules: dict[tuple[str, str], tuple[bool, ...]] = {}  # by surface and configured name
        self._guards: list[dict[Endpoint, Guard]] = [_guards(upstream) for upstream in upstreams]
        self._findings: tuple[Finding, ...] = ()
        self._unproven: dict[str, float] = {}  # by an upstream's name, the last time that it did not attest
        self._kept: dict[object, tuple[Standing, float, float]] = {}  # with the moments between which it counts
        self._named: frozenset[str] = frozenset()  # models that findings name

    def prepare(self, levels: Iterable[Level], *, refuse_unknown: bool) -> None:
        """Compile what requests of these levels need."""
        for level in levels:
            for guards in self._guards:
                for guard in guards.values():
                    guard.prepare(level, refuse_unknown=refuse_unknown)

    def learn(self, findings: Sequence[Finding]) -> None:
        """What the probes say now; what they said before an upstream failed to attest counts no more."""
        self._findings = tuple(f for f in findings if not self._outdated(f))
        self._named = frozenset(name for finding in self._findings for name in finding.models)
        self._kept.clear()

    def unproven(self, upstream: int, now: float) -> None:
        """A response did not attest what the register expects."""
        self._unproven[self._upstreams[upstream].name] = now
        self.learn(self._findings)

    def guard(self, upstream: int, endpoint: Endpoint) -> Guard | None:
        """None where the register knows nothing of it."""
        return self._guards[upstream].get(endpoint)

    def inner(self, upstream: int, endpoint: Endpoint) -> Guard | None:
        """What guards what a body holds that is one of another endpoint; else what guards the endpoint."""
        asked = self._upstreams[upstream]
        if endpoint is Endpoint.COUNT_TOKENS and asked.counting is not None and asked.counting.wrapped:
            return self.guard(upstream, COMPLETION[asked.dialect])
        return self.guard(upstream, endpoint)

    def counting(self, attempts: Iterable[Attempt], *, lenient: bool) -> tuple[Attempt, ...]:
        """As long as they count: another upstream's number would be another model's, and an estimate is better.

        An endpoint that the register does not know is asked only if `lenient`.
        """
        return tuple(takewhile(lambda attempt: self._counts(attempt.upstream, lenient=lenient), attempts))

    def _counts(self, upstream: int, *, lenient: bool) -> bool:
        known = self.guard(upstream, Endpoint.COUNT_TOKENS) is not None
        return self._upstreams[upstream].counting is not None and (lenient or known)

    def surface(self, upstream: int, endpoint: Endpoint) -> Surface | None:
        guard = self._guards[upstream].get(endpoint)
        return guard.surface if guard is not None else None

    def standing(self, upstream: int, endpoint: Endpoint, model: str, now: float, *, attested: bool = True) -> Standing:
        """The class at `now` (Unix time); without `attested` what it is if the response says nothing."""
        surface = self.surface(upstream, endpoint)
        rules: tuple[bool, ...] = ()
        named: tuple[bool, ...] = ()
        if surface is not None and surface.models:
            rules = self._concern(surface, model)
        if model in self._named:
            named = tuple(model in finding.models for finding in self._findings)
        key = (upstream, surface.endpoint if surface is not None else "", rules, named, attested)
        kept = self._kept.get(key)
        if kept is not None and kept[1] <= now < kept[2]:
            return kept[0]
        trusted = frozenset(EvidenceKind) if attested else _SILENT
        made = standing(self._upstreams[upstream], surface, model, self._findings, now, trusted=trusted)
        if len(self._kept) >= _KEPT_AT_MOST:
            self._kept.clear()
        # A clock that was set back may have come to before the evidence began.
        self._kept[key] = made, now, min(now + _LOOK_AGAIN, made.until if made.until is not None else now + _LOOK_AGAIN)
        return made

    def best(self, upstream: int, model: str | None, now: float) -> UpstreamClass:
        """The best class that an upstream has now for a model, or for any (None), at whatever may carry content."""
        asked = self._upstreams[upstream]
        endpoints = [endpoint for endpoint in asked.served.endpoints() if endpoint is not Endpoint.COUNT_TOKENS]
        if model is not None:
            return min(self.standing(upstream, endpoint, model, now).upstream_class for endpoint in endpoints)
        surfaces = [self.surface(upstream, endpoint) for endpoint in endpoints]
        names = ("", *self._named)
        made = (standing(asked, surface, name, self._findings, now) for surface in surfaces for name in names)
        return min(each.upstream_class for each in made)

    def _concern(self, surface: Surface, model: str) -> tuple[bool, ...]:
        """Which rows of a surface do."""
        known = self._rules.get((surface.id, model))
        if known is None:
            known = tuple(concerns(rule.models, rule.not_models, model) for rule in surface.models)
            if model in self._configured:
                self._rules[surface.id, model] = known
        return known

    def _outdated(self, finding: Finding) -> bool:
        since = self._unproven.get(finding.upstream)
        if since is None or finding.at > since:
            return False
        return any(
            finding.probe in probes(surface)
            for upstream in self._upstreams
            if upstream.name == finding.upstream
            for surface in upstream.surfaces
        )


def _guards(upstream: Upstream) -> dict[Endpoint, Guard]:
    """One for each endpoint that the register knows."""
    known = {surface.endpoint: surface for surface in upstream.surfaces}
    served = ((endpoint, known.get(upstream.served.surface(endpoint))) for endpoint in upstream.served.endpoints())
    return {endpoint: Guard(surface) for endpoint, surface in served if surface is not None}

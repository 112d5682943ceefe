"""What the probes say, for the generations that it concerns, and for people when it changes."""

import time
from collections.abc import Callable, Iterable

from lethe.config.settings import Settings
from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import DAY
from lethe.providers.rows import EMBEDDED
from lethe.retention.standing import Finding
from lethe.retention.surface import EvidenceKind
from lethe.sandbox.generation import Generation
from lethe.sandbox.reactor import Reactor
from lethe.sandbox.vault import Vault
from lethe.upstream.embedded import PROBE
from lethe.upstream.probes.verdict import Reason

LOOK = 60.0  # seconds between looks at the time of day, which a sleep or a hand may have moved
PATIENCE = 10.0  # seconds that a start waits for the first answers; later ones follow


class Proofs:
    """`clock` is the time of day. `told` is called when findings have changed."""

    def __init__(
        self,
        reactor: Reactor,
        vault: Vault,
        say: Callable[[str], None],
        told: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._vault = vault
        self._say = say
        self._told = told
        self._clock = clock
        vault.found = self.heard
        self._own = _embedded(clock())
        reactor.later(LOOK, self._look)
        self._said: dict[ProbeTask, bool] = {}
        self._waited: set[int] = set()  # numbers of generations that have waited long enough

    def order(self, generations: Iterable[Generation]) -> None:
        """Ask for all of these from now on, those that still serve too."""
        self._vault.probe([task for each in generations for task in each.settings.probes])

    def wait(self, generation: Generation) -> None:
        """Let this generation wait for its first answers, though not for long."""
        if generation.settings.probes:
            self._reactor.later(PATIENCE, lambda: self._enough(generation.number))

    def ready(self, generation: Generation) -> bool:
        """Is everything answered that this generation asks, or has it waited long enough?"""
        answered = all(task in self._vault.findings for task in generation.settings.probes)
        return answered or generation.number in self._waited

    def of(self, settings: Settings) -> tuple[Finding, ...]:
        """What is known of these upstreams now."""
        known = self._vault.findings
        found = [known[task] for task in settings.probes if task in known]
        if settings.embedded is not None:
            found.append(self._own)
        return tuple(found)

    def heard(self) -> None:
        """The vault has new findings."""
        known = self._vault.findings
        for task, finding in known.items():
            if self._said.get(task) is not finding.holds:
                what = "holds" if finding.holds else "fails"
                self._say(f"probe {task.probe} of upstream {task.upstream} {what}: {finding.reason}")
        self._said = {task: finding.holds for task, finding in known.items()}
        self._told()

    def unproven(self, settings: Settings, upstream: str) -> None:
        """A response of this upstream did not attest what its surfaces demand; the same is told by many workers."""
        attested = {
            row.probe
            for each in settings.plan.upstreams
            if each.name == upstream
            for surface in each.surfaces
            for row in surface.evidence
            if row.kind is EvidenceKind.RESPONSE
        }
        for task in settings.probes:
            finding = self._vault.findings.get(task)
            if task.upstream == upstream and task.probe in attested and (finding is None or finding.holds):
                self._vault.doubt(task, self._clock())

    def _look(self) -> None:
        self._reactor.later(LOOK, self._look)
        now = self._clock()
        if not self._own.at <= now < self._own.at + DAY / 2:
            self._own = _embedded(now)
            self._told()

    def _enough(self, number: int) -> None:
        self._waited.add(number)
        self._told()


def _embedded(at: float) -> Finding:
    """The model that we run: it does not come up without the flags that this probe asks for."""
    return Finding(upstream=EMBEDDED, probe=PROBE, holds=True, reason=Reason.PROVEN, at=at, until=at + DAY)

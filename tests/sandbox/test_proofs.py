"""Which generation knows what, when it may start, and what people are told."""

from collections.abc import Callable
from datetime import date
from typing import cast

from msgspec.structs import replace
from tests.sandbox.messages import PLAN

from lethe.config.settings import Settings
from lethe.ir.content import Dialect
from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import DAY
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Finding
from lethe.retention.surface import Evidence, EvidenceKind, Source, Surface
from lethe.sandbox import generation
from lethe.sandbox.generation import Generation
from lethe.sandbox.proofs import LOOK, PATIENCE, Proofs
from lethe.sandbox.reactor import Reactor
from lethe.sandbox.vault import Vault

ATTESTED = Evidence(
    kind=EvidenceKind.RESPONSE, upstream_class=UpstreamClass.U2, probe="xai.response_header", because="it says so"
)
ACCOUNT = Evidence(
    kind=EvidenceKind.ACCOUNT, upstream_class=UpstreamClass.U3, probe="openai.data_retention", because="it says so"
)
SURFACE = Surface(
    id="a.messages",
    provider="a",
    title="A",
    dialect=Dialect.ANTHROPIC,
    endpoint="messages",
    upstream_class=UpstreamClass.U6,
    because="keeps for 30 days",
    evidence=(ATTESTED, ACCOUNT),
    sources=(Source(url="https://a.example", read=date(2026, 11, 24)),),
    reviewed=date(2026, 11, 24),
    expires=date(2027, 2, 22),
)
HEADER = ProbeTask(upstream="a", probe="xai.response_header")
SETTING = ProbeTask(upstream="a", probe="openai.data_retention", target="proj_a")
OTHER = replace(SETTING, target="proj_b")


def settings(*probes: ProbeTask, embedded: int | None = None) -> Settings:
    plan = replace(PLAN, upstreams=(replace(PLAN.upstreams[0], surfaces=(SURFACE,)),))
    return Settings(plan=plan, probes=probes, embedded=embedded)


def found(task: ProbeTask, *, holds: bool = True, at: float = 1.0) -> Finding:
    reason = "proven" if holds else "nobody answers"
    return Finding(upstream=task.upstream, probe=task.probe, holds=holds, reason=reason, at=at, until=at + DAY)


class Asked:
    """Stands for the vault: what was ordered, and what it says is known."""

    def __init__(self) -> None:
        self.findings: dict[ProbeTask, Finding] = {}
        self.ordered: list[tuple[ProbeTask, ...]] = []
        self.doubted: list[tuple[ProbeTask, float]] = []
        self.found: Callable[[], None] = lambda: None

    def probe(self, tasks: list[ProbeTask]) -> None:
        self.ordered.append(tuple(tasks))

    def doubt(self, task: ProbeTask, at: float) -> None:
        self.doubted.append((task, at))

    def know(self, *findings: tuple[ProbeTask, Finding]) -> None:
        self.findings |= dict(findings)
        self.found()


class Timers:
    """Stands for the reactor."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((seconds, call))

    def let(self, seconds: float) -> None:
        """The timers of that length are due."""
        due = [call for wait, call in self.waiting if wait == seconds]
        self.waiting = [timer for timer in self.waiting if timer[0] != seconds]
        for call in due:
            call()


class House:
    def __init__(self) -> None:
        self.vault, self.timers = Asked(), Timers()
        self.said: list[str] = []
        self.told = 0
        self.now = 100.0
        vault, reactor = cast("Vault", self.vault), cast("Reactor", self.timers)
        self.proofs = Proofs(reactor, vault, self.said.append, self._tell, clock=lambda: self.now)

    def _tell(self) -> None:
        self.told += 1

    def starting(self, number: int, *probes: ProbeTask) -> Generation:
        made = Generation(number, settings(*probes), 1, cast("generation.House", None))  # it has nothing to tell
        self.proofs.wait(made)
        return made


def test_all_that_live_are_asked_about() -> None:
    house = House()
    old, new = house.starting(1, HEADER, SETTING), house.starting(2, HEADER, OTHER)
    house.proofs.order([old, new])
    assert house.vault.ordered == [(HEADER, SETTING, HEADER, OTHER)]


def test_each_knows_the_answers_to_its_own_questions() -> None:
    """A configuration that is not in force yet may ask about another project under the same name."""
    house = House()
    house.vault.know((SETTING, found(SETTING)), (OTHER, found(OTHER, holds=False)))
    assert house.proofs.of(settings(SETTING)) == (found(SETTING),)
    assert house.proofs.of(settings(OTHER)) == (found(OTHER, holds=False),)
    assert house.proofs.of(settings()) == ()


def test_a_start_waits_for_the_first_answers() -> None:
    house = House()
    one = house.starting(1, HEADER, SETTING)
    assert not house.proofs.ready(one)
    house.vault.know((HEADER, found(HEADER)))
    assert not house.proofs.ready(one)
    house.vault.know((SETTING, found(SETTING, holds=False)))
    assert house.proofs.ready(one)


def test_a_start_does_not_wait_for_long() -> None:
    house = House()
    one = house.starting(1, HEADER)
    house.timers.let(PATIENCE)
    assert house.told == 1
    assert house.proofs.ready(one)
    assert not house.proofs.ready(house.starting(2, HEADER))


def test_without_probes_nothing_waits() -> None:
    house = House()
    waiting = len(house.timers.waiting)
    one = house.starting(1)
    assert house.proofs.ready(one)
    assert len(house.timers.waiting) == waiting


def test_people_are_told_once_when_it_changes() -> None:
    house = House()
    for at, holds in enumerate([True, True, False, False, True]):
        house.vault.know((SETTING, found(SETTING, holds=holds, at=at)))
    assert house.said == [
        "probe openai.data_retention of upstream a holds: proven",
        "probe openai.data_retention of upstream a fails: nobody answers",
        "probe openai.data_retention of upstream a holds: proven",
    ]
    assert house.told == 5


def test_a_response_that_did_not_attest_makes_that_probe_fail() -> None:
    house = House()
    house.vault.know((HEADER, found(HEADER)), (SETTING, found(SETTING)))
    house.proofs.unproven(settings(HEADER, SETTING), "a")
    assert house.vault.doubted == [(HEADER, 100.0)]
    house.vault.know((HEADER, found(HEADER, holds=False)))
    house.proofs.unproven(settings(HEADER, SETTING), "a")  # of another worker
    house.proofs.unproven(settings(HEADER, SETTING), "b")
    house.proofs.unproven(settings(SETTING), "a")
    assert len(house.vault.doubted) == 1


def test_the_model_that_we_run_is_known_and_stays_so() -> None:
    house = House()
    (finding,) = house.proofs.of(settings(embedded=0))
    assert (finding.upstream, finding.probe, finding.holds) == ("embedded", "llamacpp.flags", True)
    assert (finding.at, finding.until) == (100.0, 100.0 + DAY)
    for step, told in ((LOOK, 0), (DAY / 2 - LOOK, 1), (LOOK, 1), (10 * DAY, 2), (-5 * DAY, 3)):  # slept; set back
        house.now += step
        house.timers.let(LOOK)
        assert house.told == told
        (known,) = house.proofs.of(settings(embedded=0))
        assert known.at <= house.now < known.until
    assert [wait for wait, _ in house.timers.waiting] == [LOOK]

"""The prober's thread: asks at once, again when doubted, and never keeps anyone waiting."""

import queue
from collections.abc import Iterator

import pytest
from tests.upstream.probes.provers import KEY, PROVERS, plainly, serve

from lethe.providers.probe import ProbeTask
from lethe.sandbox import prober as module
from lethe.sandbox.channel import Doubt, Found, Probe
from lethe.sandbox.prober import Prober
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.script import Hang
from lethe.upstream.probes.verdict import Reason

PROVER = PROVERS["vertex.cache_config"]
AT = 1_790_000_000.0


class House:
    """A prober, and what it found."""

    def __init__(self) -> None:
        self.found: queue.Queue[Found] = queue.Queue()
        self.ended: queue.Queue[bool] = queue.Queue()
        self.at = AT
        self.prober = Prober({"ADMIN": KEY}, self.found.put, lambda: self.ended.put(True), clock=lambda: self.at)

    def hear(self, count: int) -> Found:
        """The next word that has as many findings."""
        while True:
            found = self.found.get(timeout=10)
            if len(found.findings) == count:
                return found


@pytest.fixture
def fake() -> Iterator[FakeThread]:
    with FakeThread() as server:
        serve(server, PROVER)
        yield server


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.prober.close()


def task(fake: FakeThread, name: str = "up") -> ProbeTask:
    return PROVER.task(fake.url, upstream=name)


def test_what_is_ordered_is_asked_at_once(house: House, fake: FakeThread) -> None:
    house.prober.order(Probe((task(fake, "a"), task(fake, "b")), 7))
    found = house.hear(2)
    assert (found.tasks, found.token) == ((0, 1), 7)
    assert [(each.upstream, each.holds, each.reason, each.at) for each in found.findings] == [
        ("a", True, "proven", AT),
        ("b", True, "proven", AT),
    ]


def test_one_that_is_slow_does_not_hold_up_others(house: House, fake: FakeThread) -> None:
    with FakeThread() as slow:
        slow.answer((Hang(),))
        house.prober.order(Probe((task(slow, "slow"), task(fake, "fast")), 1))
        found = house.hear(1)
        assert (found.tasks, [each.upstream for each in found.findings]) == ((1,), ["fast"])


def test_a_new_order_keeps_what_it_has_in_common_with_the_last(house: House, fake: FakeThread) -> None:
    house.prober.order(Probe((task(fake, "a"),), 1))
    house.hear(1)
    house.prober.order(Probe((task(fake, "b"), task(fake, "a")), 2))
    found = house.hear(1)
    assert (found.token, found.tasks) == (2, (1,))  # known without asking
    assert house.hear(2).tasks == (0, 1)
    assert len(fake.requests) == 2


def test_a_doubt_makes_it_fail(house: House, fake: FakeThread) -> None:
    house.prober.order(Probe((task(fake),), 3))
    assert house.hear(1).findings[0].holds
    house.prober.doubt(Doubt(2, 0))  # of another order
    house.prober.doubt(Doubt(3, 1))  # of nothing
    house.prober.doubt(Doubt(3, 0))
    (finding,) = house.hear(1).findings
    assert (finding.holds, finding.reason) == (False, Reason.NOT_ATTESTED)


def test_what_takes_too_long_has_failed(house: House, fake: FakeThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OVERDUE", 0.05)
    fake.answer((Hang(),))
    house.prober.order(Probe((task(fake),), 1))
    (finding,) = house.hear(1).findings
    assert (finding.holds, finding.reason) == (False, Reason.SLOW)


def test_it_is_asked_again(house: House, fake: FakeThread) -> None:
    house.prober.order(Probe((PROVER.task(fake.url, every=0.05),), 1))
    assert house.hear(1).findings[0].holds
    fake.answer(plainly(403, b""))
    while house.hear(1).findings[0].holds:
        pass


def test_it_is_asked_again_when_the_clock_was_set(
    house: House, fake: FakeThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.05)
    house.prober.order(Probe((task(fake),), 1))
    assert house.hear(1).findings[0].at == AT
    house.at += 7 * 86_400.0
    assert house.hear(1).findings[0].at == house.at


def test_a_fault_of_ours_ends_it_without_a_word(
    house: House, fake: FakeThread, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:

    def broken(*_: object) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr(house.prober._schedule, "due", broken)
    house.prober.order(Probe((task(fake),), 1))
    assert house.ended.get(timeout=10)
    house.prober.order(Probe(()))  # nothing happens
    assert capfd.readouterr() == ("", "")

"""The supervisor's side of the broker, with real brokers on a real reactor."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.upstream.probes.provers import KEY, PROVERS, serve

from lethe.providers.probe import ProbeTask
from lethe.sandbox import vault as module
from lethe.sandbox.channel import ChannelBroken, Found, Resolve, Resolved, Rotated
from lethe.sandbox.children import Children
from lethe.sandbox.reactor import Reactor
from lethe.sandbox.vault import PATIENCE, Vault
from lethe.upstream.fake import FakeThread
from lethe.upstream.probes.verdict import Reason


class House:
    """A reactor with children, and what the vault told."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.children = Children(self.reactor)
        self.changes: list[Rotated] = []
        self.vault = Vault(self.reactor, self.children, self.changes.append)
        self.reactor.handle({signal.SIGCHLD: self.children.reap})

    def ask(self, secrets: set[str], keys: set[str] | None = None) -> Resolved | None:
        """Run until the answer."""
        answers: list[Resolved | None] = []

        def done(resolved: Resolved | None) -> None:
            answers.append(resolved)
            self.reactor.stop()

        limit = self.reactor.later(20, lambda: pytest.fail("no answer"))
        self.vault.resolve(secrets, keys or set(), done)
        self.reactor._stopped = bool(answers)
        self.reactor.run()
        limit.cancel()
        (answer,) = answers
        return answer


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("VAULT_A", "a-secret")
    monkeypatch.setenv("ADMIN", KEY)
    before = signal.getsignal(signal.SIGCHLD)
    made = House()
    try:
        yield made
    finally:
        made.children.kill()
        if made.vault._peer is not None:
            made.vault._peer.finish()
        made.reactor.close()
        signal.signal(signal.SIGCHLD, before)


def test_an_answer(house: House) -> None:
    assert house.ask({"env:VAULT_A"}) == Resolved(1, {"env:VAULT_A": "a-secret"}, {}, ())
    assert house.vault.secrets == {"env:VAULT_A": "a-secret"}
    assert house.changes == []


def test_nothing_to_ask_needs_no_broker(house: House) -> None:
    assert house.ask(set()) == Resolved(1, {}, {}, ())
    assert house.children._running == []


def test_a_change_between_two_questions_is_told(house: House, tmp_path: Path) -> None:
    """The second may be of a configuration that fails: then the first goes on with what is true now."""
    secret = tmp_path / "secret"
    secret.write_text("one")
    reference = f"file:{secret}"
    house.ask({reference})
    secret.write_text("second")
    answer = house.ask({reference, "env:VAULT_A"})
    assert answer is not None
    assert answer.secrets == {reference: "second", "env:VAULT_A": "a-secret"}
    assert house.changes == [Rotated({reference: "second"}, {})]


def test_a_new_broker_tells_what_changed_while_there_was_none(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("one")
    reference = f"file:{secret}"
    house.ask({reference, "env:VAULT_A"})
    secret.write_text("second")
    (child,) = house.children._running
    os.kill(child.pid, signal.SIGKILL)

    def changed(rotated: Rotated) -> None:
        house.changes.append(rotated)
        house.reactor.stop()

    house.vault._changed = changed
    house.reactor.later(20, lambda: pytest.fail("no change was told"))
    house.reactor._stopped = False
    house.reactor.run()
    assert house.changes == [Rotated({reference: "second"}, {})]


def test_a_broker_that_does_not_stay_alive_is_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODULE", "lethe.no_such_module")
    monkeypatch.setattr("lethe.sandbox.backoff.FIRST", 0.001)
    assert house.ask({"env:VAULT_A"}) is None
    assert house.vault._backoff.failures == PATIENCE


def test_what_is_asked_for_no_more_is_forgotten(house: House, tmp_path: Path) -> None:
    secret, key = tmp_path / "secret", tmp_path / "key"
    secret.write_text("one")
    key.write_text("two")
    house.ask({"env:VAULT_A", f"file:{secret}"}, {f"file:{key}"})
    house.ask({"env:VAULT_A", f"file:{secret}"})
    assert house.vault.digests == {}
    assert house.vault.secrets == {"env:VAULT_A": "a-secret", f"file:{secret}": "one"}
    house.vault.keep({"env:VAULT_A"}, set())
    assert house.vault.secrets == {"env:VAULT_A": "a-secret"}


def test_a_change_of_what_is_asked_for_no_more_is_forgotten(house: House) -> None:
    """It was on its way when that was said."""
    house.ask({"env:VAULT_A", "env:ADMIN"}, {"env:VAULT_A"})
    house.vault.keep({"env:ADMIN"}, set())
    house.vault._heard(Rotated({"env:VAULT_A": "late"}, {"env:VAULT_A": b"late"}))
    assert house.vault.secrets == {"env:ADMIN": KEY}
    assert house.vault.digests == {}
    assert house.changes == []


def test_the_broker_hears_what_is_wanted_no_more(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would watch it, and ask clouds for it, to the end."""
    house.ask({"env:VAULT_A", "env:ADMIN"})
    told: list[object] = []
    assert house.vault._peer is not None
    monkeypatch.setattr(house.vault._peer, "say", told.append)
    house.vault.keep({"env:VAULT_A"}, set())
    house.vault.keep({"env:VAULT_A"}, set())
    assert told == [Resolve(2, ("env:VAULT_A",), ())]


def test_an_answer_that_is_waited_for_comes_when_less_is_wanted(house: House) -> None:
    answers: list[Resolved | None] = []

    def done(resolved: Resolved | None) -> None:
        answers.append(resolved)
        house.reactor.stop()

    house.vault.resolve({"env:VAULT_A", "env:ADMIN"}, set(), done)
    house.vault.keep({"env:VAULT_A"}, set())
    house.reactor.later(20, lambda: pytest.fail("no answer"))
    house.reactor.run()
    assert answers == [Resolved(2, {"env:VAULT_A": "a-secret"}, {}, ())]


def test_a_broker_that_nobody_needs_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lethe.sandbox.backoff.FIRST", 0.001)
    house.ask({"env:VAULT_A"})
    house.ask(set())
    house.reactor.later(20, lambda: pytest.fail("it goes on"))
    exited = house.vault._exited

    def ended(status: int) -> None:
        exited(status)
        house.reactor.later(0.1, house.reactor.stop)  # another one would have started by then

    house.children._running[0].exited = ended
    house.reactor._stopped = False
    house.reactor.run()
    assert house.children._running == []
    assert house.ask({"env:VAULT_A"}) is not None


def test_a_broker_that_cannot_be_started_is_no_answer(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise BlockingIOError

    monkeypatch.setattr(house.children, "start", full)
    monkeypatch.setattr("lethe.sandbox.backoff.FIRST", 0.001)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert house.ask({"env:VAULT_A"}) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    monkeypatch.undo()
    monkeypatch.setenv("VAULT_A", "a-secret")
    assert house.ask({"env:VAULT_A"}) is not None


PROVER = PROVERS["vertex.cache_config"]


def until(house: House, happens: Callable[[], bool]) -> None:
    """Run until something found makes it true."""

    def found() -> None:
        if happens():
            house.reactor.stop()

    house.vault.found = found
    limit = house.reactor.later(20, lambda: pytest.fail("was not found"))
    house.reactor._stopped = False
    house.reactor.run()
    limit.cancel()


def probed(house: House, *tasks: ProbeTask) -> None:
    """Ask these, and wait for all of them."""
    house.vault.probe(tasks)
    until(house, lambda: house.vault.findings.keys() == set(tasks))


@pytest.fixture
def fake() -> Iterator[FakeThread]:
    with FakeThread() as server:
        serve(server, PROVER)
        yield server


def test_findings_are_kept_by_their_questions(house: House, fake: FakeThread) -> None:
    one, two = PROVER.task(fake.url, upstream="one"), PROVER.task("http://127.0.0.1:1", upstream="two")
    probed(house, one, two)
    assert [house.vault.findings[task].reason for task in (one, two)] == [Reason.PROVEN, Reason.UNREACHABLE]
    first = house.vault.findings[one]
    house.vault.probe((one,))
    assert house.vault.findings == {one: first}
    house.vault.probe(())
    assert house.vault.findings == {}


def test_nothing_to_probe_needs_no_broker(house: House) -> None:
    house.vault.probe(())
    assert house.children._running == []


def test_a_new_broker_asks_anew_and_what_is_known_stays(house: House, fake: FakeThread) -> None:
    task = PROVER.task(fake.url)
    probed(house, task)
    known = house.vault.findings[task]
    (child,) = house.children._running
    os.kill(child.pid, signal.SIGKILL)
    until(house, lambda: house.vault.findings.get(task) not in (None, known))
    assert house.vault.findings[task].holds
    assert len(fake.requests) == 2


def test_a_doubt_counts_at_once_and_older_answers_do_not(house: House, fake: FakeThread) -> None:
    task = PROVER.task(fake.url)
    probed(house, task)
    good = house.vault.findings[task]
    house.vault.doubt(task, good.at + 1.0)
    assert (house.vault.findings[task].holds, house.vault.findings[task].reason) == (False, Reason.NOT_ATTESTED)
    house.vault._learn(Found((good,), (0,), 1))  # had been on its way
    assert not house.vault.findings[task].holds
    house.vault.doubt(PROVER.task("http://127.0.0.1:2"), good.at)  # asked by nobody
    assert house.vault.findings.keys() == {task}


def test_findings_on_what_was_not_asked_break_the_channel(house: House, fake: FakeThread) -> None:
    task = PROVER.task(fake.url)
    probed(house, task)
    good = house.vault.findings[task]
    for wrong in (Found((good,), (1,), 1), Found((good,), (), 1), Found((replace(good, upstream="else"),), (0,), 1)):
        with pytest.raises(ChannelBroken):
            house.vault._learn(wrong)
    house.vault._learn(Found((replace(good, holds=False),), (0,), 9))  # of another order: ignored
    assert house.vault.findings == {task: good}

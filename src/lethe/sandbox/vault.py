"""The supervisor's side of the broker: asks, keeps the answers for workers to come, and hears of changes."""

import os
from collections.abc import Callable, Collection

from lethe.providers.probe import ProbeTask
from lethe.retention.standing import Finding
from lethe.sandbox import environment
from lethe.sandbox.backoff import Backoff
from lethe.sandbox.channel import (
    FROM_BROKER,
    ChannelBroken,
    Doubt,
    Found,
    FromBroker,
    Inbox,
    Probe,
    Resolve,
    Resolved,
    Rotated,
)
from lethe.sandbox.children import Child, Children, Program
from lethe.sandbox.peer import Peer
from lethe.sandbox.reactor import Reactor, Timer
from lethe.upstream.probes.verdict import Reason

PATIENCE = 5  # brokers that may die before they answer
MODULE = "lethe.sandbox.broker"


class Vault:
    """Starts a broker with the first question, and another whenever it ends.

    `changed` is told of new secrets, `found`, which may be set, of new `findings`. Those are kept by their questions.
    """

    def __init__(self, reactor: Reactor, children: Children, changed: Callable[[Rotated], None]) -> None:
        self.secrets: dict[str, str] = {}
        self.digests: dict[str, bytes] = {}
        self.findings: dict[ProbeTask, Finding] = {}
        self._reactor = reactor
        self._children = children
        self._changed = changed
        self.found: Callable[[], None] = _nobody
        self._peer: Peer[FromBroker] | None = None
        self._child: Child | None = None
        self._backoff = Backoff()
        self._restart: Timer | None = None
        self._order = Resolve(0, (), ())
        self._probe = Probe(())
        self._doubted: dict[ProbeTask, float] = {}
        self._done: Callable[[Resolved | None], None] | None = None
        self._withheld: frozenset[str] = frozenset()

    def withhold(self, variables: frozenset[str]) -> None:
        """No broker has these variables in its environment; one that was started with more ends."""
        if not variables <= self._withheld:
            self._withheld |= variables
            if self._child is not None:
                self._child.kill()

    def resolve(self, secrets: Collection[str], keys: Collection[str], done: Callable[[Resolved | None], None]) -> None:
        """Ask for these and forget others; `done` gets the answer, or None when no broker stays alive to give it."""
        self._done = None
        self._want(secrets, keys)
        if not secrets and not keys:
            done(Resolved(self._order.token, {}, {}, ()))
            return
        self._done = done
        self._backoff = Backoff()
        self._start()

    def keep(self, secrets: Collection[str], keys: Collection[str]) -> None:
        """Of all that was asked for these are still wanted: forget others."""
        if (self._order.secrets, self._order.keys) != (tuple(sorted(secrets)), tuple(sorted(keys))):
            self._want(secrets, keys)

    def _want(self, secrets: Collection[str], keys: Collection[str]) -> None:
        """From now on; what is held of others goes."""
        self._order = Resolve(self._order.token + 1, tuple(sorted(secrets)), tuple(sorted(keys)))
        self.secrets = {each: value for each, value in self.secrets.items() if each in secrets}
        self.digests = {each: value for each, value in self.digests.items() if each in keys}
        if self._peer is not None:
            self._peer.say(self._order)
        self._rest()

    def _rest(self) -> None:
        """A broker that nobody needs ends, with all that it has read."""
        if self._child is not None and not self._needed:
            self._child.kill()

    @property
    def _needed(self) -> bool:
        return bool(self._order.secrets or self._order.keys or self._probe.tasks)

    def probe(self, tasks: Collection[ProbeTask]) -> None:
        """Ask these from now on and forget others; what is known already of the same questions stays."""
        wanted = tuple(dict.fromkeys(tasks))
        if wanted == self._probe.tasks:
            return
        self._probe = Probe(wanted, self._probe.token + 1)
        self.findings = {task: finding for task, finding in self.findings.items() if task in wanted}
        self._doubted = {task: at for task, at in self._doubted.items() if task in wanted}
        if self._peer is not None:
            self._peer.say(self._probe)
        self._start()
        self._rest()

    def doubt(self, task: ProbeTask, at: float) -> None:
        """A response did not attest it, at that time of day: what was found before counts no more."""
        if task not in self._probe.tasks:
            return
        self._doubted[task] = at
        self.findings[task] = Finding(
            upstream=task.upstream,
            probe=task.probe,
            holds=False,
            reason=Reason.NOT_ATTESTED,
            at=at,
            until=at + task.max_age,
        )
        if self._peer is not None:
            self._peer.say(Doubt(self._probe.token, self._probe.tasks.index(task)))
        self.found()

    def _start(self) -> None:
        if self._child is not None or not self._needed:
            return

        def program(fd: int) -> Program:
            environ = environment.of_broker(os.environ, self._withheld)
            return Program(arguments=("-m", MODULE, str(fd)), environ=environ, inherit=(fd,))

        if self._restart is not None:
            self._restart.cancel()
        try:
            self._child, ours = self._children.connected(program, self._exited, _discard)
        except OSError:  # no descriptors or processes are left now
            self._restart = self._reactor.later(0.0, lambda: self._missed(0.0))
            return
        self._peer = Peer(self._reactor, ours, Inbox(FROM_BROKER), self._heard, self._child.kill)
        self._peer.say(self._order)
        if self._probe.tasks:
            self._peer.say(self._probe)

    def _exited(self, status: int) -> None:
        del status
        child, peer = self._child, self._peer
        self._child = self._peer = None
        if peer is not None:
            peer.finish()
        self._missed(child.lived if child is not None else 0.0)

    def _missed(self, lived: float) -> None:
        """There is no broker: another one, after a while."""
        wait = self._backoff.after(lived)
        if self._backoff.failures >= PATIENCE and self._done is not None:
            done, self._done = self._done, None
            done(None)
        self._restart = self._reactor.later(wait, self._start)

    def _heard(self, message: FromBroker) -> None:
        match message:
            case Resolved():
                if message.token != self._order.token:
                    return
                if self._done is None:  # a new broker, after the last one ended: only changes matter
                    self._take(Rotated(message.secrets, message.digests))
                    return
                changed = {
                    each: value for each, value in message.secrets.items() if self.secrets.get(each, value) != value
                }
                self.secrets.update(message.secrets)
                self.digests.update(message.digests)
                if changed:  # since the last look, and the generation that asked may yet fail
                    self._changed(Rotated(changed, {}))
                done, self._done = self._done, None
                done(message)
            case Rotated():
                self._take(message)
            case Found():
                self._learn(message)

    def _learn(self, found: Found) -> None:
        if found.token != self._probe.token:
            return
        tasks = self._probe.tasks
        if len(found.tasks) != len(found.findings) or any(index >= len(tasks) for index in found.tasks):
            raise ChannelBroken("findings on what was not asked")
        pairs = [(tasks[index], finding) for index, finding in zip(found.tasks, found.findings, strict=True)]
        if any((task.upstream, task.probe) != (finding.upstream, finding.probe) for task, finding in pairs):
            raise ChannelBroken("findings on what was not asked")
        self.findings |= {task: each for task, each in pairs if each.at >= self._doubted.get(task, 0.0)}
        self.found()

    def _take(self, rotated: Rotated) -> None:
        """What is new of it, and wanted still: the word may have been on its way when we said otherwise."""
        order = self._order
        secrets = {k: v for k, v in rotated.secrets.items() if k in order.secrets and self.secrets.get(k) != v}
        digests = {k: v for k, v in rotated.digests.items() if k in order.keys and self.digests.get(k) != v}
        self.secrets.update(secrets)
        self.digests.update(digests)
        if secrets or digests:
            self._changed(Rotated(secrets, digests))


def _discard(_: bytes) -> None:
    """A broker has nothing to print."""


def _nobody() -> None:
    """Where no probe is configured, nobody listens."""

"""One configuration and the workers that serve it, from start to drained."""

import os
import signal
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Protocol

from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.ledger.names import Names
from lethe.ledger.pages import Page
from lethe.ledger.tally import Tally
from lethe.retention.enforcement import Enforcement
from lethe.retention.standing import Finding
from lethe.sandbox import environment
from lethe.sandbox.backoff import Backoff
from lethe.sandbox.channel import (
    FROM_WORKER,
    ChannelBroken,
    Configure,
    Counters,
    Credentials,
    Drain,
    Drained,
    Dropped,
    Events,
    Fault,
    Findings,
    FromWorker,
    Inbox,
    LockedIn,
    PageIs,
    PageWanted,
    Ready,
    Unproven,
)
from lethe.sandbox.children import Child, Children, Program
from lethe.sandbox.lockin import confines
from lethe.sandbox.peer import Peer
from lethe.sandbox.reactor import Reactor, Timer

MODULE = "lethe.sandbox.worker"
FLAGS: tuple[str, ...] = ("-S", "-X", "disable-remote-debug")  # beyond those of every child; the last since Python 3.14
GRACE = 5.0  # seconds that a worker of a generation that is given up has left to get ready, and drain
PATIENCE = 5  # worker deaths before the first generation is given up


class Phase(Enum):
    STARTING = auto()
    SERVING = auto()
    DRAINING = auto()


class House(Protocol):
    """What a generation tells the supervisor."""

    def became_ready(self, generation: "Generation") -> None: ...
    def failed(self, generation: "Generation", why: str) -> None: ...
    def emptied(self, generation: "Generation") -> None: ...
    def worker_ended(self, slot: int, how: str, restart_in: float) -> None: ...
    def faulted(self, slot: int, fault: Fault) -> None: ...
    def recorded(self, generation: "Generation", records: bytes) -> None: ...
    def dropped(self, dropped: Dropped) -> None: ...
    def printed(self, data: bytes) -> None: ...
    def page(self, page: Page) -> bytes: ...
    def unproven(self, generation: "Generation", upstream: str) -> None: ...


class Slot:
    """The place of one worker, and of those that follow it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.ready = False
        self.drained = False
        self.backoff = Backoff()
        self.child: Child | None = None
        self.peer: Peer[FromWorker] | None = None
        self.restart: Timer | None = None
        self.enforcement: Enforcement | None = None  # once the worker has locked itself in


class Generation:
    """Workers start at once, so that they import while secrets are resolved; `configure` lets them serve.

    `watch` is told of each worker's process before that is configured, and so before it locks itself in.
    """

    def __init__(
        self,
        number: int,
        settings: Settings,
        workers: int,
        house: House,
        program: tuple[str, ...] = ("-m", MODULE),
        watch: Callable[[int], None] | None = None,
    ) -> None:
        self.number = number
        self.settings = settings
        self.phase = Phase.STARTING
        self.tally = Tally()
        self.names = Names(
            routes=tuple(route.model for route in settings.plan.routes),
            upstreams=tuple(upstream.name for upstream in settings.plan.upstreams),
            keys=tuple(key.name for key in settings.plan.keys),
        )
        self._house = house
        self._program = program
        self._watch = watch
        self._configuration: Configure | None = None
        self._slots = [Slot(slot) for slot in range(1, workers + 1)]

    @property
    def configured(self) -> bool:
        """Do the workers know what to serve? It is told once."""
        return self._configuration is not None

    @property
    def ready(self) -> bool:
        """Do all workers accept?"""
        return all(slot.ready for slot in self._slots)

    @property
    def serving(self) -> int:
        """Workers that accept."""
        return sum(slot.ready for slot in self._slots) if self.phase is Phase.SERVING else 0

    def start(self, reactor: Reactor, children: Children, listener: int) -> None:
        """Start every worker, unconfigured."""
        self._reactor = reactor
        self._children = children
        self._listener = listener
        for slot in self._slots:
            self._start(slot)

    @property
    def enforcement(self) -> tuple[Enforcement, ...]:
        """What holds the workers that have locked themselves in."""
        return tuple(slot.enforcement for slot in self._slots if slot.enforcement is not None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the workers know from probes."""
        return () if self._configuration is None else self._configuration.findings

    def configure(self, plan: Plan, credentials: Mapping[str, str], findings: tuple[Finding, ...] = ()) -> None:
        """Tell all workers, and those that will replace them, what to serve."""
        self._configuration = Configure(self.number, plan, dict(credentials), findings)
        for slot in self._slots:
            if slot.peer is not None:
                slot.peer.say(self._configuration)

    def replace_credentials(self, changed: Mapping[str, str]) -> None:
        """Pass on those of the changed secrets that this plan uses."""
        if self._configuration is None:
            return
        old = self._configuration
        mine = {reference: changed.get(reference, value) for reference, value in old.credentials.items()}
        if mine == old.credentials:
            return
        self._configuration = Configure(old.generation, old.plan, mine, old.findings)
        for slot in self._slots:
            if slot.peer is not None:
                slot.peer.say(Credentials(mine))

    def learn(self, findings: tuple[Finding, ...]) -> None:
        """Pass on what the probes say now."""
        old = self._configuration
        if old is None or old.findings == findings:
            return
        self._configuration = Configure(old.generation, old.plan, old.credentials, findings)
        for slot in self._slots:
            if slot.peer is not None:
                slot.peer.say(Findings(findings))

    def serve(self) -> None:
        self.phase = Phase.SERVING

    def drain(self, seconds: float | None) -> None:
        """Let the workers finish; `emptied` follows. May be said again with fewer seconds."""
        self.phase = Phase.DRAINING
        for slot in self._slots:
            if slot.restart is not None:
                slot.restart.cancel()
            if slot.peer is not None:
                slot.peer.say(Drain(seconds))
        self._report_empty()

    def give_up(self) -> None:
        """It takes over no more; `emptied` follows. Workers that may accept already finish what they have taken."""
        for slot in self._slots:
            if slot.enforcement is None and slot.child is not None:
                slot.child.kill()
        self.drain(None)
        self._reactor.later(GRACE, self._kill_unready)

    def _kill_unready(self) -> None:
        for slot in self._slots:
            if not slot.ready and slot.child is not None:
                slot.child.kill()

    def _report_empty(self) -> None:
        if all(slot.child is None for slot in self._slots):
            self._reactor.later(0.0, lambda: self._house.emptied(self))

    def _start(self, slot: Slot) -> None:
        slot.restart = None
        slot.ready = False
        slot.enforcement = None

        def program(fd: int) -> Program:
            inherit = (fd, self._listener)
            arguments = (*FLAGS, *self._program, *map(str, inherit))
            return Program(arguments=arguments, environ=environment.of_worker(os.environ), inherit=inherit)

        try:
            child, ours = self._children.connected(
                program, lambda status: self._exited(slot, status), self._house.printed
            )
        except OSError:  # no descriptors or processes are left now
            slot.restart = self._reactor.later(0.0, lambda: self._missed(slot, "cannot be started", 0.0))
            return
        slot.child = child
        if self._watch is not None:
            self._watch(child.pid)
        slot.peer = Peer(
            self._reactor, ours, Inbox(FROM_WORKER), lambda message: self._heard(slot, message), child.kill
        )
        if self._configuration is not None:
            slot.peer.say(self._configuration)

    def _exited(self, slot: Slot, status: int) -> None:
        child, peer = slot.child, slot.peer
        slot.ready = False
        if peer is not None:
            peer.finish()
        slot.child = slot.peer = None
        if self.phase is Phase.DRAINING:
            if not slot.drained and status != -signal.SIGKILL:
                self._house.worker_ended(slot.number, _how(status), 0.0)
            self._report_empty()
            return
        self._missed(slot, _how(status), child.lived if child is not None else 0.0)

    def _missed(self, slot: Slot, how: str, lived: float) -> None:
        """There is no such worker: another one, or none at all."""
        wait = slot.backoff.after(lived)
        if self.phase is Phase.STARTING and (self.number > 1 or slot.backoff.failures >= PATIENCE):
            self._house.failed(self, f"worker {slot.number} {how}")
            return
        self._house.worker_ended(slot.number, how, wait)
        slot.restart = self._reactor.later(wait, lambda: self._start(slot))

    def _heard(self, slot: Slot, message: FromWorker) -> None:  # noqa: C901, PLR0912 - one flat match
        match message:
            case Ready():
                if slot.enforcement is None:
                    raise ChannelBroken("ready before it is locked in")
                slot.ready = True
                if self.phase is Phase.STARTING and self.ready:
                    self._house.became_ready(self)
            case Events(records=records):
                self._house.recorded(self, records)
            case Counters(tally=tally):
                if not all(self.names.known(*place) for place in tally.cells):
                    raise ChannelBroken("a tally of what is not configured")
                self.tally.merge(tally)
            case PageWanted(token=token, page=page):
                if slot.peer is not None:
                    slot.peer.say(PageIs(token, self._house.page(page)))
            case LockedIn(enforcement=enforcement):
                slot.enforcement = enforcement
                self._judge(enforcement)
            case Unproven(upstream=upstream):
                if upstream >= len(self.names.upstreams):
                    raise ChannelBroken("a word on an upstream that is not configured")
                self._house.unproven(self, self.names.upstreams[upstream])
            case Fault():
                self._house.faulted(slot.number, message)
            case Drained():
                slot.drained = True
            case Dropped():
                self._house.dropped(message)

    def _judge(self, enforcement: Enforcement) -> None:
        """A worker that cannot be held as the configuration demands ends by itself; a generation must not start so."""
        why = confines.shortfall(self._configuration.plan, enforcement) if self._configuration is not None else None
        if why is not None and self.phase is Phase.STARTING:
            self._house.failed(self, why)


def _how(status: int) -> str:
    """An exit status in words."""
    if status >= 0:
        return f"ended with exit code {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"

"""The parent of all: owns the configuration, the listening socket and every output, and never sees content."""

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from lethe.config.problems import ConfigError
from lethe.config.settings import Settings
from lethe.ledger.pages import Page
from lethe.sandbox import assembly, descriptors, faults
from lethe.sandbox.certificates import CertificateFault, try_files
from lethe.sandbox.channel import Dropped, Fault, Resolved, Rotated
from lethe.sandbox.children import Children
from lethe.sandbox.engine import REFERENCE, Engine
from lethe.sandbox.generation import MODULE, Generation, Phase
from lethe.sandbox.lockin import cores
from lethe.sandbox.outputs import Outputs
from lethe.sandbox.posture import PostureDesk, PostureFault
from lethe.sandbox.proofs import Proofs
from lethe.sandbox.reactor import Reactor
from lethe.sandbox.vault import Vault
from lethe.sandbox.watch import Watch

_START_LIMIT = 120.0  # seconds until a generation that is not ready is given up; a model may have to load
_MARGIN = 1.75  # seconds that workers need beyond their deadline: farewells, last events, the exit itself


class Supervisor:
    """One run, from the first configuration to the exit status. `program` is what a worker runs."""

    program: tuple[str, ...] = ("-m", MODULE)

    def __init__(
        self,
        load: Callable[[], Settings],
        listener: socket.socket,
        workers: int,
        drain: float,
        watch: Path | None,
        started: Callable[[int], None] | None = None,
    ) -> None:
        self._load = load
        self._listener = listener
        self._workers = workers
        self._drain = drain
        self._worker_started = started
        self._reactor = Reactor()
        self._watch = Watch(self._reactor, watch, self._reload) if watch is not None else None
        self._children = Children(self._reactor)
        self._outputs = Outputs()
        self._say = self._outputs.say
        self._figures = self._outputs.figures
        self._posture = PostureDesk(failed=self._unstated)
        self._vault = Vault(self._reactor, self._children, self._rotated)
        self._proofs = Proofs(self._reactor, self._vault, self._say, self._proven)
        self._engine: Engine | None = None
        self._generations: list[Generation] = []  # the last one is the newest
        self._started = 0
        self._resolved: Resolved | None = None  # for the newest generation
        self._stopping = False
        self._status = 0

    def run(self, settings: Settings) -> int:
        """Serve until a signal; returns the exit status."""
        self._reactor.handle(
            {
                signal.SIGTERM: self._stop,
                signal.SIGINT: self._stop,
                signal.SIGHUP: self._reload,
                signal.SIGCHLD: self._children.reap,
            }
        )
        for note in settings.notes:
            self._say(note)
        self._begin(settings)
        try:
            self._reactor.run()
        finally:
            self._children.kill()
            self._listener.close()
            self._outputs.close()
            self._reactor.close()
        return self._status

    # Generations

    def _begin(self, settings: Settings) -> None:
        """Start a generation; it takes over when all its workers are ready."""
        self._started = number = self._started + 1
        try:
            try_files(settings)
            self._posture.prepare(self._started, settings)
        except (CertificateFault, PostureFault) as fault:
            self._refuse(str(fault))
            return
        except Exception as error:  # noqa: BLE001 - as in `_reload`
            self._refuse(str(faults.describe(error)))
            return
        self._vault.withhold(self._posture.variables)
        if self._generations and self._generations[-1].phase is Phase.STARTING:
            self._generations[-1].give_up()  # a newer configuration overtakes it
        self._resolved = None
        generation = Generation(self._started, settings, self._workers, self, self.program, self._worker_started)
        self._generations.append(generation)
        generation.start(self._reactor, self._children, self._listener.fileno())
        self._reactor.later(_START_LIMIT, lambda: self._overdue(number))
        if settings.embedded is not None and self._engine is None:
            self._say("starting the embedded model")
            self._engine = Engine(self._reactor, self._children, self._configure, self._engine_failed)
        self._proofs.order(self._generations)
        self._proofs.wait(generation)
        self._vault.resolve(*assembly.wanted(self._generations), lambda resolved: self._answered(generation, resolved))

    def _overdue(self, number: int) -> None:
        newest = self._generations[-1] if self._generations else None
        if newest is not None and newest.number == number and newest.phase is Phase.STARTING and not self._stopping:
            self.failed(newest, f"not ready after {_START_LIMIT:g} s")

    def _answered(self, generation: Generation, resolved: Resolved | None) -> None:
        if generation is not self._generations[-1] or generation.phase is not Phase.STARTING:
            return
        if resolved is None:
            self.failed(generation, "the broker does not stay alive")
            return
        wanted = assembly.references(generation.settings) | set(generation.settings.key_secrets.values())
        missing = [each for each in resolved.missing if each.reference in wanted]
        if missing:
            said = "; ".join(f"{each.reference}: {each.reason}" for each in missing)
            self.failed(generation, f"a secret cannot be had ({said})")
        else:
            self._resolved = resolved
            self._configure()

    def _configure(self) -> None:
        """Once secrets, first findings and, where one is wanted, the embedded model are there."""
        generation, resolved = self._generations[-1], self._resolved
        embedded = generation.settings.embedded
        if generation.configured or generation.phase is not Phase.STARTING or resolved is None:
            return
        if not self._proofs.ready(generation) or (embedded is not None and not (self._engine and self._engine.ready)):
            return
        plan = assembly.with_keys(generation.settings, resolved.digests)
        wanted = assembly.references(generation.settings)
        credentials = {reference: value for reference, value in resolved.secrets.items() if reference in wanted}
        if embedded is not None and self._engine is not None:
            plan = assembly.with_engine(plan, embedded, self._engine.base_url)
            credentials[REFERENCE] = self._engine.key
        findings = self._proofs.of(generation.settings)
        generation.configure(msgspec.structs.replace(plan, drain=self._drain), credentials, findings)
        self._resolved = None

    # What a generation tells (House)

    def became_ready(self, generation: Generation) -> None:
        generation.serve()
        self._figures.generation = generation.number
        first = True
        for old in self._generations:
            if old is not generation and old.phase is Phase.SERVING:
                first = False
                old.drain(None)
        if first:
            self._say(
                f"listening on {descriptors.url(self._listener, tls=generation.settings.plan.tls_cert is not None)}"
            )
        else:
            self._figures.reloads += 1
            self._say("reloaded the configuration")

    def failed(self, generation: Generation, why: str) -> None:
        generation.give_up()
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        """The newest configuration cannot be served."""
        if any(old.phase is not Phase.DRAINING for old in self._generations):
            self._figures.reload_failures += 1
            self._say(f"not reloaded: {why}; the configuration before it goes on serving")
            return
        self._say(f"cannot start: {why}")
        self._end(1)

    def emptied(self, generation: Generation) -> None:
        if generation in self._generations:
            self._generations.remove(generation)
            self._outputs.ended(generation)
            self._proofs.order(self._generations)
            self._vault.keep(*assembly.wanted(self._generations))
            self._posture.forget(generation.number)
        if self._engine is not None and all(each.settings.embedded is None for each in self._generations):
            self._engine.stop()
            self._engine = None
        if self._stopping and not self._generations:
            self._end(self._status)

    def worker_ended(self, slot: int, how: str, restart_in: float) -> None:
        self._outputs.worker_ended(slot, how, restart_in)

    def faulted(self, slot: int, fault: Fault) -> None:
        self._outputs.faulted(slot, fault)

    def recorded(self, generation: Generation, records: bytes) -> None:
        self._outputs.recorded(generation, records)

    def dropped(self, dropped: Dropped) -> None:
        self._outputs.dropped(dropped)

    def printed(self, data: bytes) -> None:
        self._outputs.printed(data)

    def page(self, page: Page) -> bytes:
        match page:
            case Page.METRICS:
                return self._outputs.metrics(self._generations)
            case Page.POSTURE:
                serving = [each for each in self._generations if each.phase is Phase.SERVING]
                return self._posture.page((serving or self._generations)[-1])

    def _unstated(self, error: BaseException) -> None:
        self._say(f"no posture can be stated: {faults.describe(error)}")

    def unproven(self, generation: Generation, upstream: str) -> None:
        self._say(f"upstream {upstream} did not attest its retention")
        self._proofs.unproven(generation.settings, upstream)

    # Changes from outside

    def _reload(self) -> None:
        if self._stopping:
            return
        if self._watch is not None:
            self._watch.seen()
        try:
            settings = self._load()
        except ConfigError as error:
            self._figures.reload_failures += 1
            self._say(str(error))
            self._say("not reloaded; the configuration before it goes on serving")
            return
        except Exception as error:  # noqa: BLE001 - of ours, or of an upgrade under us: what serves goes on
            self._refuse(str(faults.describe(error)))
            return
        self._begin(settings)

    def _rotated(self, rotated: Rotated) -> None:
        for generation in self._generations:
            generation.replace_credentials(rotated.secrets)
        if rotated.digests:  # callers' keys are part of the plan
            self._reload()

    def _proven(self) -> None:
        for generation in self._generations:
            generation.learn(self._proofs.of(generation.settings))
        if self._generations:
            self._configure()

    def _engine_failed(self) -> None:
        self._engine = None  # the next configuration that wants it tries again
        newest = self._generations[-1]
        if newest.phase is Phase.STARTING and newest.settings.embedded is not None:
            self.failed(newest, "the embedded model does not start")

    # The end

    def _stop(self) -> None:
        if self._stopping:
            self._end(self._status)
            return
        self._stopping = True
        self._say("shutting down")
        self._listener.close()  # refuse from here on, where a queue would only wait for us to end
        seconds = max(self._drain - _MARGIN, self._drain / 2)
        for generation in tuple(self._generations):
            generation.drain(seconds)
        self._reactor.later(self._drain, lambda: self._end(self._status))
        if not self._generations:
            self._end(self._status)

    def _end(self, status: int) -> None:
        self._stopping = True
        self._status = status
        self._reactor.stop()


def run(load: Callable[[], Settings], *, host: str, port: int, workers: int, drain: float, watch: Path | None) -> int:
    """Serve; returns the exit status. Raises ConfigError for the first configuration."""
    descriptors.hold_standard()
    cores.avoid()
    settings = load()
    try:
        listener = descriptors.listen(host, port)
    except OSError as error:
        reason = error.strerror or "the address cannot be used"
        sys.stderr.write(f"lethe: cannot listen on {host} port {port}: {reason}\n")
        return 1
    return Supervisor(load, listener, workers, drain, watch).run(settings)

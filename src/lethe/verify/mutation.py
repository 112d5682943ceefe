"""The verification verified: leaks are planted one after another, and each must be found where it was put."""

import itertools
import tempfile
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from lethe.config.settings import Settings
from lethe.retention.enforcement import Mechanism
from lethe.verify import files, memory, syscalls
from lethe.verify.account import Account
from lethe.verify.instance import Instance, Manner, NotServing, running
from lethe.verify.mutants.provoke import clear, provoke
from lethe.verify.mutants.roster import Mutant, denied, impossible
from lethe.verify.passes import IDLE, printed, told
from lethe.verify.sinks import Looked, Sink
from lethe.verify.stage import Clock, Stage, staged
from lethe.verify.traffic import Progress
from lethe.verify.watch import Watch, watching

LANES = 3  # mutants at a time
_WATCHED = frozenset({Sink.PROCESS, Sink.SOCKETS, Sink.OPEN_FILES})


class Kill(Struct, frozen=True):
    """What became of one mutant. `why` says of one that was not caught how it went."""

    mutant: str
    sink: Sink
    caught: bool
    why: str = ""


class Kills(Struct, frozen=True, kw_only=True):
    """`impossible` are mutants that this host cannot have or prevent, with the reason; they are not planted."""

    kills: tuple[Kill, ...] = ()
    impossible: tuple[str, ...] = ()

    @property
    def caught(self) -> int:
        return sum(kill.caught for kill in self.kills)

    @property
    def survived(self) -> tuple[Kill, ...]:
        return tuple(kill for kill in self.kills if not kill.caught)


def hunt(
    settings: Settings,
    clock: Clock,
    progress: Progress,
    mutants: Sequence[Mutant],
    absent: Collection[Mechanism] = (),
) -> Kills:
    """Plant every mutant that can be had here, a few at a time: most of their time is waiting. Each starts an instance
    of its own. `absent`: what the kernel does not enforce here."""
    reasons = {mutant: impossible(mutant, absent) for mutant in mutants}
    planted = [mutant for mutant in mutants if reasons[mutant] is None]
    left, over, done = iter(planted), threading.Event(), itertools.count()
    kills: dict[str, Kill] = {}

    def lane() -> None:
        with staged(settings, clock, _silent) as stage:
            for mutant in left:
                if over.is_set():
                    return
                progress("mutants", next(done), len(planted))
                kills[mutant.id] = kill(stage, mutant)

    with ThreadPoolExecutor(max_workers=LANES) as threads:
        try:
            for each in [threads.submit(lane) for _ in range(LANES)]:
                each.result()
        finally:  # an interruption from the keyboard, too
            over.set()
    return Kills(
        kills=tuple(kills[mutant.id] for mutant in planted),
        impossible=tuple(f"{mutant.id}: {reason}" for mutant, reason in reasons.items() if reason is not None),
    )


def _silent(what: str, done: int, of: int) -> None:
    """The mutants are counted, not their requests."""


def kill(stage: Stage, mutant: Mutant) -> Kill:
    """Plant one, make it leak, and look where it must be found; or, if the kernel prevents it, where it must not."""
    fresh = Stage(stage.settings, stage.upstreams, stage.clock, stage.progress)
    account = Account()
    try:
        stderr = _run(fresh, mutant, account)
    except NotServing as error:
        return Kill(mutant.id, mutant.sink, caught=False, why=str(error))
    found = account.sinks.get(mutant.sink, Looked(mutant.sink))
    if not mutant.prevented:
        return Kill(mutant.id, mutant.sink, caught=bool(found.hits), why="" if found.hits else "nothing was found")
    if found.hits:
        return Kill(mutant.id, mutant.sink, caught=False, why="the kernel let it happen")
    tried = denied(stderr)
    return Kill(mutant.id, mutant.sink, caught=tried, why="" if tried else "nothing says that the kernel refused")


def _run(stage: Stage, mutant: Mutant, account: Account) -> bytes:
    """One instance with the mutant's program; returns what it said on stderr."""
    since = files.marker()
    with tempfile.TemporaryDirectory(prefix="lethe-verify-calls-") as folder:
        tracer = syscalls.tracer(Path(folder)) if mutant.strace else ()
        if isinstance(tracer, str):
            raise NotServing(tracer)
        with running(stage.made, Manner(program=mutant.program, plant=mutant.supervisor, tracer=tracer)) as instance:
            began = stage.clock.now()
            try:
                _leak(stage, mutant, instance, account)
                roles = {pid: opened.role for pid, opened in instance.opened.items()}
                peers = stage.peers(instance)
                instance.stop()
                if mutant.sink is Sink.FILES:
                    skip = frozenset({str(instance.folder)})
                    account.add([files.elsewhere(files.roots(everywhere=False), since, stage.searches, skip)])
            finally:
                clear(instance.trap.port)
            account.add(printed(stage, instance))
            account.add([files.own(instance.folder, stage.searches)])
        if mutant.strace:
            account.add(syscalls.examine(Path(folder), roles, began, peers, stage.find_content))
    return instance.stderr[-1].data


def _leak(stage: Stage, mutant: Mutant, instance: Instance, account: Account) -> None:
    if mutant.sink in _WATCHED:
        watch = Watch(instance, lambda: stage.peers(instance), *stage.searches)
        with watching(watch):
            account.travelled(provoke(mutant, instance, stage.upstreams, stage.content, instance.trap.port))
        account.add(watch.looks())
        return
    account.travelled(provoke(mutant, instance, stage.upstreams, stage.content, instance.trap.port))
    if mutant.sink is Sink.MEMORY:
        stage.clock.wait(IDLE)  # what is not kept is gone by then, and does not count as caught
        account.add([memory.scan(list(instance.opened.values()), stage.find_content, f"after {IDLE:g} s")])
    elif mutant.sink is Sink.PAGES:
        account.add([told(stage, instance)])

"""The verification verified: leaks are planted one after another, and each must be found where it was put."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from lethe.verify import files, memory, syscalls
from lethe.verify.instance import Instance, Manner, NotServing, running
from lethe.verify.mutants.provoke import clear, provoke
from lethe.verify.mutants.roster import Mutant, denied, impossible
from lethe.verify.passes import IDLE, printed, told
from lethe.verify.sinks import Looked, Sink
from lethe.verify.stage import Account, Stage
from lethe.verify.watch import Watch, watching

_WATCHED = frozenset({Sink.PROCESS, Sink.SOCKETS, Sink.OPEN_FILES})


class Kill(Struct, frozen=True):
    """What became of one mutant. `why` says of one that was not caught how it went."""

    mutant: str
    sink: Sink
    caught: bool
    why: str = ""


class Kills(Struct, frozen=True, kw_only=True):
    """`impossible` are mutants that this host cannot have, with the reason; they are not planted."""

    kills: tuple[Kill, ...] = ()
    impossible: tuple[str, ...] = ()

    @property
    def caught(self) -> int:
        return sum(kill.caught for kill in self.kills)

    @property
    def survived(self) -> tuple[Kill, ...]:
        return tuple(kill for kill in self.kills if not kill.caught)


def hunt(stage: Stage, mutants: Sequence[Mutant]) -> Kills:
    """Plant every mutant that can be had here. Each starts an instance of its own."""
    kills: list[Kill] = []
    impossibles: list[str] = []
    for number, mutant in enumerate(mutants):
        stage.progress("mutants", number, len(mutants))
        reason = impossible(mutant)
        if reason is not None:
            impossibles.append(f"{mutant.id}: {reason}")
            continue
        kills.append(kill(stage, mutant))
    return Kills(kills=tuple(kills), impossible=tuple(impossibles))


def kill(stage: Stage, mutant: Mutant) -> Kill:
    """Plant one, make it leak, and look where it must be found; or, if the kernel prevents it, where it must not."""
    fresh = Stage(stage.settings, stage.upstreams, stage.clock, stage.progress)
    account = Account()
    try:
        stderr = _run(fresh, mutant, account)
    except NotServing as error:
        return Kill(mutant.id, mutant.sink, caught=False, why=str(error))
    finally:
        clear()
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
        with running(stage.made, Manner(program=mutant.program, plant=mutant.house, tracer=tracer)) as instance:
            began = stage.clock.now()
            _leak(stage, mutant, instance, account)
            roles = {pid: opened.role for pid, opened in instance.opened.items()}
            peers = stage.peers(instance)
            instance.stop()
            account.add(printed(stage, instance))
            account.add([files.own(instance.folder, stage.searches)])
        if mutant.sink is Sink.FILES:
            account.add([files.elsewhere(files.roots(everywhere=False), since, stage.searches, frozenset())])
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

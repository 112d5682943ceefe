"""The passes of a verification: one that looks from outside while all kinds of traffic run, one under strace."""

import signal
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from lethe.retention.enforcement import Enforcement
from lethe.verify import files, memory, pages, procfs, syscalls
from lethe.verify.account import Account
from lethe.verify.canary import Mint
from lethe.verify.hits import looked_at
from lethe.verify.instance import Instance, Manner, running
from lethe.verify.ledger import ledger
from lethe.verify.modes import PROCESS, Mode
from lethe.verify.notices import notices
from lethe.verify.sinks import Hit, Looked, Sink
from lethe.verify.stage import Stage
from lethe.verify.traffic import disturb, drive, end_workers
from lethe.verify.watch import Watch, watching

IDLE = 5.0  # seconds after the last request, until nothing may be left in memory


def outside(stage: Stage, account: Account, *, quick: bool) -> tuple[Enforcement, ...]:
    """Every kind of traffic, then silence, then other traffic, then the ends of processes; returns what is enforced."""
    since = files.marker()
    with running(stage.made) as instance:
        watch = Watch(instance, partial(stage.peers, instance), *stage.searches)
        with watching(watch):
            account.travelled(drive(instance, stage.upstreams, stage.content, quick=quick, progress=stage.progress))
            account.add(_remembered(stage, account, instance, thorough=not quick))
            account.add([told(stage, instance)])
            for number, mode in enumerate(PROCESS):
                stage.progress("ends of processes", number, len(PROCESS))
                act = _act(instance, mode)
                account.travelled(disturb(instance, stage.upstreams, stage.content, mode, act))
                _again(instance, mode)
            account.add([told(stage, instance)])
            enforced = instance.enforcement
        account.add(watch.looks())
        instance.stop()
        account.add(printed(stage, instance))
        account.add([files.own(instance.folder, stage.searches)])
    stage.progress("changed files", 0, 1)
    skip = frozenset({str(instance.folder)})
    account.add([files.elsewhere(files.roots(everywhere=not quick), since, stage.searches, skip)])
    return enforced


def _remembered(stage: Stage, account: Account, instance: Instance, *, thorough: bool) -> list[Looked]:
    """The memory of all processes: now for the report, after a while, and after further load of other content."""
    processes = list(instance.opened.values())
    stage.progress("memory", 0, 3)
    account.at_completion = memory.copies(memory.scan(processes, stage.find_content, "").hits)
    stage.clock.wait(IDLE)
    stage.progress("memory", 1, 3)
    idle = memory.scan(processes, stage.find_content, f"after {IDLE:g} s", thorough=thorough)
    other = Mint(stage.clock.random)
    account.travelled(drive(instance, stage.upstreams, other, quick=True))
    stage.progress("memory", 2, 3)
    loaded = memory.scan(processes, stage.find_content, "after further load", thorough=thorough)
    none = () if instance.workers() else ("no worker lived on to be looked into",)
    return [idle, loaded, Looked(Sink.MEMORY, reasons=none)]


def _act(instance: Instance, mode: Mode) -> Callable[[], None]:
    match mode:
        case Mode.LOG_CLOSED:
            return instance.close_output
        case Mode.WORKER_ABORTS:
            return partial(end_workers, instance, signal.SIGABRT)
        case Mode.WORKER_KILLED:
            return partial(end_workers, instance, signal.SIGKILL)
        case _:
            return instance.terminate


def _again(instance: Instance, mode: Mode) -> None:
    """Let it serve as before. Raises NotServing."""
    match mode:
        case Mode.LOG_CLOSED:
            instance.restart()
        case Mode.SIGTERM:
            instance.ended()
            instance.start()
        case _:
            instance.recovered()


def told(stage: Stage, instance: Instance) -> Looked:
    """The pages."""
    return pages.pages(instance.url, instance.keys, instance.plan, stage.searches)


def printed(stage: Stage, instance: Instance) -> list[Looked]:
    """All that it has printed, the ledger's schema, and whoever has fallen into the trap."""
    looks: list[Looked] = []
    for sink, captures in ((Sink.STDOUT, instance.stdout), (Sink.STDERR, instance.stderr)):
        for capture in captures:
            looks.append(looked_at(sink, capture.data, stage.searches))
            if capture.beyond:
                looks.append(Looked(sink, reasons=("more was printed than can be held",)))
    looks += [notices(capture.data, instance.plan) for capture in instance.stderr]
    for capture in instance.stdout:
        whole = capture.data[: capture.data.rfind(b"\n") + 1]  # the last line may have been cut by our closing it
        looks.append(ledger(whole, instance.plan))
    hits = (Hit(Sink.TRAPS, "something came to an address where nothing ought to"),) if instance.trap.visits else ()
    looks.append(Looked(Sink.TRAPS, instance.trap.visits, hits))
    return looks


def traced(stage: Stage, account: Account) -> None:
    """A shorter pass under strace, which is slow."""
    with tempfile.TemporaryDirectory(prefix="lethe-verify-calls-") as folder:
        words = syscalls.tracer(Path(folder))
        if isinstance(words, str):
            account.add([Looked(Sink.SYSCALLS, reasons=(words,))])
            return
        with running(stage.made, Manner(tracer=words)) as instance:
            since = stage.clock.now()
            stage.progress("system calls", 0, 1)
            account.travelled(drive(instance, stage.upstreams, stage.content, quick=True))
            roles = {pid: opened.role for pid, opened in instance.opened.items()}
            peers = stage.peers(instance)
            instance.stop()
            account.add(printed(stage, instance))
        account.add(syscalls.examine(Path(folder), roles, since, peers, stage.find_content))
        if not syscalls.spoken(Path(folder), (pid for pid, role in roles.items() if role == procfs.WORKER), peers):
            account.add([Looked(Sink.SYSCALLS, reasons=("strace saw no worker speak to an upstream",))])

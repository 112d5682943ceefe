"""Which leaks are planted, when each of them leaks, and where it must then be found."""

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from lethe.retention.enforcement import Mechanism
from lethe.verify.instance import TRAP
from lethe.verify.sinks import Sink

MODULE = "lethe.verify.mutants.worker"
SUPERVISOR = "lethe.verify.mutants.supervisor"
_CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")
_CALLS = (Mechanism.SECCOMP,)
_FILES = (Mechanism.SECCOMP, Mechanism.LANDLOCK)
_BYTES = (*_FILES, Mechanism.FSIZE)
_CONNECTIONS = (Mechanism.LANDLOCK_NET,)


class Moment(StrEnum):
    """When it leaks; the value is its name in reports."""

    SUCCESS = "success"
    UPSTREAM_ERROR = "upstream-error"
    CANCEL = "cancel"
    CRASH = "crash"


class Plant(Struct, frozen=True, kw_only=True):
    """A kind of leak. What the kernel forbids is planted with the lock-in left out, and once more with it; each of
    the mechanisms in `forbidden` is enough.

    `dies`: its crash is the process's; otherwise that of one request, in a process that lives on. `supervisor`: it
    takes a part in that process, too.
    """

    name: str
    sink: Sink
    forbidden: tuple[Mechanism, ...] = ()
    dies: bool = True
    supervisor: bool = False


class Mutant(Struct, frozen=True, kw_only=True):
    """One planted leak; `prevented`: the kernel must not let it happen, and the sink must stay clean."""

    plant: Plant
    moment: Moment
    prevented: bool = False

    @property
    def id(self) -> str:
        return f"{self.plant.name}-{'prevented' if self.prevented else self.moment}"

    @property
    def sink(self) -> Sink:
        """Where it must be found."""
        return self.plant.sink

    @property
    def locked(self) -> bool:
        """Does the kernel's lock-in hold its workers?"""
        return self.prevented or not self.plant.forbidden

    @property
    def strace(self) -> bool:
        """Can it be seen by its system calls only?"""
        return self.sink is Sink.SYSCALLS

    @property
    def dies(self) -> bool:
        """Does the worker's process end where it leaks?"""
        return self.moment is Moment.CRASH and self.plant.dies

    @property
    def supervisor(self) -> str | None:
        """The supervisor's part, for `host.Order.plant`."""
        return f"{SUPERVISOR}:{self.plant.name}" if self.plant.supervisor else None

    @property
    def program(self) -> tuple[str, ...]:
        """What a worker runs, for `instance.Manner`."""
        return ("-m", MODULE, self.id, TRAP)


_ROSTER: tuple[tuple[Plant, tuple[Moment, ...]], ...] = (
    (Plant(name="stdout", sink=Sink.STDOUT, supervisor=True), tuple(Moment)),
    (Plant(name="stderr", sink=Sink.STDERR, supervisor=True), tuple(Moment)),
    (Plant(name="scrambled", sink=Sink.STDERR, supervisor=True), (Moment.SUCCESS,)),
    (Plant(name="ledger", sink=Sink.LEDGER, supervisor=True), tuple(Moment)),
    (Plant(name="metrics", sink=Sink.PAGES, supervisor=True), (Moment.SUCCESS, Moment.CANCEL, Moment.CRASH)),
    (Plant(name="posture", sink=Sink.PAGES, supervisor=True), (Moment.UPSTREAM_ERROR, Moment.SUCCESS)),
    (Plant(name="figure", sink=Sink.PAGES, supervisor=True), (Moment.SUCCESS,)),
    (Plant(name="page", sink=Sink.PAGES, dies=False), (Moment.CANCEL,)),
    (Plant(name="file-here", sink=Sink.FILES, forbidden=_FILES), (Moment.SUCCESS, Moment.CANCEL)),
    (Plant(name="file-tmp", sink=Sink.FILES, forbidden=_BYTES), (Moment.UPSTREAM_ERROR, Moment.CRASH)),
    (Plant(name="file-shm", sink=Sink.FILES, forbidden=_BYTES), (Moment.CANCEL,)),
    (Plant(name="file-name", sink=Sink.FILES, forbidden=_FILES), (Moment.SUCCESS,)),
    (Plant(name="core", sink=Sink.FILES, forbidden=(Mechanism.CORE,)), (Moment.CRASH,)),
    (Plant(name="tmpfile", sink=Sink.OPEN_FILES, forbidden=_FILES, dies=False), (Moment.SUCCESS, Moment.CANCEL)),
    (Plant(name="memfd", sink=Sink.OPEN_FILES, forbidden=_CALLS, dies=False), (Moment.UPSTREAM_ERROR, Moment.CRASH)),
    (Plant(name="unlinked", sink=Sink.SYSCALLS, forbidden=_FILES), tuple(Moment)),
    (Plant(name="memory-list", sink=Sink.MEMORY, dies=False), (Moment.SUCCESS, Moment.CANCEL)),
    (Plant(name="memory-cache", sink=Sink.MEMORY, dies=False), (Moment.UPSTREAM_ERROR,)),
    (Plant(name="memory-exception", sink=Sink.MEMORY, dies=False), (Moment.CRASH, Moment.UPSTREAM_ERROR)),
    (Plant(name="title", sink=Sink.PROCESS, dies=False), (Moment.SUCCESS, Moment.CRASH)),
    (Plant(name="environ", sink=Sink.PROCESS, dies=False), (Moment.UPSTREAM_ERROR,)),
    (Plant(name="thread-name", sink=Sink.PROCESS, forbidden=_CALLS, dies=False), (Moment.CANCEL,)),
    (Plant(name="child", sink=Sink.PROCESS, forbidden=_FILES, dies=False), (Moment.CRASH,)),
    (
        Plant(name="tcp", sink=Sink.SOCKETS, forbidden=_CONNECTIONS),
        (Moment.SUCCESS, Moment.UPSTREAM_ERROR, Moment.CANCEL),
    ),
    (Plant(name="udp", sink=Sink.TRAPS), tuple(Moment)),
    (Plant(name="syslog", sink=Sink.SOCKETS, forbidden=_CALLS), (Moment.CRASH,)),
    (Plant(name="header", sink=Sink.EGRESS, dies=False), tuple(Moment)),
    (Plant(name="header-hash", sink=Sink.EGRESS, dies=False), (Moment.SUCCESS, Moment.CANCEL)),
    (Plant(name="other-caller", sink=Sink.CALLERS, dies=False), tuple(Moment)),
)
MUTANTS: tuple[Mutant, ...] = (
    *(Mutant(plant=plant, moment=moment) for plant, moments in _ROSTER for moment in moments),
    *(
        Mutant(plant=plant, moment=Moment.SUCCESS, prevented=True)
        for plant, _ in _ROSTER
        if plant.forbidden and plant.name != "core" and plant.sink is not Sink.SYSCALLS
    ),
)
BY_ID: dict[str, Mutant] = {mutant.id: mutant for mutant in MUTANTS}


def impossible(mutant: Mutant, absent: Collection[Mechanism] = ()) -> str | None:
    """Why this host cannot have the leak at all, or not prevent it; None where it can. `absent`: what it lacks."""
    if mutant.plant.name == "core" and _CORE_PATTERN.read_text().strip() != "core":
        return "the kernel writes no core files into the folder of the process"
    if mutant.prevented and all(mechanism in absent for mechanism in mutant.plant.forbidden):
        return f"not enforced here: {', '.join(mutant.plant.forbidden)}"
    return None


def denied(stderr: bytes) -> bool:
    """Has a mutant reported that the kernel refused its leak? A worker's faults are named by class and place."""
    return b"Error at plants.py:" in stderr

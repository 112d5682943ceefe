"""What a tree of processes uses, as Linux tells it; and where processes run."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


class Process(Struct, frozen=True):
    """Part of /proc/PID/stat."""

    parent: int
    session: int
    own: float  # seconds of CPU, in ticks
    reaped: float  # of children that have ended


def read_process(pid: int) -> Process | None:
    try:
        fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b") ")[2].split()
    except OSError:
        return None
    state, parent, _, session = fields[:4]
    if state == b"Z":
        return None
    user, system, reaped_user, reaped_system = (int(field) for field in fields[11:15])
    return Process(int(parent), int(session), (user + system) / TICKS, (reaped_user + reaped_system) / TICKS)


def tree(root: int) -> dict[int, Process]:
    """The process, its descendants, and whatever shares its session (a child may outlive its parent)."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    running = {pid: process for pid in pids if (process := read_process(pid)) is not None}
    members = {pid for pid, process in running.items() if root in (pid, process.session)}
    while found := {pid for pid, process in running.items() if process.parent in members} - members:
        members |= found
    return {pid: running[pid] for pid in members}


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far."""
    return sum(own_seconds(pid, process) + process.reaped for pid, process in tree(root).items())


def own_seconds(pid: int, process: Process) -> float:
    """The process's own clock counts nanoseconds; /proc/PID/stat counts in ticks of 10 ms."""
    clock = ~pid << 3 | 2  # how Linux numbers the CPU clock of another process (clock_getcpuclockid(3))
    try:
        return time.clock_gettime(clock)
    except OSError:
        return process.own


def memory_mb(root: int) -> float | None:
    """PSS of the tree in MiB: shared pages count in parts. None if a process hides its memory from us."""
    kilobytes = 0
    for pid in tree(root):
        try:
            lines = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii").splitlines()
        except PermissionError:
            return None
        except OSError:
            continue  # ended meanwhile
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes / 1024


def machine_seconds() -> float:
    """CPU seconds that all processes and the kernel have used since boot."""
    with (PROC / "stat").open(encoding="ascii") as file:
        user, nice, system, _, _, irq, soft_irq, stolen = (int(field) for field in file.readline().split()[1:9])
    return (user + nice + system + irq + soft_irq + stolen) / TICKS


@contextmanager
def on_cores(cores: set[int] | None) -> Iterator[None]:
    """What is started within stays on these cores."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)

"""Can the process's memory reach a disk? Not without swap, not where its cgroup may not swap, not when it is locked."""

import resource
from pathlib import Path

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import kernel

ROOT = Path("/")
_CURRENT, _FUTURE, _ONFAULT = 1, 2, 4
_CAP_IPC_LOCK = 1 << 14


def active(root: Path = ROOT) -> bool:
    """Does the host swap at all? If it does not say, it may."""
    try:
        return len((root / "proc/swaps").read_text().splitlines()) > 1
    except OSError:
        return True


def forbidden(root: Path = ROOT) -> bool:
    """Is `memory.swap.max` 0 in our cgroup (v2), or in one above it?"""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return False
    path = next((line.removeprefix("0::") for line in lines if line.startswith("0::")), None)
    if path is None:
        return False
    groups = root / "sys/fs/cgroup"
    here = groups / path.lstrip("/")
    return any(_is_zero(group / "memory.swap.max") for group in (here, *here.parents) if group.is_relative_to(groups))


def lock() -> State:
    """Keep all memory, present and future, in RAM. Without the right to lock it all, later allocations would fail."""
    if not _may_lock():
        return State.REFUSED
    try:
        kernel.mlockall(_CURRENT | _FUTURE | _ONFAULT)
    except OSError as error:
        return State.ABSENT if error.errno in kernel.UNKNOWN else State.REFUSED
    return State.ENFORCED


def keep_out() -> State:
    """Lock the memory only where that is needed: locked, freed pages go back to the system later."""
    return State.ENFORCED if not active() or forbidden() else lock()


def _may_lock() -> bool:
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return False
    effective = next((line.split()[1] for line in lines if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) & _CAP_IPC_LOCK)


def _is_zero(limit: Path) -> bool:
    try:
        return limit.read_text().strip() == "0"
    except OSError:
        return False

"""Locking in: once, before the event loop and any thread."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.sandbox.lockin import host, landlock, limits, seccomp, swap
from lethe.sandbox.lockin.confines import Confines
from lethe.sandbox.lockin.host import Host

_THREADS = Path("/proc/self/task")
ALL: frozenset[Mechanism] = frozenset(Mechanism)
_FIRST: tuple[tuple[Mechanism, Callable[[], State]], ...] = (
    (Mechanism.NO_SWAP, swap.keep_out),
    (Mechanism.FSIZE, limits.no_file_size),
    (Mechanism.CORE, limits.no_core),
    (Mechanism.NO_NEW_PRIVS, limits.no_new_privileges),  # what comes after needs it
)


class LockInFailed(Exception):
    """The process is not in a state to be locked in. The text is fixed."""


def lock_in(confines: Confines, kernel: Host | None = None, wanted: Collection[Mechanism] = ALL) -> Enforcement:
    """Give up for good what a worker does not need, and tell what the kernel enforces now.

    `kernel` is what to take the host for, if not for what it is; `wanted` leaves mechanisms out, to measure what
    they cost. Neither can be set from outside the program. Raises LockInFailed.
    """
    if sum(1 for _ in _THREADS.iterdir()) != 1:
        raise LockInFailed("threads run already, and Landlock would not bind them")
    sys.dont_write_bytecode = True  # modules imported from here on could not be cached anyway
    there = host.probe() if kernel is None else kernel
    limits.quiet_faults()
    states = dict.fromkeys(Mechanism, State.ABSENT)
    for mechanism, enforce in _FIRST:
        if mechanism in wanted:
            states[mechanism] = enforce()
    if there.landlock and Mechanism.LANDLOCK in wanted:
        states |= _landlock(there.landlock, confines)
    if Mechanism.DUMPABLE in wanted:
        states[Mechanism.DUMPABLE] = limits.not_dumpable()
    if there.seccomp and there.arch is not None and Mechanism.SECCOMP in wanted:
        states[Mechanism.SECCOMP] = _proven(
            seccomp.install(there.arch, pid=os.getpid(), unix=confines.unix, listener=confines.listener),
            _takes_memory_file,
        )
    return Enforcement(states)


def _landlock(version: int, confines: Confines) -> dict[Mechanism, State]:
    state = landlock.restrict(version, confines.ports, unix=confines.unix)
    states = {Mechanism.LANDLOCK: _proven(state, _opens_for_writing)}
    if version >= landlock.NET_SINCE:
        states[Mechanism.LANDLOCK_NET] = _proven(state, lambda: _connects_elsewhere(confines.ports))
    return states


def _proven(state: State, still_can: Callable[[], bool]) -> State:
    """A kernel that says yes is tried: what still works is not enforced."""
    return State.REFUSED if state is State.ENFORCED and still_can() else state


def _opens_for_writing() -> bool:
    with contextlib.suppress(PermissionError):
        os.close(os.open(os.devnull, os.O_WRONLY))
        return True
    return False


def _connects_elsewhere(ports: Collection[int]) -> bool:
    """Towards a port of this machine that nobody named; the kernel refuses before it sends anything."""
    port = next(each for each in range(1, 65536) if each not in ports)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.settimeout(0.0)
        try:
            trial.connect(("127.0.0.1", port))
        except PermissionError:
            return False
        except OSError:
            return True
    return True


def _takes_memory_file() -> bool:
    with contextlib.suppress(PermissionError):
        os.close(os.memfd_create("trial"))
        return True
    return False

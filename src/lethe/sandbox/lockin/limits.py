"""Resource limits and process flags: no byte into a file, no core dump, no reading by other processes."""

import resource
import signal

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import cores, kernel

SET_DUMPABLE, _GET_DUMPABLE = 4, 3
_SET_NO_NEW_PRIVS, _GET_NO_NEW_PRIVS = 38, 39


def no_file_size() -> State:
    """Writing to a regular file, memfd and shared memory included, raises EFBIG."""
    return _limit(resource.RLIMIT_FSIZE)


def no_core() -> State:
    """No core file; and were there one after all, with no memory in it."""
    cores.empty()
    return _limit(resource.RLIMIT_CORE)


def quiet_faults() -> None:
    """Of a fault that nobody handles, Linux notes the address in its log, and 64 bytes where it ran: content, perhaps.

    It does not note a signal that a process sends to itself. The end is the same.
    """
    for number in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP):
        kernel.raise_on(number)


def not_dumpable() -> State:
    """Other processes of the user cannot attach to it or read its memory; piped core handlers get nothing."""
    return _flag(SET_DUMPABLE, 0, _GET_DUMPABLE)


def no_new_privileges() -> State:
    """Nothing that it runs gains rights by set-user-id or file capabilities."""
    return _flag(_SET_NO_NEW_PRIVS, 1, _GET_NO_NEW_PRIVS)


def _limit(which: int) -> State:
    try:
        resource.setrlimit(which, (0, 0))
    except (OSError, ValueError):
        return State.REFUSED
    return State.ENFORCED if resource.getrlimit(which) == (0, 0) else State.REFUSED


def _flag(option: int, value: int, look: int) -> State:
    try:
        kernel.prctl(option, value)
        return State.ENFORCED if kernel.prctl(look) == value else State.REFUSED
    except OSError as error:
        return State.ABSENT if error.errno in kernel.UNKNOWN else State.REFUSED

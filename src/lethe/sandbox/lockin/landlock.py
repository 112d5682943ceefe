"""Landlock: no file is changed or run, and TCP goes to named ports only. By ABI version, as the kernel has it.

Rights and versions: linux/landlock.h of Linux 6.18 and its documentation, userspace-api/landlock; versions 9 and 10
(Linux 7.1 and 7.2) from the commits that brought them, read 2026-11-30: no kernel that has them was at hand.
"""

import errno
import os
import struct
from collections.abc import Collection

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import kernel, syscalls

NET_SINCE = 4  # ABI version
_SEEN = 8  # what newer ones are said to have is left out where the kernel does not know it
_LOG_SINCE = 7
_VERSION = 1  # flag of create_ruleset
_NET_PORT = 2  # kind of rule
_BIND, _CONNECT, _SEND_UDP = 1, 2, 8  # binding UDP is not handled: the kernel would count its own choice of a port
_UDP_SINCE = 10
_RESOLVE_UNIX, _RESOLVE_UNIX_SINCE = 1 << 16, 9  # reaching a unix socket by its path
_QUIET = 1  # what is denied is not written to the kernel's audit log, which would name files and ports
_SCOPED = 1 | 2  # abstract unix sockets and signals, of processes outside
# ABI version since which a right exists, and its bits. Reading (2: READ_FILE, 3: READ_DIR) stays.
_RIGHTS: tuple[tuple[int, int], ...] = (
    (1, 1 << 0 | 1 << 1),  # EXECUTE, WRITE_FILE
    (1, sum(1 << bit for bit in range(4, 13))),  # REMOVE_*, MAKE_*
    (2, 1 << 13),  # REFER
    (3, 1 << 14),  # TRUNCATE
    (5, 1 << 15),  # IOCTL_DEV
)


def abi() -> int:
    """The version that the kernel has and lets us use; 0 without Landlock."""
    try:
        return kernel.syscall(syscalls.LANDLOCK_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def ruleset(version: int, *, unix: bool) -> bytes:
    """`struct landlock_ruleset_attr` as this version knows it: everything handled, so everything denied.

    `unix` leaves out unix sockets: an upstream has one, which may not be there yet to be named.
    """
    words = [sum(bits for since, bits in _RIGHTS if version >= since)]
    if version >= _RESOLVE_UNIX_SINCE and not unix:
        words[0] |= _RESOLVE_UNIX
    if version >= NET_SINCE:
        words.append(_BIND | _outward(version))
    if version >= 6:
        words.append(_SCOPED)
    return struct.pack(f"{len(words)}Q", *words)


def restrict(version: int, ports: Collection[int], *, unix: bool) -> State:
    """Give up the rights of this version (1 at least) but the way to `ports`. Binds the calling thread."""
    try:
        try:
            held = _create(version, unix=unix)
        except OSError as error:
            if error.errno != errno.EINVAL or version <= _SEEN:
                raise
            version = _SEEN
            held = _create(version, unix=unix)
        try:
            for port in sorted(ports) if version >= NET_SINCE else ():
                kernel.syscall(
                    syscalls.LANDLOCK_ADD_RULE, held, _NET_PORT, struct.pack("QQ", _outward(version), port), 0
                )
            kernel.syscall(syscalls.LANDLOCK_RESTRICT_SELF, held, _QUIET if version >= _LOG_SINCE else 0)
        finally:
            os.close(held)
    except OSError as error:
        return State.ABSENT if error.errno in kernel.UNKNOWN else State.REFUSED
    return State.ENFORCED


def _create(version: int, *, unix: bool) -> int:
    attributes = ruleset(version, unix=unix)
    return kernel.syscall(syscalls.LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)


def _outward(version: int) -> int:
    """What leads to a port elsewhere."""
    return _CONNECT | (_SEND_UDP if version >= _UDP_SINCE else 0)

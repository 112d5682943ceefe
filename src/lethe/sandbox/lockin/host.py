"""What this host's kernel offers, asked without changing anything."""

import platform
import sys

from msgspec import Struct

from lethe.sandbox.lockin import kernel, landlock, syscalls

_GET_ACTION_AVAIL, _ERRNO = 2, b"\0\0\5\0"


class Host(Struct, frozen=True):
    """`landlock` is the ABI version, 0 without. `arch` is one that the filter is written for, or None."""

    landlock: int
    seccomp: bool
    arch: str | None


def probe() -> Host:
    """Ask the kernel."""
    arch = known_arch()
    return Host(landlock.abi(), arch is not None and _has_filters(arch), arch)


def known_arch() -> str | None:
    """The architecture's name, if its system calls are known here and this is a 64-bit, little-endian process."""
    machine = platform.machine()
    usable = machine in syscalls.ARCHITECTURES and sys.byteorder == "little" and sys.maxsize > 2**32
    return machine if usable else None


def _has_filters(arch: str) -> bool:
    try:
        kernel.syscall(syscalls.SECCOMP[arch], _GET_ACTION_AVAIL, 0, _ERRNO)
    except OSError:
        return False
    return True

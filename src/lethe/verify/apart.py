"""Runs a program in a user namespace of the caller's own: `python -s -P -m lethe.verify.apart PROGRAM WORD...`.

A process that has locked itself in shows its descriptors and buffers only to who has CAP_SYS_PTRACE in the namespace
that its program was started in. Whoever made a namespace has that in it, root or not. Outside of it the program has the
rights that it had. Without a program it is only tried; exit status 1 where the host does not let us.
"""

import ctypes
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

from lethe.verify import procfs

MODULE = "lethe.verify.apart"
_NEWUSER = 0x10000000  # CLONE_NEWUSER
_SYS_PTRACE = 1 << 19
_PATIENCE = 20.0  # seconds


@cache
def words() -> tuple[str, ...]:
    """What to put before a program. None where we may look as we are, or where the host has no such namespaces."""
    if _may_look(procfs.text("/proc/self/status")):
        return ()
    command = (sys.executable, "-s", "-P", "-m", MODULE)
    try:
        tried = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)  # noqa: S603 - ourselves
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return command if tried.returncode == 0 else ()


def _may_look(status: str) -> bool:
    """By the capabilities in effect."""
    held = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return any(int(each, 16) & _SYS_PTRACE for each in held)


def main(program: list[str]) -> int:
    """Returns the exit status, unless it becomes the program."""
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None).unshare(_NEWUSER) != 0:
        return 1
    try:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(text)
    except OSError:
        return 1
    if program:
        os.execv(program[0], program)  # noqa: S606 - the words are our own
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

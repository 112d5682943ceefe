"""What is closed to other processes of the same user, memory, once dumpable is gone; and to the log of the kernel."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Three processes of nobody's (or ours): one as every process is, one that is locked in, and one that tries them.
PROGRAM = """
import os, sys
from pathlib import Path
from lethe.retention.enforcement import Mechanism
from lethe.sandbox.lockin import kernel
from lethe.sandbox.lockin.confines import Confines
from lethe.sandbox.lockin.lock import lock_in

def become_nobody():
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        kernel.prctl(4, 1)  # which the change of user has undone

def start(prepare):
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        become_nobody()
        os.write(tell, prepare().encode())
        os.read(stop, 1)
        os._exit(0)
    return pid, os.read(told, 100).decode()

stop, go = os.pipe()
one, _ = start(lambda: "as ever")
other, state = start(lambda: lock_in(Confines(frozenset())).states[Mechanism.DUMPABLE])
become_nobody()
for pid in (one, other):
    try:
        os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY))
        print("opened")
    except PermissionError:
        print("refused")
print(state)
os.write(go, b"xx")
"""


def test_memory_of_a_process_that_is_locked_in() -> None:
    if Path("/proc/sys/kernel/yama/ptrace_scope").exists():
        pytest.skip("nobody reads another process's memory here")
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout.split() == ["opened", "refused", "enforced"]


# Runs into what somebody said, as a bug in native code may.
FAULT = """
import ctypes, sys
from lethe.sandbox.lockin import limits
if sys.argv[1] == "quiet":
    limits.quiet_faults()
said = ctypes.create_string_buffer(b"canary-5c" * 100)
ctypes.CFUNCTYPE(None)(ctypes.addressof(said) + 450)()
"""
CANARY = b"canary-5c".hex(" ").encode()  # as it is written there


def fault(how: str) -> bytes:
    """What the kernel says of it."""
    log = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(log, 0, os.SEEK_END)
        ended = subprocess.run([sys.executable, "-c", FAULT, how], capture_output=True, timeout=30, check=False)
        assert ended.returncode == -signal.SIGSEGV
        said = b""
        while True:
            try:
                said += os.read(log, 8192)
            except BlockingIOError:
                return said.replace(b"<", b"").replace(b">", b"")  # around the byte where it ended
    finally:
        os.close(log)


def test_a_fault_leaves_no_word_in_the_log_of_the_kernel() -> None:
    try:
        loud = fault("loud")
    except OSError:
        pytest.skip("the kernel's log cannot be read here")
    if CANARY not in loud:
        pytest.skip("the kernel says nothing of faults here")
    assert CANARY not in fault("quiet")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP])
def test_a_fault_ends_the_process_as_ever(number: signal.Signals) -> None:
    program = (
        f"from lethe.sandbox.lockin import limits; limits.quiet_faults(); import os; os.kill(os.getpid(), {number})"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, b"", b"")

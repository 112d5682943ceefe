"""What is closed to other processes of the same user: memory, once dumpable is gone."""

import subprocess
import sys
from pathlib import Path

import pytest

# Three processes of nobody's (or ours): one as every process is, one that is not dumpable, and one that tries them.
PROGRAM = """
import os, sys
from pathlib import Path
from lethe.sandbox.lockin import kernel, limits

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
other, state = start(lambda: limits.not_dumpable())
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


def test_memory_of_a_process_that_is_not_dumpable() -> None:
    if Path("/proc/sys/kernel/yama/ptrace_scope").exists():
        pytest.skip("nobody reads another process's memory here")
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout.split() == ["opened", "refused", "enforced"]

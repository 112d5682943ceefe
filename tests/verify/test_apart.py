"""A process that is not dumpable, looked into by one that has no right to: apart it can be, otherwise not."""

import os
import shutil
import subprocess
import sys

import pytest

from lethe.verify import apart, procfs

# Starts what its words say, which then locks itself in as far as matters here, and reads where its stdin leads.
LOOKER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert child.stdout.read(1) == b"x"
try:
    print(os.readlink(f"/proc/{child.pid}/fd/0").partition(":")[0])
except PermissionError:
    print("refused")
child.communicate()
"""
LOCKED = "import ctypes, os; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); os.write(1, b'x'); os.read(0, 1)"
APART = (sys.executable, "-s", "-P", "-m", apart.MODULE)


def unprivileged(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run without CAP_SYS_PTRACE, whoever we are."""
    drop: tuple[str, ...] = ()
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("needs setpriv")
        drop = (setpriv, "--bounding-set=-sys_ptrace")
    return subprocess.run([*drop, *words], capture_output=True, text=True, timeout=30, check=False)


def test_apart_it_can_be_looked_into() -> None:
    if unprivileged(*APART).returncode:
        pytest.skip("this host has no user namespaces for everybody")
    locked = (sys.executable, "-c", LOCKED)
    looker = (sys.executable, "-c", LOOKER)
    assert unprivileged(*looker, *locked).stdout == "refused\n"
    assert unprivileged(*looker, *APART, *locked).stdout == "pipe\n"


@pytest.mark.parametrize(
    ("status", "may"),
    [
        ("Name:\tpython\nCapEff:\t000001ffffffffff\n", True),
        ("CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n", False),
        ("CapEff:\t0000000000080000\n", True),
        ("CapEff:\t000001fffff7ffff\n", False),
        ("", False),
    ],
)
def test_who_may_look_anyway_stays_as_he_is(status: str, may: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(procfs, "text", lambda _: status)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess((), 0))
    assert apart.words.__wrapped__() == (() if may else APART)


@pytest.mark.parametrize("fault", [OSError(), subprocess.TimeoutExpired("x", 1.0), None])
def test_a_host_without_them(fault: Exception | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> "subprocess.CompletedProcess[bytes]":
        if fault is not None:
            raise fault
        return subprocess.CompletedProcess((), 1)

    monkeypatch.setattr(procfs, "text", lambda _: "")
    monkeypatch.setattr(subprocess, "run", run)
    assert apart.words.__wrapped__() == ()

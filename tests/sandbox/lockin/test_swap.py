"""Where memory could go, from files as Linux writes them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lethe.retention.enforcement import State
from lethe.sandbox.lockin import swap

HEAD = "Filename\tType\tSize\tUsed\tPriority\n"
CGROUP = "0::/system.slice/lethe.service\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "active"),
    [({"proc/swaps": HEAD}, False), ({"proc/swaps": HEAD + "/dev/sda2 partition 9 0 -2\n"}, True), ({}, True)],
)
def test_active(files: dict[str, str], active: bool, tmp_path: Path) -> None:
    assert swap.active(tree(tmp_path, files)) is active


@pytest.mark.parametrize(
    ("files", "forbidden"),
    [
        ({"proc/self/cgroup": CGROUP, "sys/fs/cgroup/system.slice/lethe.service/memory.swap.max": "0\n"}, True),
        ({"proc/self/cgroup": CGROUP, "sys/fs/cgroup/system.slice/memory.swap.max": "0\n"}, True),
        ({"proc/self/cgroup": CGROUP, "sys/fs/cgroup/system.slice/lethe.service/memory.swap.max": "max\n"}, False),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.swap.max": "0\n"}, True),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/memory.swap.max": "0\n"}, False),
        ({"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory.swap.max": "0\n"}, False),
        ({}, False),
    ],
)
def test_forbidden(files: dict[str, str], forbidden: bool, tmp_path: Path) -> None:
    assert swap.forbidden(tree(tmp_path, files)) is forbidden


LOCK = """
import os, resource, sys
from lethe.sandbox.lockin import swap
if sys.argv[1] == "limited":
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (65536, 65536))
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
state = swap.lock()
grown = [bytes(100_000) for _ in range(1000)]  # which must not fail, locked or not
with open("/proc/self/status") as status:
    locked = next((line.split()[1] for line in status if line.startswith("VmLck")), "0")
print(state, int(locked) > 0)
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        pytest.param(
            "unlimited",
            ["enforced", "True"],
            marks=pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to lock memory"),
        ),
        ("limited", ["refused", "False"]),
    ],
)
def test_memory_is_locked_only_where_all_of_it_may_be(how: str, said: list[str]) -> None:
    command = [sys.executable, "-c", LOCK, how]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout.split() == said


@pytest.mark.parametrize(
    ("active", "forbidden", "locked", "state"),
    [
        (False, False, State.REFUSED, State.ENFORCED),
        (True, True, State.REFUSED, State.ENFORCED),
        (True, False, State.ENFORCED, State.ENFORCED),
        (True, False, State.REFUSED, State.REFUSED),
    ],
)
def test_kept_out(active: bool, forbidden: bool, locked: State, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "active", lambda: active)
    monkeypatch.setattr(swap, "forbidden", lambda: forbidden)
    monkeypatch.setattr(swap, "lock", lambda: locked)
    assert swap.keep_out() is state

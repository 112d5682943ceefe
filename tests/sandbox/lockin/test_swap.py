"""Where memory could go, from files as Linux writes them."""

from pathlib import Path

import pytest

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

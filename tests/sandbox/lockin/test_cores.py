"""What a crash would write."""

import subprocess
import sys

import pytest

from lethe.sandbox.lockin import cores

_AVOIDING = """
import resource, sys
from pathlib import Path
from lethe.sandbox.lockin import cores
most = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
cores.avoid()
print(*resource.getrlimit(resource.RLIMIT_CORE), int(Path("/proc/self/coredump_filter").read_text(), 16))
"""


@pytest.mark.parametrize(
    ("most", "kept"),
    [(1 << 20, f"{cores.NO_COLLECTOR} {1 << 20} 0"), (0, "0 0 0")],
    ids=["some", "none"],
)
def test_no_collector_is_started(most: int, kept: str) -> None:
    """Of a core without memory, too, one may keep the environment beside it, as systemd-coredump does."""
    command = (sys.executable, "-c", _AVOIDING, str(most))
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == kept

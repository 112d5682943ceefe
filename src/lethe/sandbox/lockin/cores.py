"""What a crash writes of a process's memory: nothing, neither to a file nor to a collector of crashes."""

import contextlib
import resource
from pathlib import Path

_FILTER = Path("/proc/self/coredump_filter")


def avoid() -> None:
    """For this process, which holds secrets, and those that it starts. SIGQUIT (Ctrl-\\) is enough for a core."""
    empty()
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))  # to try what cores would show, verification wants them back


def empty() -> None:
    """Were there one after all, as collectors get whatever the limit, it is without memory."""
    with contextlib.suppress(OSError):  # one belt less; not every kernel has it
        _FILTER.write_text("0")

"""What a crash writes of a process's memory: nothing, neither to a file nor to a collector of crashes."""

import contextlib
import resource
from pathlib import Path

NO_COLLECTOR = 1  # bytes, for which Linux starts none (fs/coredump.c); and too few for a file. For 0 it does
_FILTER = Path("/proc/self/coredump_filter")


def avoid() -> None:
    """For this process, which holds secrets, and those that it starts. SIGQUIT (Ctrl-\\) is enough for a core.

    Beside a core collectors keep the environment, as systemd-coredump does in the journal. Where no core is allowed
    at all we may not ask for this one. The hard limit stays: verification tries what cores would show.
    """
    empty()
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    allowed = NO_COLLECTOR if most else 0
    resource.setrlimit(resource.RLIMIT_CORE, (allowed, most))


def empty() -> None:
    """Were there one after all, it is without memory."""
    with contextlib.suppress(OSError):  # one belt less; not every kernel has it
        _FILTER.write_text("0")

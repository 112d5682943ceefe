"""A file that is looked at now and then."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from lethe.sandbox.reactor import Reactor

POLL = 1.0  # seconds between looks

Stamp: TypeAlias = tuple[int, int]  # modification time in ns, size


class Watch:
    """Calls `changed` when the file has another time or size than at the last `seen`, and had it a look ago too: one
    that is being written may be whole and say less. One that is gone waits."""

    def __init__(self, reactor: Reactor, path: Path, changed: Callable[[], None]) -> None:
        self._reactor = reactor
        self._path = path
        self._changed = changed
        self._last = self._before = self._stamp()
        reactor.later(POLL, self._look)

    def seen(self) -> None:
        """What the file holds now is known."""
        self._last = self._stamp()

    def _look(self) -> None:
        self._reactor.later(POLL, self._look)
        now = self._stamp()
        settled, self._before = now == self._before, now
        if settled and now is not None and now != self._last:
            self._changed()

    def _stamp(self) -> Stamp | None:
        try:
            status = self._path.stat()
        except OSError:
            return None  # in the middle of a change, perhaps: look again
        return status.st_mtime_ns, status.st_size

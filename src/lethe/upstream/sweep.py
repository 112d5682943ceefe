"""One coarse timer in place of a timer a wait."""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable


class Sweep:
    """Calls `look` every `every` seconds for as long as it returns true; `arm` starts it again."""

    __slots__ = ("_every", "_handle", "_look")

    def __init__(self, every: float, look: Callable[[], bool]) -> None:
        self._every = every
        self._look = look
        self._handle: TimerHandle | None = None

    def arm(self, loop: AbstractEventLoop) -> None:
        """Make sure that it runs. Costs nothing when it does."""
        if self._handle is None:
            self._handle = loop.call_later(self._every, self._run, loop)

    def stop(self) -> None:
        """No more calls until armed again."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self, loop: AbstractEventLoop) -> None:
        self._handle = None
        if self._look():
            self.arm(loop)

"""What outlives a request though nobody means it to, and is therefore swept away: within five seconds after it.

Four things do. The last bytes that a socket brought stay where they landed. Errors hold tracebacks, which hold frames,
which hold the errors: such a cycle lives until a garbage collection. msgspec caches the keys of JSON objects of up to
32 bytes in a table of 512, from whatever it decodes. And the stack holds the short bytes that were built on it.
"""

import ctypes
import gc
from asyncio import AbstractEventLoop

import msgspec

from lethe.upstream.arrivals import Arrivals
from lethe.upstream.sweep import Sweep

EVERY = 2.0  # seconds; two sweeps follow the last request, the second one for what ended while the first ran
# msgspec empties its table of keys when the collector has visited its module ten times (`msgspec_traverse`, 0.22.0).
# The collector itself no longer does once the module is frozen. Keys that a live object holds stay until the next time.
_VISITS = 10
# A call of a foreign function has its arguments on the stack, 56 bytes for each (ctypes, 3.11), at most 1,024 of them.
_ZEROS = (0,) * 1024
_FOREIGN = ctypes.CDLL(None).abs  # any that does nothing
_SHORT = bytes(500)


class Scrub:
    """Sweeps every two seconds as long as requests end. `stir` says that one has."""

    __slots__ = ("_arrivals", "_loop", "_stirred", "_sweep")

    def __init__(self, loop: AbstractEventLoop, arrivals: Arrivals, every: float = EVERY) -> None:
        self._arrivals = arrivals
        self._loop = loop
        self._stirred = False
        self._sweep = Sweep(every, self._look)

    def stir(self) -> None:
        """A request is over, or its connection."""
        self._stirred = True
        self._sweep.arm(self._loop)

    def stop(self) -> None:
        """At the end of the process."""
        self._sweep.stop()

    def _look(self) -> bool:
        stirred, self._stirred = self._stirred, False
        gc.collect()
        self._arrivals.wipe()
        evict_keys()
        wipe_stack()
        return stirred


def evict_keys() -> None:
    """Empty msgspec's table of JSON keys, but for those that live objects hold."""
    for _ in range(_VISITS):
        gc.get_referents(msgspec._core)


def wipe_stack() -> None:
    """Overwrite what lies below the caller's frame. The first of it is the calls' own: short bytes are built there."""
    _FOREIGN(*_ZEROS)
    _SHORT % ()

"""The broker's questions to clouds: each on a thread of its own, so that nothing waits for one that takes long.

Threads are made only where something is to be asked; what they find is left here, and wakes the broker.
"""

import socket
import time
from collections import deque
from collections.abc import Callable, Collection

from lethe.credentials.issued import Issued, fetch
from lethe.credentials.renewal import Renewals
from lethe.credentials.static import Unresolved
from lethe.sandbox.channel import READ_SIZE


def awake() -> float:
    """Seconds on a clock that goes on while the machine sleeps: what is issued ends all the same."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hush() -> None:
    """SDKs log and warn, and quote what they have been told."""
    from lethe.sandbox import silence

    silence.everything()


class Fetching:
    """`ask` blocks; `clock` never jumps; `unix` is the time of day, in which secrets say when they end.

    `prepare` is called before anything is asked.
    """

    def __init__(
        self,
        ask: Callable[[str], Issued] = fetch,
        clock: Callable[[], float] = awake,
        unix: Callable[[], float] = time.time,
        prepare: Callable[[], None] = hush,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._unix = unix
        self._prepare = prepare
        self._renewals = Renewals()
        self._answers: deque[tuple[str, Issued | Unresolved]] = deque()
        self._ends: tuple[socket.socket, socket.socket] | None = None

    @property
    def woken(self) -> tuple[socket.socket, ...]:
        """What becomes readable with an answer, once something has been asked."""
        return self._ends[:1] if self._ends is not None else ()

    @property
    def pending(self) -> bool:
        """Is anything without any answer so far?"""
        return self._renewals.pending

    @property
    def patience(self) -> float | None:
        """Seconds until `turn` has something to do, if no answer comes before."""
        until = self._renewals.next()
        return None if until is None else max(0.0, until - self._clock())

    def order(self, references: Collection[str]) -> None:
        """Care for these from now on and forget others."""
        self._renewals.order(references, self._clock())
        self._start()

    def turn(self) -> dict[str, str]:
        """Take answers, ask what is due; returns what is another now, empty where it has ended.

        Raises TimeoutError where a question never comes to an end: only another broker can ask it again.
        """
        for end in self.woken:
            _drain(end)
        while self._answers:
            reference, outcome = self._answers.popleft()
            self._renewals.settle(reference, outcome, self._clock(), self._unix())
        self._start()
        if self._renewals.stuck(self._clock()):
            raise TimeoutError
        return self._renewals.changed(self._clock())

    def values(self) -> dict[str, str]:
        """All that counts now."""
        return self._renewals.values(self._clock())

    def missing(self) -> dict[str, str]:
        """Why the others are not there."""
        return self._renewals.missing(self._clock())

    def close(self) -> None:
        """Hear no answers any more."""
        for end in self._ends or ():
            end.close()

    def _start(self) -> None:
        due = self._renewals.start(self._clock())
        if not due:
            return
        import threading

        if self._ends is None:
            self._prepare()
            self._ends = socket.socketpair()
            for end in self._ends:
                end.settimeout(0.0)
        for reference in due:
            threading.Thread(target=self._run, args=(reference, self._ends[1]), name="fetch", daemon=True).start()

    def _run(self, reference: str, wake: socket.socket) -> None:
        try:
            outcome: Issued | Unresolved = self._ask(reference)
        except Unresolved as error:
            outcome = Unresolved(error.reference, error.reason)  # without its traceback, which holds what was read
        self._answers.append((reference, outcome))
        try:
            wake.send(b".")
        except OSError:
            return  # plenty of them wait already


def _drain(end: socket.socket) -> None:
    try:
        end.recv(READ_SIZE)
    except BlockingIOError:
        return

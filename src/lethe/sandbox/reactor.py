"""The supervisor's event loop: descriptors, timers and signals, on one selector and without asyncio's weight."""

import heapq
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping
from itertools import count
from typing import TypeAlias

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

Ready: TypeAlias = Callable[[int], None]


class Timer:
    """A call that is due once, unless it is cancelled."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class Reactor:
    """Runs calls one after another, in the thread that called `run`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._stopped = False
        self._handlers: dict[int, Callable[[], None]] = {}
        self._wake, self._woken = socket.socketpair()
        for end in (self._wake, self._woken):
            end.settimeout(0.0)
        self.watch(self._woken.fileno(), READ, self._signalled)

    def watch(self, fd: int, events: int, ready: Ready) -> None:
        """Call `ready` with what a descriptor is ready for; a second time changes what it waits for."""
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, ready)
        else:
            self._selector.register(fd, events, ready)

    def forget(self, fd: int) -> None:
        """No longer watch a descriptor; before it is closed."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def handle(self, handlers: Mapping[signal.Signals, Callable[[], None]]) -> None:
        """Call these on signals, between other calls."""
        self._handlers = {int(number): call for number, call in handlers.items()}
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in handlers:
            signal.signal(number, _wake_only)

    def stop(self) -> None:
        """End `run` after the present call."""
        self._stopped = True

    def run(self) -> None:
        while not self._stopped:
            for key, events in self._selector.select(self._patience()):
                current = self._selector.get_map().get(key.fd)
                if current is not None and current.data is key.data and not self._stopped:
                    key.data(events & current.events)
            self._expire()

    def close(self) -> None:
        """At the end of the process: signals are ignored from here on, lest a late one changes the exit status."""
        for number in self._handlers:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGCHLD else signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        self._selector.close()
        self._wake.close()
        self._woken.close()

    def _patience(self) -> float | None:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

    def _expire(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now and not self._stopped:
            _, _, timer = heapq.heappop(self._timers)
            call, timer.call = timer.call, None
            if call is not None:
                call()

    def _signalled(self, _: int) -> None:
        try:
            numbers = self._woken.recv(4096)
        except BlockingIOError:
            return
        for number in dict.fromkeys(numbers):
            if (call := self._handlers.get(number)) is not None:
                call()


def _wake_only(number: int, _: object) -> None:
    """The signal has already written its number to the wake-up socket."""

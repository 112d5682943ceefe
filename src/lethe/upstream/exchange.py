"""One request and its answer, from the side that reads the answer."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from typing import Protocol, TypeAlias

from lethe.errors import FirstByteTimeout, IdleTimeout, ReplyTooLarge, StreamCut, UpstreamError
from lethe.providers.upstream import Timeouts
from lethe.upstream.call import Headers, Sink

# An error is made where it is raised: a stored one would hold its traceback, and with it the answer, in a cycle.
Fault: TypeAlias = Callable[[], UpstreamError]

_NEVER = float("inf")


class Carrier(Protocol):
    """What an exchange asks of the connection under it."""

    def resume(self) -> None:
        """Read on, after a pause for too much unread."""
        ...

    def release(self, exchange: "Exchange") -> None:
        """The exchange is over: keep the connection if it is clean, abort it otherwise."""
        ...


class Exchange:
    """The pool's `Reply`. `status` is 0 until the head is here.

    The connection puts in `parts`; a sweep calls `check` now and then, so no timer runs for a wait.
    """

    __slots__ = (
        "_carrier",
        "_clock",
        "_fault",
        "_loop",
        "_quiet",
        "_refused",
        "_sink",
        "_timeouts",
        "_waiter",
        "_wake_at",
        "begun",
        "complete",
        "due",
        "headers",
        "parts",
        "status",
        "unread",
    )

    def __init__(
        self, carrier: Carrier, loop: AbstractEventLoop, clock: Callable[[], float], timeouts: Timeouts
    ) -> None:
        self.status = 0
        self.headers: Headers = ()
        self.parts: list[bytes] = []
        self.unread = 0
        self.begun = False  # has any byte come?
        self.complete = False
        self.due = 0.0  # when silence becomes a fault; 0 while it need not be counted
        self._carrier: Carrier | None = carrier
        self._loop = loop
        self._clock = clock
        self._timeouts = timeouts
        self._fault: Fault | None = None
        self._waiter: Future[None] | None = None
        self._wake_at = _NEVER
        self._quiet = _NEVER
        self._sink: Sink | None = None  # takes what comes, in place of a reader
        self._refused = False  # the sink wants no more for now

    async def head(self) -> None:
        """Wait for the head. Raises FirstByteTimeout, StreamCut, MalformedReply; the connection is given up then."""
        self.sent_some()
        if not self.status and self._fault is None:
            await self._arrival()
        if not self.status and self._fault is not None:
            raise self._fault()

    async def read_any(self, quiet: float | None = None) -> bytes | None:
        """As `Reply.read_any`: at least a byte; b"" at the end; None after `quiet` seconds without one."""
        if not (self.parts or self.complete or self._fault):
            now = self._clock()
            if not self.due:
                self.due = now + self._timeouts.idle
            self._wake_at = _NEVER if quiet is None else now + quiet
            await self._arrival()
        if self.parts:
            return self._take()
        if self._fault is not None:
            raise self._fault()
        return b"" if self.complete else None

    async def pour(self, sink: Sink, quiet: float) -> bool | None:
        """As `Reply.pour`."""
        if self.parts and not sink(self._take()):
            return False
        if not (self.complete or self._fault):
            self._sink, self._quiet, self._refused = sink, quiet, False
            now = self._clock()
            if self.due:
                self._wake_at = now + quiet  # the same silence as when it was last looked up from
            else:
                self._rearm(now)
            try:
                await self._arrival()
            finally:
                self._sink, self._quiet = None, _NEVER
        if self.parts or self._refused:
            self._refused = False
            return False
        if self._fault is not None:
            raise self._fault()
        return True if self.complete else None

    def flush(self) -> None:
        """The end of a read: what it brought goes to the sink, if there is one, in one piece."""
        sink = self._sink
        if sink is not None and self.parts and not sink(self._take()):
            self._sink, self._refused = None, True
            self.wake()

    async def read_all(self, limit: int) -> bytes:
        """As `Reply.read_all`."""
        parts: list[bytes] = []
        size = 0
        while part := await self.read_any():
            size += len(part)
            if size > limit:
                self.close()
                raise ReplyTooLarge
            parts.append(part)
            if self.complete and not self.parts:
                break  # no need to wait to hear so
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """As `Reply.close`. May be called again; a waiting reader gets StreamCut."""
        carrier = self._carrier
        self.parts.clear()
        if carrier is not None:
            self._carrier = None
            if not self.complete:
                self._fail(StreamCut)
            carrier.release(self)

    def sent_some(self) -> None:
        """The upstream took bytes of the request: it has the whole time to answer from now on."""
        self.due = self._clock() + self._timeouts.first_byte

    def put(self, part: bytes) -> None:
        """More of the body. A reader is woken at once; a sink is given all of a read at its end."""
        self.parts.append(part)
        self.unread += len(part)
        self.due = 0.0
        if self._sink is None:
            self.wake()

    def wake(self) -> None:
        """Something has changed: let the reader look."""
        waiter = self._waiter
        if waiter is not None:
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def finish(self) -> None:
        """The answer is whole."""
        self.complete = True
        self.wake()

    def break_off(self, fault: Fault) -> None:
        """The answer will not become whole: what has arrived can be read, then the fault is raised."""
        if self._carrier is not None and not self.complete:
            carrier = self._carrier
            self._carrier = None
            self._fail(fault)
            carrier.release(self)

    def check(self, now: float) -> None:
        """Called by the sweep."""
        if self._waiter is None:
            return
        if self._sink is not None and not self.due:
            self._rearm(now)  # something has come since the last look
        if now >= self.due:
            self.break_off(IdleTimeout if self.status else FirstByteTimeout)
        elif now >= self._wake_at:
            self.wake()

    def _rearm(self, now: float) -> None:
        self.due = now + self._timeouts.idle
        self._wake_at = now + self._quiet

    async def _arrival(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _fail(self, fault: Fault) -> None:
        self._fault = fault
        self.wake()

    def _take(self) -> bytes:
        parts = self.parts
        taken = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.unread = 0
        if self._carrier is not None:
            self._carrier.resume()
        return taken

"""One request as it comes in, and the way back to whoever sent it."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Protocol, TypeAlias
from urllib.parse import unquote_to_bytes

from lethe.errors import BodyTooLarge, InvalidRequest

Header: TypeAlias = tuple[bytes, bytes]

HIGH_WATER = 256 * 1024  # unread bytes of a body, above which the caller has to wait
_PERCENT = ord("%")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode()


_STATUS_LINES = tuple(_status_line(status) for status in range(600))


class CallerGone(Exception):
    """The caller went away before its request was complete."""


class Line(Protocol):
    """What a request needs of its connection."""

    transport: asyncio.Transport | None
    stalled: bool

    def write(self, data: bytes) -> None: ...
    async def drained(self) -> None: ...
    def resume_reading(self) -> None: ...
    def answered(self, incoming: "Incoming") -> None: ...


class Incoming:
    """`path` is decoded text, `headers` have names in lower case, `named` holds the last of each name."""

    __slots__ = (
        "_chunked", "_expects", "_head", "_line", "_parts", "_spoilt", "_task", "_unread", "_waiter", "chunks",
        "complete", "done", "gone", "headers", "keep_alive", "method", "named", "path", "query",
    )  # fmt: skip

    def __init__(self, line: Line, method: bytes, url: bytes, headers: list[Header]) -> None:
        path, _, query = url.partition(b"?")
        if not path.startswith(b"/"):  # `http://host/path`, as proxies are asked
            path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
        if _PERCENT in path:
            path = unquote_to_bytes(path)
        self.method = method
        self.path = path.decode("utf-8", "replace")
        self.query = query
        self.headers = headers
        self.named = dict(headers)
        self.keep_alive = True
        self.chunks = True  # does the caller understand a chunked body?
        self.complete = False  # has all of it been received?
        self.gone = False  # has the caller left?
        self.done = False  # is the last of the answer out? From then on a goodbye is none
        self._line = line
        self._parts: list[bytes] = []
        self._unread = 0
        self._spoilt = False
        self._expects = b"expect" in self.named and self.named[b"expect"].lower() == b"100-continue"
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._head = b""
        self._chunked = False

    # The connection's side

    def start_task(
        self, loop: asyncio.AbstractEventLoop, app: "Callable[[Incoming], Coroutine[Any, Any, None]]"
    ) -> None:
        self._task = loop.create_task(app(self))

    def take(self, part: bytes) -> int:
        """A part of the body; returns how much is unread."""
        if self.done:
            return 0  # answered without reading it all: the rest is of no interest
        self._parts.append(part)
        self._unread += len(part)
        self._wake()
        return self._unread

    def finish(self) -> None:
        """The body is complete."""
        self.complete = True
        self._wake()

    def spoil(self) -> None:
        """The rest of the body cannot be read."""
        self._spoilt = True
        self._wake()

    def leave(self) -> None:
        """The caller has gone: whatever is being done for it stops."""
        self.gone = True
        self._parts.clear()
        if self._task is not None and not self.done:
            self._task.cancel()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The answering side

    @property
    def task(self) -> "asyncio.Task[None]":
        """The task that answers."""
        assert self._task is not None  # noqa: S101 - it runs in it
        return self._task

    async def body(self, limit: int) -> bytes:
        """All of the body.

        Raises BodyTooLarge (before reading, where the length is announced), InvalidRequest and CallerGone.
        """
        announced = self.named.get(b"content-length")
        if announced is not None and int(announced) > limit:
            raise BodyTooLarge(limit)
        if self._expects and self._line.transport is not None:
            self._expects = False
            self._line.write(_CONTINUE)
        parts: list[bytes] = []
        size = 0
        while True:
            size += self._unread
            parts += self._parts
            self._parts.clear()
            self._unread = 0
            if size > limit:
                raise BodyTooLarge(limit)
            if self.complete:
                if size > HIGH_WATER:  # reading may be paused, and then nobody would notice that the caller leaves
                    self._line.resume_reading()
                return parts[0] if len(parts) == 1 else b"".join(parts)
            if self.gone:
                raise CallerGone
            if self._spoilt:
                raise InvalidRequest("body", "its framing is malformed")
            self._line.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def start(self, status: int, headers: Sequence[Header], length: int | None = None) -> None:
        """Status and headers go out with the first part of the body; without a length it goes in chunks."""
        self._chunked = length is None and self.chunks and self.method != b"HEAD"
        if length is None and not self.chunks:
            self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        if not self.complete:
            self.keep_alive = False
        lines = [_STATUS_LINES[status], *map(b": ".join, headers)]
        if length is not None:
            lines.append(b"content-length: %d" % length)
        elif self._chunked:
            lines.append(b"transfer-encoding: chunked")
        if not self.keep_alive:
            lines.append(b"connection: close")
        lines.append(b"\r\n")
        self._head = b"\r\n".join(lines)

    async def write(self, part: bytes) -> None:
        """A part of the body; waits while the caller does not read."""
        line = self._line
        if line.stalled:
            await line.drained()
        line.write(self._framed(part))

    def push(self, part: bytes) -> bool:
        """A part of the body, at once; False: the caller does not read, or is gone, so `write` or `drained` next."""
        line = self._line
        if line.transport is None:
            return False
        line.write(self._framed(part))
        return not line.stalled

    async def drained(self) -> None:
        """Waits while the caller does not read."""
        if self._line.stalled:
            await self._line.drained()

    async def end(self, part: bytes = b"") -> None:
        """The last part of the body."""
        line = self._line
        if line.stalled:
            await line.drained()
        self.done = True
        line.write(self._framed(part) + b"0\r\n\r\n" if self._chunked else self._framed(part))
        line.answered(self)

    def give_up(self) -> None:
        """Whoever answers is done: what is not answered by now never will be, and the caller must not wait for it."""
        if not self.done and self._line.transport is not None:
            self._line.transport.abort()

    def _framed(self, part: bytes) -> bytes:
        head, self._head = self._head, b""
        if self.method == b"HEAD":
            return head
        if self._chunked and part:
            # Not by `%`: CPython builds what is short on the stack, and leaves it there.
            return b"".join((head, b"%x\r\n" % len(part), part, b"\r\n"))
        return head + part if head else part

"""What stands in for a connection until TLS begins: nothing, or the CONNECT of a proxy."""

from asyncio import AbstractEventLoop, BaseTransport, BufferedProtocol, Future, Transport
from typing import cast

from lethe.upstream.arrivals import Arrivals

_MAX_ANSWER = 16 * 1024


class Tunnel(BufferedProtocol):
    """Errors are OSErrors in fixed words: what the proxy said is not repeated."""

    __slots__ = ("_answer", "_arrivals", "_transport", "_waiter")

    def __init__(self, arrivals: Arrivals) -> None:
        self._answer = bytearray()
        self._arrivals = arrivals
        self._transport: Transport | None = None
        self._waiter: Future[None] | None = None

    async def through(self, target: bytes, authorization: bytes, loop: AbstractEventLoop) -> None:
        """Ask the proxy for a tunnel to `target` (host:port). Raises OSError if it refuses."""
        if self._transport is None or self._answer:
            raise ConnectionAbortedError("the proxy did not wait for the request")
        self._waiter = loop.create_future()
        self._transport.write(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (target, target, authorization))
        try:
            await self._waiter
        finally:
            self._waiter = None
        if not _agrees(bytes(self._answer)):
            raise ConnectionRefusedError("the proxy refused the tunnel")

    def abort(self) -> None:
        """Drop the connection, if there is one."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: BaseTransport) -> None:
        """As `asyncio.Protocol`."""
        self._transport = cast("Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's guess; ours is all there is
        """As `asyncio.BufferedProtocol`."""
        return self._arrivals.whole

    def buffer_updated(self, nbytes: int) -> None:
        """As `asyncio.BufferedProtocol`."""
        self._answer += self._arrivals.whole[:nbytes]
        if len(self._answer) > _MAX_ANSWER or b"\r\n\r\n" in self._answer:
            self._settle()
        if len(self._answer) > _MAX_ANSWER:
            self.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        """As `asyncio.Protocol`."""
        self._transport = None
        self._settle()

    def _settle(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _agrees(answer: bytes) -> bool:
    """A success with nothing behind its head, which would end up inside the TLS stream."""
    head, end, surplus = answer.partition(b"\r\n\r\n")
    version, _, rest = head.partition(b" ")
    return end != b"" and not surplus and version in (b"HTTP/1.1", b"HTTP/1.0") and rest[:1] == b"2"

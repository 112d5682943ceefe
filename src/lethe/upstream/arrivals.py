"""Where what sockets bring lands first: one buffer for all connections of an event loop, which can be wiped.

The event loop's own receive buffer is 256 KB large, is never overwritten, and so keeps the last bytes of somebody's
words for as long as the process lives (uvloop 0.23.0, `UVStream`). `asyncio.BufferedProtocol` brings our own.
"""

from asyncio import BaseTransport
from typing import Protocol

READ_MOST = 256 * 1024  # bytes of one read from a socket; a body of 100 KB in two reads costs 4 % more
_NOTHING = bytes(READ_MOST)


class Arrivals:
    """`whole` is what a protocol gives the loop to read into; nothing in it is needed from one read to the next."""

    __slots__ = ("whole",)

    def __init__(self) -> None:
        self.whole = memoryview(bytearray(READ_MOST))

    def wipe(self) -> None:
        """Overwrite it. Doing so after every read would cost 4 % of a small request, so a sweep does it."""
        self.whole[:] = _NOTHING


class Above(Protocol):
    """What carries HTTP, whether a socket or a TLS session is below it: an `asyncio` protocol of either kind."""

    def connection_made(self, transport: BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool | None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

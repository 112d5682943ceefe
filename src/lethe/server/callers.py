"""All connections of callers: made, counted, and ended where nobody goes on with them."""

import asyncio
from collections.abc import Callable, Coroutine
from ssl import SSLContext
from typing import Any, TypeAlias

from lethe.server.connection import Connection
from lethe.server.incoming import Incoming
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.tls_transport import TlsTransport

App: TypeAlias = Callable[[Incoming], Coroutine[Any, Any, None]]


class Callers:
    """`open` are all connections, but for those `arriving`, whose handshake is not over.

    `settled` is called when a request is over, or its connection.
    """

    def __init__(
        self, app: App, loop: asyncio.AbstractEventLoop, arrivals: Arrivals, settled: Callable[[], None]
    ) -> None:
        self.app = app
        self.loop = loop
        self.settled = settled
        self.arrivals = arrivals
        self.open: set[Connection] = set()
        self.arriving: set[TlsTransport] = set()
        self._emptied = asyncio.Event()

    async def outlast(self) -> None:
        """Returns when none is open."""
        while self.open or self.arriving:
            self._emptied.clear()
            await self._emptied.wait()

    def left(self) -> None:
        """There is one less, of either kind."""
        if not (self.open or self.arriving):
            self._emptied.set()

    def secured(self, connection: Connection, tls: SSLContext) -> TlsTransport:
        """TLS below a connection that has just been accepted."""
        transport = TlsTransport(connection, tls, None, self.arrivals.whole, self.loop)
        self.arriving.add(transport)
        transport.settled.add_done_callback(lambda _: self._arrived(transport))
        return transport

    def _arrived(self, transport: TlsTransport) -> None:
        self.arriving.remove(transport)
        self.left()

    def close_idle(self, silent_for: float = 0.0, head_for: float = 0.0) -> None:
        """Close those without a request that were silent for so many seconds, or that do not finish their head."""
        now = self.loop.time()
        for connection in tuple(self.open):
            connection.close_idle(now - silent_for, now - head_for)

    def drop_stuck(self, stuck_for: float) -> None:
        """Drop those that for so many seconds sent nothing of a body, or took nothing of what waits for them.

        They may be gone without a word: what they asked, or were to be answered, would be kept for good.
        """
        now = self.loop.time()
        for connection in tuple(self.open):
            connection.drop_stuck(now, now - stuck_for)

    def drop(self) -> None:
        """All that are left, with what waits for them."""
        for connection in tuple(self.open):
            connection.abort()
        for transport in tuple(self.arriving):
            transport.abort()


def accepting(callers: Callers, tls: SSLContext | None) -> asyncio.BufferedProtocol:
    """What answers a connection that has just been accepted."""
    connection = Connection(callers)
    return connection if tls is None else callers.secured(connection, tls)

"""uvicorn's HTTP connection, with the bounds that it leaves open."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

MAX_HEAD = 64 * 1024  # bytes of request line and headers
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connections(ServerState):
    """All open ones; `emptied` is set when the last one closes."""

    def __init__(self) -> None:
        super().__init__()
        self.emptied = asyncio.Event()

    async def outlast(self) -> None:
        """Returns when none is open."""
        while self.connections:
            self.emptied.clear()
            await self.emptied.wait()


class Connection(HttpToolsProtocol):
    """One connection of a caller."""

    _head = 0

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.connections and isinstance(self.server_state, Connections):
            self.server_state.emptied.set()

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self._fits(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._fits(len(name) + len(value)):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._head <= MAX_HEAD:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._head <= MAX_HEAD:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._head <= MAX_HEAD:
            super().on_message_complete()

    def _fits(self, size: int) -> bool:
        before, self._head = self._head, self._head + size
        if self._head <= MAX_HEAD:
            return True
        if before <= MAX_HEAD and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        return False

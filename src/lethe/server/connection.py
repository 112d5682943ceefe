"""uvicorn's HTTP connection with the bounds that it leaves open, one write for head and body, and news of a goodbye."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

MAX_HEAD = 64 * 1024  # bytes of request line and headers
HEAD_PATIENCE = 30.0  # seconds for a connection to send its first bytes
GONE = "lethe.gone"  # the scope's key for registering what to call when the caller goes away
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_ASGI = {"version": "3.0", "spec_version": "2.3"}


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


class Cycle(RequestResponseCycle):
    """One request and its answer. The head waits for the first part of the body, so that both are one write."""

    gone: Callable[[], object] | None = None
    _head = b""

    def when_gone(self, call: Callable[[], object] | None) -> None:
        """`call` is called when the caller goes away before its answer is whole; None takes it back."""
        self.gone = call
        if call is not None and self.disconnected:
            call()

    async def send(self, message: Any) -> None:
        """As ASGI's. Names are in lower case, values without line ends: ours come from tables, theirs from a parser."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if message["type"] == "http.response.start":
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = self._format_head(message["status"], message["headers"])
            return
        body: bytes = message["body"]
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.chunked_encoding:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not message["more_body"]:
                body += b"0\r\n\r\n"
        self.transport.write(self._head + body if self._head else body)
        self._head = b""
        if not message["more_body"]:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _format_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        self.chunked_encoding = True
        parts = [STATUS_LINE[status]]
        closing = False
        for name, value in headers:
            if name == b"content-length":
                self.chunked_encoding = False
            elif name == b"connection":
                closing = True  # the only value that we ever send is "close"
            parts.append(b"%b: %b\r\n" % (name, value))
        if closing:
            self.keep_alive = False
        elif not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"transfer-encoding: chunked\r\n\r\n" if self.chunked_encoding else b"\r\n")
        return b"".join(parts)


class Connection(HttpToolsProtocol):
    """One connection of a caller."""

    def __init__(self, config: Config, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(config, state, {}, loop)
        self._head_size = 0
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        # uvicorn's keep-alive timer, armed before the first request too: a silent connection costs a descriptor
        self.timeout_keep_alive_task = self.loop.call_later(HEAD_PATIENCE, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        cycle = self._running
        if isinstance(cycle, Cycle) and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.gone is not None:
                cycle.gone()
        if not self.connections and isinstance(self.server_state, Connections):
            self.server_state.emptied.set()

    def on_message_begin(self) -> None:
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        self._head_size += len(url)
        if self._head_size <= MAX_HEAD:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_size += len(name) + len(value)
        if self._head_size > MAX_HEAD:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head_size > MAX_HEAD:
            self._refuse()
            return
        existing = cast("RequestResponseCycle | None", self.cycle)
        cycle = self._make_cycle()
        self.cycle = cycle
        if existing is None or existing.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle  # not always `self.cycle`, which is the latest that was read
        super()._start_asgi_task(cycle, app)

    def _make_cycle(self) -> Cycle:
        parser = self.parser
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii", "replace")
        http_10 = parser.get_http_version() == "1.0"
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.0" if http_10 else "1.1",
            "method": parser.get_method().decode("ascii"),
            "path": unquote(path) if "%" in path else path,
            "query_string": url.query or b"",
            "headers": self.headers,
        }
        cycle = Cycle(
            scope=scope,  # type: ignore[arg-type]  # without the keys that only frameworks read
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=[],
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=not http_10 and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        scope[GONE] = cycle.when_gone
        return cycle

    def on_body(self, body: bytes) -> None:
        if self._head_size <= MAX_HEAD:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if self._head_size <= MAX_HEAD:
            super().on_message_complete()

    def _refuse(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

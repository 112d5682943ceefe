"""One connection of a caller: HTTP/1.1 in and out, every buffer bounded, and no task but the request's own."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from lethe.server.incoming import HIGH_WATER, Incoming
from lethe.server.taking import Taking

if TYPE_CHECKING:
    from lethe.server.callers import Callers

MAX_HEAD = 64 * 1024  # bytes of request line and headers, and of whatever else is no body
MAX_HEADERS = 256
MAX_WAITING = 8  # requests of one caller; beyond them it is not read, and so not seen to leave
LINGER = 2.0  # seconds in which a refused body may still arrive, to be thrown away
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_BLANK = b" \t"  # the parser leaves it at the end of a value
_MALFORMED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _UnknownCoding(Exception):
    """Raised inside the parser, which would give what is coded for the body."""


class Connection(asyncio.BufferedProtocol):
    """Answers one request at a time; what a caller pipelines waits, unread beyond a few.

    A socket's bytes come by way of `buffer_updated`, those of a TLS session by `data_received`.
    """

    __slots__ = (
        "_began", "_callers", "_current", "_drained", "_fed", "_headers", "_heard", "_in_head", "_last", "_parser",
        "_resuming", "_taking", "_url", "_waiting", "_written", "stalled", "transport",
    )  # fmt: skip

    def __init__(self, callers: "Callers") -> None:
        self.transport: asyncio.Transport | None = None
        self.stalled = False  # the caller does not read
        self._drained: list[asyncio.Future[None]] = []
        self._callers = callers
        self._parser: HttpRequestParser | None = None
        self._current: Incoming | None = None  # being answered
        self._last: Incoming | None = None  # being received; often the same
        self._waiting: deque[Incoming] = deque()
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._in_head = False
        self._resuming = False  # is the parser reading a head that we wrote?
        self._fed = 0  # bytes since the request before, or since the last part of a body
        self._heard = 0.0  # when anything came, the last answer went, or we began to read again
        self._began = 0.0  # when the head did
        self._written = 0  # bytes, in total
        self._taking = Taking()

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        self._parser = HttpRequestParser(self)
        self._heard = self._callers.loop.time()
        self._callers.open.add(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's guess; ours is all there is
        return self._callers.arrivals.whole

    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(self._callers.arrivals.whole[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """Keeps copies only, and none of what it refuses."""
        self._heard = self._callers.loop.time()
        self._fed += len(data)
        if self._parser is not None:
            self._feed(self._parser, data)
            if self._parser is None:
                self._url, self._headers = b"", []

    def eof_received(self) -> None:
        """A caller that closes its sending side is taken to have left, as other servers do."""

    def connection_lost(self, _exc: Exception | None) -> None:
        self.transport = self._parser = None  # the parser holds our methods: break the cycle
        self.resume_writing()
        self._waiting.clear()
        for incoming in (self._current, self._last):
            if incoming is not None:
                incoming.leave()
        self._current = self._last = None
        self._url, self._headers = b"", []
        self._callers.settled()
        self._callers.open.discard(self)
        self._callers.left()

    def pause_writing(self) -> None:
        self.stalled = True

    def resume_writing(self) -> None:
        self.stalled = False
        drained, self._drained = self._drained, []
        for waiter in drained:
            if not waiter.done():
                waiter.set_result(None)

    # What the parser calls

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._in_head = True
        self._began = self._heard

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # trailers come later, and are nobody's
            self._headers.append((name.lower(), value.rstrip(_BLANK)))

    def on_headers_complete(self) -> None:
        parser, headers = self._parser, self._headers
        if not self._in_head or parser is None:
            return
        self._in_head = False
        if self._resuming:
            self._resuming = False
            self._headers, self._url = [], b""
            return
        if len(headers) > MAX_HEADERS or (self._fed > MAX_HEAD and _size(headers) + len(self._url) > MAX_HEAD):
            self._reject(_TOO_LARGE)
            return
        version = parser.get_http_version()
        if version == "0.9":  # or none was named
            self._reject(_MALFORMED)
            return
        incoming = Incoming(self, parser.get_method(), self._url, headers)
        self._headers, self._url = [], b""  # from here on only the request holds them
        incoming.chunks = version == "1.1"
        incoming.keep_alive = incoming.chunks and parser.should_keep_alive()
        self._last = incoming
        if self._current is None:
            self._answer(incoming)
        else:
            self._waiting.append(incoming)
            if len(self._waiting) >= MAX_WAITING:
                self.pause_reading()
        if b"transfer-encoding" in incoming.named and not _only_chunked(headers):
            raise _UnknownCoding

    def on_body(self, body: bytes) -> None:
        self._fed = 0
        if self._last is not None and self._last.take(body) > HIGH_WATER:
            self.pause_reading()

    def on_message_complete(self) -> None:
        self._fed = 0
        if self._parser is not None and self._parser.should_upgrade():
            return  # not complete: `_decline` reads the body
        if self._last is not None:
            self._last.finish()
            self._last = None

    # What the request being answered asks for

    def pause_reading(self) -> None:
        if self.transport is not None and self.transport.is_reading():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        full = len(self._waiting) >= MAX_WAITING
        if self.transport is not None and not full and not self.transport.is_reading():
            self._heard = self._callers.loop.time()
            self.transport.resume_reading()

    def write(self, data: bytes) -> None:
        """At once, unless the caller is gone."""
        if self.transport is not None:
            self._written += len(data)
            self.transport.write(data)

    async def drained(self) -> None:
        """Waits until the caller reads again, or is gone."""
        waiter = self._callers.loop.create_future()
        self._drained.append(waiter)
        await waiter

    def answered(self, incoming: Incoming) -> None:
        """The answer is out: on to the next request, or close."""
        self._current = None
        self._callers.settled()
        if self.transport is None:
            return
        if not incoming.complete:
            self._linger()
        elif not incoming.keep_alive:
            self.close()
        elif self._waiting:
            self._answer(self._waiting.popleft())
            self.resume_reading()
        else:
            self._heard = self._callers.loop.time()
            self.resume_reading()  # a large body that nobody read has paused it

    def close(self) -> None:
        """After what is written has gone out."""
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """At once, with what has not gone out."""
        if self.transport is not None:
            self.transport.abort()

    def close_idle(self, silent_since: float, head_since: float) -> None:
        """As `Callers.close_idle`."""
        if self._current is None and (self._began <= head_since if self._in_head else self._heard <= silent_since):
            self.close()

    def drop_stuck(self, now: float, since: float) -> None:
        """As `Callers.drop_stuck`."""
        transport, current = self.transport, self._current
        if transport is None:
            return
        self._taking.look(transport, self._written, now)
        sends = current is None or current.complete or not transport.is_reading() or self._heard > since
        if not sends or self._taking.last <= since:
            self.abort()

    def _answer(self, incoming: Incoming) -> None:
        self._current = incoming
        incoming.start_task(self._callers.loop, self._callers.app)

    def _linger(self) -> None:
        """The caller is still sending what nobody wants: closing now would reset the connection under our answer."""
        self._parser = None
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()
        self.resume_reading()
        self._callers.loop.call_later(LINGER, self.close)

    def _feed(self, parser: HttpRequestParser, data: bytes | memoryview) -> None:
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as wish:
            self._decline(data[wish.args[0] :])
        except HttpParserError:
            self._reject(_MALFORMED)
        else:
            if self._fed > MAX_HEAD:  # a head, trailers or chunk sizes without end
                self._reject(_TOO_LARGE)

    def _decline(self, rest: bytes | memoryview) -> None:
        """No protocol but this one is spoken here, so the request is answered as if it had not asked for another.

        The parser takes what follows such a head for the other protocol's. It is the body (Java's HttpClient asks for
        `h2c` with every body that it posts), which another parser reads after a head that says only how it is framed.
        """
        incoming = self._last
        if incoming is None or incoming is not self._current or incoming.method == b"CONNECT":
            self._reject(_MALFORMED)
            return
        framing = [b"%b: %b\r\n" % header for header in incoming.headers if header[0] in _FRAMING]
        self._parser = parser = HttpRequestParser(self)
        self._resuming = True
        self._feed(parser, b"POST / HTTP/1.1\r\n%b\r\n" % b"".join(framing))
        if rest and self._parser is parser:
            self._feed(parser, rest)

    def _reject(self, answer: bytes) -> None:
        """What comes is no request, or no body, and nothing after it can be read. What came whole is answered."""
        if self._parser is None:
            return
        self._parser = None
        self._in_head = False
        if self._last is not None:
            self._last.spoil()
            self._last = None
        elif self._current is not None:
            (self._waiting or (self._current,))[-1].keep_alive = False
        elif self.transport is not None:
            self.write(answer)
            self._linger()


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _only_chunked(headers: list[tuple[bytes, bytes]]) -> bool:
    return [value.lower() for name, value in headers if name == b"transfer-encoding"] == [b"chunked"]

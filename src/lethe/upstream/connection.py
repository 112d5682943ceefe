"""One HTTP/1.1 connection: bytes in, callbacks out, no task and no timer of its own."""

from asyncio import BaseTransport, BufferedProtocol, Transport
from ssl import SSLError
from typing import Protocol as Interface
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from lethe.errors import MalformedReply, StreamCut, TlsFailed
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.exchange import Exchange, Fault

HIGH_WATER = 256 * 1024  # unread bytes of a body, above which the upstream has to wait
MAX_HEAD = 64 * 1024
MAX_HEADERS = 256
_BLANK = b" \t"  # the parser leaves it at the end of a value
_ONE_WRITE = 64 * 1024  # head and body up to this go out in one piece
_PIECE = 256 * 1024  # a larger body goes out in views of this size, as the socket takes them


class Owner(Interface):
    """Who is told when a connection is free or gone."""

    def take_back(self, connection: "Connection") -> None:
        """It is clean and idle."""
        ...

    def forget(self, connection: "Connection") -> None:
        """It can't be used any more."""
        ...

    def ended(self, exchange: Exchange) -> None:
        """The exchange needs no more checks."""
        ...


class _Unwanted(Exception):
    """Raised inside the parser to stop it; says nothing."""


class Connection(BufferedProtocol):
    """Carries one exchange at a time. What comes outside of one spoils it (a defence against response splitting).

    A socket's bytes come by way of `buffer_updated`, those of a TLS session by `data_received`.
    """

    __slots__ = (
        "_arrivals",
        "_bare",
        "_bulk",
        "_dry",
        "_exchange",
        "_headers",
        "_held",
        "_informational",
        "_owner",
        "_parser",
        "_reusable",
        "_stalled",
        "_transport",
        "_unsent",
        "_until_eof",
        "idle_since",
        "spoiled",
    )

    def __init__(self, owner: Owner, arrivals: Arrivals) -> None:
        self.idle_since = 0.0
        self.spoiled = False
        self._arrivals = arrivals
        self._owner = owner
        self._transport: Transport | None = None
        self._parser: HttpResponseParser | None = None
        self._exchange: Exchange | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._unsent: memoryview | None = None
        self._dry = 0  # bytes received since the last one of a body
        self._bare = False  # the answer has a head only (HEAD)
        self._bulk = False
        self._held = False  # reading is paused
        self._stalled = False  # writing is paused
        self._informational = False
        self._reusable = False
        self._until_eof = False

    # What the pool and the exchange ask for.

    def usable(self) -> bool:
        """May a request be sent?"""
        return not self.spoiled and self._transport is not None and not self._transport.is_closing()

    def send(self, exchange: Exchange, head: bytes, body: bytes, *, bare: bool) -> None:
        """Start the exchange: write what the socket takes now, and the rest as it drains."""
        transport = self._transport
        if transport is None or self.spoiled:
            exchange.break_off(MalformedReply if self.spoiled else StreamCut)
            return
        self._exchange = exchange
        self._dry = 0
        self._bare = bare
        self._bulk = len(body) > _ONE_WRITE
        if self._bulk:
            transport.write(head)
            self._unsent = memoryview(body)
            self._send_on()
        else:
            transport.write(head + body)

    def resume(self) -> None:
        """As `Carrier.resume`."""
        if self._held and self._transport is not None:
            self._held = False
            self._transport.resume_reading()

    def release(self, exchange: Exchange) -> None:
        """As `Carrier.release`."""
        self._exchange = None
        self._owner.ended(exchange)
        if exchange.complete and self._reusable and self.usable() and self._all_sent():
            self.resume()
            self._owner.take_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Drop the connection now, without a farewell: a polite one waits for the other side, which may talk on."""
        self.spoiled = True
        self._unsent = None
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: BaseTransport) -> None:
        """As `asyncio.Protocol`; the transport may be one of TLS."""
        self._transport = cast("Transport", transport)
        self._parser = HttpResponseParser(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's guess; ours is all there is
        """As `asyncio.BufferedProtocol`."""
        return self._arrivals.whole

    def buffer_updated(self, nbytes: int) -> None:
        """As `asyncio.BufferedProtocol`."""
        self.data_received(self._arrivals.whole[:nbytes])

    def data_received(self, data: bytes | memoryview) -> None:
        """As `asyncio.Protocol`. Keeps copies only."""
        exchange, parser = self._exchange, self._parser
        if exchange is None or exchange.complete or parser is None:
            self._spoil()
            return
        exchange.begun = True
        self._dry += len(data)
        try:
            parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._spoil()
            exchange.break_off(MalformedReply)
            return
        exchange.flush()
        if self._dry > MAX_HEAD and not exchange.complete:
            exchange.break_off(MalformedReply)
        elif exchange.unread > HIGH_WATER and not self._held and self._transport is not None:
            self._held = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """As `asyncio.Protocol`. The transport's own close would first wait for our unsent bytes to drain."""
        exchange = self._exchange
        if exchange is not None and exchange.status and self._until_eof:
            exchange.finish()
        self._end(StreamCut)

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.Protocol`; an SSLError means, as with `TlsTransport`, that TLS never carried anything."""
        # The parser holds our bound methods: without this, what it has seen lives until a garbage collection.
        self._transport = self._parser = None
        self._end(TlsFailed if isinstance(exc, SSLError) else StreamCut)

    def pause_writing(self) -> None:
        """As `asyncio.Protocol`."""
        self._stalled = True

    def resume_writing(self) -> None:
        """As `asyncio.Protocol`."""
        self._stalled = False
        if self._unsent is not None:
            self._send_on()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """As `httptools.HTTPProtocol`."""
        self._headers = []
        self._informational = False
        if self._exchange is None or self._exchange.complete:
            self._reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """As `httptools.HTTPProtocol`; trailers come here too, and are counted but not used."""
        if len(self._headers) == MAX_HEADERS:
            raise _Unwanted
        self._headers.append((name.lower(), value.rstrip(_BLANK)))

    def on_headers_complete(self) -> None:
        """As `httptools.HTTPProtocol`."""
        exchange, parser = self._exchange, self._parser
        if exchange is None or parser is None or exchange.complete:
            return
        status = parser.get_status_code()
        self._informational = 100 <= status < 200 and status != 101
        if self._informational:
            return
        if not 200 <= status < 600:
            raise _Unwanted
        headers, self._headers = self._headers, []
        if self._dry > MAX_HEAD and sum(len(name) + len(value) + 4 for name, value in headers) > MAX_HEAD:
            raise _Unwanted
        framed = self._frame(headers, status)
        self._reusable = parser.should_keep_alive() and framed
        self._dry = 0
        exchange.due = 0.0
        exchange.headers = headers
        exchange.status = status
        if self._bare:
            self._reusable = False
            exchange.finish()
        else:
            exchange.wake()

    def on_body(self, body: bytes) -> None:
        """As `httptools.HTTPProtocol`."""
        exchange = self._exchange
        self._dry = 0
        if exchange is not None and not exchange.complete:
            exchange.put(body)

    def on_message_complete(self) -> None:
        """As `httptools.HTTPProtocol`."""
        self._headers = []  # trailers
        if self._exchange is None or self._parser is None or self._informational:
            return
        if not self._parser.should_keep_alive():  # of trailers, too, after which the parser reads no further answer
            self._reusable = False
        self._exchange.finish()

    def _frame(self, headers: list[tuple[bytes, bytes]], status: int) -> bool:
        """Note whether the body ends with the connection; the parser sees to lengths and chunks."""
        framed, coded = status in (204, 304), False
        for name, value in headers:
            if name == b"content-length":
                framed = True
            elif name == b"transfer-encoding":
                if coded or value.lower() != b"chunked":
                    raise _Unwanted
                framed = coded = True
        self._until_eof = not framed
        return framed

    def _send_on(self) -> None:
        unsent, transport, exchange = self._unsent, self._transport, self._exchange
        if transport is None or exchange is None:
            return
        while unsent is not None and not self._stalled:
            transport.write(unsent[:_PIECE])
            unsent = unsent[_PIECE:] if len(unsent) > _PIECE else None
        self._unsent = unsent
        if not exchange.status:
            exchange.sent_some()

    def _all_sent(self) -> bool:
        if not self._bulk:
            return True
        return self._unsent is None and self._transport is not None and self._transport.get_write_buffer_size() == 0

    def _spoil(self) -> None:
        """Bytes came that answer nothing. Where no request ends with them, no sweep would follow."""
        exchange = self._exchange
        self._reusable = False
        if exchange is None or exchange.complete:
            self._arrivals.wipe()
            self._end(MalformedReply)

    def _end(self, fault: Fault) -> None:
        exchange = self._exchange
        self._reusable = False
        if exchange is not None:
            exchange.break_off(fault)
        self._owner.forget(self)
        self.abort()

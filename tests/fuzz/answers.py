"""An upstream's connection fed with any bytes in any cuts, and what an independent parser sees in the same bytes."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import TypeAlias

import h11
import msgspec
from tests.fuzz.turns import Paper, Turns, lowered, pieces

from lethe.errors import UpstreamError
from lethe.providers.upstream import Timeouts
from lethe.upstream import connection
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.connection import Connection
from lethe.upstream.exchange import Exchange

_HEAD, _HEADERS, _WATER = 300, 8, 64
_LOW = (
    (connection, "MAX_HEAD", _HEAD), (connection, "MAX_HEADERS", _HEADERS), (connection, "HIGH_WATER", _WATER),
    (connection, "_ONE_WRITE", 16), (connection, "_PIECE", 16),
)  # fmt: skip
_LARGE = b"x" * 100  # a body in several writes, where limits are low
Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


class Got(msgspec.Struct):
    """An answer, as whoever asked has it."""

    status: int
    headers: Headers
    body: bytes
    fault: type[UpstreamError] | None = None  # none: it is whole
    kept: bool = False  # may the connection be used again?


class Reading(msgspec.Struct):
    """`ended` says whether the end was known before the upstream closed."""

    got: Got
    ended: bool


@cache
def loop() -> Turns:
    return Turns()


ARRIVALS = Arrivals()
_TIMEOUTS = Timeouts()


class Line:
    """A connection, and whoever owns it."""

    def __init__(self, *, slow: bool = False) -> None:
        self.kept = False
        self.connection = Connection(self, ARRIVALS)
        self.paper = Paper(loop(), self.connection, slow=slow)

    def take_back(self, _: Connection) -> None:
        assert not self.kept
        self.kept = True

    def forget(self, _: Connection) -> None:
        self.kept = False

    def ended(self, _: Exchange) -> None:
        """Nothing to be swept."""

    def bring(self, part: bytes) -> None:
        """What one read of the socket would."""
        self.connection.data_received(part)

    def end(self) -> None:
        """The upstream closes."""
        self.connection.eof_received()

    def ask(
        self, parts: Sequence[bytes], read: "Reader", *, bare: bool, paced: bool = False, body: bytes = b""
    ) -> Reading:
        """One exchange: these bytes, and then the end of the connection unless it is kept."""
        turns, got, line = loop(), Got(0, (), b""), self.connection
        self.kept = False
        exchange = Exchange(line, turns, turns.time, _TIMEOUTS)
        line.send(exchange, b"HEAD\r\n\r\n", body, bare=bare)
        task = turns.create_task(_whole(exchange, read, got))
        turns.settle()
        for part in parts:
            if paced or not self.paper.reading:
                turns.settle()
            if self.paper.closed:
                break
            assert self.paper.reading, "nobody reads, and nobody will"
            self.bring(part)
            assert exchange.unread <= connection.HIGH_WATER + len(part)
            assert line._dry <= connection.MAX_HEAD or exchange.complete or self.paper.closed
        turns.settle()
        ended = task.done()
        got.kept = self.kept
        if not self.kept and not self.paper.closed:
            self.end()
            turns.settle()
            assert self.paper.closed
        assert task.done(), "waits for what will never come"
        task.result()
        return Reading(got, ended)


async def _whole(exchange: Exchange, read: "Reader", got: Got) -> None:
    parts: list[bytes] = []
    try:
        await exchange.head()
        await read(exchange, parts)
    except UpstreamError as fault:
        got.fault = type(fault)
    got.status, got.headers, got.body = exchange.status, exchange.headers, b"".join(parts)
    exchange.close()


Reader: TypeAlias = Callable[[Exchange, list[bytes]], Awaitable[None]]


async def piecewise(exchange: Exchange, parts: list[bytes]) -> None:
    while part := await exchange.read_any():
        parts.append(part)


async def poured(exchange: Exchange, parts: list[bytes]) -> None:
    """As the relay does, with a caller that now and then wants no more."""

    def sink(part: bytes) -> bool:
        parts.append(part)
        return len(parts) % 3 > 0

    while not await exchange.pour(sink, 1.0):
        pass


async def at_once(exchange: Exchange, parts: list[bytes]) -> None:
    parts.append(await exchange.read_all(1 << 30))


def check(data: bytes) -> None:
    """The same however it is cut and read; a connection is used again only where the answer ended exactly."""
    parts = pieces(data)
    for bare in (False, True):
        whole = Line().ask([data], piecewise, bare=bare)
        rest = same(whole, data, bare=bare)
        # Line ends behind an answer say nothing: the parser skips those that one read brings with it.
        either = rest is None or (rest != b"" and not rest.strip(b"\r\n"))
        for chunks, read, paced in (([data], poured, False), (parts, piecewise, False), (parts, poured, True)):
            alike(whole, Line().ask(chunks, read, bare=bare, paced=paced), either=either)
        buffered = Line().ask(parts, at_once, bare=bare)
        if buffered.got.fault is not None:
            buffered.got.body = whole.got.body
        alike(whole, buffered, either=either)
        if rest is not None:
            _next(data, rest, whole, bare=bare)
    with lowered(_LOW):
        for paced in (False, True):
            Line(slow=True).ask(parts, poured, bare=False, paced=paced, body=_LARGE)
            Line(slow=True).ask(parts, piecewise, bare=False, paced=paced, body=_LARGE)


def alike(one: Reading, other: Reading, *, either: bool) -> None:
    """`either`: it does not matter whether the connection is kept."""
    if either:
        other.got.kept = one.got.kept
    assert one == other


def _next(data: bytes, rest: bytes, whole: Reading, *, bare: bool) -> None:
    """On a connection that is kept, the answer to the next request is what it is on a new one."""
    line = Line()
    first = line.ask([data[: len(data) - len(rest)]], piecewise, bare=bare)
    assert (first.got.status, first.got.headers, first.got.body) == (
        whole.got.status,
        whole.got.headers,
        whole.got.body,
    )
    assert first.got.kept or not whole.got.kept
    if first.got.kept:
        behind = pieces(rest or data)
        assert line.ask(behind, poured, bare=False) == Line().ask(behind, poured, bare=False)


def same(reading: Reading, data: bytes, *, bare: bool) -> bytes | None:
    """What was read is what another's parser reads, wherever it was whole; returns what is behind it."""
    got = reading.got
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(
        h11.Request(method="HEAD" if bare else "POST", target="/", headers=[("host", "h"), ("content-length", "0")])
    )
    client.send(h11.EndOfMessage())
    if data := data.lstrip(b"\r\n"):
        client.receive_data(data)
    theirs, fault = Got(0, (), b""), ""
    try:
        if not _read(client, theirs) and not reading.ended:
            client.receive_data(b"")
            _read(client, theirs)
    except h11.RemoteProtocolError as error:
        fault = str(error)
    if got.fault is not None:
        return None
    if fault and (theirs.status, theirs.body) == (got.status, got.body):
        return None  # trailers, which nobody uses
    if "-Encoding" in fault and not theirs.status and _INFORMATIONAL.match(data):
        return None  # it has no body, whatever it says
    if fault == "bad Content-Length" and any(name == b"content-length" and len(v) > 20 for name, v in got.headers):
        return None  # many zeros before a length say nothing
    if fault:
        assert any(reason in fault for reason in _LENIENT), (fault, got)
        return None
    assert (got.status, got.body) == (theirs.status, theirs.body)
    assert _framedalike(got.headers) == _framedalike(theirs.headers)
    assert client.their_state in (h11.DONE, h11.MUST_CLOSE, h11.CLOSED), "not whole"
    rest = client.trailing_data[0]
    if got.kept:
        assert client.their_state is h11.DONE or client.their_http_version == b"1.0"
        assert not rest.strip(b"\r\n")
    return rest


def _framedalike(headers: Headers) -> Headers:
    return sorted((name, value.lower() if name == b"transfer-encoding" else value) for name, value in headers)


_INFORMATIONAL = re.compile(rb"HTTP/\d\.\d 1")
_LENIENT = (
    "no response line received",  # line ends before it
    "illegal status line",  # its reason, which is of no use
)


def _read(client: h11.Connection, into: Got) -> bool:
    """Is it whole?"""
    while True:
        match client.next_event():
            case h11.Response() as event:
                into.status, into.headers = event.status_code, list(event.headers)
            case h11.Data() as event:
                into.body += event.data
            case h11.EndOfMessage():
                return True
            case h11.InformationalResponse():
                pass
            case _:
                return False

"""Bytes of a caller, however they are cut, and what it gets back; over sockets where it is about time and closing."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trustme

from lethe.errors import LetheError
from lethe.server import connection
from lethe.server.callers import Callers, accepting
from lethe.server.connection import MAX_HEAD, MAX_HEADERS, MAX_WAITING, Connection
from lethe.server.incoming import HIGH_WATER, CallerGone, Incoming
from lethe.upstream import tls_transport
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.secure import Session, State

LIMIT = 1000
MALFORMED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
SPOILT = b"body: its framing is malformed"


async def echo(incoming: Incoming) -> None:
    """Says what it understood; `/chunks` in chunks, `/unread` without reading the body."""
    body = b""
    try:
        if incoming.path != "/unread":
            body = await incoming.body(LIMIT)
    except CallerGone:
        return
    except LetheError as error:
        text = error.message.encode()
        incoming.start(error.status, [], len(text))
        await incoming.end(text)
        return
    fields = b"".join(b" %b=%b" % (n, v) for n, v in incoming.headers if n.startswith(b"x-"))
    text = b"%b %b %b%b [%b]" % (incoming.method, incoming.path.encode(), incoming.query, fields, body)
    if incoming.path == "/chunks":
        incoming.start(200, [(b"x-kind", b"chunks")])
        await incoming.write(text)
        await incoming.end(b"!")
    else:
        incoming.start(200, [], len(text))
        await incoming.end(text)


class Memory(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = self.ended = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


async def turns(until: Callable[[], bool] = lambda: False) -> None:
    """Enough turns of the loop for every task that can go on."""
    for _ in range(10):
        if until():
            return
        await asyncio.sleep(0)


async def told(*parts: bytes, pause: int = 0) -> Memory:
    """What a caller that sends these parts got; between them the loop takes so many turns."""
    callers = Callers(echo, asyncio.get_running_loop(), Arrivals(), lambda: None)
    line, wire = Connection(callers), Memory()
    line.connection_made(wire)
    for part in parts:
        await turns(lambda: wire.reading)
        assert wire.reading
        if not wire.closed:
            line.data_received(part)
        for _ in range(pause):
            await asyncio.sleep(0)
    await turns()
    line.connection_lost(None)
    assert not callers.open
    return wire


def ok(text: bytes, *more: bytes, status: bytes = b"200 OK") -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"content-length: %d" % len(text), *more))
    return b"HTTP/1.1 %b\r\n%b\r\n%b" % (status, head, text)


def refused(text: bytes = SPOILT, status: bytes = b"400 Bad Request") -> bytes:
    return ok(text, b"connection: close", status=status)


POST = b"POST /a HTTP/1.1\r\nhost: h\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
CLOSE = b"connection: close"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# What a caller sends, and exactly what it gets back.
UNDERSTOOD: dict[str, tuple[bytes, bytes]] = {
    "get": (b"GET /a?b=c&d HTTP/1.1\r\nhost: h\r\n\r\n", ok(b"GET /a b=c&d []")),
    "leading line ends": (b"\r\n\r\nGET /a HTTP/1.1\r\n\r\n", ok(b"GET /a  []")),
    "post": (POST + b"content-length: 5\r\n\r\nhello", ok(b"POST /a  [hello]")),
    "no body": (POST + b"content-length: 0\r\n\r\n", ok(b"POST /a  []")),
    "names in lower case, values as they are": (
        b"GET /a HTTP/1.1\r\nX-One: A b\r\nx-two:\r\nx-one: C\r\n\r\n",
        ok(b"GET /a  x-one=A b x-two= x-one=C []"),
    ),
    "chunked": (CHUNKED + b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n", ok(b"POST /a  [abcde]")),
    "trailers are no headers": (CHUNKED + b"1\r\na\r\n0\r\nx-api-key: k\r\n\r\n", ok(b"POST /a  [a]")),
    "pipelined": (
        (POST + b"content-length: 1\r\n\r\n1") + CHUNKED + b"1\r\n2\r\n0\r\n\r\n" + b"GET /3 HTTP/1.1\r\n\r\n",
        ok(b"POST /a  [1]") + ok(b"POST /a  [2]") + ok(b"GET /3  []"),
    ),
    "expects to be told": (
        POST + b"Expect: 100-Continue\r\ncontent-length: 2\r\n\r\nhi",
        CONTINUE + ok(b"POST /a  [hi]"),
    ),
    "in chunks": (
        b"GET /chunks HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-kind: chunks\r\ntransfer-encoding: chunked\r\n\r\n%b"
        % b"f\r\nGET /chunks  []\r\n1\r\n!\r\n0\r\n\r\n",
    ),
    "head": (b"HEAD /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n"),
    "head, in chunks": (b"HEAD /chunks HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nx-kind: chunks\r\n\r\n"),
    "percent signs": (
        b"GET /v1/models/a%2Fb%3Ac%20%C3%A9%zz HTTP/1.1\r\n\r\n",
        ok("GET /v1/models/a/b:c é%zz  []".encode()),
    ),
    "not UTF-8": (b"GET /%ff HTTP/1.1\r\n\r\n", ok("GET /\ufffd  []".encode())),
    "absolute form": (b"GET http://h:1/a%20b/c?q HTTP/1.1\r\nhost: h\r\n\r\n", ok(b"GET /a b/c q []")),
    "absolute form, no path": (b"GET http://h HTTP/1.1\r\n\r\n", ok(b"GET /  []")),
    "absolute form, odd host": (b"GET http://[h/a HTTP/1.1\r\n\r\n", ok(b"GET /a  []")),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n\r\n", ok(b"OPTIONS /  []")),
    "many headers": (
        b"GET /a HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(MAX_HEADERS)) + b"\r\n",
        ok(b"GET /a  []"),
    ),
}
# The same, and then the connection is closed.
LAST: dict[str, tuple[bytes, bytes]] = {
    "close": (b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n", ok(b"GET /a  []", CLOSE)),
    "close, and line ends": (b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n\r\n\r\n", ok(b"GET /a  []", CLOSE)),
    "HTTP/1.0": (b"POST /a HTTP/1.0\r\ncontent-length: 2\r\n\r\nhi", ok(b"POST /a  [hi]", CLOSE)),
    "HTTP/1.0, keep-alive": (b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n", ok(b"GET /a  []", CLOSE)),
    "HTTP/1.0, without a length": (
        b"GET /chunks HTTP/1.0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-kind: chunks\r\nconnection: close\r\n\r\nGET /chunks  []!",
    ),
    "a version of the future": (b"GET /a HTTP/2.0\r\n\r\n", ok(b"GET /a  []", CLOSE)),
}
UPGRADE = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAAB\r\n"
# Asking for another protocol changes nothing: the body is read, and the connection lives on.
UPGRADES: dict[str, tuple[bytes, bytes]] = {
    "websocket": (b"GET /a HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n", ok(b"GET /a  []")),
    "h2c with a body": (POST + UPGRADE + b"content-length: 5\r\n\r\nhello", ok(b"POST /a  [hello]")),
    "h2c in chunks": (
        POST + UPGRADE + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ok(b"POST /a  [abc]"),
    ),
    "a request after it": (
        POST + UPGRADE + b"content-length: 1\r\n\r\n1" + b"GET /b HTTP/1.1\r\n\r\n",
        ok(b"POST /a  [1]") + ok(b"GET /b  []"),
    ),
}


def cuts(data: bytes) -> list[tuple[bytes, ...]]:
    """Whole, in two at (nearly) every place, byte by byte."""
    places = range(1, len(data), max(1, len(data) // 300))
    return [(data,), *((data[:n], data[n:]) for n in places), tuple(data[n : n + 1] for n in range(len(data)))]


@pytest.mark.parametrize(("sent", "expected"), UNDERSTOOD.values(), ids=UNDERSTOOD)
@pytest.mark.parametrize("pause", [0, 3])
async def test_every_cut_is_understood(sent: bytes, expected: bytes, pause: int) -> None:
    for parts in cuts(sent):
        wire = await told(*parts, pause=pause)
        assert (wire.sent, wire.closed, wire.ended) == (expected, False, False)


@pytest.mark.parametrize(("sent", "expected"), LAST.values(), ids=LAST)
async def test_the_last_of_a_connection(sent: bytes, expected: bytes) -> None:
    for parts in cuts(sent):
        wire = await told(*parts)
        assert (wire.sent, wire.closed) == (expected, True)


@pytest.mark.parametrize(("sent", "expected"), UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("pause", [0, 3])
async def test_other_protocols_are_declined(sent: bytes, expected: bytes, pause: int) -> None:
    for parts in cuts(sent):
        wire = await told(*parts, pause=pause)
        assert (wire.sent, wire.closed, wire.ended) == (expected, False, False)


FORMS: dict[str, bytes] = {
    "no request": b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    "no method": b"FROB / HTTP/1.1\r\n\r\n",
    "no version": b"GET / HTTP/1.2\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bare line feed after the request line": b"GET / HTTP/1.1\nhost: h\r\n\r\n",
    "bare line feed in the head": b"GET / HTTP/1.1\r\nhost: h\nx-a: b\r\n\r\n",
    "bare line feed at its end": b"GET / HTTP/1.1\r\nhost: h\r\n\nGET / HTTP/1.1\r\n\r\n",
    "bare carriage return": b"GET / HTTP/1.1\r\nhost: h\rx-a: b\r\n\r\n",
    "carriage return in a value": b"GET / HTTP/1.1\r\nhost: h\r\r\n\r\n",
    "a folded value": b"GET / HTTP/1.1\r\nx-a: b\r\n c\r\n\r\n",
    "a null": b"GET / HTTP/1.1\r\nx-a: b\0c\r\n\r\n",
    "no name": b"GET / HTTP/1.1\r\n: b\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nx-a\r\n\r\n",
    "space before the colon": POST + b"transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "length and chunks": POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "one length twice": POST + b"content-length: 1\r\ncontent-length: 1\r\n\r\na",
    "a list of lengths": POST + b"content-length: 1, 1\r\n\r\na",
    "a signed length": POST + b"content-length: +1\r\n\r\na",
    "a negative length": POST + b"content-length: -1\r\n\r\na",
    "no length": POST + b"content-length:\r\n\r\na",
    "a length beyond all bounds": POST + b"content-length: 18446744073709551617\r\n\r\na",
    "chunked, but not last": POST + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked, and another": POST + b"transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", FORMS.values(), ids=FORMS)
async def test_what_is_no_request_is_refused_before_anything_sees_it(sent: bytes) -> None:
    for parts in cuts(sent):
        wire = await told(*parts)
        assert (wire.sent, wire.ended) == (MALFORMED, True)


BODIES: dict[str, bytes] = {
    "an unknown coding": POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "no chunk size": CHUNKED + b"zz\r\n",
    "a chunk size beyond all bounds": CHUNKED + b"fffffffffffffffff\r\n",
    "bare line feed after a chunk size": CHUNKED + b"1\na\n0\n\n",
    "a chunk longer than its size": CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "bare line feed at the end of the chunks": CHUNKED + b"1\r\na\r\n0\r\n\n",
    "an unknown coding, and an upgrade": POST + UPGRADE + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("pause", [0, 3])
async def test_a_malformed_body_is_told_in_the_callers_terms(sent: bytes, pause: int) -> None:
    for parts in cuts(sent):
        wire = await told(*parts, pause=pause)
        assert (wire.sent, wire.ended) == (refused(), True)


async def test_garbage_behind_a_request_does_not_cost_its_answer() -> None:
    for first in (b"GET /a HTTP/1.1\r\n\r\n", b"GET /a HTTP/1.1\r\nconnection: close\r\n\r\n"):
        wire = await told(first + b"garbage\r\n\r\n")
        assert (wire.sent, wire.closed) == (ok(b"GET /a  []", CLOSE), True)
    wire = await told(2 * b"GET /a HTTP/1.1\r\n\r\n" + b"garbage\r\n\r\n")
    assert (wire.sent, wire.closed) == (ok(b"GET /a  []") + ok(b"GET /a  []", CLOSE), True)
    wire = await told(b"GET /a HTTP/1.1\r\n\r\n" + BODIES["no chunk size"])
    assert (wire.sent, wire.ended) == (ok(b"GET /a  []") + refused(), True)


async def test_a_tunnel_is_refused() -> None:
    wire = await told(b"CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n\r\n\x16\x03\x01GET /b HTTP/1.1\r\n\r\n")
    assert (wire.sent, wire.ended) == (refused(), True)


async def test_a_pipeline_of_upgrades_ends_with_the_second() -> None:
    wire = await told(3000 * (b"GET /unread HTTP/1.1\r\n" + UPGRADE + b"\r\n"))
    assert wire.sent == ok(b"GET /unread  []") + ok(b"GET /unread  []", CLOSE)
    assert wire.ended


HEADS: dict[str, bytes] = {
    "one header": b"GET / HTTP/1.1\r\nx-a: " + b"b" * MAX_HEAD,
    "the target": b"GET /" + b"a" * MAX_HEAD,
    "many headers": b"GET / HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(MAX_HEADERS + 1)) + b"\r\n",
    "whole, in one read": b"GET / HTTP/1.1\r\nx-a: " + b"b" * MAX_HEAD + b"\r\n\r\n",
    "line ends": b"\r\n" * (MAX_HEAD // 2 + 1),
}


@pytest.mark.parametrize("sent", HEADS.values(), ids=HEADS)
@pytest.mark.parametrize("size", [1000, 2**20])
async def test_heads_have_a_limit(sent: bytes, size: int) -> None:
    wire = await told(*(sent[n : n + size] for n in range(0, len(sent), size)))
    assert (wire.sent, wire.ended) == (TOO_LARGE, True)


@pytest.mark.parametrize(
    "rest", [b"0\r\nx-a: " + b"b" * 2 * MAX_HEAD, b"1;" + b"x" * 2 * MAX_HEAD], ids=["trailers", "chunk sizes"]
)
async def test_what_is_no_body_has_a_limit_within_one(rest: bytes) -> None:
    sent = b"1\r\na\r\n" + rest
    wire = await told(CHUNKED, *(sent[n : n + 1000] for n in range(0, len(sent), 1000)))
    assert (wire.sent, wire.ended) == (refused(), True)


async def test_a_head_and_a_body_in_one_read_are_no_long_head() -> None:
    wire = await told(POST + b"content-length: %d\r\n\r\n" % (2 * MAX_HEAD) + b"x" * 2 * MAX_HEAD)
    assert wire.sent.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"content-length: %d\r\n\r\n" % (LIMIT + 1),
        POST + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % (LIMIT + 1),
        CHUNKED + b"3e9\r\n" + b"x" * (LIMIT + 1),
    ],
    ids=["announced", "announced and held back", "in chunks"],
)
async def test_too_large_a_body_is_refused_without_reading_it(sent: bytes) -> None:
    wire = await told(sent)
    head, _, _ = wire.sent.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].startswith(b"HTTP/1.1 413 ")
    assert CLOSE in head
    assert (wire.ended, wire.closed) == (True, False)  # what still comes is read and thrown away


async def test_an_answer_without_reading_the_body_ends_the_connection() -> None:
    parts = (b"POST /unread HTTP/1.1\r\ncontent-length: 5\r\n\r\nhe", b"llo", b"GET /a HTTP/1.1\r\n\r\n")
    wire = await told(*parts, pause=3)
    assert (wire.sent, wire.ended) == (ok(b"POST /unread  []", CLOSE), True)
    whole = await told(b"POST /unread HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello", b"GET /a HTTP/1.1\r\n\r\n")
    assert whole.sent == ok(b"POST /unread  []") + ok(b"GET /a  []")


async def test_a_body_that_nobody_reads_yet_is_not_taken_without_end() -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def late(incoming: Incoming) -> None:
        begun.set()
        await go.wait()
        size = len(await incoming.body(2**24))
        incoming.start(200, [], 0)
        await incoming.end()
        sizes.append(size)

    sizes: list[int] = []
    line, wire = Connection(Callers(late, asyncio.get_running_loop(), Arrivals(), lambda: None)), Memory()
    line.connection_made(wire)
    line.data_received(POST + b"content-length: %d\r\n\r\n" % (4 * HIGH_WATER))
    await begun.wait()
    for _ in range(2):
        assert wire.reading
        line.data_received(b"x" * (HIGH_WATER // 2 + 1))
    assert not wire.reading
    go.set()
    await turns(lambda: wire.reading)
    line.data_received(b"x" * (3 * HIGH_WATER - 2))
    await turns()
    assert sizes == [4 * HIGH_WATER]


@pytest.mark.parametrize("read", [True, False], ids=["read", "unread"])
async def test_a_large_body_does_not_leave_the_caller_unheard(*, read: bool) -> None:
    """It comes whole before anyone reads it: then its caller's leaving must still be noticed, and its next request."""
    go, begun = asyncio.Event(), asyncio.Event()

    async def slow(incoming: Incoming) -> None:
        if read:
            await incoming.body(2**24)
        begun.set()
        await go.wait()
        incoming.start(200, [], 0)
        await incoming.end()

    line, wire = Connection(Callers(slow, asyncio.get_running_loop(), Arrivals(), lambda: None)), Memory()
    line.connection_made(wire)
    line.data_received(POST + b"content-length: %d\r\n\r\n" % (2 * HIGH_WATER) + b"x" * (2 * HIGH_WATER))
    assert not wire.reading
    await begun.wait()
    assert wire.reading is read
    go.set()
    await turns()
    assert wire.reading


async def test_what_is_sent_ahead_is_left_unread_beyond_a_few_requests() -> None:
    go = asyncio.Event()

    async def held(incoming: Incoming) -> None:
        await go.wait()
        await echo(incoming)

    line, wire = Connection(Callers(held, asyncio.get_running_loop(), Arrivals(), lambda: None)), Memory()
    line.connection_made(wire)
    line.data_received(b"GET /0 HTTP/1.1\r\n\r\n")
    for n in range(1, MAX_WAITING + 1):
        assert wire.reading  # or nobody would learn that the caller left
        line.data_received(b"GET /%d HTTP/1.1\r\n\r\n" % n)
    assert not wire.reading
    go.set()
    for _ in range(MAX_WAITING):
        await turns()
    assert wire.reading
    assert wire.sent == b"".join(ok(b"GET /%d  []" % n) for n in range(MAX_WAITING + 1))


# Over sockets: time, and who closes


@asynccontextmanager
async def listening(
    app: Callable[[Incoming], Coroutine[Any, Any, None]] = echo, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Callers, int]]:
    loop = asyncio.get_running_loop()
    callers = Callers(app, loop, Arrivals(), lambda: None)
    server = await loop.create_server(lambda: accepting(callers, tls), "127.0.0.1", 0)
    try:
        async with asyncio.timeout(10):
            yield callers, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        callers.close_idle()


@asynccontextmanager
async def calling(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_one_connection_serves_many_requests() -> None:
    async with listening() as (callers, port), calling(port) as (reader, writer):
        for n in range(50):
            writer.write(b"POST /%d HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi" % n)
            expected = ok(b"POST /%d  [hi]" % n)
            assert await reader.readexactly(len(expected)) == expected
        assert len(callers.open) == 1


@pytest.mark.parametrize("refuse", ["unread", "head"])
async def test_a_refusal_arrives_although_the_caller_goes_on_sending(refuse: str) -> None:
    """Closing with unread bytes would reset the connection, and the answer would be lost with it."""
    start = {
        "unread": b"POST /unread HTTP/1.1\r\ncontent-length: 10000000\r\n\r\n",
        "head": b"GET / HTTP/1.1\r\nx-a: ",
    }[refuse]
    async with listening() as (_, port), calling(port) as (reader, writer):
        writer.write(start)
        for _ in range(40):
            writer.write(b"x" * 100_000)
            await writer.drain()
        got = await reader.read()
        assert got == {"unread": ok(b"POST /unread  []", CLOSE), "head": TOO_LARGE}[refuse]


async def test_after_a_refusal_the_connection_lingers_and_then_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.05)
    async with listening() as (callers, port), calling(port) as (reader, writer):
        writer.write(b"POST /unread HTTP/1.1\r\ncontent-length: 10\r\n\r\n")
        assert await reader.read() == ok(b"POST /unread  []", CLOSE)
        assert len(callers.open) == 1
        await callers.outlast()


async def test_tls_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.05)
    ours, theirs = contexts()
    async with listening(tls=ours) as (callers, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=theirs)
        writer.write(POST + b"content-length: 2\r\n\r\nhi")
        writer.write(b"POST /unread HTTP/1.1\r\ncontent-length: 10\r\n\r\n")
        assert await reader.read() == ok(b"POST /a  [hi]") + ok(b"POST /unread  []", CLOSE)
        writer.close()
        await callers.outlast()


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's and the client's."""
    authority = trustme.CA()
    ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    authority.configure_trust(theirs)
    return ours, theirs


@pytest.mark.parametrize("shakes", [True, False])
async def test_who_shakes_hands_is_waited_for(*, shakes: bool) -> None:
    """A connection that has been accepted is nobody else's to serve: a reload would drop it."""
    ours, theirs = contexts()
    async with listening(tls=ours) as (callers, port), calling(port) as (reader, writer):
        while not callers.arriving:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(callers.outlast())
        await turns()
        assert not waiting.done()
        if shakes:
            await writer.start_tls(theirs, server_hostname="127.0.0.1")
            await turns()
            assert not waiting.done()
            writer.write(POST + CLOSE + b"\r\ncontent-length: 0\r\n\r\n")
            assert await reader.read() == ok(b"POST /a  []", CLOSE)
        else:
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
        await waiting
        assert not callers.arriving


async def test_tls_says_goodbye_behind_a_large_answer() -> None:
    """Without a close_notify a caller could not tell an end from a cut."""
    ours, theirs = contexts()
    body = b"x" * 1_000_000

    async def much(incoming: Incoming) -> None:
        incoming.start(200, [], len(body))
        await incoming.end(body)

    async with listening(much, ours) as (callers, port), calling(port) as (reader, writer):
        session, answer = Session(theirs, "127.0.0.1"), b""
        writer.write(session.owed())
        while session.state is State.HANDSHAKE:
            answer += session.feed(await reader.read(65536))
            writer.write(session.owed())
        writer.writelines(session.write(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n"))
        while session.state is State.OPEN and (part := await reader.read(65536)):
            answer += session.feed(part)
        assert session.state is State.ENDED
        assert answer == ok(body, CLOSE)
        await callers.outlast()


async def test_a_caller_that_does_not_shake_hands_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_transport, "HANDSHAKE", 0.05)
    ours, _ = contexts()
    async with listening(tls=ours) as (callers, port), calling(port) as (reader, _writer):
        with suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert not callers.open


async def test_plain_text_where_tls_is_spoken_is_no_request() -> None:
    ours, _ = contexts()
    async with listening(tls=ours) as (callers, port), calling(port) as (reader, writer):
        writer.write(POST + b"content-length: 2\r\n\r\nhi")
        with suppress(ConnectionResetError):
            assert b"HTTP" not in await reader.read()
        assert not callers.open


async def test_idle_connections_end_and_others_do_not() -> None:
    held, holds = asyncio.Event(), asyncio.Event()

    async def holding(incoming: Incoming) -> None:
        if incoming.path == "/hold":
            holds.set()
            await held.wait()
        await echo(incoming)

    async with (
        listening(holding) as (callers, port),
        calling(port) as idle,
        calling(port) as silent,
        calling(port) as busy,
    ):
        idle[1].write(b"GET /a HTTP/1.1\r\n\r\n")
        expected = ok(b"GET /a  []")
        assert await idle[0].readexactly(len(expected)) == expected
        busy[1].write(b"GET /hold HTTP/1.1\r\n\r\n")
        await holds.wait()
        callers.close_idle(silent_for=60)
        assert len(callers.open) == 3
        callers.close_idle(silent_for=0, head_for=60)
        assert (await idle[0].read(), await silent[0].read()) == (b"", b"")
        assert len(callers.open) == 1
        held.set()
        expected = ok(b"GET /hold  []")
        assert await busy[0].readexactly(len(expected)) == expected


async def test_a_head_that_trickles_in_ends_too() -> None:
    """Its patience counts from the first byte of the head: each further byte buys no time."""
    async with listening() as (callers, port), calling(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        for _ in range(20):
            writer.write(b"a: b\r\n")
            await asyncio.sleep(0.01)
        callers.close_idle(silent_for=60, head_for=60)
        assert len(callers.open) == 1
        callers.close_idle(silent_for=60, head_for=0.1)
        assert await reader.read() == b""


async def test_a_body_that_trickles_in_is_waited_for() -> None:
    begun = asyncio.Event()

    async def counting(incoming: Incoming) -> None:
        begun.set()
        await echo(incoming)

    async with listening(counting) as (callers, port), calling(port) as (reader, writer):
        writer.write(POST + b"content-length: 2\r\n\r\nh")
        await begun.wait()
        callers.close_idle()
        writer.write(b"i")
        expected = ok(b"POST /a  [hi]")
        assert await reader.readexactly(len(expected)) == expected


@pytest.mark.parametrize("leave", ["reset", "close", "half"])
@pytest.mark.parametrize("phase", ["body", "answer"])
async def test_who_leaves_is_noticed_at_once(leave: str, phase: str) -> None:
    """Closing only the sending side is leaving too: nothing else tells a caller that is gone from one that reads."""
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def endless(incoming: Incoming) -> None:
        begun.set()
        try:
            await incoming.body(LIMIT)
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert incoming.gone
            cancelled.set()
            raise

    async with listening(endless) as (callers, port):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(POST + b"content-length: 2\r\n\r\n" + (b"h" if phase == "body" else b"hi"))
        await begun.wait()
        match leave:
            case "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
            case "close":
                sock.close()
            case _:
                sock.shutdown(socket.SHUT_WR)
        await cancelled.wait()
        await callers.outlast()
        sock.close()


async def test_a_reader_that_stops_holds_the_answer_back() -> None:
    written = 0

    async def flood(incoming: Incoming) -> None:
        nonlocal written
        incoming.start(200, [])
        for _ in range(400):
            await incoming.write(b"x" * 65536)
            written += 1
        await incoming.end()

    async with listening(flood) as (_, port), calling(port) as (reader, writer):
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport as well
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        seen = -1
        while seen != written:
            seen = written
            await asyncio.sleep(0.05)
        assert 0 < written < 400
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        assert (await reader.readuntil(b"\r\n0\r\n\r\n"))[-7:] == b"\r\n0\r\n\r\n"

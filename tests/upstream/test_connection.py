"""Framing as a table of bytes, cut in every way; a transport of paper stands in for the socket."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from ssl import SSLError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.errors import MalformedReply, StreamCut, TlsFailed, UpstreamError
from lethe.providers.upstream import Timeouts
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.connection import HIGH_WATER, MAX_HEAD, MAX_HEADERS, Connection
from lethe.upstream.exchange import Exchange


class Paper(asyncio.Transport):
    """Notes what is done to it; `room` is how much it takes before it asks to pause."""

    def __init__(self, room: int = 1 << 40) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.room = room
        self.reading = True
        self.aborted = False
        self.protocol: Connection | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        self.room -= len(data)
        if self.room < 0 and self.protocol is not None:
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return max(0, -self.room)

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Keeper:
    """An owner that remembers."""

    def __init__(self) -> None:
        self.kept: list[Connection] = []

    def take_back(self, connection: Connection) -> None:
        self.kept.append(connection)

    def forget(self, connection: Connection) -> None:
        self.kept = [kept for kept in self.kept if kept is not connection]

    def ended(self, exchange: Exchange) -> None:
        pass


class Bench:
    """A connection with a request under way."""

    def __init__(self, *, bare: bool = False, body: bytes = b"", room: int = 1 << 40) -> None:
        self.paper, self.keeper = Paper(room), Keeper()
        self.connection = Connection(self.keeper, Arrivals())
        self.paper.protocol = self.connection
        self.connection.connection_made(self.paper)
        self.exchange = self.start(bare=bare, body=body)

    def start(self, *, bare: bool = False, body: bytes = b"") -> Exchange:
        loop = asyncio.get_running_loop()
        exchange = Exchange(self.connection, loop, loop.time, Timeouts())
        self.connection.send(exchange, b"HEAD", body, bare=bare)
        return exchange

    def receive(self, pieces: Iterable[bytes], *, eof: bool = False) -> None:
        for piece in pieces:
            if not self.paper.aborted:
                self.connection.data_received(piece)
        if eof and not self.paper.aborted:
            self.connection.eof_received()

    async def outcome(self) -> tuple[int, bytes, type[UpstreamError] | None, bool]:
        """Status, body, fault, and whether the connection can serve another request."""
        body = b""
        try:
            async with asyncio.timeout(1):
                await self.exchange.head()
                while part := await self.exchange.read_any():
                    body += part
        except UpstreamError as fault:
            return self.exchange.status, body, type(fault), bool(self.keeper.kept)
        self.exchange.close()
        return self.exchange.status, body, None, bool(self.keeper.kept) and not self.paper.aborted


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
REUSED, GONE = True, False
# name: (bytes, does the upstream close then, (status, body, fault, reusable))
CASES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", False, (200, b"hello", None, REUSED)),
    "no body": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", False, (200, b"", None, REUSED)),
    "length, closed": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", True, (200, b"hello", None, GONE)),
    "length, short": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", True, (200, b"hell", StreamCut, GONE)),
    "chunked": (CHUNKED + b"5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n", False, (200, b"hello!", None, REUSED)),
    "trailers": (CHUNKED + b"2\r\nhi\r\n0\r\nDigest: x\r\n\r\n", False, (200, b"hi", None, REUSED)),
    "chunked, no end": (CHUNKED + b"5\r\nhello\r\n", True, (200, b"hello", StreamCut, GONE)),
    "chunked, cut": (CHUNKED + b"5\r\nhel", True, (200, b"hel", StreamCut, GONE)),
    "chunked, garbage": (CHUNKED + b"5\r\nhello\r\nzz\r\n", False, (200, b"hello", MalformedReply, GONE)),
    "chunk too long": (CHUNKED + b"2\r\nhello\r\n", False, (200, b"he", MalformedReply, GONE)),
    "until eof": (b"HTTP/1.1 200 OK\r\n\r\nhello", True, (200, b"hello", None, GONE)),
    "until eof, empty": (b"HTTP/1.1 200 OK\r\n\r\n", True, (200, b"", None, GONE)),
    "old": (b"HTTP/1.0 200 OK\r\n\r\nhello", True, (200, b"hello", None, GONE)),
    "old, length": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False, (200, b"hi", None, GONE)),
    "old, kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        False,
        (200, b"hi", None, REUSED),
    ),
    "close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", False, (200, b"hi", None, GONE)),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", False, (204, b"", None, REUSED)),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", False, (304, b"", None, REUSED)),
    "1xx": (
        b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 429 No\r\nContent-Length: 2\r\n\r\nno",
        False,
        (429, b"no", None, REUSED),
    ),
    "101": (
        b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "upgrade offered": (
        b"HTTP/1.1 200 OK\r\nUpgrade: h2\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nhi",
        False,
        (200, b"hi", None, REUSED),
    ),
    "nothing": (b"", True, (0, b"", StreamCut, GONE)),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", True, (0, b"", StreamCut, GONE)),
    "only 100": (b"HTTP/1.1 100 Continue\r\n\r\n", True, (0, b"", StreamCut, GONE)),
    "garbage": (b"SSH-2.0-OpenSSH\r\n", False, (0, b"", MalformedReply, GONE)),
    "bare line ends": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", False, (0, b"", MalformedReply, GONE)),
    "folded header": (b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", False, (0, b"", MalformedReply, GONE)),
    "NUL in a header": (b"HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n", False, (0, b"", MalformedReply, GONE)),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "compressed transfer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "status 0": (b"HTTP/1.1 099 Eh\r\nContent-Length: 0\r\n\r\n", False, (0, b"", MalformedReply, GONE)),
    "status 999": (b"HTTP/1.1 999 Eh\r\nContent-Length: 0\r\n\r\n", False, (0, b"", MalformedReply, GONE)),
    "most headers": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"a: b\r\n" * (MAX_HEADERS - 1) + b"\r\n",
        False,
        (200, b"", None, REUSED),
    ),
    "too many headers": (
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "too large a head": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        False,
        (0, b"", MalformedReply, GONE),
    ),
    "a second answer": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        False,
        (200, b"hi", None, GONE),
    ),
    "more after the end": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", False, (200, b"hi", None, GONE)),
    "more after close": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi!",
        False,
        (200, b"hi", None, GONE),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_framing_whole(name: str) -> None:
    data, eof, expected = CASES[name]
    bench = Bench()
    bench.receive([data] if data else [], eof=eof)
    assert await bench.outcome() == expected


@pytest.mark.parametrize("name", CASES)
async def test_framing_byte_by_byte(name: str) -> None:
    data, eof, expected = CASES[name]
    bench = Bench()
    bench.receive((data[at : at + 1] for at in range(len(data))), eof=eof)
    assert await bench.outcome() == expected


@given(name=st.sampled_from([name for name in CASES if len(CASES[name][0]) < 1000]), cuts=st.lists(st.integers(0, 300)))
def test_cuts_change_nothing(name: str, cuts: list[int]) -> None:
    data, eof, expected = CASES[name]
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges) if start < end]

    async def scenario() -> None:
        bench = Bench()
        bench.receive(pieces, eof=eof)
        assert await bench.outcome() == expected

    asyncio.run(scenario())


async def test_header_names_come_lowered_and_values_as_they_are() -> None:
    bench = Bench()
    bench.receive([b"HTTP/1.1 200 OK\r\nX-Empty:\r\nContent-LENGTH: 0\r\nSet-Cookie: A=B\r\nset-cookie: c\r\n\r\n"])
    assert bench.exchange.headers == [
        (b"x-empty", b""),
        (b"content-length", b"0"),
        (b"set-cookie", b"A=B"),
        (b"set-cookie", b"c"),
    ]


async def test_an_answer_to_head_has_no_body_whatever_it_says() -> None:
    bench = Bench(bare=True)
    bench.receive([b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"])
    assert await bench.outcome() == (200, b"", None, GONE)


async def test_endless_informational_answers_are_refused() -> None:
    bench = Bench()
    bench.receive([b"HTTP/1.1 100 Continue\r\n\r\n"] * (MAX_HEAD // 25 + 1))
    assert await bench.outcome() == (0, b"", MalformedReply, GONE)


async def test_endless_chunk_extensions_are_refused() -> None:
    bench = Bench()
    bench.receive([CHUNKED, b"5;a=", *[b"x" * 1000] * 70])
    assert await bench.outcome() == (200, b"", MalformedReply, GONE)


async def test_endless_trailers_are_refused() -> None:
    bench = Bench()
    bench.receive([CHUNKED, b"2\r\nhi\r\n0\r\nA: ", *[b"x" * 1000] * 70])
    assert await bench.outcome() == (200, b"hi", MalformedReply, GONE)


async def test_bytes_before_a_request_spoil_the_connection() -> None:
    bench = Bench()
    bench.receive([b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"])
    bench.exchange.close()
    assert bench.keeper.kept == [bench.connection]
    bench.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    assert bench.paper.aborted
    assert bench.keeper.kept == []
    late = bench.start()
    with pytest.raises(MalformedReply):
        await late.head()


async def test_a_connection_serves_one_exchange_after_another() -> None:
    bench = Bench()
    for body in (b"a", b"b", b"c"):
        bench.receive([CHUNKED + b"1\r\n" + body + b"\r\n0\r\n\r\n"])
        assert await bench.outcome() == (200, body, None, REUSED)
        bench.keeper.kept.clear()
        bench.exchange = bench.start()


async def test_trailers_are_not_kept() -> None:
    """`lethe verify` found one in the memory of an idle connection."""
    bench = Bench()
    bench.receive([CHUNKED + b"2\r\nhi\r\n0\r\nX-Note: words\r\n\r\n"])
    assert await bench.outcome() == (200, b"hi", None, REUSED)
    assert bench.connection._headers == []


async def test_closing_early_aborts() -> None:
    bench = Bench()
    bench.receive([CHUNKED + b"5\r\nhello\r\n"])
    bench.exchange.close()
    bench.exchange.close()
    assert bench.paper.aborted
    with pytest.raises(StreamCut):
        await bench.exchange.read_any()


async def test_unread_bytes_hold_the_upstream_back() -> None:
    bench = Bench()
    size = HIGH_WATER // 2
    bench.receive([b"HTTP/1.1 200 OK\r\n\r\n", b"x" * size, b"y" * size])
    assert bench.paper.reading
    bench.receive([b"z"])
    assert not bench.paper.reading
    assert await bench.exchange.read_any() == b"x" * size + b"y" * size + b"z"
    assert bench.paper.reading


async def test_a_whole_answer_left_unread_leaves_the_connection_reading() -> None:
    bench = Bench()
    bench.receive([b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", b"x" * 300_000])
    assert not bench.paper.reading
    bench.exchange.close()
    assert bench.paper.reading
    assert bench.keeper.kept == [bench.connection]


async def test_a_small_request_is_one_write() -> None:
    bench = Bench(body=b"{}")
    assert bench.paper.written == [b"HEAD{}"]


async def test_a_large_body_goes_out_as_the_socket_takes_it() -> None:
    body = bytes(range(256)) * 4096 + b"end"
    bench = Bench(body=body, room=300_000)
    assert len(b"".join(bench.paper.written)) < 600_000
    while bench.connection._unsent is not None:
        bench.paper.room = 0
        bench.connection.resume_writing()
    assert b"".join(bench.paper.written) == b"HEAD" + body


async def test_an_answer_before_the_request_is_out_is_delivered_and_the_connection_dropped() -> None:
    bench = Bench(body=b"x" * 1_000_000, room=300_000)
    bench.receive([b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"])
    assert await bench.outcome() == (413, b"no", None, GONE)
    assert bench.paper.aborted


async def test_a_lost_connection_keeps_nothing_alive() -> None:
    bench = Bench(body=b"x" * 1_000_000, room=0)
    bench.receive([CHUNKED + b"5\r\nhel"])
    bench.connection.connection_lost(None)
    assert bench.connection._parser is None
    assert bench.connection._transport is None
    assert bench.connection._unsent is None
    assert await bench.outcome() == (200, b"hel", StreamCut, GONE)
    assert bench.exchange.parts == []


@pytest.mark.parametrize(
    ("loss", "fault"), [(None, StreamCut), (ConnectionResetError(), StreamCut), (SSLError(), TlsFailed)]
)
async def test_a_lost_connection_says_how(loss: Exception | None, fault: type[UpstreamError]) -> None:
    bench = Bench()
    bench.connection.connection_lost(loss)
    assert await bench.outcome() == (0, b"", fault, GONE)

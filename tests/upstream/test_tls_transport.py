"""TLS between a socket and a connection: on paper where order matters, on both event loops where they do."""

import asyncio
import ssl

import pytest
from tests.upstream.raw import Line, ask, both_loops, client_context, peer, pool, run, server_context, until, upstream

from lethe.errors import StreamCut
from lethe.upstream.arrivals import READ_MOST
from lethe.upstream.call import Call
from lethe.upstream.tls_transport import TlsTransport

UNTIL_EOF = b"HTTP/1.1 200 OK\r\n\r\nhello"


class Wire(asyncio.Transport):
    """A TCP transport that notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.unsent = 0
        self.reading = True
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Above(asyncio.Protocol):
    """What a connection would be told, in order."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(type(exc))

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Bench:
    """A TLS transport between `wire` and `above`, and the far end's own TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.above, self.wire = Above(), Wire()
        self.arrivals = memoryview(bytearray(READ_MOST))
        self.transport = TlsTransport(
            self.above, client_context(), "localhost", self.arrivals, asyncio.get_running_loop()
        )
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.far = (context or server_context()).wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.transport.connection_made(self.wire)

    def to_far(self) -> None:
        self.incoming.write(self.wire.written)
        self.wire.written = b""

    def from_far(self, *, then: bytes = b"") -> None:
        ciphertext = self.outgoing.read() + then
        room = self.transport.get_buffer(-1)
        room[: len(ciphertext)] = ciphertext
        self.transport.buffer_updated(len(ciphertext))

    def shake(self) -> None:
        for _ in range(2):
            self.to_far()
            try:
                self.far.do_handshake()
            except ssl.SSLError:
                pass
            self.from_far()

    def lose(self) -> None:
        assert self.wire.aborted
        self.transport.connection_lost(None)


async def test_the_connection_learns_of_itself_before_its_first_bytes() -> None:
    bench = Bench()
    bench.shake()
    bench.far.write(b"hello")
    bench.from_far()
    assert bench.above.told == ["made", b"hello"]
    assert await bench.transport.settled
    bench.transport.write(b"question")
    bench.to_far()
    assert bench.far.read(100) == b"question"


async def test_a_farewell_is_an_end_of_data() -> None:
    bench = Bench()
    bench.shake()
    bench.far.write(b"bye")
    with pytest.raises(ssl.SSLWantReadError):
        bench.far.unwrap()
    bench.from_far()
    bench.lose()
    assert bench.above.told == ["made", b"bye", "eof", type(None)]


async def test_an_end_without_one_is_a_loss() -> None:
    bench = Bench()
    bench.shake()
    bench.transport.eof_received()
    bench.lose()
    assert bench.above.told == ["made", type(None)]


@pytest.mark.parametrize(("before", "expected"), [((), ssl.SSLError), ((b"a",), type(None))])
async def test_a_fault_is_one_of_tls_only_if_nothing_came_before(
    before: tuple[bytes, ...], expected: type[object]
) -> None:
    bench = Bench()
    bench.shake()
    for text in before:
        bench.far.write(text)
    bench.from_far(then=b"\x17\x03\x03\x00\x20" + b"x" * 32)
    bench.lose()
    assert bench.above.told == ["made", *before, expected]


async def test_without_a_handshake_the_connection_hears_nothing() -> None:
    bench = Bench()
    bench.from_far(then=b"HTTP/1.1 400 Bad Request\r\n\r\n")
    bench.lose()
    assert bench.above.told == []
    assert not await bench.transport.settled


async def test_a_late_refusal_fails_the_exchange_as_one() -> None:
    """In TLS 1.3 the client is through before the server has looked at its certificate."""
    demanding = server_context()
    demanding.verify_mode = ssl.CERT_REQUIRED
    bench = Bench(demanding)
    bench.shake()
    bench.lose()
    assert bench.above.told == ["made", ssl.SSLError]  # of which test_connection makes a TlsFailed


async def test_pressure_is_passed_on_both_ways() -> None:
    bench = Bench()
    bench.shake()
    bench.transport.pause_writing()
    bench.transport.resume_writing()
    assert bench.above.told == ["made", "pause", "resume"]
    bench.transport.pause_reading()
    assert not bench.wire.reading
    bench.transport.resume_reading()
    assert bench.wire.reading
    bench.wire.unsent = 7
    assert bench.transport.get_write_buffer_size() == 7


async def test_a_peer_that_wants_answers_and_does_not_read_them_is_dropped() -> None:
    bench = Bench()
    bench.wire.unsent = 2 << 20
    bench.shake()
    assert bench.wire.aborted


async def test_when_all_is_over_nothing_is_held_and_nothing_is_asked_of_the_socket() -> None:
    bench = Bench()
    bench.shake()
    bench.transport.abort()
    bench.lose()
    bench.wire.written = b""
    bench.transport.write(b"late")
    bench.transport.abort()
    bench.transport.pause_reading()
    bench.transport.resume_reading()
    bench.transport.pause_writing()
    bench.transport.resume_writing()
    bench.transport.buffer_updated(5)
    assert bench.transport.is_closing()
    assert bench.transport.get_write_buffer_size() == 0
    assert bench.transport.get_extra_info("socket") is None
    assert bench.wire.written == b""
    assert bench.above.told == ["made", type(None)]


@both_loops
@pytest.mark.parametrize("polite", [True, False], ids=["close_notify", "cut"])
def test_a_body_until_eof_is_whole_only_if_the_peer_says_so(loop: str, polite: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(UNTIL_EOF)
            if polite:
                line.writer.close()
                await line.until_gone()

        async with peer(script, tls=True) as there:
            with pool(upstream(there.url)) as here:
                if polite:
                    assert await ask(here) == (200, b"hello")
                else:
                    with pytest.raises(StreamCut):
                        await ask(here)
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_a_farewell_to_an_idle_connection(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            line.writer.close()
            await line.until_gone()

        async with peer(script, tls=True) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here) == (200, b"ok")
                await until(lambda: here.idle == 0)
                assert await ask(here) == (200, b"ok")

    run(loop, scenario)


@both_loops
def test_large_bodies_both_ways(loop: str) -> None:
    body = bytes(range(256)) * 8000

    async def scenario() -> None:
        async def script(line: Line) -> None:
            request = await line.request()
            answer = request.partition(b"\r\n\r\n")[2]
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer), answer)
            await line.until_gone()

        async with peer(script, tls=True) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here, Call(path=b"/x", headers=(), body=body)) == (200, body)

    run(loop, scenario)

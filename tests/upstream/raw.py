"""A raw peer for tests of the client: a script speaks bytes on every connection that it accepts."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import pytest
import trustme
import uvloop

from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth, Timeouts, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.upstream.call import Call
from lethe.upstream.pool import Pool

T = TypeVar("T")

AUTHORITY = trustme.CA()
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
both_loops = pytest.mark.parametrize("loop", list(LOOPS))
plain_and_tls = pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])

HELLO = Call(path=b"/hello", headers=(), body=b"{}")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Line:
    """One accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.gone = asyncio.Event()

    async def request(self) -> bytes:
        """Head and body of the next request; b"" when the client has gone."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return b""
        _, _, rest = head.partition(b"content-length: ")
        return head + await self.reader.readexactly(int(rest.partition(b"\r\n")[0] or 0))

    async def send(self, *pieces: bytes, every: float = 0.0) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if every:
                await asyncio.sleep(every)

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Wait until the client has closed or reset the connection."""
        with contextlib.suppress(OSError):
            while await self.reader.read(65536):
                pass


Script: TypeAlias = Callable[[Line], Awaitable[None]]


class Peer:
    """`lines` are all connections so far. A script that returns closes its connection."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.lines: list[Line] = []
        self.url = ""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer)
        self.lines.append(line)
        try:
            await self.script(line)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort() if writer.get_extra_info("ssl_object") else writer.close()
            line.gone.set()

    async def all_gone(self) -> None:
        async with asyncio.timeout(2):
            for line in self.lines:
                await line.gone.wait()


@contextlib.asynccontextmanager
async def peer(script: Script, *, tls: bool = False, host: str = "127.0.0.1") -> AsyncIterator[Peer]:
    served = Peer(script)
    context = server_context() if tls else None
    server = await asyncio.start_server(served.serve, host, 0, ssl=context, backlog=100)
    served.port = server.sockets[0].getsockname()[1]
    name = "localhost" if tls else f"[{host}]" if ":" in host else host
    served.url = f"{'https' if tls else 'http'}://{name}:{served.port}"
    try:
        yield served
    finally:
        server.close()
        await served.all_gone()


def server_context(name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    AUTHORITY.configure_trust(context)
    return context


def upstream(
    url: str, *, connect: float = 5.0, first_byte: float = 5.0, idle: float = 5.0, proxy: str | None = None
) -> Upstream:
    return Upstream(
        name="peer",
        dialect=Dialect.ANTHROPIC,
        base_url=url,
        auth=Auth.NONE,
        upstream_class=UpstreamClass.U0,
        timeouts=Timeouts(connect=connect, first_byte=first_byte, idle=idle),
        proxy=proxy,
    )


@contextlib.contextmanager
def pool(
    to: Upstream,
    *,
    tick: float = 0.02,
    idle_age: float = 15.0,
    idle_most: int = 8,
    clock: Callable[[], float] = time.monotonic,
    context: ssl.SSLContext | None = None,
) -> Iterator[Pool]:
    opened = Pool(
        to,
        ssl_context=context or client_context(),
        clock=clock,
        tick=tick,
        idle_age=idle_age,
        idle_most=idle_most,
    )
    try:
        yield opened
    finally:
        opened.close()


async def ask(pool: Pool, call: Call = HELLO) -> tuple[int, bytes]:
    """Status and body of one whole exchange."""
    reply = await pool.open(call)
    try:
        return reply.status, await reply.read_all(1 << 30)
    finally:
        reply.close()


def run(loop: str, scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run to the end on one kind of loop; afterwards no task and no socket may be left."""
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        return runner.run(_alone(scenario))


async def _alone(scenario: Callable[[], Coroutine[Any, Any, T]]) -> T:
    before = _sockets()
    async with asyncio.timeout(10):
        result = await scenario()
    # Transports, and the peer's handshakes, end in callbacks of their own.
    await until(lambda: _sockets() == before and len(asyncio.all_tasks()) == 1)
    return result


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that nobody announces."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.001)


def _sockets() -> int:
    count = 0
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the listing's own
            count += str(path.readlink()).startswith("socket:")
    return count

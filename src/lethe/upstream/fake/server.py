"""An asyncio TCP server that plays scripts over HTTP/1.1."""

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Self, assert_never, cast

import httptools

from lethe.upstream.fake.script import Answer, Close, Cut, Hang, Head, Recorded, Script, Send, Until, Wait

MAX_BODY = 256 * 1024 * 1024
KEEP = 20_000  # requests remembered
ROUNDS = 5  # of the loop, in which what was accepted becomes a connection
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, zero seconds: closing sends a reset
NOT_SCRIPTED = (
    Head(500, (("content-type", "text/plain"), ("content-length", "34"))),
    Send(b"this fake upstream has no answers\n"),
)


class Fake:
    """A scripted upstream on loopback.

    async with Fake() as fake:
        fake.answer(first, second)      # one for each request; the last one repeats
        ... fake.url, fake.requests
    """

    def __init__(self, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        self.requests: deque[Recorded] = deque(maxlen=KEEP)
        self.connections = 0  # accepted so far
        self.open = 0  # open now
        self.garbled = 0  # connections that said what is no HTTP
        self._host = host
        self._tls = tls
        self._answers: list[Answer] = [NOT_SCRIPTED]
        self._server: asyncio.Server | None = None
        self._live: set[_Connection] = set()
        self._faults: list[Exception] = []
        self._changed = asyncio.Event()
        self._port = 0
        self._stopped = False

    @property
    def url(self) -> str:
        """Scheme, host and port, without a trailing slash."""
        return f"http{'s' if self._tls else ''}://{self._host}:{self._port}"

    def answer(self, *answers: Answer) -> None:
        """Answer the coming requests by these, in order; the last one repeats. Forgets what was scripted before."""
        if not answers:
            raise ValueError("an answer is needed")
        self._answers = list(answers)

    def forget(self) -> None:
        """Drop the recorded requests and the script."""
        self.requests.clear()
        self._answers = [NOT_SCRIPTED]

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until something that this server sees makes `condition` true. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._stopped = False
        self._server = await loop.create_server(lambda: _Connection(self), self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and abort what is open. The port stays the same for another `start`.

        Raises an ExceptionGroup of what went wrong inside scripts.
        """
        self._stopped = True
        if self._server is not None:
            await self._accept_no_more(self._server)
            self._server.close()
            self._server = None
        live = list(self._live)
        for connection in live:
            connection.abort()
        if live:
            await asyncio.wait([connection.task for connection in live])
        if self._faults:
            raise ExceptionGroup("a script failed", self._faults)

    @staticmethod
    async def _accept_no_more(server: asyncio.Server) -> None:
        """In 3.11 a server that closes forgets what it has just accepted, unclosed."""
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            loop.remove_reader(listening.fileno())
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _receive(self, request: Recorded) -> Script:
        self.requests.append(request)
        self._pulse()
        answer = self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)
        return answer(request) if callable(answer) else answer

    def _failed(self, fault: Exception) -> None:
        self._faults.append(fault)

    def _pulse(self) -> None:
        self._changed.set()

    def _joined(self, connection: "_Connection") -> int:
        self._live.add(connection)
        self.connections += 1
        self.open += 1
        self._pulse()
        return self.connections

    def _left(self, connection: "_Connection") -> None:
        self._live.discard(connection)
        self.open -= 1
        self._pulse()


class _Connection(asyncio.Protocol):
    """One client connection; its requests are answered one after another by one task."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: asyncio.Queue[Recorded] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()
        self._current: Recorded | None = None
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._body = bytearray()

    # the transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        # A small buffer, so that `sent` says how much the peer has let through.
        self._transport.set_write_buffer_limits(high=64 * 1024)
        self._number = self._fake._joined(self)
        self.task = self._loop.create_task(self._serve())
        self.task.add_done_callback(self._played)
        if self._fake._stopped:  # since it was accepted
            self.abort()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fake.garbled += 1
            self._transport.close()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self._current is not None:
            self._current.gone_at = self._loop.time()
        self.task.cancel()
        self._fake._left(self)

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def abort(self) -> None:
        self._transport.abort()

    # the parser's side

    def on_message_begin(self) -> None:
        self._target, self._headers, self._body = b"", [], bytearray()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_body(self, data: bytes) -> None:
        if len(self._body) + len(data) > MAX_BODY:
            self._transport.abort()
            return
        self._body += data

    def on_message_complete(self) -> None:
        self._waiting.put_nowait(
            Recorded(
                method=self._parser.get_method().decode("latin-1"),
                target=self._target.decode("latin-1"),
                headers=tuple(self._headers),
                body=bytes(self._body),
                connection=self._number,
                arrived_at=self._loop.time(),
            )
        )

    # playing

    async def _serve(self) -> None:
        while not self._transport.is_closing():
            request = await self._waiting.get()
            self._current = request
            await self._play(request, self._fake._receive(request))
            self._current = None
            request.finished_at = self._loop.time()
            self._fake._pulse()

    def _played(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            self._fake._failed(fault)
            self._transport.abort()

    async def _play(self, request: Recorded, script: Script) -> None:
        chunked = False
        for step in script:
            if self._transport.is_closing():  # nobody reads any more: asyncio would complain of each part
                return
            match step:
                case Head():
                    chunked = request.method != "HEAD" and _goes_in_chunks(step)
                    self._transport.write(_head(step, chunked=chunked))
                case Send(data):
                    self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
                    request.sent += len(data)
                    await self._writable.wait()
                    await asyncio.sleep(0)  # a peer that is gone is told of between two parts
                case Cut():
                    self._reset()
                    return
                case Close():
                    self._transport.close()
                    return
                case _:
                    await self._pause(step)
        if chunked:
            self._transport.write(b"0\r\n\r\n")

    async def _pause(self, step: Wait | Until | Hang) -> None:
        match step:
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case Until(event):
                await event.wait()
            case Hang():
                await self._loop.create_future()
            case _:
                assert_never(step)

    def _reset(self) -> None:
        connected = self._transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._transport.abort()


def _goes_in_chunks(head: Head) -> bool:
    sized = any(name in {"content-length", "transfer-encoding", "connection"} for name, _ in head.headers)
    return not sized and head.status >= 200 and head.status not in {204, 304}


def _head(head: Head, *, chunked: bool) -> bytes:
    lines = [f"HTTP/1.1 {head.status} {_phrase(head.status)}", *(f"{name}: {value}" for name, value in head.headers)]
    if chunked:
        lines.append("transfer-encoding: chunked")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unassigned"  # 529, for one

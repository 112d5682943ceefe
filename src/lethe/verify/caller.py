"""A caller that sees every byte, keeps its connections, and leaves when its case says so."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser
from msgspec import Struct

PATIENCE = 15.0  # seconds for one answer
_READ = 64 * 1024
_LOOK = 0.005  # seconds between two looks at whether to leave
_IDLE = 4  # connections kept for the next request
_LONGEST = 4 * 1024 * 1024  # bytes of one answer


class Heard(Struct):
    """What came back. `status` 0: nothing did; `raw` is all of it, as it came; `body` without its framing."""

    status: int = 0
    raw: bytes = b""
    body: bytes = b""
    complete: bool = False


class _Answer:
    """What the parser calls."""

    def __init__(self, heard: Heard) -> None:
        self.complete = False
        self._heard = heard

    def on_body(self, body: bytes) -> None:
        self._heard.body += body

    def on_message_complete(self) -> None:
        self.complete = True


class Caller:
    """Speaks HTTP/1.1 to one instance."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._tls = _trusting() if parts.scheme == "https" else None
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(
        self, request: bytes, *, leave_when: Callable[[], bool] | None = None, leave_after: int | None = None
    ) -> Heard:
        """Send, and hear the answer; or leave when that becomes true, or after so many bytes of the body.

        Raises OSError where nobody listens.
        """
        reader, writer = self._idle.pop() if self._idle else await self._connect()
        heard = Heard()
        hearing = asyncio.ensure_future(self._hear(reader, writer, request, heard, leave_after))
        clock = asyncio.get_running_loop().time
        deadline = clock() + PATIENCE
        try:
            while not hearing.done() and clock() < deadline and not (leave_when is not None and leave_when()):
                await asyncio.wait([hearing], timeout=PATIENCE if leave_when is None else _LOOK)
            hearing.cancel()
            await asyncio.wait([hearing])
        except asyncio.CancelledError:
            hearing.cancel()
            writer.transport.abort()
            raise
        if heard.complete and len(self._idle) < _IDLE and not reader.at_eof():
            self._idle.append((reader, writer))
        else:
            writer.transport.abort()
        return heard

    def close(self) -> None:
        """End what is kept."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=_READ)

    async def _hear(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        request: bytes,
        heard: Heard,
        leave_after: int | None,
    ) -> None:
        """Fills `heard` as the answer comes in."""
        answer = _Answer(heard)
        parser = HttpResponseParser(answer)
        with contextlib.suppress(OSError, HttpParserError):
            writer.write(request)
            while not answer.complete and len(heard.raw) < _LONGEST:
                data = await reader.read(_READ)
                if not data:
                    break
                heard.raw += data
                parser.feed_data(data)
                heard.status = parser.get_status_code()
                if leave_after is not None and len(heard.body) >= leave_after:
                    break
            heard.complete = answer.complete and parser.should_keep_alive()


def request(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
    """The bytes of a request."""
    named = [("host", "127.0.0.1"), *headers, ("content-length", str(len(body)))]
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in named), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def _trusting() -> ssl.SSLContext:
    """For the throwaway instance, whose certificate is the operator's and names another host."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context

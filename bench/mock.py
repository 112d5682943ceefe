"""A fake provider for both dialects: python -m bench.mock PORT [--pieces N] [--interval SECONDS]

It answers every path that ends in /chat/completions or /messages. `GET /set?pieces=200&interval=0.05` changes how
streams run, `GET /count` says what was sent. Streams share one timer, so that a thousand of them cost little.
"""

import argparse
import asyncio
from collections.abc import Iterator
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import httptools
import msgspec
import uvloop
from msgspec import Struct

from bench.answers import ANSWERS, Answer, http_head, wire_of

TICK = 0.005  # seconds between two writes of a wheel
MOST_BYTES = 64 << 20  # of a request's body


class Pace(Struct, kw_only=True, frozen=True):
    """How streams run. An interval of 0 sends a whole stream in one write."""

    pieces: int = 20
    interval: float = 0.0


class Counts(Struct):
    requests: int = 0
    pieces: int = 0
    open: int = 0


class StreamOptions(Struct):
    include_usage: bool = False


class Wish(Struct):
    """The part of a request's body that the answer depends on."""

    stream: bool = False
    stream_options: StreamOptions | None = None


WISHES = msgspec.json.Decoder(Wish)


class Wheel:
    """Sends each stream its next piece once an interval, the streams spread over slots a tick apart."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._slots: list[set[Stream]] = [set() for _ in range(max(1, round(interval / TICK)))]
        self._tick = interval / len(self._slots)
        self._at = 0
        self._due = 0.0
        self._turning = False

    def join(self, stream: "Stream") -> None:
        """The first piece comes a whole interval from now."""
        self._slots[self._at].add(stream)
        if not self._turning:
            self._turning = True
            self._due = asyncio.get_running_loop().time()
            self._schedule()

    def leave(self, stream: "Stream") -> None:
        for slot in self._slots:
            slot.discard(stream)

    def streams(self) -> Iterator["Stream"]:
        return (stream for slot in self._slots for stream in slot)

    def _schedule(self) -> None:
        self._due += self._tick  # from the last due time, not from now: a late tick is caught up
        asyncio.get_running_loop().call_at(self._due, self._turn)

    def _turn(self) -> None:
        self._at = (self._at + 1) % len(self._slots)
        for stream in list(self._slots[self._at]):
            stream.step()
        self._turning = any(self._slots)
        if self._turning:
            self._schedule()


class Stream:
    """One streamed answer in progress."""

    def __init__(self, mock: "Mock", transport: asyncio.Transport, answer: Answer, *, usage_wanted: bool) -> None:
        self._mock, self._transport, self._answer = mock, transport, answer
        self._usage_wanted = usage_wanted
        self._sent, self._all = 0, mock.pace.pieces
        self._owed = 0  # pieces held back while the reader is slow: a number, so it needs no room
        self.held = False
        self._open = True
        self._wheel = mock.wheel
        mock.counts.open += 1
        if mock.pace.interval:
            transport.write(answer.opening)
            self._wheel.join(self)
        else:
            self._send(self._all, answer.opening)

    def step(self) -> None:
        self._owed += 1
        if not self.held:
            self._send(self._owed)

    def release(self) -> None:
        """The reader has caught up."""
        self.held = False
        if self._owed and self._open:
            self._send(self._owed)

    def _send(self, pieces: int, opening: bytes = b"") -> None:
        begin, self._owed = self._sent, 0
        self._sent = min(begin + pieces, self._all)
        self._mock.counts.pieces += self._sent - begin
        kinds = self._answer.pieces
        data = opening + b"".join([kinds[number % len(kinds)] for number in range(begin, self._sent)])
        if self._sent == self._all:
            data += self._answer.ending(usage_wanted=self._usage_wanted)
            self.close()
        self._transport.write(data)

    def close(self) -> None:
        """Counts it as ended, once."""
        if self._open:
            self._open = False
            self._mock.counts.open -= 1
            self._wheel.leave(self)


class Mock:
    """What all connections share."""

    def __init__(self, pace: Pace) -> None:
        self.counts = Counts()
        self.pace = pace
        self.wheel = Wheel(pace.interval)

    def set_pace(self, query: str) -> None:
        """Raises msgspec.ValidationError. Streams that run already keep their interval."""
        self.pace = msgspec.convert(dict(parse_qsl(query)), Pace, strict=False)
        if self.wheel.interval != self.pace.interval:
            self.wheel = Wheel(self.pace.interval)


class Connection(asyncio.Protocol):
    """One connection to the mock. The callbacks in the middle are httptools'."""

    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._stream: Stream | None = None
        self._url = b""
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._url, self._size = b"", 0
        self._body.clear()

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MOST_BYTES:
            self._transport.close()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        url = urlsplit(self._url.decode())
        wire = wire_of(url.path)
        if wire is not None:
            self._answer(ANSWERS[wire])
        elif url.path == "/set":
            self._mock.set_pace(url.query)
            self._reply(b"{}")
        elif url.path == "/count":
            self._reply(msgspec.json.encode(self._mock.counts))
        else:
            self._transport.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    def _answer(self, answer: Answer) -> None:
        self._mock.counts.requests += 1
        wish = WISHES.decode(b"".join(self._body))
        if not wish.stream:
            self._transport.write(answer.plain)
            return
        options = wish.stream_options or StreamOptions()
        self._stream = Stream(self._mock, self._transport, answer, usage_wanted=options.include_usage)

    def _reply(self, body: bytes) -> None:
        self._transport.write(http_head("application/json", len(body)) + body)

    def pause_writing(self) -> None:
        if self._stream is not None:
            self._stream.held = True

    def resume_writing(self) -> None:
        if self._stream is not None:
            self._stream.release()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self._stream is not None:
            self._stream.close()


async def serve(port: int, pace: Pace) -> None:
    mock = Mock(pace)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(mock), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    parser.add_argument("--pieces", type=int, default=Pace().pieces, help="in a stream (default %(default)s)")
    parser.add_argument(
        "--interval", type=float, default=Pace().interval, help="seconds between them (default %(default)s)"
    )
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.port, Pace(pieces=options.pieces, interval=options.interval)))


if __name__ == "__main__":
    main()

"""Server-sent events: bytes in, frames out, and back (WHATWG HTML, section 9.2)."""

import re
from collections.abc import Iterator

from msgspec import Struct

from lethe.errors import MalformedReply

# Not str.splitlines(): that also breaks on U+2028, which is legal inside JSON.
LINE_END = re.compile(r"\r\n|\n|\r")
MAX_FRAME = 8 * 1024 * 1024


class Frame(Struct, frozen=True):
    """One event: `data` lines joined by newlines, and the `event` name if it had one."""

    data: str
    event: str | None = None


class FrameDecoder:
    """Feed it whatever the socket gave; it yields the frames that are complete."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._limit = limit

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Raises MalformedReply when `limit` bytes hold no complete frame."""
        self._buffer += chunk
        while (end := self._blank_line()) is not None:
            block = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._scanned = 0
            frame = parse_frame(block)
            if frame is not None:
                yield frame
        if len(self._buffer) > self._limit:
            raise MalformedReply("the upstream sent an event that is too long")

    def finish(self) -> Iterator[Frame]:
        """Some upstreams close without the last blank line; accept what they meant."""
        frame = parse_frame(bytes(self._buffer))
        self._buffer.clear()
        if frame is not None:
            yield frame

    def _blank_line(self) -> int | None:
        buffer, start = self._buffer, max(0, self._scanned - 3)
        ends = [i + len(s) for s in (b"\n\n", b"\r\r", b"\r\n\r\n") if (i := buffer.find(s, start)) >= 0]
        self._scanned = len(buffer)
        return min(ends, default=None)


def parse_frame(block: bytes) -> Frame | None:
    """The frame in a block of lines; None if it has no data (a comment, a lone event name)."""
    event: str | None = None
    data: list[str] = []
    for line in LINE_END.split(block.decode("utf-8", "replace")):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
    return Frame("\n".join(data), event) if data else None


def format_frame(data: bytes, event: str | None = None) -> bytes:
    """The bytes of a frame; `data` is one line (JSON is)."""
    head = b"event: " + event.encode() + b"\n" if event else b""
    return head + b"data: " + data + b"\n\n"

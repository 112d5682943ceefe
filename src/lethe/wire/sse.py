"""Server-sent events: bytes in, frames out, and back (WHATWG HTML, section 9.2)."""

from collections.abc import Iterator

from msgspec import Struct

from lethe.errors import MalformedReply

MAX_FRAME = 8 * 1024 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"  # numbers: of a byte in quotes CPython first asks whether it is one, which costs an exception


class Frame(Struct, frozen=True):
    """One event: `data` lines joined by newlines, and the `event` name if it had one."""

    data: str
    event: str | None = None


class FrameDecoder:
    """Feed it whatever the socket gave; it yields the frames that are complete.

    It holds at most `limit` bytes of a frame that is not complete. Lines may end with LF, CR LF or CR, which are made
    LF on arrival; JSON writes its own CR as an escape, so no data changes.
    """

    __slots__ = ("_after_cr", "_buffer", "_limit", "_scanned", "_started")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._scanned = 0  # no blank line begins before here
        self._limit = limit
        self._after_cr = False  # the last byte was a CR, so a LF that follows belongs to it
        self._started = False

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Raises MalformedReply, at the latest while it is iterated, when `limit` bytes hold no complete frame."""
        if (
            self._started
            and not self._buffer
            and not self._after_cr
            and chunk.endswith(b"\n\n")
            and chunk.find(b"\n\n") == len(chunk) - 2
            and _CR not in chunk
        ):  # one event a read, as streams of words come
            frame = parse_frame(chunk[:-2])
            return iter((frame,) if frame is not None else ())
        return self._any(chunk)

    def _any(self, chunk: bytes) -> Iterator[Frame]:
        if self._after_cr or _CR in chunk:
            chunk = self._line_feeds(chunk)
        for block in self._blocks(chunk):
            frame = parse_frame(block)
            if frame is not None:
                yield frame
        if len(self._buffer) > self._limit:
            raise MalformedReply("the upstream sent an event that is too long")

    def finish(self) -> Iterator[Frame]:
        """Some upstreams close without the last blank line; accept what they meant."""
        frame = parse_frame(bytes(self._buffer))
        self._buffer.clear()
        self._scanned = 0
        if frame is not None:
            yield frame

    def _blocks(self, chunk: bytes) -> list[bytes]:
        """The blocks of lines that this chunk completes; the rest is held back."""
        if not self._started:
            chunk = self._without_byte_order_mark(chunk)
        if not self._buffer:
            end = chunk.rfind(b"\n\n")
            whole, rest = (chunk[:end], chunk[end + 2 :]) if end >= 0 else (b"", chunk)
            self._buffer += rest
        else:
            self._buffer += chunk
            end = self._buffer.rfind(b"\n\n", self._scanned)
            whole = bytes(self._buffer[:end]) if end >= 0 else b""
            del self._buffer[: end + 2 if end >= 0 else 0]
        self._scanned = max(0, len(self._buffer) - 1)
        return whole.split(b"\n\n") if whole else []

    def _line_feeds(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _without_byte_order_mark(self, chunk: bytes) -> bytes:
        """The first bytes of the stream, held back while they might be a mark."""
        data = bytes(self._buffer) + chunk
        self._buffer.clear()
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            self._buffer += data
            return b""
        self._started = True
        return data.removeprefix(_BYTE_ORDER_MARK)


def parse_frame(block: bytes) -> Frame | None:
    """The frame in a block of lines that end with LF; None if it has no data (a comment, a lone event name)."""
    return _plain_frame(block) or _any_frame(block)


def _plain_frame(block: bytes) -> Frame | None:
    """The fast way for what LLM servers send: one line of data, perhaps after an event name."""
    if block.startswith(b"data: "):
        return Frame(block[6:].decode("utf-8", "replace")) if _LF not in block else None
    if not block.startswith(b"event: "):
        return None
    name, _, rest = block[7:].partition(b"\n")
    if not name or not rest.startswith(b"data: ") or _LF in rest:
        return None
    return Frame(rest[6:].decode("utf-8", "replace"), name.decode("utf-8", "replace"))


def _any_frame(block: bytes) -> Frame | None:
    event: str | None = None
    data: list[str] = []
    # Not str.splitlines(): that also breaks on U+2028, which is legal inside JSON.
    for line in block.decode("utf-8", "replace").split("\n"):
        name, _, value = line.partition(":")
        if name == "data":
            data.append(value.removeprefix(" "))
        elif name == "event":
            event = value.removeprefix(" ")
    return Frame("\n".join(data), event or None) if data else None


def format_frame(data: bytes, event: str | None = None) -> bytes:
    """The bytes of a frame; `data` is one line (JSON is)."""
    head = b"event: " + event.encode() + b"\n" if event else b""
    return head + b"data: " + data + b"\n\n"

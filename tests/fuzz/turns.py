"""An event loop without sockets and clock, and a transport of paper: the same turns for the same bytes, and fast."""

import asyncio
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any


class Turns(asyncio.BaseEventLoop):
    """Time passes only where a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wrong: list[Any] = []  # what was raised into the loop
        self._selector = self  # what the loop waits with
        self.set_exception_handler(lambda _, told: self.wrong.append(told))

    def time(self) -> float:
        return self.now

    def select(self, timeout: float | None) -> list[Any]:
        """Nothing can be waited for: where nothing is ready the loop ends."""
        if timeout != 0:
            self.stop()
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def settle(self, seconds: float = 0.0) -> None:
        """Every callback and task that can go on does, after so many seconds."""
        self.now += seconds
        if seconds or self._ready:  # type: ignore[attr-defined]
            self.run_forever()
        wrong, self.wrong = self.wrong, []
        assert not wrong, wrong


class Paper(asyncio.Transport):
    """Keeps what is written. A `slow` one asks after each write to pause, and is drained in the next turn."""

    def __init__(self, loop: Turns, protocol: asyncio.BufferedProtocol, *, slow: bool = False) -> None:
        super().__init__()
        self._loop, self._protocol, self._slow = loop, protocol, slow
        self.written: list[bytes] = []
        self.closed = self.ended = False
        self.reading = True
        self.paused = False  # has it ever been?
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the end"
        assert not self.ended, "written after the end"
        self.written.append(bytes(data))
        if self._slow:
            self._protocol.pause_writing()
            self._loop.call_soon(self._protocol.resume_writing)

    def get_write_buffer_size(self) -> int:
        return 0

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading, self.paused = False, True

    def resume_reading(self) -> None:
        self.reading = True


def pieces(data: bytes) -> list[bytes]:
    """The data in pieces of many sizes, always the same for the same data."""
    random = Random(zlib.crc32(data))
    largest = random.choice((1, 3, 20, 200, 5000)) + len(data) // 100
    found, at = [], 0
    while at < len(data):
        size = random.randint(1, largest)
        found.append(data[at : at + size])
        at += size
    return found


@contextmanager
def lowered(limits: Sequence[tuple[Any, str, int]]) -> Iterator[None]:
    """With other limits than those of modules."""
    before = [getattr(module, name) for module, name, _ in limits]
    try:
        for module, name, value in limits:
            setattr(module, name, value)
        yield
    finally:
        for (module, name, _), value in zip(limits, before, strict=True):
            setattr(module, name, value)


# Damage of heads and bodies

_TOKENS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\x00", b"\x0b", b"\x80", b":", b",", b";", b";a=b", b';a="\\"', b"\r\n ",
    b"0\r\n\r\n", b"5\r\nhello\r\n", b"0\r\nx-trailer: t\r\n\r\n", b"ffffffffffffffff\r\n", b"0x5", b"+5", b"-5", b"05", b"5_0", b"5, 5",
    b"18446744073709551616", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.10", b"?", b"#", b"%0d%0a", b"//", b"*",
)  # fmt: skip
_FIELDS = (
    b"content-length: 5", b"Content-Length: 0", b"content-length: 6", b"content-length:5 ", b"content-length : 5", b"content-length: 5,5",
    b"transfer-encoding: chunked", b"Transfer-Encoding: Chunked ", b"transfer-encoding: gzip, chunked", b"transfer-encoding: identity",
    b"transfer-encoding: chunked, chunked", b"transfer-encoding:\x0bchunked", b"transfer-encoding: \"chunked\"", b"transfer-encoding:",
    b"connection: close", b"connection: keep-alive", b"connection: upgrade", b"upgrade: h2c", b"connection: close, upgrade",
    b"expect: 100-continue", b"host: h", b"host: other", b"x-a: b", b"x-a:  b\t ", b"x-b:", b" folded", b"trailer: x-a", b"proxy-connection: close",
)  # fmt: skip


def damaged(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One to four kinds of damage, mostly to lines."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(_WAYS)(data, others, random)
    return data


def _token(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(_TOKENS) + data[at + random.choice((0, 0, 1, 4)) :]


def _flipped(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + bytes((random.randrange(256),)) + data[at + 1 :]


def _cut(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at + random.choice((1, 1, 2, 8, 40, 200)) :]


def _repeated(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    a = random.randint(0, len(data))
    b = a + random.choice((1, 2, 8, 40, 200))
    return data[:b] + data[a:b] * random.choice((1, 1, 2, 50)) + data[b:]


def _joined(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Another message before or behind."""
    other = random.choice(others)
    return data + other if random.random() < 0.7 else other + data


def _lines(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Whole lines lost, repeated, swapped, of another message, or such as matter."""
    lines = data.split(b"\r\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines[at] = random.choice(random.choice(others).split(b"\r\n"))
        case _:
            lines.insert(min(at, random.choice((1, 2, at))), random.choice(_FIELDS))
    return b"\r\n".join(lines)


_WAYS: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    _token, _token, _flipped, _cut, _repeated, _joined, _lines, _lines, _lines, _lines,
)  # fmt: skip

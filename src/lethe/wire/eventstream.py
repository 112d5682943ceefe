"""AWS event streams: bytes in, messages and frames out, and back.

Format: smithy.io, "Amazon Event Stream specification"; checked against botocore 1.44.8, `eventstream.py`.

    total length 4 | headers length 4 | CRC-32 of these 4 | headers | payload | CRC-32 of all before 4
"""

from collections.abc import Iterator, Mapping
from struct import Struct as Layout
from struct import error as StructError  # noqa: N812 - its name says nothing
from typing import TypeAlias
from zlib import crc32

import msgspec
from msgspec import Struct

from lethe.errors import MalformedReply, StreamCut
from lethe.wire.sse import Frame

MAX_MESSAGE = 16 * 1024 * 1024
MAX_HEADERS = 128 * 1024

HeaderValue: TypeAlias = bool | int | bytes | str

ERROR = "error"  # the frame of an error that has no type of its own
_PRELUDE = Layout(">III")
_CHECKSUM = Layout(">I")
_LENGTH = Layout(">H")
_LEAST = _PRELUDE.size + _CHECKSUM.size

_BYTES, _STRING, _UUID = 6, 7, 9
_CONSTANTS = {0: True, 1: False}
_NUMBERS = {2: Layout(">b"), 3: Layout(">h"), 4: Layout(">i"), 5: Layout(">q"), 8: Layout(">q")}
_UUID_SIZE = 16


class Message(Struct, frozen=True):
    """One message; a timestamp among the headers is in milliseconds, a UUID its bytes."""

    headers: Mapping[str, HeaderValue]
    payload: bytes


class MessageDecoder:
    """Feed it whatever the socket gave; it yields the messages that are complete.

    It holds at most one message that is not, and knows a broken one by its first twelve bytes or by its last four.
    """

    __slots__ = ("_block", "_buffer", "_headers", "_limit", "_size")

    def __init__(self, limit: int = MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._size = 0  # of the message that the buffer begins with; 0 while unknown
        self._block = b""  # of headers, as the latest message had it: streams repeat themselves
        self._headers: Mapping[str, HeaderValue] = {}

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Raises MalformedReply."""
        self._buffer += chunk
        while self._complete():
            raw = bytes(self._buffer[: self._size])
            del self._buffer[: self._size]
            self._size = 0
            yield self._message(raw)

    def finish(self) -> None:
        """The stream has ended. Raises StreamCut if it ended within a message."""
        if self._buffer:
            raise StreamCut

    def _complete(self) -> bool:
        if not self._size:
            if len(self._buffer) < _PRELUDE.size:
                return False
            total, headers, checksum = _PRELUDE.unpack_from(self._buffer)
            if crc32(self._buffer[: _PRELUDE.size - _CHECKSUM.size]) != checksum:
                raise MalformedReply("the upstream's event stream has a wrong checksum")
            if not _LEAST + headers <= total <= self._limit or headers > MAX_HEADERS:
                raise MalformedReply("the upstream's event stream has a message of an impossible length")
            self._size = total
        return len(self._buffer) >= self._size

    def _message(self, raw: bytes) -> Message:
        end = len(raw) - _CHECKSUM.size
        if _CHECKSUM.unpack_from(raw, end)[0] != crc32(raw[:end]):
            raise MalformedReply("the upstream's event stream has a wrong checksum")
        start = _PRELUDE.size + _PRELUDE.unpack_from(raw)[1]
        block = raw[_PRELUDE.size : start]
        if block != self._block:
            self._headers, self._block = decode_headers(block), block
        return Message(self._headers, raw[start:end])


def decode_headers(block: bytes) -> dict[str, HeaderValue]:
    """Raises MalformedReply."""
    headers: dict[str, HeaderValue] = {}
    at = 0
    try:
        while at < len(block):
            end = at + 1 + block[at]
            name = block[at + 1 : end].decode()
            value, at = _value(block[end], block, end + 1)
            if name in headers or at > len(block):
                raise MalformedReply("the upstream's event stream has a broken header")
            headers[name] = value
    except (IndexError, UnicodeDecodeError, StructError, KeyError):
        raise MalformedReply("the upstream's event stream has a broken header") from None
    return headers


def _value(kind: int, block: bytes, at: int) -> tuple[HeaderValue, int]:
    """The value of this type that begins there, and where it ends."""
    if kind in (_STRING, _BYTES):
        start = at + _LENGTH.size
        end = start + _LENGTH.unpack_from(block, at)[0]
        raw = block[start:end]
        return raw.decode() if kind == _STRING else raw, end
    if kind in _CONSTANTS:
        return _CONSTANTS[kind], at
    if kind == _UUID:
        return block[at : at + _UUID_SIZE], at + _UUID_SIZE
    number = _NUMBERS[kind]
    return number.unpack_from(block, at)[0], at + number.size


def encode_message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """The bytes of a message whose headers are strings, as Bedrock's are."""
    block = b"".join(
        bytes((len(name.encode()),))
        + name.encode()
        + bytes((_STRING,))
        + _LENGTH.pack(len(value.encode()))
        + value.encode()
        for name, value in headers.items()
    )
    sizes = _PRELUDE.pack(_LEAST + len(block) + len(payload), len(block), 0)[: -_CHECKSUM.size]
    head = sizes + _CHECKSUM.pack(crc32(sizes)) + block + payload
    return head + _CHECKSUM.pack(crc32(head))


def encode_event(kind: str, payload: bytes) -> bytes:
    """An event."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, payload)


def encode_exception(kind: str, payload: bytes) -> bytes:
    """An exception, of those that the service's model names."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, payload)


def encode_error(code: str, message: str) -> bytes:
    """An error, of which only headers tell."""
    return encode_message({":error-code": code, ":error-message": message, ":message-type": "error"}, b"")


class EventFrames:
    """A FrameReader: an event's or exception's type is the frame's name, its payload the data.

    An error that the service's model does not name becomes a frame `error` with `code` and `message`.
    """

    __slots__ = ("_messages",)

    def __init__(self) -> None:
        self._messages = MessageDecoder()

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Raises MalformedReply."""
        for message in self._messages.feed(chunk):
            yield frame_of(message)

    def finish(self) -> Iterator[Frame]:
        """Raises StreamCut if the stream ended within a message."""
        self._messages.finish()
        return iter(())


def frame_of(message: Message) -> Frame:
    """Raises MalformedReply for a message that is none of the three kinds."""
    headers = message.headers
    match headers.get(":message-type"):
        case "event":
            name = headers.get(":event-type")
        case "exception":
            name = headers.get(":exception-type")
        case "error":
            said = {"code": headers.get(":error-code"), "message": headers.get(":error-message")}
            return Frame(msgspec.json.encode(said).decode(), ERROR)
        case _:
            name = None
    if not isinstance(name, str):
        raise MalformedReply("the upstream's event stream has a message of an unknown kind")
    try:
        return Frame(message.payload.decode(), name)
    except UnicodeDecodeError:
        raise MalformedReply("the upstream's event stream has a payload that is no text") from None

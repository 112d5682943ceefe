"""Streams that stay in their dialect: bytes as they came, looked at for what they cost and whether they fail."""

from collections import deque
from collections.abc import Callable, Mapping

from lethe.dialects.codec import StreamDecoder, UpstreamCodec
from lethe.errors import MalformedReply, ReplyTooLarge, StreamCut
from lethe.ir.events import BlockStart, Failure, Finish, Ping, Start
from lethe.ir.grammar import StreamFailed
from lethe.ir.usage import Usage
from lethe.providers.bedrock import InvokedFrames
from lethe.wire.boundary import EventBoundary
from lethe.wire.eventstream import EventFrames
from lethe.wire.framing import FrameReader, Framing
from lethe.wire.sse import Frame, FrameDecoder, format_frame

FRAMES: Mapping[Framing, Callable[[], FrameReader]] = {
    Framing.SSE: FrameDecoder,
    Framing.EVENT_STREAM: EventFrames,
    Framing.INVOKED: InvokedFrames,
}

_HEAD_BYTES = 16 * 1024  # where a stream says what the prompt cost
_TAIL_BYTES = 16 * 1024  # where it says what the answer cost
_ERROR_MARKS = (b"error", b"response.failed")  # one of them stands in every dialect's error event


class Reframing:
    """One stream in its own dialect out of a foreign envelope: each event's own JSON goes out as it came."""

    __slots__ = ("_decoder", "_frames", "_usage", "begun", "ended", "failed")

    midway = False  # only whole events come out

    def __init__(self, codec: UpstreamCodec, framing: Framing) -> None:
        self._frames = FRAMES[framing]()
        self._decoder: StreamDecoder = codec.stream_decoder()
        self._usage: Usage | None = None
        self.begun = self.ended = self.failed = False

    def feed(self, chunk: bytes) -> bytes:
        """Raises MalformedReply; StreamFailed while nothing of the answer is out."""
        return b"".join(map(self._framed, self._frames.feed(chunk)))

    def finish(self) -> bytes:
        """Raises StreamCut if the stream ended before its answer did."""
        out = b"".join(map(self._framed, self._frames.finish()))
        if not self.ended:
            raise StreamCut
        return out

    def usage(self) -> Usage | None:
        """What the stream has said so far."""
        return self._usage

    def _framed(self, frame: Frame) -> bytes:
        for event in self._decoder.feed(frame):
            match event:
                case Failure():
                    if not self.begun:
                        raise StreamFailed(event)
                    self.ended = self.failed = True
                case BlockStart():
                    self.begun = True
                case Finish(usage=usage):
                    self._usage, self.ended = usage, True
                case _:
                    pass
        return format_frame(frame.data.encode(), frame.event)


class Passthrough:
    """One stream in its own dialect: bytes out as they came, regrouped to whole events, teed for usage."""

    __slots__ = ("_boundary", "_codec", "_head", "_kept", "_tail")

    def __init__(self, codec: UpstreamCodec) -> None:
        self._boundary = EventBoundary()
        self._codec = codec
        self._head = b""
        self._tail: deque[bytes] = deque()  # the last reads, as many as it takes
        self._kept = 0  # bytes in them

    @property
    def midway(self) -> bool:
        """Has part of an event gone out, so that nothing else may?"""
        return self._boundary.midway

    def feed(self, chunk: bytes) -> bytes:
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[:_HEAD_BYTES]
        self._tail.append(chunk)
        self._kept += len(chunk)
        while self._kept - len(self._tail[0]) >= _TAIL_BYTES:
            self._kept -= len(self._tail.popleft())
        return self._boundary.feed(chunk)

    def finish(self) -> bytes:
        return self._boundary.rest()

    def usage(self) -> Usage | None:
        """From the first and the last reads; None if they do not tell."""
        return self._codec.streamed_usage(self._head, b"".join(self._tail))

    @property
    def failed(self) -> bool:
        """Do the last reads hold an error event? Nothing comes after one."""
        tail = b"".join(self._tail)
        return any(mark in tail for mark in _ERROR_MARKS) and any(map(self._fails, FrameDecoder().feed(tail)))

    def _fails(self, frame: Frame) -> bool:
        try:
            return any(isinstance(event, Failure) for event in self._codec.stream_decoder().feed(frame))
        except (MalformedReply, ReplyTooLarge):  # it stands on what came before
            return False


class Opening:
    """The first reads of a same-dialect stream, until content begins: before that, a failure may move on."""

    __slots__ = ("_decoder", "_frames", "_size")

    def __init__(self, codec: UpstreamCodec) -> None:
        self._decoder = codec.stream_decoder()
        self._frames = FrameDecoder()
        self._size = 0

    def feed(self, chunk: bytes) -> bool:
        """Has the answer begun? Raises StreamFailed if an error comes first. What it cannot read counts as begun."""
        self._size += len(chunk)
        try:
            for frame in self._frames.feed(chunk):
                for event in self._decoder.feed(frame):
                    match event:
                        case Failure():
                            raise StreamFailed(event)
                        case Start() | Ping():
                            pass
                        case _:
                            return True
        except MalformedReply:
            return True
        return self._size > _HEAD_BYTES

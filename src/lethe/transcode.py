"""Replies on their way to the caller: in the same dialect bytes pass, otherwise they go through the hub."""

from collections import deque
from collections.abc import Iterator

import msgspec

from lethe.dialects.codec import CODECS, Codec, StreamDecoder, StreamEncoder
from lethe.dialects.reply import ReplyContext
from lethe.errors import MalformedReply, StreamCut, UpstreamError
from lethe.ir.content import JsonObject
from lethe.ir.events import Event, Failure, Finish, Ping, Start
from lethe.ir.grammar import unfold
from lethe.ir.loss import Losses
from lethe.ir.request import Request
from lethe.ir.usage import Usage
from lethe.providers.quirks import adjusted
from lethe.providers.upstream import Upstream
from lethe.wire.boundary import EventBoundary
from lethe.wire.sse import Frame, FrameDecoder

_HEAD_BYTES = 16 * 1024  # where a stream says what the prompt cost
_TAIL_READS = 3  # where it says what the answer cost


class StreamFailed(UpstreamError):
    """An upstream's stream holds an error. `failure` is content: for the caller only."""

    code = "upstream_stream_failed"

    def __init__(self, failure: Failure) -> None:
        super().__init__("the upstream reported an error in its stream")
        self.failure = failure


def encode_request(request: Request, upstream: Upstream, model: str, losses: Losses) -> bytes:
    """The body for an upstream of another dialect."""
    named = msgspec.structs.replace(request, model=model)
    body = CODECS[upstream.dialect].encode_request(named, losses)
    return msgspec.json.encode(adjusted(body, upstream.provider, model, losses))


def translate_reply(source: Codec, target: Codec, body: bytes, context: ReplyContext, losses: Losses) -> "Buffered":
    """A buffered reply for the caller. Raises MalformedReply."""
    response = source.decode_response(decode_reply(body))
    return Buffered(
        body=msgspec.json.encode(target.encode_response(response, context, losses)), usage=response.finish.usage
    )


class Buffered(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reply, and what it cost."""

    body: bytes
    usage: Usage


def decode_reply(body: bytes) -> JsonObject:
    """Raises MalformedReply."""
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        raise MalformedReply("the upstream's answer is not JSON") from None
    if not isinstance(decoded, dict):
        raise MalformedReply("the upstream's answer is not a JSON object")
    return decoded


class StreamTranscoder:
    """One stream from one dialect to another: bytes in, the bytes of whole events out.

    An error in the upstream's stream is raised as StreamFailed while nothing of the answer is out (`begun` is
    false), and is passed on as the caller's dialect's error event afterwards.
    """

    __slots__ = ("_decoder", "_encoder", "_frames", "_usage", "begun", "ended", "failed")

    midway = False  # only whole events come out

    def __init__(self, source: Codec, target: Codec, context: ReplyContext, losses: Losses) -> None:
        self._frames = FrameDecoder()
        self._decoder: StreamDecoder = source.stream_decoder()
        self._encoder: StreamEncoder = target.stream_encoder(context, losses)
        self._usage: Usage | None = None
        self.begun = False
        self.ended = False  # a Finish or a Failure went out; whatever follows is ignored
        self.failed = False

    def feed(self, chunk: bytes) -> bytes:
        """Everything that this read completes, as one piece. Raises MalformedReply, StreamFailed."""
        out: list[bytes] = []
        for frame in self._frames.feed(chunk):
            self._frame(frame, out)
        return b"".join(out)

    def finish(self) -> bytes:
        """The upstream's stream has ended. Raises StreamCut if it ended before its answer did."""
        out: list[bytes] = []
        for frame in self._frames.finish():
            self._frame(frame, out)
        self._events(self._decoder.finish(), out)
        if not self.ended:
            raise StreamCut
        return b"".join(out)

    def usage(self) -> Usage | None:
        """What the stream has said so far."""
        return self._usage

    def _frame(self, frame: Frame, out: list[bytes]) -> None:
        if not self.ended:
            self._events(self._decoder.feed(frame), out)

    def _events(self, events: Iterator[Event], out: list[bytes]) -> None:
        for event in events:
            if self.ended:
                return
            match event:
                case Failure():
                    if not self.begun:
                        raise StreamFailed(event)
                    self.ended = self.failed = True
                case Finish(usage=usage):
                    self._usage, self.ended = usage, True
                case Start(usage=usage):
                    self._usage = usage
                case Ping():
                    pass
                case _:
                    self.begun = True
            out += self._encoder.encode(event)


def stream_of(source: Codec, target: Codec, body: bytes, context: ReplyContext, losses: Losses) -> Buffered:
    """A buffered reply as the stream that the caller asked for: some upstreams ignore `stream`."""
    response = source.decode_response(decode_reply(body))
    encoder = target.stream_encoder(context, losses)
    frames = [frame for event in unfold(response) for frame in encoder.encode(event)]
    return Buffered(body=b"".join(frames), usage=response.finish.usage)


class Passthrough:
    """One stream in its own dialect: bytes out as they came, regrouped to whole events, teed for usage."""

    __slots__ = ("_boundary", "_codec", "_head", "_tail")

    def __init__(self, codec: Codec) -> None:
        self._boundary = EventBoundary()
        self._codec = codec
        self._head = b""
        self._tail: deque[bytes] = deque(maxlen=_TAIL_READS)

    @property
    def midway(self) -> bool:
        """Has part of an event gone out, so that nothing else may?"""
        return self._boundary.midway

    def feed(self, chunk: bytes) -> bytes:
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[:_HEAD_BYTES]
        self._tail.append(chunk)
        return self._boundary.feed(chunk)

    def finish(self) -> bytes:
        return self._boundary.rest()

    def usage(self) -> Usage | None:
        """From the first and the last reads; None if they do not tell."""
        return self._codec.streamed_usage(self._head, b"".join(self._tail))


class Opening:
    """The first reads of a same-dialect stream, until content begins: before that, a failure may move on."""

    __slots__ = ("_decoder", "_frames", "_size")

    def __init__(self, codec: Codec) -> None:
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

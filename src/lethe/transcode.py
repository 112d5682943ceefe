"""From one dialect to another, through the hub: requests, replies, streams. For streams of one: `dialects.passage`."""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import chain

import msgspec

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS, CallerCodec, StreamDecoder, StreamEncoder, UpstreamCodec
from lethe.dialects.passage import FRAMES
from lethe.dialects.reply import ReplyContext
from lethe.dialects.toolnames import fit, renamed
from lethe.errors import InvalidRequest, MalformedReply, StreamCut
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    Event,
    Failure,
    Finish,
    Start,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import Fold, Grammar, StreamFailed, unfold
from lethe.ir.loss import Locate, Loss, Losses
from lethe.ir.request import Request
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.providers.quirks import adjusted
from lethe.providers.restraints import suited
from lethe.providers.upstream import Upstream
from lethe.wire import lenient
from lethe.wire.framing import Framing
from lethe.wire.sse import FrameDecoder

_BEFORE_FIELDS = b"\xef\xbb\xbf\r\n"  # a byte order mark, blank lines
_STREAM_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
# JSON can be read that, some calls further down the stack, can no longer be written.
_TOO_DEEP = (RecursionError, lenient.Unwritable)


class Encoded(msgspec.Struct, frozen=True, kw_only=True):
    """A body for an upstream, and the caller's tool names by those that it holds instead."""

    body: bytes
    tool_names: Mapping[str, str]


class Buffered(msgspec.Struct, frozen=True, kw_only=True):
    """A whole reply, and what it cost."""

    body: bytes
    usage: Usage


def decode_request(caller: Dialect, body: JsonObject) -> Request:
    """The hub's view of a body. Raises InvalidRequest."""
    try:
        return CODECS[caller].decode_request(body)
    except _TOO_DEEP:
        raise InvalidRequest("$", "is nested too deeply") from None


def encode_request(request: Request, upstream: Upstream, model: str, losses: Losses) -> Encoded:
    """The body for an upstream of another dialect. Losses are at paths of the hub: see `located`.

    Raises InvalidRequest.
    """
    asked = suited(msgspec.structs.replace(request, model=model), losses)
    fitted, names = fit(asked, upstream.dialect)
    try:
        body = UPSTREAM_CODECS[upstream.dialect].encode_request(fitted, losses)
        body = adjusted(body, fitted, upstream.provider, losses)
        return Encoded(body=lenient.encode(body), tool_names=names)
    except _TOO_DEEP:
        raise InvalidRequest("$", "is nested too deeply") from None


def located(losses: Losses, caller: Dialect, body: JsonObject) -> Losses:
    """The losses of a request at the paths of the body that the caller sent."""
    locate = locator(caller, body)
    return Losses(Loss(locate(loss.path), loss.feature, loss.severity) for loss in losses)


def locator(caller: Dialect, body: JsonObject) -> Locate:
    """To paths of the body, which is read again for them; those of the hub where it is too deep for that here."""
    made = cache(lambda: CODECS[caller].locator(body))

    def locate(path: str) -> str:
        try:
            return made()(path)
        except _TOO_DEEP:
            return path

    return locate


def translate_reply(
    source: UpstreamCodec, target: CallerCodec, body: bytes, context: ReplyContext, losses: Losses
) -> Buffered:
    """A buffered reply for the caller. Raises MalformedReply, StreamFailed, StreamCut."""
    try:
        response = read_reply(source, body, context)
        encoded = target.encode_response(response, context, losses)
        return Buffered(body=lenient.encode(encoded), usage=response.finish.usage)
    except _TOO_DEEP:
        raise MalformedReply from None


def stream_of(
    source: UpstreamCodec, target: CallerCodec, body: bytes, context: ReplyContext, losses: Losses
) -> Buffered:
    """A buffered reply as the stream that the caller asked for: some upstreams ignore `stream`. Raises likewise."""
    try:
        response = read_reply(source, body, context)
        encoder = target.stream_encoder(context, losses)
        frames = [frame for event in unfold(response) for frame in encoder.encode(event)]
    except _TOO_DEEP:
        raise MalformedReply from None
    return Buffered(body=b"".join(frames), usage=response.finish.usage)


def read_reply(source: UpstreamCodec, body: bytes, context: ReplyContext) -> Response:
    """A whole reply, also one that is a stream, with the names of model and tools that the caller knows.

    Claude Code drops the sealed thoughts of a model that it did not ask for (seen with 2.1.197), and with them what the
    upstream wants back.
    """
    response = _folded(source, body) if is_stream(body) else source.decode_response(_decoded(body))
    if context.model:
        response = msgspec.structs.replace(response, model=context.model)
    if not context.tool_names:
        return response
    content = tuple(renamed(block, context.tool_names) for block in response.content)
    return msgspec.structs.replace(response, content=content)


def is_stream(body: bytes) -> bool:
    """Does a whole body hold server-sent events? Some upstreams always stream."""
    return body.lstrip(_BEFORE_FIELDS).startswith(_STREAM_FIELDS)


def _folded(source: UpstreamCodec, body: bytes) -> Response:
    frames, decoder, fold = FrameDecoder(), source.stream_decoder(), Fold(source.join_deltas)
    for frame in chain(frames.feed(body), frames.finish()):
        for event in decoder.feed(frame):
            fold.add(event)
    for event in decoder.finish():
        fold.add(event)
    return fold.response()


def _decoded(body: bytes) -> JsonObject:
    try:
        decoded = lenient.decode(body)
    except ValueError:
        raise MalformedReply("the upstream's answer is not JSON") from None
    if not isinstance(decoded, dict):
        raise MalformedReply("the upstream's answer is not a JSON object")
    return decoded


class StreamTranscoder:
    """One stream from one dialect to another: bytes in, the bytes of whole events out.

    An error in the upstream's stream is raised as StreamFailed while nothing of the answer is out (`begun` is
    false), and is passed on as the caller's dialect's error event afterwards.
    """

    __slots__ = ("_decoder", "_encoder", "_frames", "_grammar", "_model", "_names", "_usage", "begun", "failed")

    midway = False  # only whole events come out

    def __init__(
        self,
        source: UpstreamCodec,
        target: CallerCodec,
        context: ReplyContext,
        losses: Losses,
        framing: Framing = Framing.SSE,
    ) -> None:
        self._frames = FRAMES[framing]()
        self._decoder: StreamDecoder = source.stream_decoder()
        self._encoder: StreamEncoder = target.stream_encoder(context, losses)
        self._grammar = Grammar()
        self._model = context.model
        self._names = context.tool_names
        self._usage: Usage | None = None
        self.begun = self.failed = False

    @property
    def ended(self) -> bool:
        """Has a Finish or a Failure gone out? Decoders ignore whatever follows."""
        return self._grammar.ended

    def feed(self, chunk: bytes) -> bytes:
        """Everything that this read completes, as one piece. Raises MalformedReply, StreamFailed."""
        out: list[bytes] = []
        try:
            for frame in self._frames.feed(chunk):
                self._events(self._decoder.feed(frame), out)
        except _TOO_DEEP:
            raise MalformedReply from None
        return b"".join(out)

    def finish(self) -> bytes:
        """The upstream's stream has ended. Raises StreamCut if it ended before its answer did."""
        out: list[bytes] = []
        try:
            for frame in self._frames.finish():
                self._events(self._decoder.feed(frame), out)
            self._events(self._decoder.finish(), out)
        except _TOO_DEEP:
            raise MalformedReply from None
        if not self.ended:
            raise StreamCut
        return b"".join(out)

    def usage(self) -> Usage | None:
        """What the stream has said so far."""
        return self._usage

    def _events(self, events: Iterator[Event], out: list[bytes]) -> None:
        for event in events:
            self._grammar.admit(event)
            match event:
                case TextDelta() | ThinkingDelta() | ArgumentsDelta():
                    out += self._encoder.encode(event)  # first, as nearly all are
                    continue
                case BlockStart(index=index, block=block):
                    self.begun = True
                    if self._names:
                        event = BlockStart(index, renamed(block, self._names))  # noqa: PLW2901 - as the caller knows it
                case Failure():
                    if not self.begun:
                        raise StreamFailed(event)
                    self.failed = True
                case Start(usage=usage):
                    self._usage = usage
                    if self._model:
                        event = msgspec.structs.replace(event, model=self._model)  # noqa: PLW2901 - as in read_reply
                case Finish(usage=usage):
                    self._usage = usage
                case _:
                    pass
            out += self._encoder.encode(event)

"""What an upstream answered, on its way to the caller: whole, or as a stream."""

from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol

from msgspec import Struct

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS, CallerCodec, UpstreamCodec
from lethe.dialects.passage import Opening, Passthrough, Reframing
from lethe.dialects.reply import ReplyContext
from lethe.errors import MalformedReply, UpstreamAnswered
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.ir.usage import Usage
from lethe.policies import fidelity
from lethe.providers.envelopes import Envelope
from lethe.server import relay
from lethe.server.exchange import Exchange
from lethe.server.headers import EVENT_STREAM, JSON, Header, header, response_headers
from lethe.transcode import StreamTranscoder, stream_of, translate_reply
from lethe.upstream.call import Reply
from lethe.wire.framing import CONTENT_TYPES, Framing

MAX_WHOLE = 64 * 1024 * 1024
MAX_ERROR = 1024 * 1024
MAX_OPENING = 16 * 1024 * 1024  # of what comes before an answer begins: an event may be half as long


class Way(Struct, frozen=True):
    """From which dialect, in which envelope, to which; `context` says what varies, to whoever translates."""

    source: Dialect
    target: Dialect
    envelope: Envelope
    context: Callable[[], ReplyContext]
    losses: Losses

    @property
    def same(self) -> bool:
        return self.source is self.target

    @property
    def codecs(self) -> tuple[UpstreamCodec, CallerCodec]:
        return UPSTREAM_CODECS[self.source], CODECS[self.target]

    def passed(self, reply: Reply) -> list[Header]:
        """The upstream's headers that reach the caller."""
        return response_headers(reply.headers, self.envelope.errors, self.target)


class Answer(Protocol):
    """A good answer, of which nothing has been sent yet."""

    def send(self, exchange: Exchange, heartbeat: float) -> Coroutine[Any, Any, None]: ...


class Whole(Struct, frozen=True):
    """A buffered answer."""

    status: int
    headers: list[Header]
    body: bytes
    usage: Usage | None
    losses: Losses

    def send(self, exchange: Exchange, heartbeat: float) -> Coroutine[Any, Any, None]:  # noqa: ARG002 - an Answer
        exchange.spent(self.usage)
        if self.losses:
            exchange.lost(self.losses)
            named = fidelity.named(self.losses)
            exchange.losses = ", ".join(filter(None, (exchange.losses, named))) or None
        if exchange.started:  # a stream that was committed to while the upstream took its time
            return exchange.end(self.body)
        return exchange.reply(self.status, self.headers, self.body)


class Streamed(Struct, frozen=True):
    """A stream whose opening has been read: `first` is ready to go out."""

    status: int
    headers: list[Header]
    reply: Reply
    pipe: relay.Pipe
    first: bytes
    complete: bool  # the upstream's stream has ended already
    losses: Losses  # fills while the stream goes on: too late to be named, so only counted

    async def send(self, exchange: Exchange, heartbeat: float) -> None:
        try:
            exchange.start(self.status, self.headers)
            await relay.relay(exchange, self, heartbeat)
        finally:
            self.reply.close()
            exchange.lost(self.losses)


async def read_whole(reply: Reply, way: Way) -> Whole:
    """Raises UpstreamAnswered for an error status; StreamFailed, MalformedReply and StreamCut for what is no answer."""
    if reply.status != 200:
        await _refuse(reply)
    body = await reply.read_all(MAX_WHOLE)
    reply.close()
    source, target = way.codecs
    passed = way.passed(reply)
    encoded = _encoded(reply)
    if way.same:
        if not encoded and body[:64].lstrip()[:1] not in (b"{", b"["):
            raise MalformedReply("the upstream's answer is not JSON")
        usage = None if encoded else source.buffered_usage(body)
        return Whole(reply.status, passed, body, usage, way.losses)
    if encoded:
        raise MalformedReply("the upstream's answer is compressed although that was not asked for")
    translated = translate_reply(source, target, body, way.context(), way.losses)
    return Whole(200, [*passed, JSON], translated.body, translated.usage, way.losses)


async def read_body(reply: Reply) -> bytes:
    """A small answer that is not content. Raises UpstreamAnswered for an error status, and MalformedReply."""
    if reply.status != 200:
        await _refuse(reply)
    if _encoded(reply):
        raise MalformedReply("the upstream's answer is compressed although that was not asked for")
    body = await reply.read_all(MAX_ERROR)
    reply.close()
    return body


async def open_stream(reply: Reply, way: Way) -> Streamed | Whole:
    """Reads until content begins. Raises UpstreamAnswered, StreamFailed and MalformedReply before that."""
    if reply.status != 200:
        await _refuse(reply)
    kind = header(reply.headers, b"content-type") or b""
    if _encoded(reply):
        raise MalformedReply("the upstream's stream is compressed although that was not asked for")
    if kind.startswith(b"application/json"):
        return await _unstreamed(reply, way)
    framing = way.envelope.framing
    if kind and not kind.startswith(CONTENT_TYPES[framing]):
        raise MalformedReply("the upstream's answer is not an event stream")
    passed = way.passed(reply)
    source, target = way.codecs
    if way.same and framing is Framing.SSE:
        return await _open_same(reply, way, passed)
    if way.same:
        return await _open_translated(reply, Reframing(source, framing), way, [*passed, EVENT_STREAM])
    transcoder = StreamTranscoder(source, target, way.context(), way.losses, framing)
    return await _open_translated(reply, transcoder, way, [*passed, EVENT_STREAM])


async def _open_same(reply: Reply, way: Way, headers: list[Header]) -> Streamed:
    codec, _ = way.codecs
    pipe, opening, out = Passthrough(codec), Opening(codec), list[bytes]()
    while chunk := await reply.read_any():
        out.append(pipe.feed(chunk))
        if opening.feed(chunk):
            return Streamed(reply.status, headers, reply, pipe, b"".join(out), complete=False, losses=way.losses)
    if not any(out):
        raise MalformedReply("the upstream's answer is empty")
    return Streamed(reply.status, headers, reply, pipe, b"".join(out), complete=True, losses=way.losses)


async def _open_translated(
    reply: Reply, transcoder: StreamTranscoder | Reframing, way: Way, headers: list[Header]
) -> Streamed:
    out: list[bytes] = []
    size = 0
    while chunk := await reply.read_any():
        out.append(transcoder.feed(chunk))
        size += len(chunk)
        if transcoder.begun or transcoder.ended or size > MAX_OPENING:
            return Streamed(200, headers, reply, transcoder, b"".join(out), complete=False, losses=way.losses)
    if not any(out):
        raise MalformedReply("the upstream's answer is empty")
    return Streamed(200, headers, reply, transcoder, b"".join(out), complete=True, losses=way.losses)


async def _unstreamed(reply: Reply, way: Way) -> Whole:
    """Some upstreams answer a request for a stream in one piece; the caller still gets the stream it asked for."""
    body = await reply.read_all(MAX_WHOLE)
    reply.close()
    source, target = way.codecs
    made = stream_of(source, target, body, way.context(), way.losses)
    return Whole(200, [*way.passed(reply), EVENT_STREAM], made.body, made.usage, way.losses)


def _encoded(reply: Reply) -> bool:
    return header(reply.headers, b"content-encoding") not in (None, b"identity")


async def _refuse(reply: Reply) -> NoReturn:
    if reply.status >= 400:
        raise UpstreamAnswered(reply.status, reply.headers, await reply.read_all(MAX_ERROR))
    raise MalformedReply("the upstream answered with a status that its API does not have (a redirect, perhaps)")

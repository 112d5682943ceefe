"""What a dialect must provide. Each dialect is a package that satisfies `Codec`."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from lethe.dialects import anthropic, converse, gemini, openai_chat, openai_responses
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import Dialect, JsonObject, Opaque
from lethe.ir.events import Event, Failure
from lethe.ir.loss import Locate, Losses
from lethe.ir.request import Request
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame


class StreamDecoder(Protocol):
    """Frames of an upstream's stream in, events out."""

    def feed(self, frame: Frame) -> Iterator[Event]: ...
    def finish(self) -> Iterator[Event]:
        """The upstream's stream has ended. Yields what was held back; no Finish if it never said so."""
        ...


class StreamEncoder(Protocol):
    """Events in, the bytes of whole frames out."""

    def encode(self, event: Event) -> Iterator[bytes]: ...


class UpstreamCodec(Protocol):
    """The side that faces an upstream."""

    def encode_request(self, request: Request, losses: Losses) -> JsonObject:
        """The body, with `model` and `stream` in it: where they stand elsewhere, the envelope moves them."""
        ...

    def decode_response(self, body: JsonObject) -> Response:
        """Raises MalformedReply, and StreamFailed for an error object."""
        ...

    def decode_error(self, status: int, body: bytes) -> Failure: ...
    def join_deltas(self, block: Opaque, deltas: tuple[JsonObject, ...]) -> Opaque:
        """An Opaque block and its deltas, as a buffered reply has it."""
        ...

    def stream_decoder(self) -> StreamDecoder: ...
    def buffered_usage(self, body: bytes) -> Usage | None:
        """Usage of a buffered reply, read without decoding the rest; None if there is none."""
        ...

    def streamed_usage(self, head: bytes, tail: bytes) -> Usage | None:
        """Usage from the first and the last bytes of a stream of server-sent events."""
        ...


class CallerCodec(Protocol):
    """The side that faces a caller."""

    def decode_request(self, body: JsonObject) -> Request:
        """`model` and `stream` are in the body, wherever the caller has put them. Raises InvalidRequest."""
        ...

    def locator(self, body: JsonObject) -> Locate:
        """For the paths of losses of a request that was decoded from this body."""
        ...

    def encode_response(self, response: Response, context: ReplyContext, losses: Losses) -> JsonObject: ...
    def encode_error(self, failure: Failure) -> bytes:
        """A buffered error body."""
        ...

    def encode_error_event(self, failure: Failure) -> bytes:
        """The frame that ends a stream which cannot go on."""
        ...

    def stream_encoder(self, context: ReplyContext, losses: Losses) -> StreamEncoder: ...

    @property
    def KEEP_ALIVE(self) -> bytes: ...  # noqa: N802 - a module constant


class Codec(UpstreamCodec, CallerCodec, Protocol):
    """Both sides: whoever asks in this dialect can be answered by an upstream that speaks it."""


# Whom callers may be: in these dialects Lethe is asked.
CODECS: Mapping[Dialect, Codec] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
# Whom it can ask.
UPSTREAM_CODECS: Mapping[Dialect, UpstreamCodec] = {**CODECS, Dialect.CONVERSE: converse}

"""What mutation starts from: the fixtures, and what they are in every other dialect."""

from base64 import b64encode
from collections.abc import Callable
from functools import cache

import msgspec
from tests.dialects.cases import FIXTURES

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.reply import ReplyContext
from lethe.errors import LetheError
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.events import Event
from lethe.ir.grammar import fold, unfold
from lethe.ir.loss import Losses
from lethe.ir.request import Request
from lethe.ir.response import Response
from lethe.wire.eventstream import encode_event
from lethe.wire.framing import Framing
from lethe.wire.sse import FrameDecoder

CONTEXT = ReplyContext(id="0" * 32, created=1_790_000_000, custom_tools=frozenset({"apply_patch"}))


@cache
def streams(dialect: Dialect) -> tuple[bytes, ...]:
    """Whole streams that an upstream of this dialect could send."""
    own = _files(dialect, "streams", ".sse") or _WRITTEN.get(dialect, ())
    if (codec := CODECS.get(dialect)) is None:
        return own
    made = []
    for response in _responses():
        encoder = codec.stream_encoder(CONTEXT, Losses())
        made.append(b"".join(frame for event in unfold(response) for frame in encoder.encode(event)))
    return (*own, *made)


@cache
def replies(dialect: Dialect) -> tuple[bytes, ...]:
    """Whole buffered replies."""
    own = (*_files(dialect, "replies", ".json"), *_files(dialect, "streams", ".json"))
    if (codec := CODECS.get(dialect)) is None:
        return own
    made = (msgspec.json.encode(codec.encode_response(r, CONTEXT, Losses())) for r in _responses())
    return (*own, *made)


@cache
def requests(dialect: Dialect) -> tuple[bytes, ...]:
    """Bodies as callers of this dialect send them."""
    made = (msgspec.json.encode(UPSTREAM_CODECS[dialect].encode_request(r, Losses())) for r in _requests())
    return (*_files(dialect, "requests", ".json"), *made)


@cache
def messages(framing: Framing) -> tuple[bytes, ...]:
    """Streams in AWS's framing."""
    if framing is Framing.EVENT_STREAM:
        return tuple(_as_messages(stream, lambda data: data) for stream in streams(Dialect.CONVERSE))
    return tuple(
        _as_messages(
            stream, lambda data: msgspec.json.encode({"bytes": b64encode(data).decode(), "p": "abcd"}), "chunk"
        )
        for stream in streams(Dialect.ANTHROPIC)
    )


def _as_messages(stream: bytes, payload: Callable[[bytes], bytes], name: str | None = None) -> bytes:
    frames = FrameDecoder()
    return b"".join(
        encode_event(name or frame.event or "", payload(frame.data.encode()))
        for frame in (*frames.feed(stream), *frames.finish())
    )


def errors() -> tuple[bytes, ...]:
    """Bodies with a status of failure, of every dialect and of what stands in front of servers."""
    return (
        b'{"type":"error","error":{"type":"overloaded_error","message":"CANARY","details":{"error_code":"x"}}}',
        b'{"error":{"message":"CANARY","type":"invalid_request_error","param":"p","code":"context_length_exceeded"}}',
        b'{"error":{"code":429,"message":"CANARY","status":"RESOURCE_EXHAUSTED","details":[{"reason":"CANARY"}]}}',
        b'[{"error":{"code":400,"message":"CANARY","status":"INVALID_ARGUMENT"}}]',
        b'{"message":"CANARY","__type":"com.amazonaws#ThrottlingException"}',
        b'{"detail":[{"loc":["body","messages"],"msg":"CANARY","type":"missing"}]}',
        b'{"error":"CANARY"}',
        b"<html>CANARY</html>",
        b"",
    )


def events(dialect: Dialect, stream: bytes) -> list[Event]:
    """Raises LetheError."""
    frames, decoder = FrameDecoder(), UPSTREAM_CODECS[dialect].stream_decoder()
    found = [event for frame in frames.feed(stream) for event in decoder.feed(frame)]
    found += [event for frame in frames.finish() for event in decoder.feed(frame)]
    return found + list(decoder.finish())


def _files(dialect: Dialect, kind: str, suffix: str) -> tuple[bytes, ...]:
    folder = FIXTURES / dialect.value.replace("-", "_") / kind
    return tuple(path.read_bytes() for path in sorted(folder.glob(f"*{suffix}")))


@cache
def _responses() -> tuple[Response, ...]:
    """What every stream among the fixtures amounts to."""
    found = []
    for dialect, codec in UPSTREAM_CODECS.items():
        for stream in _files(dialect, "streams", ".sse"):
            try:
                found.append(fold(events(dialect, stream), codec.join_deltas))
            except LetheError:
                continue  # a fixture of a stream that fails
    return tuple(found)


@cache
def _requests() -> tuple[Request, ...]:
    bodies: list[tuple[Dialect, JsonObject]] = [
        (dialect, msgspec.json.decode(body)) for dialect in CODECS for body in _files(dialect, "requests", ".json")
    ]
    return tuple(CODECS[dialect].decode_request(body) for dialect, body in bodies)


def _converse(*events: tuple[str, str]) -> bytes:
    return b"".join(f"event: {name}\ndata: {data}\n\n".encode() for name, data in events)


# botocore 1.44.8, `bedrock-runtime`, ConverseStreamOutput; each event as the frame that its message becomes.
_WRITTEN: dict[Dialect, tuple[bytes, ...]] = {
    Dialect.CONVERSE: (
        _converse(
            ("messageStart", '{"role":"assistant","p":"abc"}'),
            ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"Good "},"p":"ab"}'),
            ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"day"}}'),
            ("contentBlockStop", '{"contentBlockIndex":0}'),
            ("messageStop", '{"stopReason":"end_turn"}'),
            ("metadata", '{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7,"cacheReadInputTokens":1},"metrics":{"latencyMs":3}}'),
        ),
        _converse(
            ("messageStart", '{"role":"assistant"}'),
            ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}'),
            ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}'),
            ("contentBlockStop", '{"contentBlockIndex":0}'),
            ("contentBlockStart", '{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"t1","name":"f"}}}'),
            ("contentBlockDelta", '{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\\"a\\":"}}}'),
            ("contentBlockDelta", '{"contentBlockIndex":1,"delta":{"toolUse":{"input":"1}"}}}'),
            ("contentBlockStop", '{"contentBlockIndex":1}'),
            ("contentBlockDelta", '{"contentBlockIndex":2,"delta":{"citation":{"title":"t","location":{"documentChar":{"start":1}}}}}'),
            ("contentBlockStop", '{"contentBlockIndex":2}'),
            ("messageStop", '{"stopReason":"tool_use","additionalModelResponseFields":{"a":1}}'),
            ("metadata", '{"usage":{"inputTokens":5,"outputTokens":2,"totalTokens":7}}'),
        ),
        _converse(
            ("messageStart", '{"role":"assistant"}'),
            ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"reasoningContent":{"redactedContent":"c2ln"}}}'),
            ("contentBlockStop", '{"contentBlockIndex":0}'),
            ("throttlingException", '{"message":"CANARY"}'),
        ),
    ),
}  # fmt: skip

"""Claude by InvokeModel: its events, and the exceptions between them."""

import json
from base64 import b64encode
from typing import Any

import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import cut, names, stream

from lethe.dialects import anthropic
from lethe.errors import ErrorKind, MalformedReply, StreamCut
from lethe.ir.events import Failure
from lethe.providers.bedrock import InvokedFrames
from lethe.upstream.fake.converse import wrapped
from lethe.wire.eventstream import encode_error, encode_event, encode_exception, encode_message
from lethe.wire.sse import Frame, FrameDecoder

STREAMS = names("anthropic/streams", ".sse")


def sse(name: str) -> list[Frame]:
    return list(FrameDecoder().feed(stream(f"anthropic/streams/{name}.sse")))


def invoked(*chunks: bytes) -> list[Frame]:
    reader = InvokedFrames()
    found = [frame for chunk in chunks for frame in reader.feed(chunk)]
    return found + list(reader.finish())


@pytest.mark.parametrize("name", STREAMS)
def test_the_same_events_as_from_anthropic_itself(name: str) -> None:
    """And as Anthropic's own SDK reads them."""
    frames = sse(name)
    data = b"".join(wrapped([json.loads(frame.data) for frame in frames]))
    found = invoked(data)
    assert [(frame.event, json.loads(frame.data)) for frame in found] == [(f.event, json.loads(f.data)) for f in frames]
    official = AWSEventStreamDecoder().iter_bytes(iter([data]))
    assert [(event.event, event.data) for event in official] == [(frame.event, frame.data) for frame in found]


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 50_000), max_size=8))
def test_cuts_change_nothing(name: str, places: list[int]) -> None:
    data = b"".join(wrapped([json.loads(frame.data) for frame in sse(name)]))
    assert invoked(*cut(data, places)) == invoked(data)


# Exception, what it says, what the Messages API would say.
EXCEPTIONS: list[tuple[str, bytes, str, ErrorKind, str]] = [
    ("throttlingException", b'{"message": "CANARY"}', "rate_limit_error", ErrorKind.RATE_LIMIT, "CANARY"),
    ("serviceUnavailableException", b'{"message": "CANARY"}', "overloaded_error", ErrorKind.OVERLOADED, "CANARY"),
    ("validationException", b'{"message": "CANARY"}', "invalid_request_error", ErrorKind.INVALID_REQUEST, "CANARY"),
    ("modelTimeoutException", b'{"Message": "CANARY"}', "timeout_error", ErrorKind.TIMEOUT, "CANARY"),
    ("internalServerException", b'{"message": "CANARY"}', "api_error", ErrorKind.API, "CANARY"),
    (
        "modelStreamErrorException",
        b'{"message": "CANARY", "originalStatusCode": 529}',
        "overloaded_error",
        ErrorKind.OVERLOADED,
        "CANARY",
    ),
    ("somethingNewException", b"no JSON", "api_error", ErrorKind.API, "the upstream answered with an error"),
]


@pytest.mark.parametrize(("name", "payload", "type", "kind", "message"), EXCEPTIONS)
def test_exceptions_are_errors_that_the_decoder_knows(
    name: str, payload: bytes, type: str, kind: ErrorKind, message: str
) -> None:
    (frame,) = invoked(encode_exception(name, payload))
    assert frame.event == "error"
    assert json.loads(frame.data) == {"type": "error", "error": {"type": type, "message": message}}
    (failure,) = anthropic.stream_decoder().feed(frame)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.message) == (kind, message)


def test_an_error_without_a_type() -> None:
    (frame,) = invoked(encode_error("InternalFailure", "CANARY"))
    assert json.loads(frame.data)["error"] == {"type": "api_error", "message": "CANARY"}


def test_other_events_say_nothing() -> None:
    assert invoked(encode_event("initial-response", b"{}"), *wrapped([{"type": "ping"}])) == [
        Frame('{"type":"ping"}', "ping")
    ]


def chunk(inner: Any) -> bytes:
    return encode_event("chunk", json.dumps({"bytes": b64encode(inner).decode()}).encode())


@pytest.mark.parametrize(
    "data",
    [
        chunk(b"no JSON"),
        chunk(b"\xff"),
        chunk(b"[]"),
        chunk(b"{}"),
        chunk(b'{"type": 1}'),
        encode_event("chunk", b"{}"),
        encode_event("chunk", b'{"bytes": "!"}'),
        encode_event("chunk", b"no JSON"),
        encode_message({}, b""),
    ],
)
def test_what_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedReply):
        invoked(data)


def test_a_stream_cut_off() -> None:
    with pytest.raises(StreamCut):
        invoked(wrapped([{"type": "ping"}])[0][:-1])

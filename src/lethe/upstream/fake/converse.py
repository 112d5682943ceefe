"""Scripts in Bedrock's Converse dialect (shapes: botocore 1.44.8, ConverseResponse and ConverseStreamOutput).

`invoked` and its like are Claude by InvokeModel: the Messages API's answers, its events in AWS's event streams.
"""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from lethe.upstream.fake import anthropic
from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Head, Script
from lethe.wire.eventstream import encode_event, encode_exception

SIGNATURE = "c2VhbGVkIGJ5IEJlZHJvY2s="
REQUEST_ID = ("x-amzn-requestid", "req_fake_1")
OPENED = Head(200, (("content-type", "application/vnd.amazon.eventstream"), REQUEST_ID))
# The header by which AWS names an error.
TYPE_OF = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def buffered(said: Said) -> Script:
    return document(reply(said), 200, REQUEST_ID)


def streamed(said: Said, *, every: float = 0.0) -> Script:
    """Each message in a chunk of its own, `every` seconds apart."""
    return stream(frames(said), every=every, opened=OPENED)


def error(status: int, text: str, *headers: tuple[str, str]) -> Script:
    """An error reply, of the type that belongs to the status."""
    kind = ("x-amzn-errortype", TYPE_OF.get(status, "InternalServerException"))
    return document({"message": text}, status, REQUEST_ID, kind, *headers)


def exception(kind: str, text: str) -> bytes:
    """What ends a stream that failed."""
    return encode_exception(kind, msgspec.json.encode({"message": text}))


def reply(said: Said) -> dict[str, Any]:
    """The body of a buffered answer."""
    return {
        "output": {"message": {"role": "assistant", "content": [block for block, _ in _blocks(said)]}},
        "stopReason": _stop(said),
        "usage": _usage(said),
        "metrics": {"latencyMs": 12},
    }


def events(said: Said) -> list[tuple[str, dict[str, Any]]]:
    """Those of a streamed answer, by name."""
    told: list[tuple[str, dict[str, Any]]] = [("messageStart", {"role": "assistant"})]
    for index, (block, deltas) in enumerate(_blocks(said)):
        at = {"contentBlockIndex": index}
        if "toolUse" in block:
            call = {name: value for name, value in block["toolUse"].items() if name != "input"}
            told.append(("contentBlockStart", {**at, "start": {"toolUse": call}}))
        told.extend(("contentBlockDelta", {**at, "delta": delta}) for delta in deltas)
        told.append(("contentBlockStop", at))
    told.append(("messageStop", {"stopReason": _stop(said)}))
    told.append(("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 12}}))
    return told


def frames(said: Said) -> list[bytes]:
    """Their bytes, of lengths that say little, as AWS pads them."""
    padded = ((kind, {**event, "p": "abcdefgh"[: 1 + n % 8]}) for n, (kind, event) in enumerate(events(said)))
    return [encode_event(kind, msgspec.json.encode(event)) for kind, event in padded]


def invoked(said: Said) -> Script:
    """InvokeModel."""
    return document(anthropic.message(said), 200, REQUEST_ID)


def invoked_stream(said: Said, *, every: float = 0.0) -> Script:
    """InvokeModelWithResponseStream."""
    return stream(wrapped(anthropic.events(said)), every=every, opened=OPENED)


def wrapped(told: Sequence[dict[str, Any]]) -> list[bytes]:
    """Events of the Messages API in AWS's messages."""
    inner = (b64encode(msgspec.json.encode(event)).decode() for event in told)
    return [encode_event("chunk", msgspec.json.encode({"bytes": data, "p": "abcd"})) for data in inner]


def _blocks(said: Said) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each block as it is in the end, and the deltas that say it."""
    if said.thinking:
        text = {"text": said.thinking, "signature": said.sealed or SIGNATURE}
        yield (
            {"reasoningContent": {"reasoningText": text}},
            [{"reasoningContent": {name: value}} for name, value in text.items()],
        )
    if said.text:
        yield {"text": "".join(said.text)}, [{"text": piece} for piece in said.text]
    for call in said.calls:
        yield _call(call)


def _call(call: Called) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    half = len(call.arguments) // 2
    parts = ("", call.arguments[:half], call.arguments[half:])
    try:
        arguments: Any = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        arguments = call.arguments
    block = {"toolUse": {"toolUseId": call.id, "name": call.name, "input": arguments}}
    return block, [{"toolUse": {"input": part}} for part in parts]


def _stop(said: Said) -> str:
    return said.stop or ("tool_use" if said.calls else "end_turn")


def _usage(said: Said) -> dict[str, Any]:
    return {
        "inputTokens": said.input,
        "outputTokens": said.output,
        "totalTokens": said.input + said.cached + said.output,
        "cacheReadInputTokens": said.cached,
        "cacheWriteInputTokens": 0,
    }

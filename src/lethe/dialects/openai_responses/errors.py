"""Errors on the wire: bodies as Chat's; in a stream `response.failed` and `error` (openai 3.57.0 types)."""

from typing import Any

from msgspec.structs import replace

from lethe.dialects.openai_chat import errors as chat
from lethe.dialects.openai_responses.overlay import OURS, own
from lethe.ir.content import Extras, JsonObject
from lethe.ir.events import Failure
from lethe.wire import lenient
from lethe.wire.sse import format_frame


def decode_error(status: int, body: bytes) -> Failure:
    """Of whatever an upstream said."""
    return _ours(chat.decode_error(status, body))


def decode_error_object(value: Any) -> Failure:
    """`value` holds the error under `error`, as a failed response does, or is the data of an `error` event."""
    if isinstance(value, dict) and value.get("type") == "error" and "error" not in value:
        value = {"error": {name: value.get(name) for name in ("message", "code", "param")}}
    return _ours(chat.decode_error_object(value))


def encode_error(failure: Failure) -> bytes:
    """A buffered error body; the upstream's own object if it was of this dialect."""
    return lenient.encode({"error": described(failure)})


def encode_error_event(failure: Failure) -> bytes:
    """The frames that end a stream: `response.failed` is what clients of this API look for, `error` what SDKs raise."""
    error = described(failure)
    code = error.get("code") or error.get("type") or "server_error"
    response = {"object": "response", "status": "failed", "error": {"code": code, "message": error.get("message")}}
    failed = {"type": "response.failed", "sequence_number": 0, "response": response}
    told = {"type": "error", "sequence_number": 0, "code": code, "message": error.get("message"), "param": None}
    return b"".join(format_frame(lenient.encode(event), str(event["type"])) for event in (failed, told))


def described(failure: Failure) -> JsonObject:
    """The error object."""
    if wire := own(failure.wire):
        return wire
    kind, code = chat.NAMES[failure.kind]
    return {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code or code}


def _ours(failure: Failure) -> Failure:
    return failure if failure.wire is None else replace(failure, wire=Extras(OURS, failure.wire.fields))

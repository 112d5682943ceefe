"""Scripts in the Anthropic Messages dialect (shapes: anthropic 2.13.0 types, RawMessageStreamEvent and Message)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Script
from lethe.wire.sse import format_frame

SIGNATURE = "c2lnbmF0dXJl"
STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
TYPE_OF = {status: name for name, status in STATUS_OF.items()}


def buffered(said: Said) -> Script:
    return document(message(said))


def streamed(said: Said, *, every: float = 0.0) -> Script:
    """Each event in a chunk of its own, `every` seconds apart."""
    return stream(frames(said), every=every)


def error(status: int, text: str, *headers: tuple[str, str], details: dict[str, Any] | None = None) -> Script:
    """An error reply, of the type that belongs to the status."""
    inner: dict[str, Any] = {"type": TYPE_OF.get(status, "api_error"), "message": text}
    if details is not None:
        inner = {**inner, "details": details}
    return document({"type": "error", "error": inner, "request_id": "req_fake_1"}, status, *headers)


def models(*ids: str) -> dict[str, Any]:
    """The list at /v1/models."""
    return {"data": [model(name) for name in ids], "has_more": False, "first_id": ids[0], "last_id": ids[-1]}


def model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"}


def message(said: Said) -> dict[str, Any]:
    """The Message of a buffered answer."""
    return {
        "id": said.id,
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [*_thought(said), *_text(said), *(_call(call) for call in said.calls)],
        "stop_reason": _stop(said),
        "stop_sequence": None,
        "usage": {**_prompt(said), "output_tokens": said.output},
    }


def frames(said: Said) -> list[bytes]:
    """The events of a streamed answer."""
    return [format_frame(msgspec.json.encode(event), event["type"]) for event in events(said)]


def events(said: Said) -> list[dict[str, Any]]:
    """The same, before they are framed."""
    start = {**message(said), "content": [], "stop_reason": None, "usage": {**_prompt(said), "output_tokens": 1}}
    told: list[dict[str, Any]] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(_blocks(said)):
        told.extend({**event, "index": index} for event in block)
    told.append(
        {
            "type": "message_delta",
            "delta": {"stop_reason": _stop(said), "stop_sequence": None},
            "usage": {"output_tokens": said.output},
        }
    )
    told.append({"type": "message_stop"})
    return told


def error_event(kind: str, text: str) -> bytes:
    return format_frame(msgspec.json.encode({"type": "error", "error": {"type": kind, "message": text}}), "error")


def _blocks(said: Said) -> Iterator[list[dict[str, Any]]]:
    if said.thinking:
        empty = {"type": "thinking", "thinking": "", "signature": ""}
        deltas = [{"type": "thinking_delta", "thinking": said.thinking}]
        yield _block(empty, [*deltas, {"type": "signature_delta", "signature": said.sealed or SIGNATURE}])
    if said.text:
        yield _block({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in said.text])
    for call in said.calls:
        half = len(call.arguments) // 2
        parts = ("", call.arguments[:half], call.arguments[half:])
        empty_call = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield _block(empty_call, [{"type": "input_json_delta", "partial_json": part} for part in parts])


def _block(empty: dict[str, Any], deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "content_block": empty},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]


def _thought(said: Said) -> list[dict[str, Any]]:
    thought = {"type": "thinking", "thinking": said.thinking, "signature": said.sealed or SIGNATURE}
    return [thought] if said.thinking else []


def _text(said: Said) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "".join(said.text)}] if said.text else []


def _call(call: Called) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": msgspec.json.decode(call.arguments)}


def _stop(said: Said) -> str:
    return said.stop or ("tool_use" if said.calls else "end_turn")


def _prompt(said: Said) -> dict[str, Any]:
    return {"input_tokens": said.input, "cache_read_input_tokens": said.cached, "cache_creation_input_tokens": 0}

"""Scripts in the OpenAI Responses dialect (shapes: openai 3.57.0 types, Response and ResponseStreamEvent)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.upstream.fake.openai_chat import CREATED, error, model, models
from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Script
from lethe.wire.sse import format_frame

SEALED = "c2VhbGVk"
__all__ = ["SEALED", "buffered", "error", "error_event", "frames", "model", "models", "response", "streamed"]


def buffered(said: Said) -> Script:
    return document(response(said))


def streamed(said: Said, *, every: float = 0.0) -> Script:
    """Each event in a chunk of its own, `every` seconds apart."""
    return stream(frames(said), every=every)


def response(said: Said) -> dict[str, Any]:
    """The Response of a buffered answer; `said.stop` is why it is incomplete."""
    return {
        **_envelope(said, "incomplete" if said.stop else "completed"),
        "incomplete_details": {"reason": said.stop} if said.stop else None,
        "output": [item for item, _ in _items(said)],
        "usage": _usage(said),
    }


def frames(said: Said) -> list[bytes]:
    """The events of a streamed answer."""
    begun = {**_envelope(said, "in_progress"), "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, (item, deltas) in enumerate(_items(said)):
        events.append({"type": "response.output_item.added", "output_index": index, "item": _opened(item)})
        events.extend({"item_id": item["id"], "output_index": index, **delta} for delta in deltas)
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    end = "response.incomplete" if said.stop else "response.completed"
    events.append({"type": end, "response": response(said)})
    return [_frame({**event, "sequence_number": number}) for number, event in enumerate(events)]


def error_event(text: str) -> bytes:
    """What ends a stream that failed."""
    failed = {
        "id": "fake-1",
        "object": "response",
        "status": "failed",
        "error": {"code": "server_error", "message": text},
    }
    return _frame({"type": "response.failed", "sequence_number": 99, "response": failed})


def _items(said: Said) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Each item as it is in the end, and the events that say it."""
    if said.thinking:
        yield _reasoning(said.thinking, said.sealed or SEALED)
    if said.text:
        yield _message(said.text)
    for number, call in enumerate(said.calls):
        yield _call(call, number)


def _reasoning(text: str, sealed: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    part = {"type": "summary_text", "text": text}
    item = {"id": "rs_fake_1", "type": "reasoning", "summary": [part], "encrypted_content": sealed}
    where = {"summary_index": 0}
    return item, [
        {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}},
        {"type": "response.reasoning_summary_text.delta", **where, "delta": text},
        {"type": "response.reasoning_summary_text.done", **where, "text": text},
        {"type": "response.reasoning_summary_part.done", **where, "part": part},
    ]


def _message(pieces: tuple[str, ...]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    text = "".join(pieces)
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_fake_1", "type": "message", "status": "completed", "role": "assistant", "content": [part]}
    where = {"content_index": 0}
    return item, [
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in pieces),
        {"type": "response.output_text.done", **where, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": part},
    ]


def _call(call: Called, number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head = {"id": f"fc_fake_{number}", "type": "function_call", "status": "completed", "call_id": call.id}
    half = len(call.arguments) // 2
    parts = (call.arguments[:half], call.arguments[half:])
    return {**head, "name": call.name, "arguments": call.arguments}, [
        *({"type": "response.function_call_arguments.delta", "delta": part} for part in parts),
        {"type": "response.function_call_arguments.done", "name": call.name, "arguments": call.arguments},
    ]


def _opened(item: dict[str, Any]) -> dict[str, Any]:
    """An item of which nothing has been said."""
    empty = {"summary": [], "content": [], "arguments": "", "status": "in_progress"}
    return {name: empty.get(name, value) for name, value in item.items()}


def _envelope(said: Said, status: str) -> dict[str, Any]:
    return {
        "id": said.id,
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "parallel_tool_calls": True,
        "store": False,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
    }


def _usage(said: Said) -> dict[str, Any]:
    prompt = said.input + said.cached
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": said.cached, "cache_write_tokens": 0},
        "output_tokens": said.output,
        "output_tokens_details": {"reasoning_tokens": said.reasoning},
        "total_tokens": prompt + said.output,
    }


def _frame(event: dict[str, Any]) -> bytes:
    return format_frame(msgspec.json.encode(event), event["type"])

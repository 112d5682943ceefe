"""Scripts in the OpenAI Chat Completions dialect (shapes: openai 3.57.0 types, ChatCompletion and ...Chunk)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Script
from lethe.wire.sse import format_frame

CREATED = 1_790_000_000
# The `type` and `code` that come with a status
ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    500: ("server_error", None),
    503: ("server_error", None),
}


def buffered(said: Said) -> Script:
    return document(completion(said))


def streamed(said: Said, *, every: float = 0.0, usage: bool = True) -> Script:
    """Each event in a chunk of its own, `every` seconds apart; `usage` as `stream_options.include_usage` asks."""
    return stream(frames(said, usage=usage), every=every)


def error(status: int, text: str, *headers: tuple[str, str], param: str | None = None) -> Script:
    """An error reply, of the type and code that belong to the status."""
    kind, code = ERRORS.get(status, ("server_error", None))
    return document({"error": {"message": text, "type": kind, "param": param, "code": code}}, status, *headers)


def models(*ids: str) -> dict[str, Any]:
    """The list at /v1/models."""
    return {"object": "list", "data": [model(name) for name in ids]}


def model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "fake"}


def embeddings(*vectors: tuple[float, ...]) -> dict[str, Any]:
    """The reply of /v1/embeddings, with numbers and not base64."""
    data = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "fake-model", "usage": {"prompt_tokens": 3, "total_tokens": 3}}


def completion(said: Said) -> dict[str, Any]:
    """The ChatCompletion of a buffered answer."""
    message: dict[str, Any] = {"role": "assistant", "content": "".join(said.text) or None, "refusal": None}
    if said.thinking:
        message["reasoning_content"] = said.thinking
    if said.calls:
        message["tool_calls"] = [_call(call) for call in said.calls]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _stop(said)}
    return {**_envelope(said, "chat.completion"), "choices": [choice], "usage": _usage(said)}


def frames(said: Said, *, usage: bool = True) -> list[bytes]:
    """The events of a streamed answer, the last one `[DONE]`."""
    chunks = [_chunk(said, {"role": "assistant", "content": "" if said.text else None})]
    chunks.extend(_chunk(said, delta) for delta in _deltas(said))
    chunks.append(_chunk(said, {}, _stop(said)))
    if usage:
        chunks.append({**_envelope(said, "chat.completion.chunk"), "choices": [], "usage": _usage(said)})
    return [*(format_frame(msgspec.json.encode(chunk)) for chunk in chunks), format_frame(b"[DONE]")]


def error_event(text: str) -> bytes:
    body = {"error": {"message": text, "type": "server_error", "param": None, "code": None}}
    return format_frame(msgspec.json.encode(body))


def _deltas(said: Said) -> Iterator[dict[str, Any]]:
    if said.thinking:
        yield {"reasoning_content": said.thinking}
    for piece in said.text:
        yield {"content": piece}
    for index, call in enumerate(said.calls):
        half = len(call.arguments) // 2
        yield {"tool_calls": [{**_call(call), "index": index, "function": {"name": call.name, "arguments": ""}}]}
        for part in (call.arguments[:half], call.arguments[half:]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": part}}]}


def _chunk(said: Said, delta: dict[str, Any], stop: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": stop}
    return {**_envelope(said, "chat.completion.chunk"), "choices": [choice]}


def _envelope(said: Said, kind: str) -> dict[str, Any]:
    return {"id": said.id, "object": kind, "created": CREATED, "model": said.model, "system_fingerprint": "fp_fake"}


def _call(call: Called) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _stop(said: Said) -> str:
    return said.stop or ("tool_calls" if said.calls else "stop")


def _usage(said: Said) -> dict[str, Any]:
    prompt = said.input + said.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": said.output,
        "total_tokens": prompt + said.output,
        "prompt_tokens_details": {"cached_tokens": said.cached},
        "completion_tokens_details": {"reasoning_tokens": said.reasoning},
    }

"""Scripts in the Gemini dialect (shapes: google-genai 3.6.1 types, GenerateContentResponse)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Script

SIGNATURE = "c2lnbmF0dXJl"
STATUS_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def buffered(said: Said) -> Script:
    return document(response(said))


def streamed(said: Said, *, every: float = 0.0) -> Script:
    """Each chunk in a chunk of HTTP of its own, `every` seconds apart."""
    return stream(frames(said), every=every)


def error(status: int, text: str, *headers: tuple[str, str], details: list[dict[str, Any]] | None = None) -> Script:
    """An error reply, of the name that belongs to the status."""
    inner: dict[str, Any] = {"code": status, "message": text, "status": STATUS_NAMES.get(status, "UNKNOWN")}
    return document({"error": {**inner, **({"details": details} if details else {})}}, status, *headers)


def error_event(text: str) -> bytes:
    """What ends a stream that failed."""
    return _frame({"error": {"code": 503, "message": text, "status": "UNAVAILABLE"}})


def models(*ids: str) -> dict[str, Any]:
    """The list at /v1beta/models."""
    return {"models": [model(name) for name in ids]}


def model(name: str) -> dict[str, Any]:
    methods = ["generateContent", "streamGenerateContent", "countTokens"]
    return {"name": f"models/{name}", "displayName": name, "supportedGenerationMethods": methods}


def counted(body: bytes) -> Script:
    """An answer of countTokens."""
    return document({"totalTokens": len(body) // 4})


def response(said: Said) -> dict[str, Any]:
    """The GenerateContentResponse of a buffered answer."""
    parts = [*_thought(said), *([{"text": "".join(said.text)}] if said.text else []), *_calls(said)]
    return _chunk(said, parts, stop=said.stop or "STOP")


def frames(said: Said) -> list[bytes]:
    """The chunks of a streamed answer; the last one says how it ended."""
    spoken = [*_thought(said), *({"text": piece} for piece in said.text), *_calls(said)]
    chunks = [_chunk(said, [part]) for part in spoken]
    return [_frame(chunk) for chunk in (*chunks, _chunk(said, [{"text": ""}], stop=said.stop or "STOP"))]


def _thought(said: Said) -> list[dict[str, Any]]:
    return [{"text": said.thinking, "thought": True}] if said.thinking else []


def _calls(said: Said) -> Iterator[dict[str, Any]]:
    """Only the first of parallel calls is signed, and none has an id."""
    for number, call in enumerate(said.calls):
        signed = {} if number else {"thoughtSignature": said.sealed or SIGNATURE}
        yield {"functionCall": _call(call), **signed}


def _call(call: Called) -> dict[str, Any]:
    return {"name": call.name, "args": msgspec.json.decode(call.arguments)}


def _chunk(said: Said, parts: list[dict[str, Any]], *, stop: str | None = None) -> dict[str, Any]:
    candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
    ended = {"finishReason": stop} if stop else {}
    return {
        "candidates": [{**candidate, **ended}],
        "usageMetadata": _usage(said, whole=stop is not None),
        "modelVersion": said.model,
        "responseId": said.id,
    }


def _usage(said: Said, *, whole: bool) -> dict[str, Any]:
    prompt = said.input + said.cached
    counts = {"promptTokenCount": prompt, "cachedContentTokenCount": said.cached, "totalTokenCount": prompt}
    if not whole:
        return counts
    written = {"candidatesTokenCount": said.output - said.reasoning, "thoughtsTokenCount": said.reasoning}
    return {**counts, **written, "totalTokenCount": prompt + said.output}


def _frame(body: dict[str, Any]) -> bytes:
    """Lines of the API end with CR LF."""
    return b"data: " + msgspec.json.encode(body) + b"\r\n\r\n"

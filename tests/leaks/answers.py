"""Where a canary stands in what the upstream answers."""

import json
from collections.abc import Callable
from typing import TypeAlias

from lethe.ir.content import Dialect
from lethe.upstream.fake import Close, Cut, Head, Script, Send, Wait, openai_chat
from lethe.upstream.fake.replies import content, document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.verify.voices import VOICES, Voice

Answer: TypeAlias = Callable[[Voice, bool, str], Script]  # how the upstream speaks, streaming, the canary


def plain(voice: Voice, streaming: bool, canary: str) -> Script:
    """Says the canary in every place that an answer has, the text split in the middle."""
    half = len(canary) // 2
    said = Said(
        text=(canary[:half], canary[half:]),
        thinking=canary,
        sealed=canary,
        calls=(Called(canary, "read", json.dumps({canary: canary})),),
        id=canary,
        model=canary,
    )
    return _stream(voice, voice.frames(said)) if streaming else document(voice.whole(said))


def _opened(voice: Voice) -> Head:
    return Head(200, (("content-type", voice.kind), ("cache-control", "no-cache")))


def _stream(voice: Voice, frames: list[bytes]) -> Script:
    return stream(frames, opened=_opened(voice))


def _later(voice: Voice, frames: list[bytes], *more: bytes) -> Script:
    """What comes when the beginning has been passed on: it takes another way through a proxy."""
    return (_opened(voice), Send(b"".join(frames)), Wait(0.02), Send(b"".join(more)))


def decorated(voice: Voice, streaming: bool, canary: str) -> Script:
    """A refusal, token probabilities, annotations, and fields that nobody knows."""
    if voice is not VOICES[Dialect.OPENAI_CHAT]:
        return _stream(voice, voice.refused(canary)) if streaming else document(voice.refusing(canary))
    whole = openai_chat.completion(Said(text=("no",)))
    token = {"token": canary, "logprob": -1.0, "bytes": [1], "top_logprobs": []}
    citation = {
        "type": "url_citation",
        "url_citation": {"title": canary, "url": canary, "start_index": 0, "end_index": 1},
    }
    choice = whole["choices"][0]
    choice["logprobs"] = {"content": [token], "refusal": None}
    choice["message"] |= {"refusal": canary, "annotations": [citation], "provider_specific_fields": {canary: canary}}
    if not streaming:
        return document(whole)
    chunk = {**whole, "object": "chat.completion.chunk", "choices": [{**choice, "delta": choice["message"]}]}
    return stream([b"data: " + json.dumps(chunk).encode() + b"\n\n", b"data: [DONE]\n\n"])


def failure(status: int) -> Answer:
    """An error of the provider's own, which quotes the prompt."""

    def answer(voice: Voice, _: bool, canary: str) -> Script:
        return voice.error(status, f"prompt is bad: {canary}", ("x-debug", canary))

    return answer


def overflow(voice: Voice, _: bool, canary: str) -> Script:
    return voice.error(400, f"prompt is too long: 200001 tokens > 200000 maximum: {canary}")


def html(_: Voice, __: bool, canary: str) -> Script:
    return content("text/html", f"<html>{canary}</html>".encode(), 502)


def not_json(_: Voice, __: bool, canary: str) -> Script:
    return content("application/json", f"Received: '{canary}'".encode())


def failing(voice: Voice, streaming: bool, canary: str) -> Script:
    """An error event in the middle of a stream."""
    if not streaming:
        return failure(529)(voice, streaming, canary)
    frames = voice.frames(Said(text=("a", "b", "c", "d")))
    return _later(voice, frames[: len(frames) // 2 + 1], voice.error_event(canary))


def garbled(voice: Voice, streaming: bool, canary: str) -> Script:
    """Events that are none."""
    if not streaming:
        return not_json(voice, streaming, canary)
    frames = voice.frames(Said(text=(canary, "b")))[:-1]
    return _later(voice, frames, voice.garbled(canary), f"event: {canary}\ndata: []\n\n".encode())


def cut(voice: Voice, streaming: bool, canary: str) -> Script:
    """The connection is reset in the middle."""
    if streaming:
        return (_opened(voice), *map(Send, voice.frames(Said(text=(canary, "b")))[:-1]), Wait(0.02), Cut())
    return (
        Head(200, (("content-type", "application/json"), ("content-length", "999"))),
        Send(canary.encode()),
        Close(),
    )


def redirect(_: Voice, __: bool, canary: str) -> Script:
    return content("text/plain", canary.encode(), 307, ("location", f"http://127.0.0.1:9/{canary}"))


def cookie(voice: Voice, streaming: bool, canary: str) -> Script:
    head, *rest = plain(voice, streaming, canary)
    assert isinstance(head, Head)
    return (Head(head.status, (*head.headers, ("set-cookie", f"s={canary}"), ("x-trailer", canary))), *rest)

"""Where a canary stands in what the upstream answers."""

import json
from collections.abc import Callable
from typing import TypeAlias

from lethe.ir.content import Dialect
from lethe.upstream.fake import Close, Cut, Head, Script, Send, Wait, anthropic, openai_chat
from lethe.upstream.fake.replies import OPENED, content, document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.verify.voices import VOICES

Answer: TypeAlias = Callable[[Dialect, bool, str], Script]  # the upstream's dialect, streaming, the canary


def plain(dialect: Dialect, streaming: bool, canary: str) -> Script:
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
    return _said(dialect, streaming, said)


def _said(dialect: Dialect, streaming: bool, said: Said) -> Script:
    voice = VOICES[dialect]
    return stream(voice.frames(said)) if streaming else document(voice.whole(said))


def decorated(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """A refusal, token probabilities, annotations, and fields that nobody knows."""
    if dialect is not Dialect.OPENAI_CHAT:
        voice = VOICES[dialect]
        return stream(voice.refused(canary)) if streaming else document(voice.refusing(canary))
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

    def answer(dialect: Dialect, _: bool, canary: str) -> Script:
        return VOICES[dialect].error(status, f"prompt is bad: {canary}", ("x-debug", canary))

    return answer


def overflow(dialect: Dialect, _: bool, canary: str) -> Script:
    words = f"prompt is too long: 200001 tokens > 200000 maximum: {canary}"
    return anthropic.error(400, words) if dialect is Dialect.ANTHROPIC else VOICES[dialect].error(400, words)


def html(_: Dialect, __: bool, canary: str) -> Script:
    return content("text/html", f"<html>{canary}</html>".encode(), 502)


def not_json(_: Dialect, __: bool, canary: str) -> Script:
    return content("application/json", f"Received: '{canary}'".encode())


def failing(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """An error event in the middle of a stream."""
    if not streaming:
        return failure(529)(dialect, streaming, canary)
    voice = VOICES[dialect]
    frames = voice.frames(Said(text=("a",)))
    return stream([*frames[: len(frames) // 2], voice.error_event(canary)])


def garbled(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """Events that are none."""
    if not streaming:
        return not_json(dialect, streaming, canary)
    frames = VOICES[dialect].frames(Said(text=(canary, "b")))[:-1]
    return stream([*frames, f"data: {{{canary}\n\n".encode(), f"event: {canary}\ndata: []\n\n".encode()])


def cut(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """The connection is reset in the middle."""
    if streaming:
        return (OPENED, *map(Send, VOICES[dialect].frames(Said(text=(canary, "b")))[:-1]), Wait(0.02), Cut())
    return (
        Head(200, (("content-type", "application/json"), ("content-length", "999"))),
        Send(canary.encode()),
        Close(),
    )


def redirect(_: Dialect, __: bool, canary: str) -> Script:
    return content("text/plain", canary.encode(), 307, ("location", f"http://127.0.0.1:9/{canary}"))


def cookie(dialect: Dialect, streaming: bool, canary: str) -> Script:
    head, *rest = plain(dialect, streaming, canary)
    assert isinstance(head, Head)
    return (Head(head.status, (*head.headers, ("set-cookie", f"s={canary}"), ("x-trailer", canary))), *rest)

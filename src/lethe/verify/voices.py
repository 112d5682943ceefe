"""How an upstream of each dialect says what a scripted answer is made of."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.upstream.fake import Script, anthropic, openai_chat, openai_responses
from lethe.upstream.fake.said import Said

Body: TypeAlias = dict[str, Any]
_I = Said(text=("I",))  # a refusal before its words are put in place


class Voice(Struct, frozen=True, kw_only=True):
    """`passed` is a header that callers of the same dialect get; `refusing` is a whole answer, `refused` a stream."""

    passed: str | None = None
    whole: Callable[[Said], Body]
    frames: Callable[[Said], list[bytes]]
    refusing: Callable[[str], Body]
    refused: Callable[[str], list[bytes]]
    error: Callable[..., Script]
    error_event: Callable[[str], bytes]


def _messages_refusing(text: str) -> Body:
    return {**anthropic.message(Said(text=(text,))), "stop_reason": "refusal"}


def _chat_refusing(text: str) -> Body:
    body = openai_chat.completion(_I)
    body["choices"][0]["message"] |= {"content": None, "refusal": text}
    return body


def _chat_refused(text: str) -> list[bytes]:
    frames = openai_chat.frames(_I)
    return [frame.replace(b'{"content":"I"}', b'{"refusal":"%b"}' % text.encode()) for frame in frames]


def _responses_refusing(text: str) -> Body:
    body = openai_responses.response(_I)
    body["output"][0]["content"] = [{"type": "refusal", "refusal": text}]
    return body


def _responses_refused(text: str) -> list[bytes]:
    return [
        frame.replace(b"output_text", b"refusal")
        .replace(b'"text":"', b'"refusal":"')
        .replace(b'"I"', b'"%b"' % text.encode())
        for frame in openai_responses.frames(_I)
    ]


VOICES: Mapping[Dialect, Voice] = {
    Dialect.ANTHROPIC: Voice(
        passed="anthropic-ratelimit-requests-limit",
        whole=anthropic.message,
        frames=anthropic.frames,
        refusing=_messages_refusing,
        refused=lambda text: anthropic.frames(Said(text=(text,), stop="refusal")),
        error=anthropic.error,
        error_event=lambda text: anthropic.error_event("overloaded_error", text),
    ),
    Dialect.OPENAI_CHAT: Voice(
        passed="x-ratelimit-limit-requests",
        whole=openai_chat.completion,
        frames=openai_chat.frames,
        refusing=_chat_refusing,
        refused=_chat_refused,
        error=openai_chat.error,
        error_event=openai_chat.error_event,
    ),
    Dialect.OPENAI_RESPONSES: Voice(
        passed="x-ratelimit-limit-requests",
        whole=openai_responses.response,
        frames=openai_responses.frames,
        refusing=_responses_refusing,
        refused=_responses_refused,
        error=openai_chat.error,
        error_event=openai_responses.error_event,
    ),
}

"""How an upstream of each dialect, in each framing, says what a scripted answer is made of."""

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.upstream.fake import Script, anthropic, converse, gemini, openai_chat, openai_responses
from lethe.upstream.fake.said import Said
from lethe.wire.eventstream import encode_event
from lethe.wire.framing import Framing

Body: TypeAlias = dict[str, Any]
_AWS = "application/vnd.amazon.eventstream"
_I = Said(text=("I",))  # a refusal before its words are put in place


class Voice(Struct, frozen=True, kw_only=True):
    """`passed` is a header that callers of the same dialect get; `refusing` is a whole answer, `refused` a stream.

    `garbled` is a frame that cannot be read; `kind` the content type of streams.
    """

    passed: str | None = None
    kind: str = "text/event-stream"
    whole: Callable[[Said], Body]
    frames: Callable[[Said], list[bytes]]
    refusing: Callable[[str], Body]
    refused: Callable[[str], list[bytes]]
    error: Callable[..., Script]
    error_event: Callable[[str], bytes]
    garbled: Callable[[str], bytes] = lambda text: b'data: {"type": "%b\n\n' % text.encode()


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


def _converse_garbled(text: str) -> bytes:
    """With a checksum that is not its own."""
    frame = encode_event("contentBlockDelta", msgspec.json.encode({"contentBlockIndex": 0, "delta": {"text": text}}))
    return frame[:-1] + bytes([frame[-1] ^ 1])


def _invoked_garbled(text: str) -> bytes:
    """The event is no JSON."""
    data = base64.b64encode(b'{"type": "%b' % text.encode()).decode()
    return encode_event("chunk", msgspec.json.encode({"bytes": data}))


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
    Dialect.GEMINI: Voice(
        whole=gemini.response,
        frames=gemini.frames,
        refusing=lambda text: gemini.response(Said(text=(text,), stop="SAFETY")),
        refused=lambda text: gemini.frames(Said(text=(text,), stop="SAFETY")),
        error=gemini.error,
        error_event=gemini.error_event,
    ),
    Dialect.CONVERSE: Voice(
        kind=_AWS,
        whole=converse.reply,
        frames=converse.frames,
        refusing=lambda text: converse.reply(Said(text=(text,), stop="content_filtered")),
        refused=lambda text: converse.frames(Said(text=(text,), stop="content_filtered")),
        error=converse.error,
        error_event=lambda text: converse.exception("modelStreamErrorException", text),
        garbled=_converse_garbled,
    ),
}
# Claude by InvokeModel.
_INVOKED = Voice(
    kind=_AWS,
    whole=anthropic.message,
    frames=lambda said: converse.wrapped(anthropic.events(said)),
    refusing=_messages_refusing,
    refused=lambda text: converse.wrapped(anthropic.events(Said(text=(text,), stop="refusal"))),
    error=converse.error,
    error_event=lambda text: converse.exception("modelStreamErrorException", text),
    garbled=_invoked_garbled,
)


def voice(dialect: Dialect, framing: Framing) -> Voice:
    """Of an upstream that speaks this dialect in this framing."""
    return _INVOKED if framing is Framing.INVOKED else VOICES[dialect]

"""The bytes that the fake provider sends: one plain and one streamed answer a dialect, prepared once."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

# Every piece of text holds this word once, so a reader counts pieces in any dialect without parsing what it reads.
WORD = b"forget"
# 16 characters each, about what providers send in one event. Two in turn: LiteLLM ends a stream that repeats itself.
PIECES = ("forget about it ", "forget all that ")
PLAIN_PIECES = 19  # 304 characters of text in a plain answer
PLAIN_TEXT = "".join(PIECES[number % 2] for number in range(PLAIN_PIECES))


class Wire(StrEnum):
    CHAT = "chat"  # OpenAI Chat Completions
    MESSAGES = "messages"  # Anthropic Messages


def http_head(kind: str, length: int | None) -> bytes:
    """Status line and headers; without a length, for a chunked body."""
    framing = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    return f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n{framing}\r\n\r\n".encode()


def http_chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


LAST_CHUNK = b"0\r\n\r\n"


class Answer(Struct, frozen=True, kw_only=True):
    """One dialect's answers. A stream is `opening`, then `pieces` in turn, then `ending()`."""

    plain: bytes
    opening: bytes
    pieces: tuple[bytes, ...]
    finish: bytes
    usage: bytes = b""  # if the caller asked for it
    done: bytes

    def ending(self, *, usage_wanted: bool) -> bytes:
        return self.finish + (self.usage if usage_wanted else b"") + self.done + LAST_CHUNK


def json_answer(body: Mapping[str, Any]) -> bytes:
    data = msgspec.json.encode(body)
    return http_head("application/json", len(data)) + data


def named_event(name: str, body: Mapping[str, Any]) -> bytes:
    return http_chunk(b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode({"type": name, **body}) + b"\n\n")


def messages_answer() -> Answer:
    """Anthropic Messages (shapes: anthropic 2.13.0 types)."""
    usage = {"input_tokens": 12, "output_tokens": PLAIN_PIECES}
    message = {"id": "msg_01Lethe", "type": "message", "role": "assistant", "model": "mock", "stop_sequence": None}
    text = {"type": "text", "text": PLAIN_TEXT}
    opened: dict[str, Any] = {**message, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 1}}
    opening = named_event("message_start", {"message": opened})
    opening += named_event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    finish = named_event("content_block_stop", {"index": 0})
    finish += named_event(
        "message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": usage}
    )
    return Answer(
        plain=json_answer({**message, "content": [text], "stop_reason": "end_turn", "usage": usage}),
        opening=http_head("text/event-stream", None) + opening,
        pieces=tuple(
            named_event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}})
            for text in PIECES
        ),
        finish=finish,
        done=named_event("message_stop", {}),
    )


def chat_answer() -> Answer:
    """OpenAI Chat Completions (shapes: openai 3.57.0 types)."""
    usage = {"prompt_tokens": 12, "completion_tokens": PLAIN_PIECES, "total_tokens": 12 + PLAIN_PIECES}
    reply = {"id": "chatcmpl-lethe", "created": 1_760_000_000, "model": "mock"}

    def event(fields: Mapping[str, Any]) -> bytes:
        body = {**reply, "object": "chat.completion.chunk", **fields}
        return http_chunk(b"data: " + msgspec.json.encode(body) + b"\n\n")

    def delta(fields: Mapping[str, Any], finish: str | None = None) -> bytes:
        return event({"choices": [{"index": 0, "delta": fields, "logprobs": None, "finish_reason": finish}]})

    message = {"role": "assistant", "content": PLAIN_TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return Answer(
        plain=json_answer({**reply, "object": "chat.completion", "choices": [choice], "usage": usage}),
        opening=http_head("text/event-stream", None) + delta({"role": "assistant", "content": ""}),
        pieces=tuple(delta({"content": text}) for text in PIECES),
        finish=delta({}, "stop"),
        usage=event({"choices": [], "usage": usage}),
        done=http_chunk(b"data: [DONE]\n\n"),
    )


ANSWERS = {Wire.MESSAGES: messages_answer(), Wire.CHAT: chat_answer()}
PATHS = {"/chat/completions": Wire.CHAT, "/messages": Wire.MESSAGES}  # by the end of the path, whatever stands before


def wire_of(path: str) -> Wire | None:
    return next((wire for ending, wire in PATHS.items() if path.endswith(ending)), None)

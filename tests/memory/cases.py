"""Requests with canaries in every position, and the answers to them."""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.upstream.fake import Script
from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Cut, Hang, Head, Send, Step
from lethe.verify.voices import VOICES, voice
from lethe.wire.framing import Framing

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI, CONVERSE, INVOKED = Dialect.GEMINI, Dialect.CONVERSE, "invoked"
CALLERS = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
UPSTREAMS = (*CALLERS, CONVERSE, INVOKED)
SHORT, MIDDLE, LONG = 1, 60, 600  # how often a text is repeated: bodies of about 1 KB, 100 KB and 1 MB
_PATHS = {ANTHROPIC: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses"}


class Tags:
    """What every canary of a run is made of: one for what is asked, another for what is answered."""

    def __init__(self) -> None:
        self.prompt = "ZP" + secrets.token_hex(5)
        self.answer = "ZA" + secrets.token_hex(5)


class Case(Struct, frozen=True, kw_only=True):
    """One request. `ending` is what becomes of its answer."""

    caller: Dialect = ANTHROPIC
    upstream: str = ANTHROPIC
    stream: bool = False
    size: int = SHORT
    ending: str = "whole"  # whole, error, cut, garbage, cancel, refused

    def __str__(self) -> str:
        how = "stream" if self.stream else "whole"
        return f"{self.caller}>{self.upstream} {how} x{self.size} {self.ending}"


def mark(tag: str, position: str) -> str:
    """A canary, of 32 characters at most for positions of six. Freed memory may have lost its beginning, so it says
    its tag at both ends."""
    return f"{tag}-{position}-{tag}"


def text(tag: str, position: str, size: int) -> str:
    """A text that says where it stood; the larger, the more canaries."""
    return " ".join(f"{tag}-{position}-{n} lorem ipsum dolor" for n in range(size * 40 if size > 1 else 3))


def path(case: Case, tag: str) -> str:
    """Where it is asked; Gemini's callers say the model there, and whether to stream."""
    if case.caller != GEMINI:
        return _PATHS[case.caller]
    method = "streamGenerateContent?alt=sse" if case.stream else "generateContent"
    return f"/v1beta/models/{case.upstream}/{mark(tag, 'model')}:{method}"


def question(case: Case, tag: str) -> dict[str, Any]:
    """Canaries in every position of a body."""
    body = _WRITTEN[case.caller](_Positions(tag, case.size))
    if case.caller == GEMINI:
        return body
    return {"model": f"{case.upstream}/{mark(tag, 'model')}", "stream": case.stream, **body}


class _Positions:
    """What the dialects write down, each in its way. Names of members, short and long, are canaries too."""

    def __init__(self, tag: str, size: int) -> None:
        self.tag = tag
        self.said = text(tag, "user", size)
        self.system = f"{self('system')} \u2028 \u2603 \U0001f600"
        self.about = f"{self('about')} \u2603"
        self.image = base64.b64encode(b"\x89PNG" + self("image").encode()).decode()
        self.url = f"https://example.com/{self('url')}.png"
        self.arguments = {
            self("key"): f"{self('value')} é",
            f"{self('key')}-of-more-than-thirty-two-bytes": [1, {"n": self("item")}],
        }
        self.schema = {"type": "object", "properties": {self("prop"): {"type": "string", "enum": [self("enum")]}}}

    def __call__(self, position: str) -> str:
        return mark(self.tag, position)


def _messages(at: _Positions) -> dict[str, Any]:
    image = {"type": "base64", "media_type": "image/png", "data": at.image}
    used = {"type": "tool_use", "id": at("id"), "name": at("tool"), "input": at.arguments}
    result = {"type": "tool_result", "tool_use_id": at("id"), "content": at("result")}
    parts = [
        {"type": "text", "text": at.said},
        {"type": "image", "source": image},
        {"type": "image", "source": {"type": "url", "url": at.url}},
    ]
    return {
        "max_tokens": 99,
        "system": at.system,
        "metadata": {"user_id": at("person")},
        "stop_sequences": [at("stop")],
        "tools": [{"name": at("tool"), "description": at.about, "input_schema": at.schema}],
        "messages": [
            {"role": "user", "content": parts},
            {"role": "assistant", "content": [used]},
            {"role": "user", "content": [result]},
        ],
    }


def _chat(at: _Positions) -> dict[str, Any]:
    tool = {"name": at("tool"), "description": at.about, "parameters": at.schema}
    function = {"name": at("tool"), "arguments": json.dumps(at.arguments)}
    parts = [
        {"type": "text", "text": at.said},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{at.image}"}},
        {"type": "image_url", "image_url": {"url": at.url}},
    ]
    called = [{"id": at("id"), "type": "function", "function": function}]
    return {
        "user": at("person"),
        "stop": [at("stop")],
        "tools": [{"type": "function", "function": tool}],
        "messages": [
            {"role": "system", "content": at.system},
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "tool_calls": called},
            {"role": "tool", "tool_call_id": at("id"), "content": at("result")},
        ],
    }


def _responses(at: _Positions) -> dict[str, Any]:
    image = {"type": "input_image", "detail": "auto"}
    parts = [
        {"type": "input_text", "text": at.said},
        {**image, "image_url": f"data:image/png;base64,{at.image}"},
        {**image, "image_url": at.url},
    ]
    called = {"type": "function_call", "call_id": at("id"), "name": at("tool"), "arguments": json.dumps(at.arguments)}
    return {
        "instructions": at.system,
        "user": at("person"),
        "tools": [{"type": "function", "name": at("tool"), "description": at.about, "parameters": at.schema}],
        "input": [
            {"role": "user", "content": parts},
            called,
            {"type": "function_call_output", "call_id": at("id"), "output": at("result")},
        ],
    }


def _gemini(at: _Positions) -> dict[str, Any]:
    tool = {"name": at("tool"), "description": at.about, "parametersJsonSchema": at.schema}
    called = {"id": at("id"), "name": at("tool"), "args": at.arguments}
    result = {"id": at("id"), "name": at("tool"), "response": {"result": at("result")}}
    parts = [
        {"text": at.said},
        {"inlineData": {"mimeType": "image/png", "data": at.image}},
        {"fileData": {"mimeType": "image/png", "fileUri": at.url}},
    ]
    return {
        "systemInstruction": {"parts": [{"text": at.system}]},
        "generationConfig": {"stopSequences": [at("stop")]},
        "tools": [{"functionDeclarations": [tool]}],
        "contents": [
            {"role": "user", "parts": parts},
            {"role": "model", "parts": [{"functionCall": called}]},
            {"role": "user", "parts": [{"functionResponse": result}]},
        ],
    }


_WRITTEN: dict[Dialect, Callable[[_Positions], dict[str, Any]]] = {
    ANTHROPIC: _messages,
    CHAT: _chat,
    RESPONSES: _responses,
    GEMINI: _gemini,
}


def spoken(tag: str, size: int) -> Said:
    """Canaries in every position of an answer's body."""
    arguments = {mark(tag, "key"): mark(tag, "value")}
    return Said(
        text=tuple(text(tag, "text", size).split(" lorem ipsum")),
        thinking=mark(tag, "thought"),
        sealed=mark(tag, "sealed"),
        calls=(Called(mark(tag, "call"), mark(tag, "tool"), json.dumps(arguments)),),
        id=mark(tag, "id"),
        model=mark(tag, "model"),
    )


def answer(case: Case, tag: str) -> Script:
    """As it ends; a header and the body of an error have canaries too."""
    speaks = voice(ANTHROPIC, Framing.INVOKED) if case.upstream == INVOKED else VOICES[Dialect(case.upstream)]
    said = spoken(tag, case.size)
    opened = Head(200, (("content-type", speaks.kind),))
    steps = list(stream(speaks.frames(said), opened=opened) if case.stream else document(speaks.whole(said)))
    header = ("x-request-id", mark(tag, "header"))
    match case.ending:
        case "error":
            return list(speaks.error(429, mark(tag, "refused"), header))
        case "garbage":
            return [
                Head(200, (header, ("content-type", "application/json"))),
                Send(f"<{mark(tag, 'garbage')}".encode()),
            ]
        case "cut":
            return [*_first_half(steps), Cut()]
        case "cancel":
            return [*(_first_half(steps) if case.stream else ()), Hang()]
        case _:
            return [Head(s.status, (*s.headers, header)) if isinstance(s, Head) else s for s in steps]


def _first_half(steps: list[Step]) -> list[Step]:
    *before, last = steps[: len(steps) // 2 + 1]
    return [*before, Send(last.data[: len(last.data) // 2]) if isinstance(last, Send) else last]

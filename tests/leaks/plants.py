"""Where a canary stands in a request."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from lethe.ir.content import Dialect

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI = Dialect.GEMINI
TURNS = {ANTHROPIC: "messages", CHAT: "messages", RESPONSES: "input", GEMINI: "contents"}


class Draft(Struct):
    """A request before it is sent; `raw` stands in for the body where that is not JSON."""

    front: Dialect
    canary: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    raw: bytes | None = None

    @property
    def turns(self) -> str:
        """The field that holds the conversation."""
        return TURNS[self.front]

    def history(self, *messages: dict[str, Any]) -> None:
        """Turns before the last one."""
        self.body[self.turns][:0] = messages

    def say(self, content: Any) -> None:
        """What the last turn says: a text, or its parts."""
        last = self.body[self.turns][-1]
        if self.front is GEMINI:
            last["parts"] = [{"text": content}] if isinstance(content, str) else content
        else:
            last["content"] = content


Plant: TypeAlias = Callable[[Draft], None]


def text(draft: Draft) -> None:
    draft.say(f"{draft.canary} and a few words more")


def system(draft: Draft) -> None:
    match draft.front:
        case Dialect.ANTHROPIC:
            draft.body["system"] = draft.canary
        case Dialect.OPENAI_RESPONSES:
            draft.body["instructions"] = draft.canary
        case Dialect.GEMINI:
            draft.body["systemInstruction"] = {"parts": [{"text": draft.canary}]}
        case _:
            draft.history({"role": "system", "content": draft.canary})


def tool(draft: Draft) -> None:
    """A tool's name, description and schema, its arguments and its result."""
    name, schema = f"t{draft.canary}", {"type": "object", "properties": {draft.canary: {"enum": [draft.canary]}}}
    arguments = {"path": draft.canary}
    if draft.front is ANTHROPIC:
        draft.body["tools"] = [{"name": name, "description": draft.canary, "input_schema": schema}]
        use = {"type": "tool_use", "id": draft.canary, "name": name, "input": arguments}
        result = {"type": "tool_result", "tool_use_id": draft.canary, "content": draft.canary}
        draft.history(
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": "done"},
        )
        return
    if draft.front is RESPONSES:
        draft.body["tools"] = [{"type": "function", "name": name, "description": draft.canary, "parameters": schema}]
        draft.history(
            {"role": "user", "content": "go"},
            {"type": "function_call", "call_id": draft.canary, "name": name, "arguments": json.dumps(arguments)},
            {"type": "function_call_output", "call_id": draft.canary, "output": draft.canary},
        )
        return
    if draft.front is GEMINI:
        declared = {"name": name, "description": draft.canary, "parametersJsonSchema": schema}
        draft.body["tools"] = [{"functionDeclarations": [declared]}]
        called = {"id": draft.canary, "name": name, "args": arguments}
        answered = {"id": draft.canary, "name": name, "response": {"result": draft.canary}}
        draft.history(
            {"role": "user", "parts": [{"text": "go"}]},
            {"role": "model", "parts": [{"functionCall": called, "thoughtSignature": draft.canary}]},
            {"role": "user", "parts": [{"functionResponse": answered}]},
            {"role": "model", "parts": [{"text": "done"}]},
        )
        return
    function = {"name": name, "description": draft.canary, "parameters": schema}
    draft.body["tools"] = [{"type": "function", "function": function}]
    call = {"id": draft.canary, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    draft.history(
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": draft.canary, "content": draft.canary},
    )


def thinking(draft: Draft) -> None:
    """A thought in the history, readable and sealed."""
    asked = {"role": "user", "content": "think"}
    match draft.front:
        case Dialect.ANTHROPIC:
            thought = {"type": "thinking", "thinking": draft.canary, "signature": draft.canary}
            draft.history(asked, {"role": "assistant", "content": [thought, {"type": "text", "text": "so"}]})
        case Dialect.OPENAI_RESPONSES:
            summary = [{"type": "summary_text", "text": draft.canary}]
            item: dict[str, Any] = {
                "type": "reasoning",
                "id": "rs_1",
                "summary": summary,
                "encrypted_content": draft.canary,
            }
            draft.history(asked, item, {"role": "assistant", "content": "so"})
        case Dialect.GEMINI:
            parts = [{"text": draft.canary, "thought": True}, {"text": "so", "thoughtSignature": draft.canary}]
            draft.history({"role": "user", "parts": [{"text": "think"}]}, {"role": "model", "parts": parts})
        case _:
            detail = {"type": "reasoning.encrypted", "data": draft.canary}
            draft.history(asked, {"role": "assistant", "content": "so", "reasoning_details": [detail]})


def stops(draft: Draft) -> None:
    """Responses has none."""
    if draft.front is GEMINI:
        draft.body["generationConfig"] = {"stopSequences": [draft.canary]}
    elif draft.front is not RESPONSES:
        draft.body["stop_sequences" if draft.front is ANTHROPIC else "stop"] = [draft.canary]


def person(draft: Draft) -> None:
    """The end user's id, and labels. Gemini's are for the caller's bill, and pass at level C."""
    if draft.front is ANTHROPIC:
        draft.body["metadata"] = {"user_id": draft.canary}
    elif draft.front is not GEMINI:
        draft.body |= {"user": draft.canary, "safety_identifier": draft.canary, "metadata": {"k": draft.canary}}


def headers(draft: Draft) -> None:
    """Of the caller's tools, of proxies, of tracing, and of providers."""
    names = "x-canary user-agent x-forwarded-for cookie traceparent baggage openai-project openai-organization referer"
    draft.headers |= dict.fromkeys((*names.split(), "anthropic-workspace-id", "cf-aig-metadata"), draft.canary)


def query(draft: Draft) -> None:
    draft.path += f"{'&' if '?' in draft.path else '?'}key={draft.canary}"


def path(draft: Draft) -> None:
    draft.path = f"/v1/{draft.canary}"


def model(draft: Draft) -> None:
    name = f"{draft.canary}/nothing-like-it"
    if draft.front is GEMINI:
        draft.path = f"/v1beta/models/{name}:generateContent"
    else:
        draft.body["model"] = name


def bearer(draft: Draft) -> None:
    """The caller's key, where a log of authorization would look for it."""
    draft.headers["authorization"] = f"Bearer {draft.headers.pop('x-api-key')}"


def wrong_key(draft: Draft) -> None:
    draft.headers["authorization"] = f"Bearer {draft.canary}"
    draft.headers.pop("x-api-key", None)


def image(draft: Draft) -> None:
    """The base64 of an image, and a file's name."""
    if draft.front is ANTHROPIC:
        source = {"type": "base64", "media_type": "image/png", "data": draft.canary}
        parts: list[dict[str, Any]] = [{"type": "image", "source": source}]
    elif draft.front is GEMINI:
        held = {"mimeType": "image/png", "data": draft.canary, "displayName": draft.canary}
        parts = [{"inlineData": held}]
    elif draft.front is RESPONSES:
        parts = [
            {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{draft.canary}"},
            {"type": "input_file", "filename": draft.canary, "file_data": "data:application/pdf;base64,JVBERi0="},
        ]
    else:
        parts = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{draft.canary}"}}]
    draft.say(parts)


def unknown(draft: Draft) -> None:
    """Fields that no API defines, with a copy of the prompt in them, and as the name of one."""
    draft.body["proxy_server_request"] = {"body": {"system": draft.canary, draft.canary: 1}}
    draft.body[draft.canary] = 1


def wrong_type(draft: Draft) -> None:
    draft.body[draft.turns] = {draft.canary: draft.canary}


def malformed(draft: Draft) -> None:
    draft.raw = json.dumps(draft.body).encode()[:-1] + f', "{draft.canary}'.encode()


def multipart(draft: Draft) -> None:
    draft.headers["content-type"] = f"multipart/form-data; boundary={draft.canary}"
    draft.raw = f'--{draft.canary}\r\ncontent-disposition: form-data; name="file"; filename="{draft.canary}"'.encode()
    draft.raw += b"\r\n\r\n" + draft.canary.encode() * 100_000


def thread(draft: Draft) -> None:
    """A conversation that the provider is to hold, or holds."""
    draft.say(draft.canary)
    match draft.front:
        case Dialect.ANTHROPIC:
            draft.body["thread"] = {"type": "create"}
        case Dialect.OPENAI_RESPONSES:
            draft.body["previous_response_id"] = f"resp_{draft.canary}"
        case _:
            draft.body["store"] = True

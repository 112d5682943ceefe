"""Where a canary stands: in a request, or in what the upstream answers."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.upstream.fake import Close, Cut, Head, Script, Send, Wait, anthropic, openai_chat
from lethe.upstream.fake.replies import OPENED, content, document, stream
from lethe.upstream.fake.said import Called, Said

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT


class Draft(Struct):
    """A request before it is sent; `raw` stands in for the body where that is not JSON."""

    front: Dialect
    canary: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    raw: bytes | None = None

    def history(self, *messages: dict[str, Any]) -> None:
        """Turns before the last one."""
        self.body["messages"][:0] = messages


Plant: TypeAlias = Callable[[Draft], None]
Answer: TypeAlias = Callable[[Dialect, bool, str], Script]  # the upstream's dialect, streaming, the canary


# In a request


def text(draft: Draft) -> None:
    draft.body["messages"][-1]["content"] = f"{draft.canary} and a few words more"


def system(draft: Draft) -> None:
    if draft.front is ANTHROPIC:
        draft.body["system"] = draft.canary
    else:
        draft.history({"role": "system", "content": draft.canary})


def tool(draft: Draft) -> None:
    """A tool's name, description and schema, its arguments and its result."""
    name, schema = f"t{draft.canary}", {"type": "object", "properties": {draft.canary: {"enum": [draft.canary]}}}
    arguments = {"path": draft.canary}
    if draft.front is ANTHROPIC:
        draft.body["tools"] = [{"name": name, "description": draft.canary, "input_schema": schema}]
        use = {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": draft.canary}
        draft.history(
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
            {"role": "assistant", "content": "done"},
        )
        return
    function = {"name": name, "description": draft.canary, "parameters": schema}
    draft.body["tools"] = [{"type": "function", "function": function}]
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
    draft.history(
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": draft.canary},
    )


def thinking(draft: Draft) -> None:
    """A thought in the history, readable and sealed."""
    if draft.front is ANTHROPIC:
        thought = {"type": "thinking", "thinking": draft.canary, "signature": draft.canary}
        answer: dict[str, Any] = {"role": "assistant", "content": [thought, {"type": "text", "text": "so"}]}
    else:
        detail = {"type": "reasoning.encrypted", "data": draft.canary}
        answer = {"role": "assistant", "content": "so", "reasoning_details": [detail]}
    draft.history({"role": "user", "content": "think"}, answer)


def stops(draft: Draft) -> None:
    draft.body["stop_sequences" if draft.front is ANTHROPIC else "stop"] = [draft.canary]


def person(draft: Draft) -> None:
    """The end user's id, and labels."""
    if draft.front is ANTHROPIC:
        draft.body["metadata"] = {"user_id": draft.canary}
    else:
        draft.body |= {"user": draft.canary, "safety_identifier": draft.canary, "metadata": {"k": draft.canary}}


def headers(draft: Draft) -> None:
    """Of the caller's tools, of proxies, of tracing, and of providers."""
    names = "x-canary user-agent x-forwarded-for cookie traceparent baggage openai-project openai-organization referer"
    draft.headers |= dict.fromkeys((*names.split(), "anthropic-workspace-id", "cf-aig-metadata"), draft.canary)


def query(draft: Draft) -> None:
    draft.path += f"?key={draft.canary}"


def path(draft: Draft) -> None:
    draft.path = f"/v1/{draft.canary}"


def model(draft: Draft) -> None:
    draft.body["model"] = f"{draft.canary}/nothing-like-it"


def wrong_key(draft: Draft) -> None:
    draft.headers["authorization"] = f"Bearer {draft.canary}"
    draft.headers.pop("x-api-key", None)


def image(draft: Draft) -> None:
    """The base64 of an image, and a file's name."""
    if draft.front is ANTHROPIC:
        source = {"type": "base64", "media_type": "image/png", "data": draft.canary}
        parts = [{"type": "image", "source": source}]
    else:
        parts = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{draft.canary}"}}]
    draft.body["messages"][-1]["content"] = parts


def unknown(draft: Draft) -> None:
    """Fields that no API defines, with a copy of the prompt in them."""
    draft.body["proxy_server_request"] = {"body": {"system": draft.canary, draft.canary: 1}}


def wrong_type(draft: Draft) -> None:
    draft.body["messages"] = {draft.canary: draft.canary}


def malformed(draft: Draft) -> None:
    draft.raw = json.dumps(draft.body).encode()[:-1] + f', "{draft.canary}'.encode()


def multipart(draft: Draft) -> None:
    draft.headers["content-type"] = f"multipart/form-data; boundary={draft.canary}"
    draft.raw = f'--{draft.canary}\r\ncontent-disposition: form-data; name="file"; filename="{draft.canary}"'.encode()
    draft.raw += b"\r\n\r\n" + draft.canary.encode() * 100_000


def thread(draft: Draft) -> None:
    """A conversation that the provider is to hold."""
    draft.body["messages"][-1]["content"] = draft.canary
    draft.body["thread"] = {"type": "create"}


# In an answer


def plain(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """Says the canary in every place that an answer has, the text split in the middle."""
    half = len(canary) // 2
    arguments = json.dumps({canary: canary})
    said = Said(text=(canary[:half], canary[half:]), thinking=canary, calls=(Called("call_1", "read", arguments),))
    if dialect is ANTHROPIC:
        return anthropic.streamed(said) if streaming else anthropic.buffered(said)
    return openai_chat.streamed(said) if streaming else openai_chat.buffered(said)


def decorated(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """A refusal, token probabilities, annotations, and fields that nobody knows."""
    if dialect is ANTHROPIC:
        return plain(dialect, streaming, canary)
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
        error = anthropic.error if dialect is ANTHROPIC else openai_chat.error
        said, header = f"prompt is bad: {canary}", ("x-debug", canary)
        return error(status, said, header)

    return answer


def overflow(dialect: Dialect, _: bool, canary: str) -> Script:
    words = f"prompt is too long: 200001 tokens > 200000 maximum: {canary}"
    return anthropic.error(400, words) if dialect is ANTHROPIC else openai_chat.error(400, words, param=canary)


def html(_: Dialect, __: bool, canary: str) -> Script:
    return content("text/html", f"<html>{canary}</html>".encode(), 502)


def not_json(_: Dialect, __: bool, canary: str) -> Script:
    return content("application/json", f"Received: '{canary}'".encode())


def failing(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """An error event in the middle of a stream."""
    if not streaming:
        return failure(529)(dialect, streaming, canary)
    if dialect is ANTHROPIC:
        return stream([*anthropic.frames(Said(text=("a",)))[:4], anthropic.error_event("overloaded_error", canary)])
    return stream([*openai_chat.frames(Said(text=("a",)))[:2], openai_chat.error_event(canary)])


def garbled(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """Events that are none."""
    if not streaming:
        return not_json(dialect, streaming, canary)
    frames = (anthropic if dialect is ANTHROPIC else openai_chat).frames(Said(text=(canary, "b")))[:4]
    return stream([*frames, f"data: {{{canary}\n\n".encode(), f"event: {canary}\ndata: []\n\n".encode()])


def cut(dialect: Dialect, streaming: bool, canary: str) -> Script:
    """The connection is reset in the middle."""
    frames = (anthropic if dialect is ANTHROPIC else openai_chat).frames(Said(text=(canary, "b")))[:4]
    if streaming:
        return (OPENED, *map(Send, frames), Wait(0.02), Cut())
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

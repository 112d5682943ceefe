"""A long answer in every upstream dialect as its vendor writes it, and a request of 1 MB as an agent sends it."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from lethe.dialects.codec import UPSTREAM_CODECS
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.transcode import decode_request
from lethe.wire.eventstream import encode_event
from lethe.wire.sse import format_frame

THOUGHTS = 60
PIECES = 900
WORDS = (
    "The function ",
    "reads `config`, ",
    "then returns ",
    "None — or\n",
    'an "error" if ',
    "that fails. ",
    "überall 漢字 ",
)
THOUGHT = "Let me look at the file. "
ARGUMENT = '"line \\\\n", '
ARGUMENTS = 40
MODEL = "claude-sonnet-5"
_json = msgspec.json.encode


def _anthropic() -> Iterator[bytes]:
    def event(kind: str, **fields: Any) -> bytes:
        return format_frame(_json({"type": kind, **fields}), kind)

    def delta(index: int, **fields: Any) -> bytes:
        return event("content_block_delta", index=index, delta=fields)

    usage = {"input_tokens": 9, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 20_000, "output_tokens": 1}
    message: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
    }
    yield event("message_start", message={**message, "stop_sequence": None, "usage": usage})
    yield event("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""})
    yield from (delta(0, type="thinking_delta", thinking=THOUGHT) for _ in range(THOUGHTS))
    yield delta(0, type="signature_delta", signature="c2lnbmVk" * 40)
    yield event("content_block_stop", index=0)
    yield event("content_block_start", index=1, content_block={"type": "text", "text": ""})
    yield from (delta(1, type="text_delta", text=piece) for piece in _pieces())
    yield event("content_block_stop", index=1)
    call = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    yield event("content_block_start", index=2, content_block=call)
    yield from (delta(2, type="input_json_delta", partial_json=piece) for piece in _arguments())
    yield event("content_block_stop", index=2)
    yield event(
        "message_delta", delta={"stop_reason": "tool_use", "stop_sequence": None}, usage={"output_tokens": 4_000}
    )
    yield event("message_stop")


def _chat() -> Iterator[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": "gpt-6"}
    more = {"service_tier": "default", "system_fingerprint": "fp_1"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return format_frame(_json({**head, **more, "choices": [choice], "usage": None, "obfuscation": "aB3dE5"}))

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    yield from (chunk({"reasoning_content": THOUGHT}) for _ in range(THOUGHTS))
    yield from (chunk({"content": piece}) for piece in _pieces())
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "write", "arguments": ""}}
    yield chunk({"tool_calls": [call]})
    yield from (chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in _arguments())
    yield chunk({}, "tool_calls")
    usage = {"prompt_tokens": 20_009, "completion_tokens": 4_000, "total_tokens": 24_009}
    yield format_frame(_json({**head, **more, "choices": [], "usage": usage}))
    yield format_frame(b"[DONE]")


def _responses() -> Iterator[bytes]:
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return format_frame(_json({"type": kind, **fields, "sequence_number": number}), kind)

    response = {"id": "resp_1", "object": "response", "created_at": 1_790_000_000, "model": "gpt-6", "output": []}
    yield event("response.created", response={**response, "status": "in_progress"})
    item: dict[str, Any] = {"id": "rs_1", "type": "reasoning", "summary": []}
    yield event("response.output_item.added", output_index=0, item=item)
    at = {"item_id": "rs_1", "output_index": 0, "summary_index": 0}
    for _ in range(THOUGHTS):
        yield event("response.reasoning_summary_text.delta", **at, delta=THOUGHT, obfuscation="aB3dE5")
    yield event("response.output_item.done", output_index=0, item={**item, "encrypted_content": "c2VhbGVk" * 40})
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
    yield event("response.output_item.added", output_index=1, item=item)
    at = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    part = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    yield event("response.content_part.added", **at, part=part)
    for piece in _pieces():
        yield event("response.output_text.delta", **at, delta=piece, logprobs=[], obfuscation="aB3dE5")
    yield event("response.output_text.done", **at, text="".join(_pieces()), logprobs=[])
    yield event("response.content_part.done", **at, part={**part, "text": "".join(_pieces())})
    yield event("response.output_item.done", output_index=1, item={**item, "status": "completed"})
    item = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "write", "arguments": ""}
    yield event("response.output_item.added", output_index=2, item=item)
    at = {"item_id": "fc_1", "output_index": 2}
    for piece in _arguments():
        yield event("response.function_call_arguments.delta", **at, delta=piece, obfuscation="aB3dE5")
    yield event("response.output_item.done", output_index=2, item={**item, "arguments": "".join(_arguments())})
    usage = {"input_tokens": 20_009, "output_tokens": 4_000, "total_tokens": 24_009}
    yield event("response.completed", response={**response, "status": "completed", "usage": usage})


def _gemini() -> Iterator[bytes]:
    usage = {"promptTokenCount": 20_009, "candidatesTokenCount": 4_000, "totalTokenCount": 24_009}

    def chunk(*parts: dict[str, Any], **more: Any) -> bytes:
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0, **more}
        body = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "gemini-3-pro", "responseId": "r1"}
        return b"data: " + _json(body) + b"\r\n\r\n"

    yield from (chunk({"text": THOUGHT, "thought": True}) for _ in range(THOUGHTS))
    yield from (chunk({"text": piece}) for piece in _pieces())
    arguments = msgspec.json.decode("".join(_arguments()))
    yield chunk({"functionCall": {"name": "write", "args": arguments}, "thoughtSignature": "c2lnbmVk" * 40})
    yield chunk({"text": ""}, finishReason="STOP")


def _converse() -> Iterator[bytes]:
    number = 0

    def event(kind: str, **fields: Any) -> bytes:
        nonlocal number
        number += 1
        return encode_event(kind, _json({**fields, "p": "abcdefghijklmnopqrstuvwxyz"[: 1 + number % 26]}))

    def delta(index: int, **fields: Any) -> bytes:
        return event("contentBlockDelta", contentBlockIndex=index, delta=fields)

    yield event("messageStart", role="assistant")
    yield from (delta(0, reasoningContent={"text": THOUGHT}) for _ in range(THOUGHTS))
    yield delta(0, reasoningContent={"signature": "c2lnbmVk" * 40})
    yield event("contentBlockStop", contentBlockIndex=0)
    yield from (delta(1, text=piece) for piece in _pieces())
    yield event("contentBlockStop", contentBlockIndex=1)
    yield event("contentBlockStart", contentBlockIndex=2, start={"toolUse": {"toolUseId": "t_1", "name": "write"}})
    yield from (delta(2, toolUse={"input": piece}) for piece in _arguments())
    yield event("contentBlockStop", contentBlockIndex=2)
    yield event("messageStop", stopReason="tool_use")
    usage = {"inputTokens": 9, "outputTokens": 4_000, "totalTokens": 24_009, "cacheReadInputTokens": 20_000}
    yield event("metadata", usage=usage, metrics={"latencyMs": 30_000})


def _pieces() -> Iterator[str]:
    yield from (WORDS[n % len(WORDS)] for n in range(PIECES))


def _arguments() -> Iterator[str]:
    yield '{"lines": ['
    yield from (ARGUMENT for _ in range(ARGUMENTS - 2))
    yield '""]}'


STREAMS: Mapping[Dialect, tuple[bytes, ...]] = {
    Dialect.ANTHROPIC: tuple(_anthropic()),
    Dialect.OPENAI_CHAT: tuple(_chat()),
    Dialect.OPENAI_RESPONSES: tuple(_responses()),
    Dialect.GEMINI: tuple(_gemini()),
    Dialect.CONVERSE: tuple(_converse()),
}


# A request

TOOLS = 40
ROUNDS = 131  # of a call and its result
LISTING = "".join(f'{n:5}\tdef step_{n}(self, value: "str | None") -> None:  # überall\n' for n in range(95))


def _request() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {f"field_{n}": {"type": "string", "description": "What the field says. " * 4} for n in range(6)},
        "required": ["field_0"],
    }
    tools = [
        {"name": f"tool_{n}", "description": "Reads, writes and searches what there is. " * 20, "input_schema": schema}
        for n in range(TOOLS)
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": [{"type": "text", "text": "Mend the parser. " * 30}]}]
    for n in range(ROUNDS):
        call = {
            "type": "tool_use",
            "id": f"toolu_{n:04}",
            "name": f"tool_{n % TOOLS}",
            "input": {"field_0": f"a/{n}.py"},
        }
        said = {"type": "text", "text": "I look at the next file, then at what calls it. " * 3}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{n:04}", "content": [{"type": "text", "text": LISTING}]}
        messages += [{"role": "assistant", "content": [said, call]}, {"role": "user", "content": [result]}]
    system = [
        {"type": "text", "text": "You are an agent that writes code. " * 300, "cache_control": {"type": "ephemeral"}}
    ]
    messages[-1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    return {
        "model": MODEL, "max_tokens": 32_000, "system": system, "tools": tools, "messages": messages, "stream": True,
        "thinking": {"type": "enabled", "budget_tokens": 10_000}, "metadata": {"user_id": "user_1"},
    }  # fmt: skip


REQUEST: Mapping[str, Any] = _request()


@cache
def request_body(caller: Dialect) -> bytes:
    """The same request in a caller's dialect."""
    if caller is Dialect.ANTHROPIC:
        return _json(REQUEST)
    request = decode_request(Dialect.ANTHROPIC, dict(REQUEST))
    return _json(UPSTREAM_CODECS[caller].encode_request(request, Losses()))

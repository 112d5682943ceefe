"""Translation through the real data plane: what the upstream gets and what the caller gets, judged by the official SDKs."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, MessageCreateParams, RawMessageStreamEvent
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk, CompletionCreateParams
from pydantic import TypeAdapter
from tests.dialects.cases import load, stream
from tests.server.rig import (
    ANSWER,
    ANTHROPIC,
    CHAT,
    PATH,
    SSE,
    Reply,
    Rig,
    data_of,
    error_in,
    json_answer,
    request,
    serving,
    sse,
    streamed,
    upstream,
    whole,
)

from lethe.ir.content import Dialect
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake, Head, Script, Send, Until
from lethe.upstream.fake import anthropic as fake_anthropic
from lethe.upstream.fake.said import Called, Said

STREAM = pytest.mark.parametrize("streaming", [False, True], ids=["buffered", "stream"])
OTHER = {ANTHROPIC: CHAT, CHAT: ANTHROPIC}
ALLOW = Route(model="*", to=(Target(0),), allow_losses=True)
LONG, SHORT = "mcp__" + "a" * 80 + "__read_file", "mcp__" + "a" * 48 + "_5097860a07"
PIXEL = "iVBORw0KGgo="
SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"], "additionalProperties": False}
_REQUEST: dict[Dialect, TypeAdapter[Any]] = {
    ANTHROPIC: TypeAdapter(MessageCreateParams),
    CHAT: TypeAdapter(CompletionCreateParams),
}
_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


class Between:
    """A caller of one dialect and a scripted upstream of the other."""

    def __init__(self, rig: Rig, fake: Fake, caller: Dialect) -> None:
        self.rig, self.fake, self.caller = rig, fake, caller

    async def ask(self, body: dict[str, Any]) -> Reply:
        return await self.rig.ask("POST", PATH[self.caller], body)

    def sent(self) -> dict[str, Any]:
        """The latest body that reached the upstream, valid by the SDK's types."""
        body: dict[str, Any] = self.fake.requests[-1].json()
        _REQUEST[OTHER[self.caller]].validate_python(body)
        return body


@asynccontextmanager
async def between(caller: Dialect, *answers: Script, **plan: Any) -> AsyncIterator[Between]:
    async with Fake() as fake, serving([upstream("up", fake, OTHER[caller])], **plan) as rig:
        fake.answer(*answers)
        yield Between(rig, fake, caller)


def message(reply: Reply) -> dict[str, Any]:
    """An Anthropic caller's message: whole, or as the SDK puts it together."""
    assert reply.status == 200, reply.body
    if reply.headers["content-type"] == "application/json":
        return Message.model_validate(reply.json()).model_dump(mode="json", exclude_none=True)
    snapshot, buffers = None, dict[int, bytes]()
    for event in data_of(reply.body):
        if event["type"] != "ping":
            parsed = _EVENT.validate_python(event)
            snapshot = accumulate_event(event=parsed, current_snapshot=snapshot, json_bufs=buffers)
    assert snapshot is not None
    return json.loads(snapshot.to_json(exclude_none=True))  # type: ignore[no-any-return]  # an object


def completion(reply: Reply) -> dict[str, Any]:
    """A Chat caller's completion: whole, or as the SDK puts it together."""
    assert reply.status == 200, reply.body
    if reply.headers["content-type"] == "application/json":
        return ChatCompletion.model_validate(reply.json()).model_dump(mode="json", exclude_none=True)
    state = ChatCompletionStreamState[None]()
    for chunk in data_of(reply.body):
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    assert reply.body.endswith(b"data: [DONE]\n\n")
    return state.current_completion_snapshot.model_dump(mode="json", exclude_none=True)


READ = {ANTHROPIC: message, CHAT: completion}


def said(reply: Reply, caller: Dialect) -> dict[str, Any]:
    """What a caller sees, in terms of neither dialect."""
    body = READ[caller](reply)
    if caller is ANTHROPIC:
        blocks: list[dict[str, Any]] = body["content"]
        return {
            "text": "".join(b["text"] for b in blocks if b["type"] == "text"),
            "thinking": "".join(b["thinking"] for b in blocks if b["type"] == "thinking"),
            "calls": [(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"],
            "reason": body["stop_reason"],
            "usage": counters(body["usage"]),
        }
    choice, usage = body["choices"][0], body["usage"]
    inner = choice["message"]
    return {
        "text": inner.get("content") or "",
        "refusal": inner.get("refusal") or "",
        "thinking": inner.get("reasoning_content") or "",
        "calls": [
            (c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]))
            for c in inner.get("tool_calls") or ()
        ],
        "reason": choice["finish_reason"],
        "usage": counters({**usage, **usage["prompt_tokens_details"], **usage["completion_tokens_details"]}),
    }


def counters(usage: dict[str, Any]) -> dict[str, int]:
    return {name: value for name, value in usage.items() if isinstance(value, int)}


def pieces(raw: bytes, size: int) -> Script:
    return [Head(200, SSE), *(Send(raw[at : at + size]) for at in range(0, len(raw), size))]


# Answers

# Caller, fixture of the upstream's answer (buffered and streamed), part of what the caller must see.
ANSWERS: list[tuple[Dialect, str, str, dict[str, Any]]] = [
    (ANTHROPIC, "openai_chat/streams/text.json", "openai_chat/streams/text.sse", {"reason": "end_turn"}),
    (
        ANTHROPIC,
        "openai_chat/streams/parallel_tools.json",
        "openai_chat/streams/parallel_tools.sse",
        {
            "text": "Looking.",
            "calls": [("call_a", "f", {"x": 2}), ("call_b", "g", {})],
            "reason": "tool_use",
            "usage": {
                "input_tokens": 36,
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 0,
                "output_tokens": 20,
            },
        },
    ),
    (ANTHROPIC, "openai_chat/streams/thinking.json", "openai_chat/streams/thinking.sse", {"reason": "max_tokens"}),
    (ANTHROPIC, "openai_chat/streams/refusal.json", "openai_chat/streams/refusal.sse", {"reason": "refusal"}),
    (ANTHROPIC, "openai_chat/streams/logprobs.json", "openai_chat/streams/logprobs.sse", {"text": "Hi!"}),
    (ANTHROPIC, "openai_chat/streams/sealed.json", "openai_chat/streams/sealed.sse", {"thinking": "One two"}),
    (
        ANTHROPIC,
        "openai_chat/streams/legacy_call.json",
        "openai_chat/streams/legacy_call.sse",
        {"reason": "tool_use"},
    ),
    (CHAT, "anthropic/replies/text.json", "anthropic/streams/text.sse", {"reason": "stop"}),
    (
        CHAT,
        "anthropic/replies/tools.json",
        "anthropic/streams/tools.sse",
        {"text": "Looking.", "calls": [("toolu_1", "weather", {"city": "Köln"}), ("toolu_2", "clock", {})], "reason": "tool_calls"},
    ),
    (
        CHAT,
        "anthropic/replies/thinking.json",
        "anthropic/streams/thinking.sse",
        {
            "thinking": "Let me see.",
            "reason": "stop",
            "usage": {
                "prompt_tokens": 905,
                "completion_tokens": 40,
                "total_tokens": 945,
                "cached_tokens": 900,
                "cache_write_tokens": 0,
                "reasoning_tokens": 30,
            },
        },
    ),
    (CHAT, "anthropic/replies/refusal.json", "anthropic/streams/refusal.sse", {"text": "I can't", "reason": "content_filter"}),
    (CHAT, "anthropic/replies/empty.json", "anthropic/streams/empty.sse", {"text": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "buffered", "streamed", "expected"), ANSWERS, ids=[a[1] for a in ANSWERS])
async def test_whole_and_streamed_answers_say_the_same(
    caller: Dialect, buffered: str, streamed: str, expected: dict[str, Any]
) -> None:
    raw = stream(streamed)
    options = {"stream_options": {"include_usage": True}} if caller is CHAT else {}
    async with between(caller, json_answer(200, load(buffered)), pieces(raw, len(raw)), pieces(raw, 57)) as pair:
        replies = [await pair.ask(request(caller))]
        replies += [await pair.ask(request(caller, stream=True, **options)) for _ in range(2)]
        first, second, third = (said(reply, caller) for reply in replies)
        assert first == second == third
        assert {name: first[name] for name in expected} == expected


@pytest.mark.parametrize(("caller", "name"), [(ANTHROPIC, "openai_chat/streams/parallel_tools.sse"), (CHAT, "anthropic/streams/thinking.sse")])  # fmt: skip
async def test_a_stream_in_chunks_of_any_size_is_the_same(caller: Dialect, name: str) -> None:
    raw = stream(name)
    sizes = (1, 2, 13, len(raw))
    async with between(caller, *(pieces(raw, size) for size in sizes)) as pair:
        bodies = [(await pair.ask(request(caller, stream=True))).body for _ in sizes]
        assert len({_settled(body) for body in bodies}) == 1


def _settled(body: bytes) -> str:
    """Without what varies by request and clock."""
    return json.dumps([{k: v for k, v in event.items() if k != "created"} for event in data_of(body)])


async def test_truncated_arguments_survive() -> None:
    raw = stream("openai_chat/streams/truncated_tool.sse")
    answers = (json_answer(200, load("openai_chat/streams/truncated_tool.json")), pieces(raw, 100))
    async with between(ANTHROPIC, *answers) as pair:
        buffered = message(await pair.ask(request(ANTHROPIC)))
        assert buffered["content"][0]["input"] == {"_unparsed": '{"x":"ab'}
        assert buffered["stop_reason"] == "max_tokens"
        events = data_of((await pair.ask(request(ANTHROPIC, stream=True))).body)
        parts = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
        assert "".join(parts) == '{"x":"ab'


async def test_a_stop_sequence_ends_a_chat_answer_as_stop_and_is_told_to_anthropic_callers() -> None:
    raw = stream("anthropic/streams/thinking.sse")
    async with between(CHAT, pieces(raw, 100)) as pair:
        reply = await pair.ask(request(CHAT, stream=True, stop=["STOP"]))
        assert completion(reply)["choices"][0]["finish_reason"] == "stop"
        assert pair.sent()["stop_sequences"] == ["STOP"]


# Thinking goes back to whoever sealed it


@STREAM
async def test_an_anthropic_caller_echoes_the_seals_of_a_chat_upstream(streaming: bool) -> None:
    first = pieces(stream("openai_chat/streams/sealed.sse"), 64) if streaming else json_answer(200, load("openai_chat/streams/sealed.json"))  # fmt: skip
    async with between(ANTHROPIC, first, whole(CHAT)) as pair:
        answer = message(await pair.ask(request(ANTHROPIC, stream=streaming)))
        kinds = [block["type"] for block in answer["content"]]
        assert kinds == ["thinking", "redacted_thinking", "text"]
        history = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": "and now?"},
        ]
        reply = await pair.ask({**request(ANTHROPIC), "messages": history})
        assert reply.status == 200
        assert "x-lethe-loss" not in reply.headers
        details = pair.sent()["messages"][1]["reasoning_details"]
        assert [(d["type"], d.get("text"), d.get("signature") or d.get("data")) for d in details] == [
            ("reasoning.text", "One two", "SEAL"),
            ("reasoning.encrypted", None, "ENCRYPTED"),
        ]


@STREAM
async def test_a_chat_caller_echoes_the_seals_of_an_anthropic_upstream(streaming: bool) -> None:
    first = pieces(stream("anthropic/streams/thinking.sse"), 64) if streaming else json_answer(200, load("anthropic/replies/thinking.json"))  # fmt: skip
    async with between(CHAT, first, whole(ANTHROPIC)) as pair:
        answer = completion(await pair.ask(request(CHAT, stream=streaming)))["choices"][0]["message"]
        echoed = {k: v for k, v in answer.items() if k in ("role", "content", "reasoning_content", "reasoning_details")}
        history = [{"role": "user", "content": "hello"}, echoed, {"role": "user", "content": "and now?"}]
        reply = await pair.ask({**request(CHAT), "messages": history})
        assert reply.status == 200
        assert "x-lethe-loss" not in reply.headers
        assert pair.sent()["messages"][1]["content"] == [
            {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBsealed=="},
            {"type": "redacted_thinking", "data": "EmwKhidden=="},
            {"type": "text", "text": "42"},
        ]


# Requests

CALLS = [{"type": "tool_use", "id": id, "name": "f", "input": {"x": 1}} for id in ("a", "b")]
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
RESULTS = [
    {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "seen"}, IMAGE]},
    {"type": "tool_result", "tool_use_id": "b", "content": "no such file", "is_error": True},
]
CHAT_CALLS = [{"id": id, "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}} for id in ("a", "b")]
TOOL = {"name": "f", "description": "F.", "input_schema": SCHEMA}
FUNCTION = {"type": "function", "function": {"name": "f", "description": "F.", "parameters": SCHEMA}}

# Caller, fields of its request, fields of the upstream's request, x-lethe-loss.
REQUESTS: list[tuple[str, Dialect, dict[str, Any], dict[str, Any], str | None]] = [
    (
        "tool results with an image and an error",
        ANTHROPIC,
        {
            "tools": [TOOL],
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": CALLS},
                {"role": "user", "content": RESULTS},
            ],
        },
        {
            "tools": [FUNCTION],
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": None, "tool_calls": CHAT_CALLS},
                {"role": "tool", "tool_call_id": "a", "content": "seen"},
                {"role": "tool", "tool_call_id": "b", "content": "Error: no such file"},
                {"role": "user", "content": [IMAGE_URL]},
            ],
        },
        "degraded $.messages[2].content[0].content[1], degraded $.messages[2].content[1].is_error",
    ),
    (
        "tool results",
        CHAT,
        {
            "tools": [FUNCTION],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "hello"}, IMAGE_URL]},
                {"role": "assistant", "content": None, "tool_calls": CHAT_CALLS},
                {"role": "tool", "tool_call_id": "a", "content": "seen"},
                {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "done"}]},
            ],
        },
        {
            "system": [{"type": "text", "text": "Be brief."}],
            "tools": [TOOL],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "hello"}, IMAGE]},
                {"role": "assistant", "content": CALLS},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "seen"}]},
                        {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "done"}]},
                    ],
                },
            ],
        },
        None,
    ),
    (
        "structured output",
        ANTHROPIC,
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}}},
        None,
    ),
    (
        "structured output",
        CHAT,
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}},
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        None,
    ),
    ("JSON without a schema", CHAT, {"response_format": {"type": "json_object"}}, {}, "degraded $.response_format"),
    ("effort", ANTHROPIC, {"output_config": {"effort": "high"}}, {"reasoning_effort": "high"}, None),
    ("budget", ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 4096}}, {"reasoning_effort": "medium"}, None),
    ("effort", CHAT, {"reasoning_effort": "low"}, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, None),
    ("no thinking", CHAT, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}, None),
    ("stop sequences", ANTHROPIC, {"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}, None),
    ("many stop sequences", ANTHROPIC, {"stop_sequences": list("abcde")}, {"stop": list("abcd")}, "degraded $.stop_sequences"),
    ("stop", CHAT, {"stop": "a"}, {"stop_sequences": ["a"]}, None),
    (
        "choice of a tool, one at a time",
        ANTHROPIC,
        {"tools": [TOOL], "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True}},
        {"tool_choice": {"type": "function", "function": {"name": "f"}}, "parallel_tool_calls": False},
        None,
    ),
    (
        "any tool, one at a time",
        CHAT,
        {"tools": [FUNCTION], "tool_choice": "required", "parallel_tool_calls": False},
        {"tool_choice": {"type": "any", "disable_parallel_tool_use": True}},
        None,
    ),
    (
        "refusal in history",
        CHAT,
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": None, "refusal": "no"},
                {"role": "user", "content": "please"},
            ]
        },
        {},
        "degraded $.messages[2].refusal",
    ),
    (
        "speaker's name",
        CHAT,
        {"messages": [{"role": "developer", "content": "x"}, {"role": "user", "name": "n", "content": "hello"}]},
        {"system": [{"type": "text", "text": "x"}]},
        "degraded $.messages[1].name",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "fields", "expected", "loss"), [r[1:] for r in REQUESTS], ids=[f"{r[1]} {r[0]}" for r in REQUESTS])  # fmt: skip
async def test_what_the_upstream_gets(
    caller: Dialect, fields: dict[str, Any], expected: dict[str, Any], loss: str | None
) -> None:
    async with between(caller, whole(OTHER[caller])) as pair:
        reply = await pair.ask({**request(caller), **fields})
        assert reply.status == 200, reply.body
        sent = pair.sent()
        assert {name: sent.get(name) for name in expected} == expected
        assert reply.headers.get("x-lethe-loss") == loss


# Caller, fields that the other side has no place for, their paths.
DROPPED: list[tuple[Dialect, dict[str, Any], list[str]]] = [
    (CHAT, {"n": 3}, ["$.n"]),
    (CHAT, {"n": 3, "CANARY_field": {"n": 1}}, ["$.n", "$.*"]),  # a name that no API knows is the caller's own text
    (CHAT, {"logprobs": True, "top_logprobs": 2}, ["$.logprobs"]),
    (
        CHAT,
        {
            "messages": [
                {"role": "system", "content": "x"},
                {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "file", "file": {"file_id": "f"}}]},
            ]
        },
        ["$.messages[1].content[1]"],
    ),
    (CHAT, {"tools": [FUNCTION, {"type": "novel", "novel": {"name": "g"}}]}, ["$.tools[1]"]),
    (ANTHROPIC, {"mcp_servers": [{"type": "url", "name": "m", "url": "https://example.com"}]}, ["$.mcp_servers"]),
    (ANTHROPIC, {"tools": [TOOL, {"type": "web_search_20250305", "name": "web_search"}]}, ["$.tools[1]"]),
    (
        ANTHROPIC,
        {"messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]},
        ["$.messages[0].content[0]"],
    ),
]  # fmt: skip


@STREAM
@pytest.mark.parametrize(("caller", "fields", "paths"), DROPPED, ids=[d[2][0] for d in DROPPED])
async def test_what_cannot_cross_is_refused_by_its_path_or_allowed(
    caller: Dialect, fields: dict[str, Any], paths: Sequence[str], streaming: bool
) -> None:
    body = {**request(caller, stream=streaming), **fields}
    answer = streamed(OTHER[caller]) if streaming else whole(OTHER[caller])
    async with between(caller, answer) as pair:
        reply = await pair.ask(body)
        assert reply.status == 400
        assert all(f"{path} (" in error_in(reply, caller)["message"] for path in paths)
        assert not pair.fake.requests
    async with between(caller, answer, routes=[ALLOW]) as pair:
        reply = await pair.ask(body)
        assert reply.status == 200
        assert reply.headers["x-lethe-loss"] == ", ".join(f"dropped {path}" for path in paths)
        assert (await pair.rig.events.one()).dropped == len(paths)
        pair.sent()


# Tools that take free text

GREP = {"type": "custom", "custom": {"name": "grep", "description": "Greps."}}


@STREAM
async def test_a_custom_tool_of_a_chat_caller_gets_its_text_back(streaming: bool) -> None:
    said = Said(calls=(Called("c", "grep", '{"input":"a \\"b\\""}'),), model="m", id="msg_1")
    async with between(CHAT, fake_anthropic.streamed(said) if streaming else fake_anthropic.buffered(said)) as pair:
        reply = await pair.ask({**request(CHAT, stream=streaming), "tools": [GREP]})
        assert reply.status == 200
        assert "x-lethe-loss" not in reply.headers
        (tool,) = pair.sent()["tools"]
        assert (tool["name"], tool["input_schema"]["required"]) == ("grep", ["input"])
        if streaming:
            deltas = [choice["delta"] for chunk in data_of(reply.body) for choice in chunk["choices"]]
            calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
            assert (calls[0]["type"], calls[0]["custom"]["name"]) == ("custom", "grep")
            assert "".join(call["custom"]["input"] for call in calls) == 'a "b"'
        else:
            (call,) = reply.json()["choices"][0]["message"]["tool_calls"]
            assert call == {"id": "c", "type": "custom", "custom": {"name": "grep", "input": 'a "b"'}}


# Names of tools


@STREAM
async def test_a_long_name_is_short_for_the_upstream_and_itself_for_the_caller(streaming: bool) -> None:
    call = {"id": "c", "type": "function", "function": {"name": SHORT, "arguments": '{"x": 1}'}}
    body = json.loads(json.dumps(ANSWER[CHAT]))
    body["choices"][0] |= {"message": {"role": "assistant", "content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}  # fmt: skip
    head = {"id": "c", "model": "m", "object": "chat.completion.chunk", "created": 1}
    delta = {"tool_calls": [{"index": 0, **call}]}
    chunks = [
        sse({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        sse({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
    ]
    answer: Script = [Head(200, SSE), *map(Send, chunks)] if streaming else json_answer(200, body)
    history = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": LONG, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
    ]
    async with between(ANTHROPIC, answer) as pair:
        asked = {
            **request(ANTHROPIC, stream=streaming),
            "messages": history,
            "tools": [{"name": LONG, "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": LONG},
        }
        reply = await pair.ask(asked)
        assert "x-lethe-loss" not in reply.headers
        assert [(b["name"], b["input"]) for b in message(reply)["content"]] == [(LONG, {"x": 1})]
        sent = pair.sent()
        assert sent["tools"][0]["function"]["name"] == SHORT
        assert sent["tool_choice"]["function"]["name"] == SHORT
        assert sent["messages"][1]["tool_calls"][0]["function"]["name"] == SHORT


async def test_an_answer_in_the_callers_dialect_keeps_its_names() -> None:
    """The first upstream, which wanted short names, has failed; the second speaks the caller's dialect."""
    called = {**ANSWER[ANTHROPIC], "content": [{"type": "tool_use", "id": "a", "name": SHORT, "input": {}}]}
    async with Fake() as bad, Fake() as good:
        bad.answer(json_answer(529, {}))
        good.answer(json_answer(200, called))
        async with serving([upstream("bad", bad, CHAT), upstream("good", good, ANTHROPIC)]) as rig:
            tools = [{"name": LONG, "input_schema": {"type": "object"}}]
            for streaming in (False, True):
                reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=streaming, tools=tools))
                assert message(reply)["content"][0]["name"] == SHORT
            assert good.requests[0].json()["tools"] == tools


# Answers that are not as asked

ERRORS: list[tuple[Dialect, dict[str, Any], int]] = [
    (ANTHROPIC, {"error": {"message": "slow down", "type": "rate_limit_error", "code": None}}, 429),
    (ANTHROPIC, {"error": {"message": "slow down", "code": 503}}, 529),
    (ANTHROPIC, {"error": "slow down"}, 500),
    (CHAT, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}, 429),
]


@STREAM
@pytest.mark.parametrize(("caller", "body", "status"), ERRORS)
async def test_an_error_under_a_status_of_success(
    caller: Dialect, body: dict[str, Any], status: int, streaming: bool
) -> None:
    async with between(caller, json_answer(200, body)) as pair:
        reply = await pair.ask(request(caller, stream=streaming))
        assert reply.status == status
        assert error_in(reply, caller)["message"] == "slow down"


@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT])
async def test_a_stream_that_nobody_asked_for_is_folded(caller: Dialect) -> None:
    async with between(caller, streamed(OTHER[caller]), whole(OTHER[caller])) as pair:
        folded, buffered = await pair.ask(request(caller)), await pair.ask(request(caller))
        assert folded.headers["content-type"] == "application/json"
        assert said(folded, caller) == said(buffered, caller)


@STREAM
async def test_no_choices_are_no_answer(streaming: bool) -> None:
    async with between(ANTHROPIC, json_answer(200, {**ANSWER[CHAT], "choices": []})) as pair:
        reply = await pair.ask(request(ANTHROPIC, stream=streaming))
        assert reply.status == 502
        assert error_in(reply, ANTHROPIC)["details"]["error_code"] == "upstream_malformed_reply"


async def test_events_out_of_order_end_the_stream_with_an_error() -> None:
    text = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    start = {"type": "message_start", "message": {**ANSWER[ANTHROPIC], "content": []}}
    begun = asyncio.Event()
    script: Script = [Head(200, SSE), Send(sse(start) + sse(text)), Until(begun), Send(sse(text))]
    async with between(CHAT, script) as pair:
        client = await pair.rig.client()
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=True)).encode())
        status, headers = await client.head()
        assert status == 200
        assert b'"role":"assistant"' in await client.chunk()
        begun.set()
        *_, last = data_of(await client.body(headers))
        assert last["error"]["code"] == "upstream_malformed_reply"


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
async def test_losses_of_an_answer_are_counted(stream: bool) -> None:
    """Log probabilities have no place in an Anthropic reply."""
    token = {"token": "hi", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": {"content": [token], "refusal": None}}
    said = {"role": "assistant", "content": "hi"}
    head = {"id": "c", "created": 1, "model": "m"}
    whole_answer = {**head, "object": "chat.completion", "choices": [{**choice, "message": said}]}
    chunk = {**head, "object": "chat.completion.chunk", "choices": [{**choice, "delta": said}]}
    script: Script = json_answer(200, whole_answer)
    if stream:
        script = [Head(200, SSE), Send(sse(chunk)), Send(b"data: [DONE]\n\n")]
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(script)
        reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=stream))
        assert reply.status == 200
        event = await rig.events.one()
        assert (event.hints, event.degraded, event.dropped) == (1, 0, 0)

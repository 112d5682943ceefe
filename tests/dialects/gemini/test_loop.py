"""A tool loop against Gemini, held by callers of every dialect: what they echo is what Google asks for."""

from typing import Any

import pytest
from tests.dialects.cases import FIXTURES, decoded
from tests.dialects.judges import gemini_request

from lethe.dialects import gemini
from lethe.dialects.codec import CODECS
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.grammar import fold
from lethe.ir.loss import Losses, Severity
from lethe.upstream.fake.rules import fault

ANTHROPIC, CHAT, RESPONSES, GEMINI = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.GEMINI
CONTEXT = ReplyContext(id="ours", created=1)
MODEL = "gemini-3-pro"
SIGNED, OTHER, WITH_ID = (
    {"functionCall": {"name": "CANARY_tool", "args": {"value": "CANARY_argument"}}, "thoughtSignature": "Q0FOQVJZX2NhbGw="},
    {"functionCall": {"name": "CANARY_tool", "args": {}}},
    {"functionCall": {"id": "CANARY_id", "name": "other.tool", "args": {}}},
)  # fmt: skip


def _anthropic(reply: JsonObject) -> JsonObject:
    calls = [block["id"] for block in reply["content"] if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": id, "content": f"r{n}"} for n, id in enumerate(calls)]
    said = [{"role": "assistant", "content": reply["content"]}, {"role": "user", "content": results[::-1]}]
    return {"max_tokens": 9, "messages": [{"role": "user", "content": "q"}, *said]}


def _chat(reply: JsonObject) -> JsonObject:
    message = reply["choices"][0]["message"]
    calls = [call["id"] for call in message["tool_calls"]]
    results = [{"role": "tool", "tool_call_id": id, "content": f"r{n}"} for n, id in enumerate(calls)]
    return {"messages": [{"role": "user", "content": "q"}, message, *results[::-1]]}


def _responses(reply: JsonObject) -> JsonObject:
    calls = [item["call_id"] for item in reply["output"] if item["type"] == "function_call"]
    results = [{"type": "function_call_output", "call_id": id, "output": f"r{n}"} for n, id in enumerate(calls)]
    return {"input": [{"role": "user", "content": "q"}, *reply["output"], *results[::-1]]}


def _gemini(reply: JsonObject) -> JsonObject:
    content = reply["candidates"][0]["content"]
    calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
    results = [
        {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": f"r{n}"}}}
        for n, call in enumerate(calls)
    ]
    return {"contents": [{"role": "user", "parts": [{"text": "q"}]}, content, {"role": "user", "parts": results[::-1]}]}


ECHOES = {ANTHROPIC: _anthropic, CHAT: _chat, RESPONSES: _responses, GEMINI: _gemini}


@pytest.mark.parametrize("caller", CODECS)
def test_signatures_and_calls_come_back_as_they_were(caller: Dialect) -> None:
    reply = fold(decoded(gemini.stream_decoder(), (FIXTURES / "gemini/streams/agent.sse").read_bytes()))
    shown = CODECS[caller].encode_response(reply, CONTEXT, Losses())
    request = CODECS[caller].decode_request({"model": MODEL, **ECHOES[caller](shown)})
    made = gemini.encode_request(request, losses := Losses())
    gemini_request(made)
    assert [loss for loss in losses if loss.severity is not Severity.HINT] == []
    assert fault(GEMINI, made) is None
    _, said, told = made["contents"]
    calls = [part for part in said["parts"] if "functionCall" in part]
    assert calls == [SIGNED, OTHER, WITH_ID]
    assert [part["text"] for part in said["parts"] if "text" in part] == ["CANARY_thought one. Two.", "CANARY_text"]
    assert sorted(_answers(told), key=str) == sorted(
        [("CANARY_tool", None, "r0"), ("CANARY_tool", None, "r1"), ("other.tool", "CANARY_id", "r2")], key=str
    )
    without_ids = [text for name, id, text in _answers(told) if id is None]
    assert without_ids == ["r0", "r1"]  # in the order of their calls, as nothing else tells them apart


def _answers(content: JsonObject) -> list[tuple[Any, Any, Any]]:
    responses = [part["functionResponse"] for part in content["parts"]]
    return [(each["name"], each.get("id"), each["response"]["output"]) for each in responses]

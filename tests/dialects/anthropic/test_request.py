"""Messages requests: identity through the hub, normal forms, faults, and what comes from other dialects."""

import copy
import json
from typing import Any

import pytest
from anthropic.types.beta import message_create_params as beta_params
from pydantic import TypeAdapter
from tests.dialects.cases import CANARY, canaries, load, names

from lethe.dialects import openai_responses
from lethe.dialects.anthropic import decode_request, encode_request
from lethe.dialects.anthropic.request import ANSWER_ROOM, DEFAULT_MAX_TOKENS
from lethe.errors import InvalidRequest
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import Reasoning, Request, Sampling, Turn

REQUESTS = names("anthropic/requests", ".json")
PLAIN = load("anthropic/requests/plain.json")
USER = Turn(role="user", content=(Text(text="hi"),))
_BUFFERED = TypeAdapter(beta_params.MessageCreateParamsNonStreaming)
_STREAMING = TypeAdapter(beta_params.MessageCreateParamsStreaming)


def encoded(request: Request) -> tuple[JsonObject, list[tuple[str, str]]]:
    """The body, and the losses as (severity, path)."""
    losses = Losses()
    return encode_request(request, losses), [(loss.severity, loss.path) for loss in losses]


def of(*blocks: ContentBlock, role: Any = "user") -> Request:
    return Request(model="m", turns=(Turn(role=role, content=blocks),))


def messages(*blocks: ContentBlock) -> tuple[Any, list[tuple[str, str]]]:
    """The content of the only message, and the losses."""
    body, losses = encoded(of(*blocks))
    return [m["content"] for m in body["messages"]], losses


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_in_normal_form_comes_back_identical(name: str) -> None:
    body = load(f"anthropic/requests/{name}.json")
    before = copy.deepcopy(body)
    again, losses = encoded(decode_request(body))
    assert again == body == before
    assert losses == []


@pytest.mark.parametrize("name", [n for n in REQUESTS if n != "rich"])
def test_the_official_types_take_the_fixtures(name: str) -> None:
    """Otherwise they prove nothing; `rich` holds fields from the future on purpose."""
    body = load(f"anthropic/requests/{name}.json")
    (_STREAMING if body.get("stream") else _BUFFERED).validate_python(body)


def test_every_canary_stands_alone() -> None:
    found = [text for _, text in canaries(load("anthropic/requests/rich.json"))]
    assert len(found) > 60
    assert not [(a, b) for a in found for b in found if a != b and a.startswith(b + "_")]


# (fields of a request, the same in normal form)
NORMAL: list[tuple[JsonObject, JsonObject]] = [
    ({"system": "be brief"}, {"system": [{"type": "text", "text": "be brief"}]}),
    (
        {"messages": [{"role": "user", "content": "hi"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "r"}]}
                    ],
                }
            ]
        },
    ),
    (
        {"tools": [{"type": "custom", "name": "t", "input_schema": {"type": "object"}}]},
        {"tools": [{"name": "t", "input_schema": {"type": "object"}}]},
    ),
    ({"stream": False, "tools": [], "stop_sequences": [], "temperature": None, "tool_choice": None}, {}),
    ({"metadata": {"user_id": None}, "thinking": None, "output_config": {"effort": None}}, {}),
    (
        {"output_format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}},
        {
            "output_config": {
                "format": {"type": "json_schema", "schema": {"type": "object", "additionalProperties": False}}
            }
        },
    ),
]


@pytest.mark.parametrize(("fields", "normal"), NORMAL)
def test_normal_forms(fields: JsonObject, normal: JsonObject) -> None:
    assert encoded(decode_request({**PLAIN, **fields}))[0] == {**PLAIN, **normal}


# What we do not know comes back whole, wherever it stands.
UNKNOWN: list[JsonObject] = [
    {"thinking": {"type": "between_tools"}},
    {"thinking": {"type": "future", "intensity": {"deep": [1]}}},
    {"thinking": {"type": "adaptive", "display": None}},
    {"tool_choice": {"type": "future", "x": 1}, "tools": [{"name": "t", "input_schema": {"type": "object"}}]},
    {"output_config": {"format": {"type": "grammar", "g": "x"}}},
    {"output_config": {"effort": "heroic"}},
    {"system": [{"type": "future", "x": 1}]},
    {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "future", "x": 1}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "t", "cache_control": {"type": "x", "y": 1}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": "1d"}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "t", "cache_control": {"type": "ephemeral", "ttl": 5}}]}]},
]  # fmt: skip


@pytest.mark.parametrize("fields", UNKNOWN)
def test_what_is_unknown_comes_back_whole(fields: JsonObject) -> None:
    body = {**PLAIN, **fields}
    assert encoded(decode_request(body)) == (body, [])


def message(*blocks: Any, role: Any = "user") -> JsonObject:
    return {"messages": [{"role": role, "content": list(blocks)}]}


# (fields that do not fit, the error)
FAULTS: list[tuple[JsonObject, str]] = [
    ({"model": 1}, "$.model: expected a string"),
    ({"model": None}, "$.model: is required"),
    ({"messages": None}, "$.messages: is required"),
    ({"messages": CANARY}, "$.messages: expected an array"),
    ({"messages": [CANARY]}, "$.messages[0]: expected an object"),
    ({"messages": [{"role": CANARY, "content": ""}]}, "$.messages[0].role: expected user, assistant or system"),
    ({"messages": [{"content": CANARY}]}, "$.messages[0].role: is required"),
    ({"messages": [{"role": "user"}]}, "$.messages[0].content: is required"),
    ({"messages": [{"role": "user", "content": 7}]}, "$.messages[0].content: expected a string or an array"),
    (message(CANARY), "$.messages[0].content[0]: expected an object"),
    (message({"text": CANARY}), "$.messages[0].content[0].type: is required"),
    (message({"type": ["CANARY"]}), "$.messages[0].content[0].type: expected a string"),
    (message({"type": "text", "text": [CANARY]}), "$.messages[0].content[0].text: expected a string"),
    (message({"type": "text", "text": "t", "citations": [CANARY]}), "$.messages[0].content[0].citations: expected an array"),
    (message({"type": "tool_use", "id": "t", "name": CANARY, "input": CANARY}), "$.messages[0].content[0].input: expected an object"),
    (message({"type": "tool_result", "content": CANARY}), "$.messages[0].content[0].tool_use_id: is required"),
    (message({"type": "tool_result", "tool_use_id": "t", "is_error": CANARY}), "$.messages[0].content[0].is_error: expected true or false"),
    (message({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]}), "$.messages[0].content[0].content[0].text: is required"),
    (message({"type": "image", "source": {"type": "base64"}}), "$.messages[0].content[0].source.data: is required"),
    (message({"type": "image", "source": {"type": "url", "url": 1}}), "$.messages[0].content[0].source.url: expected a string"),
    (message({"type": "thinking", "signature": CANARY}), "$.messages[0].content[0].thinking: is required"),
    (message({"type": "redacted_thinking"}), "$.messages[0].content[0].data: is required"),
    ({"system": 3}, "$.system: expected a string or an array"),
    ({"system": [{"type": "text"}]}, "$.system[0].text: is required"),
    ({"max_tokens": CANARY}, "$.max_tokens: expected an integer"),
    ({"temperature": CANARY}, "$.temperature: expected a number"),
    ({"stop_sequences": CANARY}, "$.stop_sequences: expected an array"),
    ({"stop_sequences": [1]}, "$.stop_sequences: expected an array"),
    ({"stream": CANARY}, "$.stream: expected true or false"),
    ({"tools": {}}, "$.tools: expected an array"),
    ({"tools": [{"description": CANARY}]}, "$.tools[0].name: is required"),
    ({"tools": [{"name": "t", "input_schema": CANARY}]}, "$.tools[0].input_schema: expected an object"),
    ({"tools": [{"type": 1}]}, "$.tools[0].type: expected a string"),
    ({"tool_choice": {"type": "tool"}}, "$.tool_choice.name: is required"),
    ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": CANARY}}, "$.tool_choice.disable_parallel_tool_use: expected true or false"),
    ({"thinking": CANARY}, "$.thinking: expected an object"),
    ({"thinking": {}}, "$.thinking.type: is required"),
    ({"thinking": {"type": "enabled"}}, "$.thinking.budget_tokens: is required"),
    ({"output_config": CANARY}, "$.output_config: expected an object"),
    ({"output_config": {"format": {"type": "json_schema"}}}, "$.output_config.format.schema: is required"),
    ({"metadata": {"user_id": 5}}, "$.metadata.user_id: expected a string"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "error"), FAULTS)
def test_what_does_not_fit_is_named_by_path_and_never_quoted(fields: JsonObject, error: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request({**PLAIN, **fields})
    assert str(caught.value) == error
    assert CANARY not in repr(caught.value)


def test_results_nested_in_results_stay_whole_and_cost_no_depth() -> None:
    block: JsonObject = {"type": "text", "text": "x"}
    for _ in range(400):
        block = {"type": "tool_result", "tool_use_id": "t", "content": [block]}
    body = {**PLAIN, **message(block)}
    assert encoded(decode_request(body)) == (body, [])


# From other dialects


def test_a_limit_is_supplied_where_the_caller_gave_none() -> None:
    def limit(**fields: Any) -> int:
        value = encoded(Request(model="m", turns=(USER,), **fields))[0]["max_tokens"]
        assert isinstance(value, int)
        return value

    assert limit() == DEFAULT_MAX_TOKENS
    assert limit(reasoning=Reasoning(budget_tokens=2_048)) == DEFAULT_MAX_TOKENS
    assert limit(reasoning=Reasoning(budget_tokens=50_000)) == 50_000 + ANSWER_ROOM
    assert limit(sampling=Sampling(max_tokens=0)) == 0
    assert limit(sampling=Sampling(max_tokens=9), reasoning=Reasoning(budget_tokens=50_000)) == 9


@pytest.mark.parametrize(
    ("sampling", "reasoning", "fields", "losses"),
    [
        (Sampling(seed=7), None, {}, [("hint", "$.sampling.seed")]),
        (Sampling(frequency_penalty=0.5), None, {}, [("hint", "$.sampling.frequency_penalty")]),
        (Sampling(presence_penalty=0.0), None, {}, []),
        (Sampling(logprobs=False), None, {}, []),
        (Sampling(logprobs=True, top_logprobs=2), None, {}, [("dropped", "$.sampling.logprobs")]),
        (Sampling(temperature=0.5), None, {"temperature": 0.5}, []),
        (Sampling(temperature=1.5), None, {"temperature": 1.0}, [("hint", "$.sampling.temperature")]),
        (Sampling(temperature=0.5), Reasoning(), {}, [("hint", "$.sampling.temperature")]),
        (Sampling(temperature=1.0), Reasoning(), {"temperature": 1.0}, []),
        (Sampling(temperature=0.5), Reasoning(enabled=False), {"temperature": 0.5}, []),
        (Sampling(temperature=0.5), Reasoning(effort="low", effort_only=True), {"temperature": 0.5}, []),
        (Sampling(top_p=0.9, top_k=4, stop=("a",)), None, {"top_p": 0.9, "top_k": 4, "stop_sequences": ["a"]}, []),
    ],
)
def test_sampling(
    sampling: Sampling, reasoning: Reasoning | None, fields: JsonObject, losses: list[tuple[str, str]]
) -> None:
    body, lost = encoded(Request(model="m", turns=(USER,), sampling=sampling, reasoning=reasoning))
    knobs = ("temperature", "top_p", "top_k", "stop_sequences", "seed", "logprobs")
    assert {name: body[name] for name in knobs if name in body} == fields
    assert lost == losses


def test_thinking_that_the_api_would_refuse_is_left_out_and_reported() -> None:
    """It advises; the answer that it led to is still there. Only our own seals are verified there."""
    ours, theirs = Signature(Dialect.ANTHROPIC, "s"), Signature(Dialect.OPENAI_CHAT, "s")
    content, losses = messages(
        Thinking(text="kept", signature=ours),
        Thinking(text="unsigned"),
        Thinking(text="foreign", signature=theirs),
        Thinking(text="", signature=theirs, redacted=True),
        Text(text="answer"),
    )
    assert content == [[{"type": "thinking", "thinking": "kept", "signature": "s"}, {"type": "text", "text": "answer"}]]
    assert losses == [("degraded", f"$.turns[0].content[{i}]") for i in (1, 2, 3)]


def test_turns_and_texts_without_anything_in_them_are_left_out() -> None:
    assert messages(Thinking(text="unsigned")) == ([], [("degraded", "$.turns[0].content[0]")])
    assert messages(Text(text=""), Text(text="x")) == ([[{"type": "text", "text": "x"}]], [])
    assert messages(Text(text="")) == ([], [])
    assert messages() == ([], [])


def test_a_refusal_in_the_past_is_text() -> None:
    content, losses = messages(Refusal(text="no"))
    assert content == [[{"type": "text", "text": "no"}]]
    assert losses == [("degraded", "$.turns[0].content[0]")]


def test_results_come_first_in_their_turn() -> None:
    blocks = (Text(text="and"), ToolResult(call_id="a", content=()), ToolResult(call_id="b", content=()))
    content, losses = messages(*blocks)
    assert [b.get("tool_use_id", b["type"]) for b in content[0]] == ["a", "b", "text"]
    assert losses == []


def test_ids_are_made_of_letters_that_the_api_takes() -> None:
    call = ToolCall(id="functions.look:0", name="look", arguments="{}")
    content, _ = messages(call, ToolResult(call_id=call.id, content=()))
    result, use = content[0]
    assert use["id"] == result["tool_use_id"] == "functions_2e_look_3a_0"


@pytest.mark.parametrize("arguments", ['{"city": "Kö', "null", "[1]", "NaN", '"text"'])
def test_arguments_that_are_no_object_survive(arguments: str) -> None:
    content, losses = messages(ToolCall(id="c", name="n", arguments=arguments))
    assert content[0][0]["input"] == {"_unparsed": arguments}
    assert losses == [("degraded", "$.turns[0].content[0]")]
    body = {**PLAIN, "messages": [{"role": "assistant", "content": content[0]}]}
    call = decode_request(body).turns[0].content[0]
    assert isinstance(call, ToolCall)
    assert call.arguments == arguments


def test_no_arguments_are_an_empty_object() -> None:
    assert messages(ToolCall(id="c", name="n", arguments=""))[0][0][0]["input"] == {}


def test_what_only_another_api_understands_is_dropped() -> None:
    request = Request(
        model="m",
        turns=(
            Turn(
                role="user",
                content=(
                    Opaque(dialect=Dialect.GEMINI, data={"type": CANARY}),
                    Text(text="t", cache=CacheHint("1h"), extras=Extras(Dialect.GEMINI, {"cachedContent": CANARY})),
                ),
                extras=Extras(Dialect.GEMINI, {"turn": CANARY}),
            ),
        ),
        extras=Extras(Dialect.GEMINI, {"top": CANARY, f"{CANARY}\r\nset-cookie: x": 1}),
    )
    body, losses = encoded(request)
    assert losses == [
        ("dropped", "$.turns[0].content[0]"),
        ("dropped", "$.turns[0].content[1].cachedContent"),
        ("dropped", "$.turns[0].*"),
        ("dropped", "$.*"),
        ("dropped", "$.*"),
    ]
    assert CANARY not in json.dumps(body)
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_only_severities_that_policies_know() -> None:
    assert {s for s, _ in encoded(of(Refusal(text="no")))[1]} <= set(Severity)


def test_results_of_one_turn_stand_in_one_message() -> None:
    """Chat gives each result a message of its own; the API pairs calls and results message by message."""
    results = [
        Turn(role="user", content=(ToolResult(call_id=name, content=(Text(text=name),)),)) for name in ("a", "b")
    ]
    turns = (results[0], Turn(role="user", content=(Text(text="between"),)), results[1])
    body = encode_request(Request(model="m", turns=turns), Losses())
    (message,) = body["messages"]
    assert [block.get("tool_use_id", block.get("text")) for block in message["content"]] == ["a", "b", "between"]


def test_results_stand_right_after_their_calls() -> None:
    """Whatever was said in between."""
    call = {"type": "function_call", "call_id": "a", "name": "f", "arguments": "{}"}
    other = {**call, "call_id": "b"}
    said = {"type": "message", "role": "user", "content": "x"}
    rule = {"type": "message", "role": "developer", "content": "r"}
    results = [{"type": "function_call_output", "call_id": each, "output": each} for each in "ab"]
    items = [said, call, other, rule, results[0], said, results[1], said]
    request = openai_responses.decode_request({"model": "m", "input": items})
    body = encode_request(request, losses := Losses())
    shape = [(m["role"], [b["type"] for b in m["content"]]) for m in body["messages"]]
    assert shape == [
        ("user", ["text"]),
        ("assistant", ["tool_use", "tool_use"]),
        ("user", ["tool_result", "tool_result"]),
        ("system", ["text"]),
        ("user", ["text"]),
        ("user", ["text"]),
    ]
    assert losses == []

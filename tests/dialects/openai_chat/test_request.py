"""Requests: what is decoded is encoded again, and what does not fit is refused by path."""

from typing import Any

import msgspec
import pytest
from tests.dialects.cases import CANARY, canaries, load, names

from lethe.dialects.openai_chat import decode_request, encode_request
from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.loss import Loss, Losses, Severity
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling

HELLO: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def round_trip(body: JsonObject) -> JsonObject:
    losses = Losses()
    again = encode_request(decode_request(body), losses)
    assert losses == []
    return again


@pytest.mark.parametrize("name", names("openai_chat/requests", ".json"))
def test_round_trip(name: str) -> None:
    body = load(f"openai_chat/requests/{name}.json")
    assert round_trip(body) == body


@pytest.mark.parametrize("name", names("openai_chat/requests", ".json"))
def test_decoding_changes_nothing_in_the_body(name: str) -> None:
    body = load(f"openai_chat/requests/{name}.json")
    decode_request(body)
    assert body == load(f"openai_chat/requests/{name}.json")


def test_decoding_keeps_every_canary() -> None:
    body = load("openai_chat/requests/rich.json")
    kept = str(msgspec.to_builtins(decode_request(body)))
    # data URLs are taken apart, our own prefix is read
    words = [w for _, text in canaries(body) for w in text.replace(":", ",").split(",") if CANARY in w]
    assert len(words) > 70
    assert [w for w in words if w not in kept] == []


# What is said in two ways comes out in one.
NORMAL_FORMS: list[tuple[JsonObject, JsonObject]] = [
    ({"stop": "a"}, {"stop": ["a"]}),
    ({"stop": []}, {}),
    ({"store": False}, {}),
    ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    (
        {"stream": True, "stream_options": {"include_usage": False}},
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    ({"temperature": None, "tools": None, "stop": None, "user": None}, {}),
    ({"tools": []}, {}),
    ({"reasoning_effort": "none"}, {"reasoning_effort": "none"}),
    ({"max_tokens": 5}, {"max_tokens": 5}),
    ({"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    ({"max_tokens": 5, "max_completion_tokens": 9}, {"max_tokens": 5, "max_completion_tokens": 9}),
    (
        {"response_format": {"type": "json_object", "novel": 1}},
        {"response_format": {"type": "json_object", "novel": 1}},
    ),
    (
        {"response_format": {"type": "grammar", "grammar": "g"}},
        {"response_format": {"type": "grammar", "grammar": "g"}},
    ),
]


@pytest.mark.parametrize(("said", "becomes"), NORMAL_FORMS)
def test_normal_form(said: JsonObject, becomes: JsonObject) -> None:
    assert round_trip({**HELLO, **said}) == {**HELLO, "store": False, **becomes}


def test_usage_is_asked_for_by_the_caller_and_always_by_us() -> None:
    asked = decode_request({**HELLO, "stream": True, "stream_options": {"include_usage": True}})
    silent = decode_request({**HELLO, "stream": True})
    assert (asked.include_usage, silent.include_usage) == (True, False)
    assert encode_request(silent, Losses())["stream_options"] == {"include_usage": True}


def test_a_request_to_store_is_not_passed_on() -> None:
    losses = Losses()
    assert encode_request(decode_request({**HELLO, "store": True}), losses)["store"] is False
    assert losses == [Loss("$.store", "stored completion", Severity.HINT)]


WRONG: list[tuple[JsonObject, str]] = [
    ({"model": 7}, "$.model"),
    ({"model": None}, "$.model"),
    ({"messages": None}, "$.messages"),
    ({"messages": "secret"}, "$.messages"),
    ({"messages": ["secret"]}, "$.messages[0]"),
    ({"messages": [{"role": "secret", "content": "x"}]}, "$.messages[0].role"),
    ({"messages": [{"content": "secret"}]}, "$.messages[0].role"),
    ({"messages": [{"role": "user", "content": 5}]}, "$.messages[0].content"),
    ({"messages": [{"role": "user", "content": ["secret"]}]}, "$.messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "$.messages[0].content[0].text"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
        "$.messages[0].content[0].image_url.url",
    ),
    ({"messages": [{"role": "tool", "content": "secret"}]}, "$.messages[0].tool_call_id"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}]},
        "$.messages[0].tool_calls[0].function",
    ),
    (
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {"secret": 1}}}],
                }
            ]
        },
        "$.messages[0].tool_calls[0].function.arguments",
    ),
    ({"temperature": "secret"}, "$.temperature"),
    ({"max_tokens": "secret"}, "$.max_tokens"),
    ({"stop": {"secret": 1}}, "$.stop"),
    ({"stop": [1]}, "$.stop"),
    ({"tools": [{"type": "function"}]}, "$.tools[0].function"),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "secret"}}]},
        "$.tools[0].function.parameters",
    ),
    ({"tool_choice": {"type": "function", "function": {}}}, "$.tool_choice.function.name"),
    ({"response_format": "secret"}, "$.response_format"),
    ({"response_format": {"type": "json_schema", "json_schema": "secret"}}, "$.response_format.json_schema"),
    ({"stream_options": []}, "$.stream_options"),
]


@pytest.mark.parametrize(("change", "path"), WRONG)
def test_what_does_not_fit_is_named_by_path_and_not_quoted(change: JsonObject, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request({**HELLO, **change})
    assert caught.value.path == path
    assert "secret" not in str(caught.value)


def encoded(**fields: Any) -> tuple[JsonObject, Losses]:
    losses = Losses()
    body = encode_request(Request(model="m", turns=(), **fields), losses)
    return {k: v for k, v in body.items() if k not in ("model", "messages", "store")}, losses


EFFORTS: list[tuple[Reasoning, str | None, list[str]]] = [
    (Reasoning(effort="xhigh"), "xhigh", []),
    (Reasoning(budget_tokens=1024), "low", ["$.reasoning.budget_tokens"]),
    (Reasoning(budget_tokens=8192), "medium", ["$.reasoning.budget_tokens"]),
    (Reasoning(budget_tokens=30000), "high", ["$.reasoning.budget_tokens"]),
    (Reasoning(effort="low", budget_tokens=30000), "low", ["$.reasoning.budget_tokens"]),
    (Reasoning(), None, ["$.reasoning"]),
    (Reasoning(enabled=False), None, ["$.reasoning"]),
    (Reasoning(enabled=False, effort="high"), None, ["$.reasoning"]),
    (Reasoning(enabled=False, effort="none"), "none", []),
]


@pytest.mark.parametrize(("reasoning", "effort", "paths"), EFFORTS)
def test_effort(reasoning: Reasoning, effort: str | None, paths: list[str]) -> None:
    body, losses = encoded(reasoning=reasoning)
    assert body == ({} if effort is None else {"reasoning_effort": effort})
    assert [(loss.path, loss.severity) for loss in losses] == [(path, Severity.HINT) for path in paths]


def test_what_chat_has_no_room_for_is_reported() -> None:
    sampling = Sampling(top_k=5, stop=("a", "b", "c", "d", "e"))
    body, losses = encoded(sampling=sampling, end_user="u" * 65)
    assert body == {"stop": ["a", "b", "c", "d"]}
    assert {(loss.path, loss.severity) for loss in losses} == {
        ("$.sampling.top_k", Severity.HINT),
        ("$.sampling.stop", Severity.DEGRADED),
        ("$.end_user", Severity.HINT),
    }


def test_a_schema_gets_the_name_that_chat_demands() -> None:
    body, losses = encoded(output=OutputFormat(kind="json_schema", schema={"type": "object"}))
    schema = {"name": "answer", "schema": {"type": "object"}}
    assert body == {"response_format": {"type": "json_schema", "json_schema": schema}}
    assert losses == []


def test_leftovers_of_another_dialect_are_losses() -> None:
    extras = Extras(Dialect.ANTHROPIC, {"novel": "x"})
    body, losses = encoded(
        extras=extras,
        output=OutputFormat(kind="json_object", extras=extras),
        reasoning=Reasoning(effort="low", extras=extras),
    )
    assert "novel" not in str(body)
    assert {loss.path for loss in losses} == {"$.*", "$.output.*", "$.reasoning.*"}
    assert {loss.severity for loss in losses} == {Severity.DROPPED}

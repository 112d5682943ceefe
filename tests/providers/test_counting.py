"""What a count endpoint is asked with, held against what the SDKs' types say of it."""

import json
from base64 import b64decode
from typing import Any, get_type_hints

import botocore.session
import pytest
from anthropic.types import MessageCountTokensParams
from botocore.validate import ParamValidator
from google.genai import types
from openai.types.responses import InputTokenCountParams

from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import Dialect
from lethe.providers.counting import (
    BEDROCK_INVOKE,
    COUNTING,
    TOLD,
    VERTEX_GEMINI,
    Counting,
    bearing,
    counted,
    placed,
    request_of,
    told,
    trimmed,
)
from lethe.providers.envelopes import PLAIN, Endpoint
from lethe.wire.rawjson import TopLevel

ANTHROPIC, RESPONSES, GEMINI, CONVERSE = (
    Dialect.ANTHROPIC, Dialect.OPENAI_RESPONSES, Dialect.GEMINI, Dialect.CONVERSE,
)  # fmt: skip
BEDROCK = botocore.session.get_session().get_service_model("bedrock-runtime")
CONVERSATION = [{"role": "user", "content": [{"text": "hello"}]}]
# Of MessageCountTokensParams, what says whose request it is and not what is in it.
WHOSE = {"user_profile_id", "workspace_id"}


def whole(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()


def test_what_is_taken_are_fields_that_the_sdks_send() -> None:
    fields = set(get_type_hints(MessageCountTokensParams))
    assert fields - WHOSE <= COUNTING[ANTHROPIC].takes <= fields | {"mcp_servers", "context_management"}  # in beta
    assert COUNTING[RESPONSES].takes == set(get_type_hints(InputTokenCountParams))
    (shape,) = [s for s in BEDROCK.shape_names if s == "ConverseTokensRequest"]
    assert COUNTING[CONVERSE].takes == set(BEDROCK.shape_for(shape).members)
    vertex = types.CountTokensConfig.model_fields.keys() - {"http_options"}
    camel = {"system_instruction": "systemInstruction", "tools": "tools", "generation_config": "generationConfig"}
    assert VERTEX_GEMINI.takes == {"contents", *(camel[name] for name in vertex)}


@pytest.mark.parametrize("row", [COUNTING[CONVERSE], BEDROCK_INVOKE], ids=["converse", "invoke"])
def test_bedrock_accepts_the_body(row: Counting) -> None:
    body = {"messages": CONVERSATION, "inferenceConfig": {"maxTokens": 5}, "system": [{"text": "s"}]}
    made = json.loads(placed(row, trimmed(row, whole(body)), "m"))
    if row.base64:
        inner = json.loads(b64decode(made["input"]["invokeModel"]["body"]))
        assert inner == {**body, "max_tokens": 1}
        made["input"]["invokeModel"]["body"] = b""
    else:
        assert set(made["input"]["converse"]) == {"messages", "system"}
    shape = BEDROCK.operation_model("CountTokens").input_shape
    assert not ParamValidator().validate({"modelId": "m", **made}, shape).has_errors()


def test_an_invoked_body_keeps_its_own_limit() -> None:
    made = json.loads(placed(BEDROCK_INVOKE, whole({"max_tokens": 9, "messages": []}), "m"))
    assert json.loads(b64decode(made["input"]["invokeModel"]["body"]))["max_tokens"] == 9


def test_gemini_is_asked_with_a_whole_request() -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "x"}]}], "systemInstruction": {"parts": []}, "labels": {}}
    row = COUNTING[GEMINI]
    made = json.loads(placed(row, trimmed(row, whole(body)), "gemini-3-pro"))
    del body["labels"]
    assert made == {"generateContentRequest": {**body, "model": "models/gemini-3-pro"}}
    assert json.loads(placed(VERTEX_GEMINI, trimmed(VERTEX_GEMINI, whole(body)), "m")) == body


def test_a_body_of_the_same_shape_stays_as_it_came() -> None:
    body = b'{ "model": "m",  "messages": [] }'
    assert placed(COUNTING[ANTHROPIC], body, "m") is body
    assert json.loads(trimmed(COUNTING[ANTHROPIC], b'{"model":"m","max_tokens":1,"messages":[]}')) == {
        "model": "m",
        "messages": [],
    }


def test_of_what_a_guard_adds_only_what_bears_on_the_count_goes_out() -> None:
    body, row = TopLevel(b'{"model":"m","odd":1}'), COUNTING[RESPONSES]
    assert bearing(row, {"store": False, "truncation": "auto", "odd": 2}, body) == {"truncation": "auto", "odd": 2}
    assert bearing(row, {"store": False, "provider": {}}, body, known=("provider",)) == {"provider": {}}
    assert bearing(BEDROCK_INVOKE, {"store": False}, body) == {"store": False}


QUESTIONS = [
    (ANTHROPIC, {"model": "m", "messages": []}, {"model": "m", "messages": []}),
    (RESPONSES, {"model": "m", "input": "x"}, {"model": "m", "input": "x"}),
    (RESPONSES, {"model": "m"}, {"model": "m", "input": []}),
    (RESPONSES, {"model": "m", "input": None}, {"model": "m", "input": []}),
    (RESPONSES, {"model": "m", "previous_response_id": "r"}, {"model": "m", "previous_response_id": "r"}),
    (GEMINI, {"contents": [1]}, {"contents": [1]}),
    (GEMINI, {"generateContentRequest": {"model": "models/x", "contents": [1], "tools": []}}, {"contents": [1], "tools": []}),
    (GEMINI, {"generate_content_request": {"contents": [1]}}, {"contents": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("caller", "asked", "expected"), QUESTIONS)
def test_a_callers_question_is_a_request(caller: Dialect, asked: dict[str, Any], expected: dict[str, Any]) -> None:
    assert request_of(caller, TopLevel(whole(asked))).whole() == expected


def test_a_question_that_holds_no_request() -> None:
    with pytest.raises(InvalidRequest):
        request_of(GEMINI, TopLevel(b'{"generateContentRequest":[1]}'))


def test_answers_are_read_and_told() -> None:
    for dialect, row in COUNTING.items():
        assert counted(row, whole({row.answer: 0, "more": 1})) == 0
        if dialect in TOLD:
            assert counted(row, told(dialect, 12)) == 12
    assert json.loads(told(RESPONSES, 3)) == {"object": "response.input_tokens", "input_tokens": 3}
    answer = types.CountTokensResponse.model_validate(json.loads(told(GEMINI, 3)))
    assert answer.total_tokens == 3


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"input_tokens":null}', b'{"input_tokens":-1}', b"[" * 9999]
)
def test_what_is_no_answer(body: bytes) -> None:
    with pytest.raises(MalformedReply):
        counted(COUNTING[ANTHROPIC], body)


def test_every_endpoint_that_counts_has_a_row() -> None:
    for dialect, envelope in PLAIN.items():
        assert (Endpoint.COUNT_TOKENS not in envelope.paths) or dialect in COUNTING

"""Requests: what OpenAI's own types accept, and nothing that would be stored."""

from collections.abc import Sequence
from typing import Any

import pytest
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import TypeAdapter
from tests.dialects.cases import load

from lethe.dialects.codec import CODECS
from lethe.dialects.freetext import as_arguments, custom_names, free_text
from lethe.dialects.openai_responses import decode_request, encode_request, locator, places
from lethe.dialects.openai_responses.items import decode_items
from lethe.errors import InvalidRequest
from lethe.ir.content import (
    CacheHint,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling, Tool, ToolChoice, Turn
from lethe.wire.fields import Fields

OURS = Dialect.OPENAI_RESPONSES
STREAMING, BUFFERED = TypeAdapter(ResponseCreateParamsStreaming), TypeAdapter(ResponseCreateParamsNonStreaming)
OTHERS = [
    (Dialect.ANTHROPIC, "translation/anthropic.json"),
    (Dialect.ANTHROPIC, "translation/claude_code.json"),
    *((Dialect.ANTHROPIC, f"anthropic/requests/{name}.json") for name in ("plain", "rich", "tool_loop", "structured")),
    *((Dialect.OPENAI_CHAT, f"openai_chat/requests/{name}.json") for name in ("plain", "rich", "agent")),
]


def valid(body: JsonObject) -> JsonObject:
    """By the types, which want an id for reasoning that nobody has stored; Codex sends none."""
    listed = body["input"] if isinstance(body["input"], list) else []
    for item in listed:
        if item.get("type") == "reasoning" and "id" not in item:
            body = {**body, "input": [{"id": "rs_0", **each} if each is item else each for each in body["input"]]}
    (STREAMING if body.get("stream") else BUFFERED).validate_python(body)
    return {**body, "input": listed} if listed else body


def encoded(request: Request, *expected: tuple[str, Severity]) -> JsonObject:
    losses = Losses()
    body = encode_request(request, losses)
    assert [(loss.path, loss.severity) for loss in losses] == list(expected)
    return valid(body)


def asked(*blocks: Any, role: Any = "user", **more: Any) -> Request:
    return Request(model="m", turns=(Turn(role=role, content=blocks),), **more)


@pytest.mark.parametrize(("dialect", "name"), OTHERS)
def test_what_others_ask_is_a_request_that_stores_nothing(dialect: Dialect, name: str) -> None:
    body = valid(encode_request(CODECS[dialect].decode_request(load(name)), losses := Losses()))
    assert body["store"] is False
    assert not body.keys() & {"previous_response_id", "conversation", "background", "prompt"}
    calls = [item["call_id"] for item in body["input"] if item.get("type") == "function_call"]
    results = [item["call_id"] for item in body["input"] if item.get("type") == "function_call_output"]
    assert set(results) <= set(calls) or any(loss.severity is Severity.DROPPED for loss in losses)


@pytest.mark.parametrize("name", ["plain", "rich"])
def test_our_own_fixtures_are_valid(name: str) -> None:
    """Codex, which is the third, sends assistants' messages with less than the types demand."""
    valid(load(f"openai_responses/requests/{name}.json"))


def test_a_string_is_one_message() -> None:
    request = decode_request({"model": "m", "input": "hi", "instructions": "be brief"})
    assert request.turns == (Turn(role="user", content=(Text(text="hi"),)),)
    assert request.system == (Text(text="be brief"),)
    assert encoded(request) == {
        "model": "m",
        "instructions": "be brief",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}],
        "store": False,
    }


def test_a_turn_holds_what_an_assistant_did_in_a_row() -> None:
    request = decode_request(load("openai_responses/requests/rich.json"))
    assert [(turn.role, [type(block).__name__ for block in turn.content]) for turn in request.turns] == [
        ("user", ["Text", "Media", "Media", "Media", "Media", "Opaque"]),
        ("assistant", ["Thinking", "Text", "Refusal", "ToolCall", "ToolCall"]),
        ("user", ["ToolResult", "ToolResult"]),
        ("system", ["Text"]),
        ("assistant", ["Text", "Opaque"]),
        ("user", ["Opaque"]),
        ("user", ["Text"]),
    ]
    thought = request.turns[1].content[0]
    assert isinstance(thought, Thinking)
    assert (thought.text, thought.signature) == (
        "CANARY_summary_1\n\nCANARY_summary_2",
        Signature(OURS, "CANARY_sealed"),
    )


def test_custom_tools_are_functions_of_one_text_to_others() -> None:
    request = decode_request(load("openai_responses/requests/codex.json"))
    assert custom_names(request) == {"apply_patch"}
    body = CODECS[Dialect.ANTHROPIC].encode_request(request, losses := Losses())
    assert body["tools"][1]["input_schema"]["required"] == ["input"]
    assert [(loss.path, loss.severity) for loss in losses if loss.severity is not Severity.HINT] == [
        ("$.tools[1].format", Severity.DEGRADED)
    ]
    call = ToolCall(
        id="c", name="apply_patch", arguments=as_arguments('a "patch"\n'), extras=Extras(OURS, {"type": "custom"})
    )
    again = encode_request(asked(call, role="assistant"), Losses())
    assert again["input"] == [
        {"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": 'a "patch"\n'}
    ]


@pytest.mark.parametrize("arguments", ["", "{", '{"other": 1}', "[]", '{"input": 7}'])
def test_arguments_that_are_no_wrapped_text_stay_as_they_are(arguments: str) -> None:
    assert free_text(arguments) == arguments


def test_what_the_api_has_no_word_for() -> None:
    sampling = Sampling(top_k=1, seed=2, frequency_penalty=0.1, presence_penalty=0.1, stop=("x",), logprobs=True)
    encoded(
        asked(Text(text="hi"), sampling=sampling),
        *((f"$.sampling.{name}", Severity.HINT) for name in ("top_k", "seed", "frequency_penalty", "presence_penalty")),
        ("$.sampling.stop", Severity.DROPPED),
        ("$.sampling.logprobs", Severity.DEGRADED),
    )


@pytest.mark.parametrize(
    ("reasoning", "expected", "losses"),
    [
        (None, None, []),
        (Reasoning(effort="high"), {"effort": "high", "summary": "auto"}, []),
        (Reasoning(), {"summary": "auto"}, []),
        (Reasoning(enabled=False), None, [("$.reasoning", Severity.HINT)]),
        (Reasoning(enabled=False, effort="none"), {"effort": "none"}, []),
        (
            Reasoning(budget_tokens=1000),
            {"effort": "low", "summary": "auto"},
            [("$.reasoning.budget_tokens", Severity.HINT)],
        ),
        (
            Reasoning(budget_tokens=99_999),
            {"effort": "high", "summary": "auto"},
            [("$.reasoning.budget_tokens", Severity.HINT)],
        ),
        (
            Reasoning(effort="low", budget_tokens=9),
            {"effort": "low", "summary": "auto"},
            [("$.reasoning.budget_tokens", Severity.HINT)],
        ),
    ],
)
def test_reasoning(reasoning: Reasoning | None, expected: Any, losses: Any) -> None:
    body = encoded(asked(Text(text="hi"), reasoning=reasoning), *losses)
    assert body.get("reasoning") == expected
    assert body.get("include") == (["reasoning.encrypted_content"] if reasoning and reasoning.enabled else None)


def test_structured_output() -> None:
    schema = {"type": "object"}
    body = encoded(asked(Text(text="hi"), output=OutputFormat(kind="json_schema", schema=schema, strict=True)))
    assert body["text"] == {"format": {"type": "json_schema", "name": "answer", "schema": schema, "strict": True}}
    assert decode_request(body).output == OutputFormat(kind="json_schema", name="answer", schema=schema, strict=True)
    body = encoded(asked(Text(text="hi"), output=OutputFormat(kind="json_object")))
    assert decode_request(body).output == OutputFormat(kind="json_object")


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice("auto"), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "f"), {"type": "function", "name": "f"}),
        (ToolChoice("named", "c", Extras(OURS, {"type": "custom"})), {"type": "custom", "name": "c"}),
    ],
)
def test_choices(choice: ToolChoice, expected: Any) -> None:
    tools = (
        Tool(name="f", parameters={"type": "object"}),
        Tool(name="c", extras=Extras(OURS, {"type": "custom", "format": {"type": "text"}})),
    )
    body = encoded(asked(Text(text="hi"), tools=tools, tool_choice=choice))
    assert body["tool_choice"] == expected
    assert decode_request(body).tool_choice == choice


def test_choices_that_only_this_api_knows_come_back() -> None:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    base = {"model": "m", "input": "x", "tools": [{"type": "function", "name": "f", "parameters": {}, "strict": False}]}
    assert encode_request(decode_request({**base, "tool_choice": allowed}), Losses())["tool_choice"] == allowed
    hosted = {"type": "web_search_preview"}
    assert encode_request(decode_request({**base, "tool_choice": hosted}), Losses())["tool_choice"] == hosted


def test_a_provider_of_another_dialect_runs_no_tools_here() -> None:
    native = Tool(name="w", native=Opaque(dialect=Dialect.ANTHROPIC, data={"type": "web_search_1"}))
    body = encoded(
        asked(Text(text="hi"), tools=(native,), tool_choice=ToolChoice("named", "w")),
        ("$.tools[0]", Severity.DROPPED),
        ("$.tool_choice", Severity.DEGRADED),
    )
    assert not body.keys() & {"tools", "tool_choice"}
    plain = Tool(name="f", parameters={}, cache=CacheHint())
    encoded(
        asked(Text(text="hi"), tools=(native, plain), tool_choice=ToolChoice("named", "w")),
        ("$.tools[0]", Severity.DROPPED),
        ("$.tools[1].cache", Severity.HINT),
        ("$.tool_choice", Severity.DEGRADED),
    )


def test_thinking_goes_back_to_its_issuer_only() -> None:
    sealed = Thinking(text="so", signature=Signature(OURS, "gAAA"))
    foreign = Thinking(text="so", signature=Signature(Dialect.ANTHROPIC, "EqQB"))
    body = encoded(asked(sealed, foreign, role="assistant"), ("$.turns[0].content[1]", Severity.DEGRADED))
    assert body["input"] == [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "so"}], "encrypted_content": "gAAA"}
    ]


def test_results() -> None:
    results = (
        ToolResult(call_id="1", content=()),
        ToolResult(call_id="2", content=(Text(text="no"),), is_error=True),
        ToolResult(call_id="3", content=(Text(text="x"), Media(kind="image", media_type="image/png", data="AAAA"))),
        ToolResult(call_id="4", content=(Text(text="p"),), extras=Extras(OURS, {"type": "custom"})),
    )
    body = encoded(asked(*results), ("$.turns[0].content[1].is_error", Severity.DEGRADED))
    assert [item["output"] for item in body["input"]] == [
        "",
        [{"type": "input_text", "text": "Error:"}, {"type": "input_text", "text": "no"}],
        [
            {"type": "input_text", "text": "x"},
            {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"},
        ],
        "p",
    ]
    assert body["input"][3]["type"] == "custom_tool_call_output"


@pytest.mark.parametrize(
    ("media", "part", "losses"),
    [
        (Media(kind="image", url="https://x/y.png", title="t"), {"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}, [("title", Severity.DEGRADED)]),
        (Media(kind="document", media_type="application/pdf", data="AA", title="a.pdf"), {"type": "input_file", "file_data": "data:application/pdf;base64,AA", "filename": "a.pdf"}, []),
        (Media(kind="document", url="https://x/y.pdf", title="t"), {"type": "input_file", "file_url": "https://x/y.pdf"}, [("title", Severity.DEGRADED)]),
        (Media(kind="document", media_type="text/plain", data="words", title="t"), {"type": "input_text", "text": "t\n\nwords"}, [("", Severity.DEGRADED)]),
        (Media(kind="audio", media_type="audio/wav", data="AA"), None, [("", Severity.DROPPED)]),
    ],
)  # fmt: skip
def test_media(media: Media, part: JsonObject | None, losses: list[tuple[str, Severity]]) -> None:
    where = "$.turns[0].content[0]"
    body = encoded(asked(media), *((f"{where}.{name}" if name else where, severity) for name, severity in losses))
    assert body["input"] == [{"type": "message", "role": "user", "content": [part] if part else []}]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "m"}, "$.input"),
        ({"input": "x"}, "$.model"),
        ({"model": "m", "input": [1]}, "$.input[0]"),
        ({"model": "m", "input": [{"role": "wizard", "content": "x"}]}, "$.input[0].role"),
        ({"model": "m", "input": [{"content": "x"}]}, "$.input[0].role"),
        ({"model": "m", "input": [{"role": "user", "content": 7}]}, "$.input[0].content"),
        ({"model": "m", "input": [{"type": "function_call", "name": "f"}]}, "$.input[0].call_id"),
        ({"model": "m", "input": [{"type": "function_call_output", "output": "f"}]}, "$.input[0].call_id"),
        ({"model": "m", "input": "x", "text": {"format": "json"}}, "$.text.format"),
        ({"model": "m", "input": "x", "reasoning": "high"}, "$.reasoning"),
        ({"model": "m", "input": "x", "tools": [{"type": "function"}]}, "$.tools[0].name"),
    ],
)
def test_what_does_not_fit(body: JsonObject, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_request(body)
    assert caught.value.path == path


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.system[0]", "$.instructions"),
        ("$.system[1].cache", "$.input[0].content[0].cache"),
        ("$.turns[0].content[1]", "$.input[1].content[1]"),
        ("$.turns[1].content[0]", "$.input[2]"),
        ("$.turns[1].content[3]", "$.input[4]"),
        ("$.turns[2].content[0].content[1]", "$.input[6].output[1]"),
        ("$.turns[2].content[1].content[0]", "$.input[7].output"),
        ("$.turns[99].content[0]", "$.input"),
        ("$.sampling.max_tokens", "$.max_output_tokens"),
        ("$.output.strict", "$.text.format.strict"),
    ],
)
def test_places(path: str, expected: str) -> None:
    assert locator(load("openai_responses/requests/rich.json"))(path) == expected


def test_a_body_is_read_once_however_many_losses_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    def counted(items: Sequence[Fields]) -> Any:
        reads.append(len(items))
        return decode_items(items)

    monkeypatch.setattr(places, "decode_items", counted)
    said = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}] * 50
    locate = locator({"model": "m", "input": said})
    assert [locate(f"$.turns[{n}].content[0]") for n in range(100)] == [f"$.input[{n}]" for n in range(100)]
    assert reads == [100]


def test_places_in_a_string() -> None:
    assert locator({"model": "m", "input": "hi"})("$.turns[0].content[0].x") == "$.input.x"
    assert locator({"model": "m", "input": "hi", "instructions": "i"})("$.system[0]") == "$.instructions"

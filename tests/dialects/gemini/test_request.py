"""Requests: what is read of a caller's, and what an upstream is sent, judged by the SDK's types."""

import base64
from typing import Any

import pytest
from tests.dialects.cases import load, names, with_field
from tests.dialects.judges import gemini_request

from lethe.dialects import gemini
from lethe.dialects.codec import CODECS
from lethe.dialects.gemini.models import FAMILIES, family_of
from lethe.errors import InvalidRequest
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling, Tool, ToolChoice, Turn

GEMINI, ANTHROPIC, CHAT = Dialect.GEMINI, Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
ASK = {"role": "user", "parts": [{"text": "q"}]}
ASKED = (Turn(role="user", content=(Text(text="q"),)),)
IMAGE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}


def body(**fields: Any) -> JsonObject:
    return {"model": "gemini-3-pro", "contents": [ASK], **fields}


def ours(**fields: Any) -> Extras:
    return Extras(GEMINI, fields)


def read(**fields: Any) -> Request:
    return gemini.decode_request(body(**fields))


def part(value: JsonObject) -> ContentBlock:
    """The block of one part."""
    (block,) = read(contents=[{"role": "user", "parts": [value]}]).turns[0].content
    return block


# Parts

PARTS: list[tuple[JsonObject, ContentBlock]] = [
    ({"text": "x"}, Text(text="x")),
    ({"text": "x", "partMetadata": {"k": 1}}, Text(text="x", extras=ours(partMetadata={"k": 1}))),
    ({"text": "x", "thought": False}, Text(text="x")),
    ({"text": "x", "thought": True}, Thinking(text="x")),
    ({"text": "x", "thought": True, "thoughtSignature": "s"}, Thinking(text="x", signature=Signature(GEMINI, "s"))),
    ({"text": "", "thoughtSignature": "s"}, Thinking(text="", signature=Signature(GEMINI, "s"), redacted=True)),
    (IMAGE, Media(kind="image", media_type="image/png", data="AAAA")),
    (
        {"inlineData": {"mimeType": "image/png", "data": "AAAA", "displayName": "t"}, "mediaResolution": {}},
        Media(kind="image", media_type="image/png", data="AAAA", title="t", extras=ours(mediaResolution={})),
    ),
    (
        {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}},
        Media(kind="audio", media_type="audio/mpeg", data="AAAA"),
    ),
    (
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}},
        Media(kind="document", media_type="application/pdf", data="AAAA"),
    ),
    (
        {"inlineData": {"mimeType": "text/csv", "data": base64.b64encode("ä,b".encode()).decode()}},
        Media(kind="document", media_type="text/plain", data="ä,b", extras=ours(inlineData={"mimeType": "text/csv"})),
    ),
    (
        {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/a"}},
        Media(kind="image", media_type="image/png", url="https://example.com/a"),
    ),
    (
        {"fileData": {"mimeType": "application/pdf", "fileUri": "https://example.com/a", "displayName": "t"}},
        Media(kind="document", media_type="application/pdf", url="https://example.com/a", title="t"),
    ),
]
# What only this API understands, or only Google can reach.
WHOLE: list[JsonObject] = [
    {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "videoMetadata": {"fps": 1}},
    {"inlineData": {"mimeType": "text/plain", "data": "/w=="}},
    {"inlineData": {"mimeType": "image/png"}},
    {"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/a.png"}},
    {"fileData": {"mimeType": "image/png", "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
    {"fileData": {"mimeType": "video/mp4", "fileUri": "https://www.youtube.com/watch?v=a"}},
    {"fileData": {"mimeType": "audio/wav", "fileUri": "https://example.com/a.wav"}},
    {"fileData": {"mimeType": "image/png", "fileUri": "https://[/a.png"}},
    {"fileData": {"mimeType": "image/png"}},
    {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "s"},
    {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}, "thoughtSignature": "s"},
    {"toolCall": {"id": "a", "toolType": "GOOGLE_SEARCH_WEB"}},
    {"novel": 1},
    {},
]


@pytest.mark.parametrize(("value", "block"), PARTS)
def test_parts(value: JsonObject, block: ContentBlock) -> None:
    assert part(value) == block


@pytest.mark.parametrize("value", WHOLE)
def test_parts_that_stay_whole(value: JsonObject) -> None:
    assert part(value) == Opaque(dialect=GEMINI, data=value)


@pytest.mark.parametrize("value", [value for value, _ in PARTS] + WHOLE)
def test_parts_come_back(value: JsonObject) -> None:
    request = read(contents=[{"role": "user", "parts": [value]}])
    (again,) = gemini.encode_request(request, losses := Losses())["contents"][0]["parts"]
    assert {**again, **({"thought": False} if value.get("thought") is False else {})}.keys() == value.keys()
    assert part(again) == part(value)
    assert losses == []


def test_the_end_of_a_url_says_what_it_leads_to() -> None:
    value = {"fileData": {"fileUri": "https://example.com/a.PDF?x=1"}}
    assert part(value) == Media(kind="document", url="https://example.com/a.PDF?x=1")
    request = read(contents=[{"role": "user", "parts": [value]}])
    (again,) = gemini.encode_request(request, Losses())["contents"][0]["parts"]
    assert again["fileData"]["mimeType"] == "application/pdf"


def test_a_signature_of_an_image_stands_before_it() -> None:
    (turn,) = read(contents=[{"role": "model", "parts": [{**IMAGE, "thoughtSignature": "s"}]}]).turns
    assert [type(block) for block in turn.content] == [Thinking, Media]
    assert gemini.encode_request(read(contents=[{"role": "model", "parts": [{**IMAGE, "thoughtSignature": "s"}]}]), Losses())["contents"] == [{"role": "model", "parts": [{**IMAGE, "thoughtSignature": "s"}]}]  # fmt: skip


# Calls and their responses


def called(*pairs: tuple[str | None, str]) -> JsonObject:
    calls = [{"functionCall": {**({"id": id} if id else {}), "name": name, "args": {"a": 1}}} for id, name in pairs]
    return {"role": "model", "parts": calls}


def answered(*parts: tuple[str | None, str, Any]) -> JsonObject:
    made = [{**({"id": id} if id else {}), "name": name, "response": response} for id, name, response in parts]
    return {"role": "user", "parts": [{"functionResponse": each} for each in made]}


def results(*contents: JsonObject) -> list[ToolResult]:
    return [b for turn in read(contents=list(contents)).turns for b in turn.content if isinstance(b, ToolResult)]


PAIRS: list[tuple[list[JsonObject], list[str]]] = [
    ([called((None, "f")), answered((None, "f", {}))], ["call_at_0_0"]),
    ([called((None, "f"), (None, "g"), (None, "f")), answered((None, "g", {}), (None, "f", {}), (None, "f", {}))], ["call_at_0_1", "call_at_0_0", "call_at_0_2"]),
    ([called(("a", "f"), ("b", "f")), answered(("b", "f", {}), ("a", "f", {}))], ["b", "a"]),
    ([called((None, "f")), answered(("cli-1", "f", {}))], ["call_at_0_0"]),  # gemini-cli makes ids of its own
    ([called((None, "f")), answered((None, "f", {})), called((None, "f")), answered((None, "f", {}))], ["call_at_0_0", "call_at_2_0"]),
    ([called(("a", "f")), answered((None, "f", {}))], ["a"]),
    ([ASK, answered(("x", "f", {}), (None, "f", {}))], ["x", "call_at_1_1"]),  # nobody called
]  # fmt: skip


@pytest.mark.parametrize(("contents", "ids"), PAIRS)
def test_results_find_their_calls(contents: list[JsonObject], ids: list[str]) -> None:
    assert [result.call_id for result in results(*contents)] == ids


@pytest.mark.parametrize(("contents", "ids"), PAIRS)
def test_calls_and_results_come_back_as_they_were(contents: list[JsonObject], ids: list[str]) -> None:
    again = gemini.encode_request(read(contents=contents), losses := Losses())["contents"]
    for content in again:
        for each in content["parts"]:
            each.pop("thoughtSignature", None)
    assert losses == []
    if ids not in (["call_at_0_1", "call_at_0_0", "call_at_0_2"], ["a"]):  # in the order of calls, and by their ids
        assert again == contents


def test_results_without_ids_stand_in_the_order_of_their_calls() -> None:
    contents = PAIRS[1][0]
    (_, content) = gemini.encode_request(read(contents=contents), Losses())["contents"]
    assert [each["functionResponse"]["name"] for each in content["parts"]] == ["f", "g", "f"]


RESPONSES: list[tuple[Any, tuple[ContentBlock, ...], bool]] = [
    ({"output": "x"}, (Text(text="x"),), False),
    ({"result": "x"}, (Text(text="x"),), False),
    ({"error": "x"}, (Text(text="x"),), True),
    ({"output": {"a": 1}}, (Text(text='{"a":1}'),), False),
    ({"a": 1}, (Text(text='{"a":1}'),), False),
    ({"error": "x", "code": 1}, (Text(text='{"error":"x","code":1}'),), True),
    ({"output": ""}, (), False),
    ({}, (), False),
    (None, (), False),
]


@pytest.mark.parametrize(("response", "content", "failed"), RESPONSES)
def test_what_a_function_returned(response: Any, content: tuple[ContentBlock, ...], failed: bool) -> None:
    contents = [called(("a", "f")), answered(("a", "f", response))]
    (result,) = results(*contents)
    assert (result.content, result.is_error) == (content, failed)
    again = gemini.encode_request(read(contents=contents), losses := Losses())["contents"][1]["parts"][0]
    assert again["functionResponse"]["response"] == (response if response is not None else {"output": ""})
    assert losses == []


def test_a_response_may_hold_media() -> None:
    inner = [IMAGE, {"fileData": {"mimeType": "image/png", "fileUri": "gs://a/b"}}]
    response = {"name": "f", "response": {"output": "x"}, "parts": inner, "scheduling": "SILENT"}
    contents = [called((None, "f")), {"role": "user", "parts": [{"functionResponse": response}]}]
    (result,) = results(*contents)
    assert [type(block) for block in result.content] == [Text, Media, Opaque]
    again = gemini.encode_request(read(contents=contents), losses := Losses())
    assert again["contents"][1]["parts"] == [{"functionResponse": response}]
    assert losses == []
    older = gemini.encode_request(read(model="gemini-2.5-flash", contents=contents), losses)
    assert [list(each) for each in older["contents"][1]["parts"]] == [
        ["functionResponse"],
        ["inlineData"],
        ["fileData"],
    ]
    assert [(loss.severity, loss.path) for loss in losses] == [("hint", "$.turns[1].content[0]")]


def test_arguments_that_are_no_object_ride_in_one() -> None:
    turn = Turn(role="assistant", content=(ToolCall(id="a", name="f", arguments='{"tru'),))
    made = gemini.encode_request(Request(model="m", turns=(turn,)), losses := Losses())
    call = made["contents"][0]["parts"][0]["functionCall"]
    assert call["args"] == {"_unparsed": '{"tru'}
    assert [(loss.severity, loss.path) for loss in losses] == [("degraded", "$.turns[0].content[0]")]
    assert gemini.decode_request(made).turns[0].content[-1] == turn.content[0]


# The rest of a request

READ: list[tuple[JsonObject, str, Any]] = [
    ({"systemInstruction": {"parts": [{"text": "a"}, {"text": "b"}]}}, "system", (Text(text="a"), Text(text="b"))),
    ({"system_instruction": {"parts": {"text": "a"}}}, "system", (Text(text="a"),)),
    ({"systemInstruction": {"role": "user", "parts": [{"text": "a"}]}}, "extras", None),
    ({"contents": {"parts": {"text": "q"}}}, "turns", ASKED),
    ({"contents": [{"role": "function", "parts": [{"text": "q"}]}]}, "turns", ASKED),
    ({"contents": [{"role": "", "parts": [{"text": "q"}]}]}, "turns", ASKED),
    ({"contents": [{"role": "model"}]}, "turns", (Turn(role="assistant", content=()),)),
    ({"stream": True}, "stream", True),
    ({"generationConfig": {"maxOutputTokens": 9, "topK": 40.0, "stop_sequences": ["x"]}}, "sampling", Sampling(max_tokens=9, top_k=40, stop=("x",))),
    ({"generationConfig": {"responseLogprobs": True, "logprobs": 3}}, "sampling", Sampling(logprobs=True, top_logprobs=3)),
    ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 9}}}, "reasoning", Reasoning(budget_tokens=9, extras=ours(thinkingBudget=9))),
    ({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, "reasoning", Reasoning(enabled=False, extras=ours(thinkingBudget=0))),
    ({"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}, "reasoning", Reasoning(extras=ours(thinkingBudget=-1))),
    ({"generationConfig": {"thinkingConfig": {"thinking_level": "XHIGH"}}}, "reasoning", Reasoning(effort="xhigh", extras=ours(thinkingLevel="XHIGH"))),
    ({"generationConfig": {"thinkingConfig": {}}}, "reasoning", Reasoning()),
    ({"generationConfig": {"responseMimeType": "application/json"}}, "output", OutputFormat(kind="json_object")),
    ({"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}}, "output", OutputFormat(kind="json_schema", schema={"type": "object"})),
    ({"generationConfig": {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}}}, "output", OutputFormat(kind="json_schema", schema={"type": "object"}, extras=ours(responseSchema={"type": "OBJECT"}))),
    ({"generationConfig": {"responseMimeType": "text/plain"}}, "output", None),
    ({"generationConfig": {"responseMimeType": "text/plain"}}, "extras", None),
    ({"generationConfig": {"responseMimeType": "text/x.enum"}}, "extras", ours(generationConfig={"responseMimeType": "text/x.enum"})),
    ({"tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "string"}}]}]}, "tools", (Tool(name="f", description="d", parameters={"type": "string"}),)),
    ({"tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}], "googleSearch": {}}]}, "tools", (Tool(name="f", parameters={"type": "object"}, extras=ours(parameters={"type": "OBJECT"})), Tool(name="googleSearch", native=Opaque(dialect=GEMINI, data={"googleSearch": {}})))),
    ({"toolConfig": {"functionCallingConfig": {"mode": "AUTO"}}}, "tool_choice", ToolChoice("auto")),
    ({"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}}, "tool_choice", ToolChoice("none")),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "tool_choice", ToolChoice("required")),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}}, "tool_choice", ToolChoice("named", "f")),
    ({"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}}}, "tool_choice", ToolChoice("required", None, ours(allowedFunctionNames=["f", "g"]))),
    ({"toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}}}, "tool_choice", ToolChoice("auto", None, ours(mode="VALIDATED"))),
    ({"toolConfig": {"functionCallingConfig": {"mode": "NOVEL"}}}, "tool_choice", None),
    ({"toolConfig": {"retrievalConfig": {"languageCode": "de"}}}, "extras", ours(toolConfig={"retrievalConfig": {"languageCode": "de"}})),
    ({"safety_settings": [{"category": "c"}]}, "extras", ours(safetySettings=[{"category": "c"}])),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "name", "expected"), READ)
def test_fields(fields: JsonObject, name: str, expected: Any) -> None:
    assert getattr(read(**fields), name) == expected


@pytest.mark.parametrize("fields", [fields for fields, _, _ in READ])
def test_fields_come_back(fields: JsonObject) -> None:
    request = read(**fields)
    again = gemini.encode_request(request, losses := Losses())
    assert losses == []
    twice = gemini.decode_request(again)
    if request.tools or request.tool_choice is None:  # a choice needs tools to choose from
        assert twice.tool_choice == request.tool_choice
    for name in ("system", "sampling", "reasoning", "output", "tools", "extras", "stream"):
        if (name, fields) != ("reasoning", {"generationConfig": {"thinkingConfig": {}}}):
            assert getattr(twice, name) == getattr(request, name)


def test_a_count_is_an_integer() -> None:
    assert type(read(generationConfig={"topK": 40.0}).sampling.top_k) is int


def test_countTokens_may_hold_a_whole_request() -> None:  # noqa: N802 - the method's name
    inner = {"model": "models/m", "contents": [ASK], "systemInstruction": {"parts": [{"text": "s"}]}}
    request = gemini.decode_request({"model": "m", "generateContentRequest": inner})
    assert (request.model, request.system, request.turns) == ("m", (Text(text="s"),), ASKED)


WRONG: list[tuple[JsonObject, str]] = [
    ({"contents": None}, "$.contents"),
    ({"contents": "q"}, "$.contents"),
    ({"contents": ["q"]}, "$.contents[0]"),
    ({"contents": [{"role": "robot"}]}, "$.contents[0].role"),
    ({"contents": [{"parts": [{"functionCall": {}}]}]}, "$.contents[0].parts[0].functionCall.name"),
    ({"contents": [{"parts": [{"functionCall": {"name": "f", "args": []}}]}]}, "$.contents[0].parts[0].functionCall.args"),
    ({"model": None}, "$.model"),
    ({"tools": [{"functionDeclarations": [{}]}]}, "$.tools[0].functionDeclarations[0].name"),
    ({"generationConfig": {"temperature": "hot"}}, "$.generationConfig.temperature"),
    ({"generationConfig": []}, "$.generationConfig"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path"), WRONG)
def test_what_is_wrong_is_named(fields: JsonObject, path: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.path == path


# What an upstream is sent

TURN_OF_IMAGES = Turn(role="user", content=(Media(kind="image", media_type="image/png", data="AAAA", title="t"),))
SENT: list[tuple[dict[str, Any], JsonObject, list[tuple[str, str]]]] = [
    ({}, {}, []),
    ({"stream": True}, {"stream": True}, []),
    ({"end_user": "u"}, {}, [("hint", "$.end_user")]),
    ({"system": (Text(text="a"), Text(text="x-anthropic-billing-header: s"))}, {"systemInstruction": {"parts": [{"text": "a"}]}}, []),
    ({"system": (Text(text="a", cache=CacheHint()),)}, {"systemInstruction": {"parts": [{"text": "a"}]}}, [("hint", "$.system[0].cache")]),
    ({"turns": (*ASKED, Turn(role="system", content=(Text(text="s"),)))}, {"contents": [ASK, {"role": "user", "parts": [{"text": "s"}]}]}, [("degraded", "$.turns[1]")]),
    ({"turns": (*ASKED, Turn(role="assistant", content=(Text(text=""),)))}, {}, []),
    ({"turns": (Turn(role="user", content=()),)}, {"contents": [{"role": "user", "parts": [{"text": ""}]}]}, []),
    ({"turns": (*ASKED, Turn(role="assistant", content=(Refusal(text="no"), Refusal(text=""))))}, {"contents": [ASK, {"role": "model", "parts": [{"text": "no"}]}]}, [("degraded", "$.turns[1].content[0]"), ("degraded", "$.turns[1].content[1]")]),
    ({"turns": (TURN_OF_IMAGES,)}, {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA", "displayName": "t"}}]}]}, []),
    ({"turns": (Turn(role="user", content=(Media(kind="document", media_type="text/plain", data="x", title="t"),)),)}, {"contents": [{"role": "user", "parts": [{"text": "t\n\nx"}]}]}, [("degraded", "$.turns[0].content[0]")]),
    ({"turns": (Turn(role="user", content=(Media(kind="document", data="AAAA"), Media(kind="image", url="https://[x"))),)}, {"contents": [{"role": "user", "parts": [{"inlineData": {"mimeType": "application/pdf", "data": "AAAA"}}, {"fileData": {"fileUri": "https://[x"}}]}]}, []),
    ({"turns": (*ASKED, Turn(role="user", content=(Opaque(dialect=CHAT, data={}),)))}, {}, [("dropped", "$.turns[1].content[0]")]),
    ({"sampling": Sampling(stop=tuple("abcdef"))}, {"generationConfig": {"stopSequences": list("abcde")}}, [("degraded", "$.sampling.stop")]),
    ({"sampling": Sampling(top_logprobs=2)}, {"generationConfig": {"logprobs": 2, "responseLogprobs": True}}, []),
    ({"output": OutputFormat(kind="json_object")}, {"generationConfig": {"responseMimeType": "application/json"}}, []),
    ({"output": OutputFormat(kind="json_schema", name="n", description="d", schema={"pattern": "x"}, strict=False)}, {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"description": "d", "pattern": "x"}}}, [("hint", "$.output.name"), ("hint", "$.output.strict"), ("hint", "$.output.schema")]),
    ({"output": OutputFormat(kind="json_schema", description="d", schema={"description": "s"})}, {"generationConfig": {"responseMimeType": "application/json", "responseJsonSchema": {"description": "s"}}}, [("degraded", "$.output.description")]),
    ({"output": OutputFormat(kind="json_object", extras=Extras(CHAT, {"novel": 1}))}, {"generationConfig": {"responseMimeType": "application/json"}}, [("dropped", "$.output.*")]),
    ({"tools": (Tool(name="f", parameters={"type": "object", "properties": {}}),)}, {"tools": [{"functionDeclarations": [{"name": "f"}]}]}, []),
    ({"tools": (Tool(name="f", strict=True, cache=CacheHint(), parameters={"properties": {"a": {"pattern": "x"}}}),)}, {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"properties": {"a": {"pattern": "x"}}}}]}]}, [("hint", "$.tools[0].cache"), ("hint", "$.tools[0]"), ("hint", "$.tools[0]")]),
    ({"tools": (Tool(name="s", native=Opaque(dialect=ANTHROPIC, data={})),), "tool_choice": ToolChoice("required")}, {}, [("dropped", "$.tools[0]"), ("degraded", "$.tool_choice")]),
    ({"tools": (Tool(name="s", native=Opaque(dialect=ANTHROPIC, data={})),), "tool_choice": ToolChoice("none")}, {}, [("dropped", "$.tools[0]")]),
    ({"tools": (Tool(name="f"), Tool(name="s", native=Opaque(dialect=ANTHROPIC, data={}))), "tool_choice": ToolChoice("named", "s")}, {"tools": [{"functionDeclarations": [{"name": "f"}]}]}, [("dropped", "$.tools[1]"), ("degraded", "$.tool_choice")]),
    ({"tools": (Tool(name="f"), Tool(name="g")), "tool_choice": ToolChoice("named", "g"), "parallel_tool_calls": False}, {"tools": [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}], "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}}}, [("degraded", "$.parallel_tool_calls")]),
    ({"tool_choice": ToolChoice("auto"), "parallel_tool_calls": False}, {}, []),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "expected", "lost"), SENT)
def test_what_an_upstream_is_sent(fields: dict[str, Any], expected: JsonObject, lost: list[tuple[str, str]]) -> None:
    request = Request(**{"model": "gemini-3-pro", "turns": ASKED, **fields})
    made = gemini.encode_request(request, losses := Losses())
    gemini_request(made)
    assert made == {"model": "gemini-3-pro", "contents": [ASK], **expected}
    assert [(loss.severity, loss.path) for loss in losses] == lost


def test_results_of_one_turn_are_in_one_content() -> None:
    """Chat has a message for each."""
    calls = Turn(role="assistant", content=(ToolCall(id="a", name="f", arguments=""), ToolCall(id="b", name="g", arguments="")))  # fmt: skip
    made = [
        Turn(role="user", content=(ToolResult(call_id=id, content=(Text(text=id), Text(text="x"))),)) for id in "ab"
    ]
    asked = Request(model="m", turns=(*ASKED, calls, *made, *ASKED))
    contents = gemini.encode_request(asked, Losses())["contents"]
    assert [len(content["parts"]) for content in contents] == [1, 2, 2, 1]
    assert [part["functionResponse"] for part in contents[2]["parts"]] == [
        {"id": "a", "name": "f", "response": {"output": "a\nx"}},
        {"id": "b", "name": "g", "response": {"output": "b\nx"}},
    ]


def test_a_result_stands_before_what_else_is_said_and_its_texts_are_joined() -> None:
    inner = (
        Text(text="a", cache=CacheHint(), extras=Extras(CHAT, {"novel": 1})),
        Media(kind="document", media_type="text/plain", data="b"),
        Opaque(dialect=CHAT, data={}),
    )
    result = ToolResult(call_id="x", is_error=True, content=inner, cache=CacheHint())
    turn = Turn(role="user", content=(Text(text="also"), result))
    made = gemini.encode_request(Request(model="m", turns=(turn,)), losses := Losses())["contents"]
    assert made == [
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "x", "name": "function", "response": {"error": "a\nb"}}},
                {"text": "also"},
            ],
        }
    ]
    assert [(loss.severity, loss.path.removeprefix("$.turns[0].content[1]")) for loss in losses] == [
        ("hint", ".cache"),
        ("hint", ".content[0].cache"),
        ("dropped", ".content[0].*"),
        ("degraded", ".content[1]"),
        ("dropped", ".content[2]"),
    ]


# Thinking, by family

PRO3, FLASH3, PRO25, FLASH25, OLD = (
    "gemini-3-pro",
    "gemini-3.5-flash",
    "gemini-2.5-pro",
    "gemini-2.5-flash",
    "gemini-2.0-flash",
)
SHOWN = {"includeThoughts": True}
THINKING: list[tuple[str, Reasoning, JsonObject | None, list[str]]] = [
    (PRO3, Reasoning(), SHOWN, []),
    (PRO3, Reasoning(effort_only=True), None, []),
    (PRO3, Reasoning(effort="low", effort_only=True), {"thinkingLevel": "LOW"}, []),
    (PRO3, Reasoning(effort="minimal"), {"thinkingLevel": "LOW", **SHOWN}, []),
    (FLASH3, Reasoning(effort="minimal"), {"thinkingLevel": "MINIMAL", **SHOWN}, []),
    (PRO3, Reasoning(effort="max"), {"thinkingLevel": "HIGH", **SHOWN}, ["$.reasoning.effort"]),
    (PRO3, Reasoning(budget_tokens=1024), {"thinkingLevel": "LOW", **SHOWN}, ["$.reasoning.budget_tokens"]),
    (PRO3, Reasoning(budget_tokens=99_999), {"thinkingLevel": "HIGH", **SHOWN}, ["$.reasoning.budget_tokens"]),
    (PRO3, Reasoning(effort="medium", budget_tokens=9), {"thinkingLevel": "MEDIUM", **SHOWN}, []),
    (PRO3, Reasoning(enabled=False), {"thinkingLevel": "LOW"}, ["$.reasoning"]),
    (FLASH3, Reasoning(effort="none"), {"thinkingLevel": "MINIMAL"}, ["$.reasoning"]),
    (PRO25, Reasoning(), {"thinkingBudget": -1, **SHOWN}, []),
    (PRO25, Reasoning(effort="medium"), {"thinkingBudget": 8192, **SHOWN}, []),
    (PRO25, Reasoning(budget_tokens=99_999), {"thinkingBudget": 32768, **SHOWN}, ["$.reasoning.budget_tokens"]),
    (PRO25, Reasoning(enabled=False), {"thinkingBudget": 128}, ["$.reasoning"]),
    (FLASH25, Reasoning(enabled=False), {"thinkingBudget": 0}, []),
    (FLASH25, Reasoning(budget_tokens=2000, effort="low"), {"thinkingBudget": 2000, **SHOWN}, []),
    (OLD, Reasoning(effort="high"), None, ["$.reasoning"]),
    (PRO3, Reasoning(extras=ours(thinkingBudget=5)), {"thinkingBudget": 5}, []),
    (PRO3, Reasoning(extras=Extras(ANTHROPIC, {"display": "omitted"})), SHOWN, ["$.reasoning.display"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "reasoning", "config", "lost"), THINKING)
def test_thinking(model: str, reasoning: Reasoning, config: JsonObject | None, lost: list[str]) -> None:
    made = gemini.encode_request(Request(model=model, turns=ASKED, reasoning=reasoning), losses := Losses())
    gemini_request(made)
    assert made.get("generationConfig", {}).get("thinkingConfig") == config
    assert [loss.path for loss in losses] == lost


@pytest.mark.parametrize(
    ("model", "control"),
    [
        ("publishers/google/models/gemini-2.5-pro-001", "budget"),
        ("gemini-1.5-pro", "none"),
        ("gemma-3-27b-it", "none"),
        ("gemini-flash-latest", "level"),
        ("gemini-10-pro", "level"),
        ("anything", "level"),
    ],
)
def test_families(model: str, control: str) -> None:
    assert family_of(model).control == control
    assert family_of(model) in FAMILIES


@pytest.mark.parametrize("source", CODECS)
def test_fixtures_of_every_dialect_are_valid_by_the_official_types(source: Dialect) -> None:
    folder = source.value.replace("-", "_")
    for name in names(f"{folder}/requests", ".json"):
        request = CODECS[source].decode_request(load(f"{folder}/requests/{name}.json"))
        made = gemini.encode_request(request, Losses())
        gemini_request(_readable(made))


def _readable(value: Any) -> Any:
    """With data that is base64: fixtures hold words there."""
    match value:
        case {"data": str(_)}:
            return with_field(value, data="AAAA")
        case dict():
            return {name: _readable(inner) for name, inner in value.items()}
        case list():
            return [_readable(inner) for inner in value]
        case _:
            return value

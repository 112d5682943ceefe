"""Gemini's tools and parts have no types: what nobody knows is told by the names of their fields."""

from typing import Any

import msgspec
import pytest

from lethe.config.register import surfaces_for
from lethe.ir.content import Dialect
from lethe.retention.guard import Guard
from lethe.retention.levels import Level
from lethe.wire.rawjson import TopLevel

(GENERATE, *_) = surfaces_for("", "", Dialect.GEMINI, loopback=True)
TEXT = {"text": "hello"}
STORED = {"fileData": {"fileUri": "https://files.example/CANARY_file"}}


def said(*parts: Any) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": list(parts)}]}


def result(*parts: Any) -> dict[str, Any]:
    return {"functionResponse": {"name": "f", "response": {}, "parts": list(parts)}}


def tools(*each: Any) -> dict[str, Any]:
    return {**said(TEXT), "tools": list(each)}


CASES: list[tuple[dict[str, Any], list[str]]] = [
    (said(TEXT), []),
    (said({"inlineData": {"mimeType": "image/png", "data": "CANARY"}, "mediaResolution": {"level": "LOW"}}), []),
    (said({"functionCall": {"name": "f", "args": {"anything": 1}}, "thoughtSignature": "s"}, result(TEXT)), []),
    (said(TEXT, {"CANARY_new": {}}), ["$.contents[].parts[]"]),
    (said({**TEXT, "CANARY_new": {}}), ["$.contents[].parts[]"]),
    ({"contents": said({"CANARY_new": {}})["contents"][0]}, ["$.contents.parts[]"]),
    (said(result({"CANARY_new": {}})), ["$.contents[].parts[].functionResponse.parts[]"]),
    (said(STORED), ["$.contents[].parts[].fileData"]),
    (said(result(STORED)), ["$.contents[].parts[].functionResponse.parts[].fileData"]),
    (said(result(result(STORED))), ["$.contents[].parts[].functionResponse.parts[]"]),
    ({**said(TEXT), "systemInstruction": {"parts": [{"CANARY_new": {}}]}}, ["$.systemInstruction.parts[]"]),
    (
        {**said(TEXT), "systemInstruction": {"parts": [result(STORED)]}},
        ["$.systemInstruction.parts[].functionResponse.parts[].fileData"],
    ),
    (
        {**said(TEXT), "system_instruction": {"parts": {"function_response": {"parts": [{"file_data": {}}]}}}},
        ["$.system_instruction.parts[].function_response.parts[].file_data"],
    ),
    (tools({"functionDeclarations": [{"name": "f"}]}), []),
    (tools({"function_declarations": [{"name": "f"}]}), []),
    (tools({"CANARY_new": {}}), ["$.tools[0]"]),
    (tools({"functionDeclarations": [], "CANARY_new": {}}), ["$.tools[0]"]),
    (tools({"functionDeclarations": []}, {}), ["$.tools[1]"]),
    (tools({"functionDeclarations": []}, {"googleSearch": {}}), ["$.tools[].googleSearch"]),
    ({**said(TEXT), "tools": {"CANARY_new": {}}}, ["$.tools[0]"]),
]


@pytest.mark.parametrize(("body", "refused"), CASES)
def test_what_nobody_knows_is_refused_where_something_is_promised(body: dict[str, Any], refused: list[str]) -> None:
    guard = Guard(GENERATE)
    raw = msgspec.json.encode({"model": "m", "stream": False, **body})
    assert [refusal.path for refusal in guard.judge(TopLevel(raw), Level.B, "m").refusals] == refused
    assert guard.judge(TopLevel(raw), Level.C, "m").refusals == ()

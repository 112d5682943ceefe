"""What of a request is counted, and how near that comes."""

import json
from base64 import b64encode
from typing import Any

import pytest
from tests.tokens.test_sizes import png

from lethe.dialects import anthropic, openai_chat, openai_responses
from lethe.ir.content import Media, Text, Thinking
from lethe.ir.request import Request, Turn
from lethe.tokens.families import family
from lethe.tokens.reading import ANSWER, MESSAGE, TOOL, UNSEEN, parts
from lethe.tokens.vocabulary import vocabulary


def total(request: Request, model: str = "gpt-4o") -> int:
    count = vocabulary().count
    return sum(part if isinstance(part, int) else count(part) for part in parts(request, family(model)))


def said(*blocks: Any) -> Request:
    return Request(model="m", turns=(Turn(role="user", content=blocks),))


IMAGE = b64encode(png(512, 512)).decode()
FRAME = MESSAGE + ANSWER


@pytest.mark.parametrize(
    ("block", "model", "tokens"),
    [
        (Text(text="a b c"), "gpt-4o", 3),
        (Media(kind="image", media_type="image/png", data=IMAGE), "gpt-4o", 85 + 170),
        (Media(kind="image", media_type="image/png", data=IMAGE), "claude-opus-5", 19 * 19),
        (Media(kind="image", url="https://x.example/i.png"), "gpt-4o", UNSEEN),
        (Media(kind="image", data="bm8gaW1hZ2U="), "gpt-4o", UNSEEN),
        (Media(kind="document", media_type="text/plain", data="a b c"), "gpt-4o", 3),
        (Media(kind="document", media_type="text/plain", data="a b c", title="d"), "gpt-4o", 4),
        (Media(kind="document", media_type="application/pdf", data="A" * 400_000), "gemini-3-pro", 6 * 560),
        (Media(kind="document", url="https://x.example/d.pdf"), "gemini-2.5-pro", 258),
        (Media(kind="audio", media_type="audio/mp3", data="A" * 64_000), "gpt-4o", 96),
        (Thinking(text="", redacted=True), "gpt-4o", 0),
        (Thinking(text="a b"), "gpt-4o", 2),
    ],
)
def test_blocks(block: Any, model: str, tokens: int) -> None:
    assert total(said(block), model) == FRAME + tokens


@pytest.mark.parametrize(
    "body",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}", "detail": "low"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{IMAGE}", "detail": "low"},
    ],
)
def test_low_detail_costs_the_same_whatever_the_size(body: dict[str, Any]) -> None:
    turns = [{"role": "user", "content": [body]}]
    if body["type"] == "image_url":
        request = openai_chat.decode_request({"model": "m", "messages": turns})
    else:
        request = openai_responses.decode_request({"model": "m", "input": turns})
    assert total(request) == FRAME + 85


# platform.claude.com, "Token counting": what the endpoint itself answers for these (read 2026-11-29).
WEATHER = {
    "name": "get_weather",
    "description": "Get the current weather in a given location",
    "input_schema": {
        "type": "object",
        "properties": {"location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"}},
        "required": ["location"],
    },
}
CLAUDE = [
    ({"system": "You are a scientist", "messages": [{"role": "user", "content": "Hello, Claude"}]}, 14),
    (
        {"tools": [WEATHER], "messages": [{"role": "user", "content": "What's the weather like in San Francisco?"}]},
        403,
    ),
]


@pytest.mark.parametrize(("asked", "answered"), CLAUDE)
def test_it_comes_near_to_what_claude_counts(asked: dict[str, Any], answered: int) -> None:
    request = anthropic.decode_request({"model": "claude-opus-4-6", "max_tokens": 1, **asked})
    assert abs(total(request, "claude-opus-4-6") - answered) <= max(4, 0.1 * answered)


def test_tools_are_counted_as_the_model_reads_them() -> None:
    bare = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    tool = {"name": "look", "description": "at something", "parameters": {"type": "object", "properties": {}}}
    more = {**bare, "tools": [{"type": "function", "function": tool}]}
    written = json.dumps(tool, separators=(",", ":"))
    gained = total(openai_chat.decode_request(more)) - total(openai_chat.decode_request(bare))
    assert gained == TOOL + vocabulary().count(written)
    native = {**bare, "tools": [{"type": "web_search_20260209", "name": "web_search"}], "max_tokens": 1}
    assert total(anthropic.decode_request(native)) > total(openai_chat.decode_request(bare)) + TOOL


def test_calls_results_schemas_and_what_nobody_knows_are_counted() -> None:
    call = {"type": "tool_use", "id": "t", "name": "look", "input": {"at": "left"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "a b c"}]}
    turns = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result, {"type": "novelty"}]}]
    body = {"model": "m", "max_tokens": 1, "messages": turns}
    without = total(anthropic.decode_request(body))
    count = vocabulary().count
    expected = 2 * MESSAGE + ANSWER + 2 * MESSAGE + count("look") + count('{"at":"left"}') + 3
    assert without == expected + count('{"type":"novelty"}')
    schema = {"type": "object", "properties": {"tree": {"type": "string"}}}
    body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
    assert total(anthropic.decode_request(body)) > without

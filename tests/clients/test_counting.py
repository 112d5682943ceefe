"""The official SDKs count tokens through Lethe: at upstreams that count, and in a locked-in worker where none does."""

import json
from base64 import b64decode
from typing import Any

import pytest
from anthropic import Anthropic
from google import genai
from google.genai import types
from openai import OpenAI
from tests.clients.conftest import Way

from lethe.upstream.fake.replies import content, document

# By the upstream's name: where it counts, and what it answers.
ANSWERS: dict[str, tuple[str, dict[str, object]]] = {
    "anthropic": ("/v1/messages/count_tokens", {"input_tokens": 42}),
    "openai-responses": ("/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 42}),
    "gemini": ("/v1beta/models/gemini-fake-1:countTokens", {"totalTokens": 42}),
    "converse": ("/model/anthropic.converse-fake-1/count-tokens", {"inputTokens": 42}),
    "invoke": ("/model/anthropic.invoke-fake-1/count-tokens", {"inputTokens": 42}),
}
LONGER = "Count those that lie in the water, too, and say of each how long it has been lying there, and how you know."
SAID = "How many trees stand by the lake?"
LOOK: dict[str, object] = {"type": "object", "properties": {"at": {"type": "string"}}}


def by_anthropic(way: Way) -> tuple[int, str | None]:
    """The count, and how it was estimated."""
    with Anthropic(base_url=way.url, api_key="caller-key", max_retries=0) as client:
        reply = client.messages.with_raw_response.count_tokens(
            model=way.model,
            system="Look well.",
            messages=[{"role": "user", "content": SAID}],
            tools=[{"name": "look", "description": "Looks.", "input_schema": LOOK}],
        )
        return reply.parse().input_tokens, reply.headers.get("x-lethe-estimate")


def by_openai(way: Way) -> tuple[int, str | None]:
    with OpenAI(base_url=f"{way.url}/v1", api_key="caller-key", max_retries=0) as client:
        reply = client.responses.input_tokens.with_raw_response.count(
            model=way.model,
            instructions="Look well.",
            input=SAID,
            tools=[{"type": "function", "name": "look", "description": "Looks.", "parameters": LOOK, "strict": False}],
        )
        counted = reply.parse()
        assert counted.object == "response.input_tokens"
        return counted.input_tokens, reply.headers.get("x-lethe-estimate")


def by_google(way: Way) -> tuple[int, str | None]:
    """The SDK sends no tools nor system instruction to the Gemini API (google-genai 3.6.1)."""
    with genai.Client(api_key="caller-key", http_options=types.HttpOptions(base_url=way.url)) as client:
        counted = client.models.count_tokens(model=way.model, contents=[SAID, LONGER])
        assert counted.total_tokens is not None
        headers = counted.sdk_http_response.headers if counted.sdk_http_response is not None else None
        return counted.total_tokens, (headers or {}).get("x-lethe-estimate")


CALLERS = pytest.mark.parametrize("count", [by_anthropic, by_openai, by_google])


def said(body: dict[str, Any]) -> str:
    """The text of a body; InvokeModel's stands in base64."""
    match body:
        case {"input": {"invokeModel": {"body": str(text)}}}:
            return b64decode(text).decode()
        case _:
            return json.dumps(body)


@CALLERS
def test_every_sdk_counts_at_every_upstream(count: object, any_way: Way) -> None:
    assert callable(count)
    way = any_way
    if way.name not in ANSWERS:
        tokens, how = count(way)
        assert how == "bpe-o200k"
        assert 30 < tokens < 60
        assert not way.fake.requests
        return
    path, answer = ANSWERS[way.name]
    way.answer(document(answer))
    assert count(way) == (42, None)
    assert way.last.path == path
    assert SAID in said(way.last.json())


@CALLERS
def test_an_upstream_without_the_endpoint_is_no_failure(count: object, any_way: Way) -> None:
    assert callable(count)
    any_way.answer(content("text/html", b"<p>not found</p>", 404))
    tokens, how = count(any_way)
    assert how in ("bpe-o200k", "bpe-o200k*1.3")
    assert tokens > 30

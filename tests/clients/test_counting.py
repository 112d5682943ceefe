"""The official SDKs count tokens through Lethe: at upstreams that count, and in a locked-in worker where none does."""

import json

import pytest
from anthropic import Anthropic
from openai import OpenAI
from tests.clients.conftest import Way

from lethe.ir.content import Dialect
from lethe.upstream.fake.replies import content, document

ANSWERS = {
    Dialect.ANTHROPIC: ("/v1/messages/count_tokens", {"input_tokens": 42}),
    Dialect.OPENAI_RESPONSES: ("/v1/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 42}),
}
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


CALLERS = pytest.mark.parametrize("count", [by_anthropic, by_openai])


@CALLERS
def test_every_sdk_counts_at_every_upstream(count: object, every_way: Way) -> None:
    assert callable(count)
    way = every_way
    if way.dialect not in ANSWERS:
        tokens, how = count(way)
        assert how == "bpe-o200k"
        assert 30 < tokens < 60
        assert not way.fake.requests
        return
    path, answer = ANSWERS[way.dialect]
    way.answer(document(answer))
    assert count(way) == (42, None)
    assert way.last.path == path
    assert SAID in json.dumps(way.last.json())


@CALLERS
def test_an_upstream_without_the_endpoint_is_no_failure(count: object, every_way: Way) -> None:
    assert callable(count)
    every_way.answer(content("text/html", b"<p>not found</p>", 404))
    tokens, how = count(every_way)
    assert how in ("bpe-o200k", "bpe-o200k*1.3")
    assert tokens > 30

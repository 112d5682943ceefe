"""The official `openai` SDK for Python asks for responses through Lethe, of an upstream of each dialect."""

import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest
from openai import OpenAI
from openai.types.responses import FunctionToolParam, ResponseInputParam
from tests.clients.conftest import Proxy, Way

from lethe.ir.content import Dialect
from lethe.upstream.fake import anthropic, converse, openai_responses
from lethe.upstream.fake.said import Called, Said, say

LOOK: FunctionToolParam = {
    "type": "function",
    "name": "look",
    "description": "Look somewhere.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"at": {"type": "string"}},
        "required": ["at"],
        "additionalProperties": False,
    },
}
CALLS = (Called("t1", "look", '{"at": "left"}'), Called("t2", "look", '{"at": "right"}'))
# What the scripted upstreams seal with; those of Chat do not.
SEALS = {
    Dialect.ANTHROPIC: anthropic.SIGNATURE,
    Dialect.OPENAI_RESPONSES: openai_responses.SEALED,
    Dialect.CONVERSE: converse.SIGNATURE,
}


class Place(pydantic.BaseModel):
    name: str
    trees: int


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[OpenAI]:
    with OpenAI(base_url=proxy.lethe.url + "/v1", api_key="caller-key", max_retries=0, timeout=10) as made:
        yield made


def test_buffered(any_way: Way, client: OpenAI) -> None:
    any_way.say(say("a ", "lake"))
    reply = client.responses.create(model=any_way.model, input="what is there?", instructions="Be brief.")
    assert (reply.output_text, reply.status) == ("a lake", "completed")
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.total_tokens) == (16, 7, 23)
    assert reply.usage.input_tokens_details.cached_tokens == 5


def test_streamed(any_way: Way, client: OpenAI) -> None:
    any_way.say(say("a ", "lake"))
    with client.responses.stream(model=any_way.model, input="what is there?") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert pieces == ["a ", "lake"]
    assert (final.output_text, final.status) == ("a lake", "completed")


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_and_their_results(any_way: Way, client: OpenAI, *, stream: bool) -> None:
    any_way.say(Said(text=("looking",), thinking="where", calls=CALLS), say("two things"))
    asked: ResponseInputParam = [{"role": "user", "content": "what is there?"}]
    model = any_way.model
    output: list[Any]
    if stream:
        with client.responses.stream(model=model, input=asked, tools=[LOOK]) as events:
            output = list(events.get_final_response().output)
    else:
        output = list(client.responses.create(model=model, input=asked, tools=[LOOK]).output)
    calls = [item for item in output if item.type == "function_call"]
    assert [json.loads(call.arguments)["at"] for call in calls] == ["left", "right"]
    if any_way.dialect is not Dialect.GEMINI:  # which gives calls no ids
        assert [call.call_id for call in calls] == ["t1", "t2"]
    echoed = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}, warnings=False) for item in output]
    for item in echoed:
        for part in item.get("content", ()):
            part.pop("parsed", None)
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "a tree"} for call in calls]
    history = [*asked, *echoed, *results]
    reply = client.responses.create(model=model, input=history, tools=[LOOK])
    assert reply.output_text == "two things"


def test_structured_output(any_way: Way, client: OpenAI) -> None:
    any_way.say(say('{"name": "lake", ', '"trees": 3}'))
    reply = client.responses.parse(model=any_way.model, input="what is there?", text_format=Place)
    assert reply.output_parsed == Place(name="lake", trees=3)


def test_typed_errors(any_way: Way, client: OpenAI) -> None:
    any_way.answer(any_way.error(429, "the upstream says why", ("retry-after", "7")))
    with pytest.raises(openai.RateLimitError, match="the upstream says why") as caught:
        client.responses.create(model=any_way.model, input="x")
    assert caught.value.response.headers["retry-after"] == "7"


def test_state_is_a_bad_request(any_way: Way, client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="previous_response_id"):
        client.responses.create(model=any_way.model, input="x", previous_response_id="resp_1")
    assert any_way.fake.requests == []


def test_what_nobody_stores_cannot_be_fetched(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_1")


def test_reasoning_goes_back_to_whoever_sealed_it(any_way: Way, client: OpenAI) -> None:
    any_way.say(Said(text=("x",), thinking="where"), say("y"))
    model = any_way.model
    first = client.responses.create(
        model=model, input="a", reasoning={"effort": "low"}, include=["reasoning.encrypted_content"]
    )
    (reasoning,) = [item for item in first.output if item.type == "reasoning"]
    assert reasoning.summary[0].text == "where"
    history: list[Any] = [{"role": "user", "content": "a"}, *(i.model_dump(exclude_none=True) for i in first.output)]
    history.append({"role": "user", "content": "b"})
    client.responses.create(model=model, input=history)
    body = any_way.last.body.decode()
    if any_way.dialect in SEALS:
        assert f'"{SEALS[any_way.dialect]}"' in body
    else:
        assert "encrypted_content" not in body

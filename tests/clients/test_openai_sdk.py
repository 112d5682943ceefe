"""The official `openai` SDK for Python through Lethe, to an OpenAI upstream and translated to an Anthropic one."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pydantic
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from tests.clients.conftest import Proxy, Way

from lethe.ir.content import Dialect
from lethe.upstream.fake import Hang, anthropic, openai_chat
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import broken, document, html, not_json, stalled
from lethe.upstream.fake.said import Called, Said, say

ASK: list[ChatCompletionMessageParam] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "what is there?"},
]
LOOK: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "look",
        "description": "Look somewhere.",
        "parameters": {
            "type": "object",
            "properties": {"at": {"type": "string"}},
            "required": ["at"],
            "additionalProperties": False,
        },
    },
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CALLS = (Called("t1", "look", '{"at": "left"}'), Called("t2", "look", '{"at": "right"}'))


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[OpenAI]:
    with OpenAI(base_url=proxy.lethe.url + "/v1", api_key="caller-key", max_retries=0, timeout=10) as made:
        yield made


@pytest_asyncio.fixture
async def loose(way: Way) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=way.url + "/v1", api_key="caller-key", max_retries=0, timeout=10) as made:
        yield made


def test_buffered(way: Way, client: OpenAI) -> None:
    way.say(say("a ", "lake"))
    reply = client.chat.completions.create(model=way.model, messages=ASK)
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("a lake", "stop")
    assert reply.usage is not None
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens) == (16, 7, 23)
    assert reply.usage.prompt_tokens_details is not None
    assert reply.usage.prompt_tokens_details.cached_tokens == 5
    assert way.last.json()["model"] == way.model


async def test_async(way: Way, loose: AsyncOpenAI) -> None:
    way.say(say("a ", "lake"))
    reply = await loose.chat.completions.create(model=way.model, messages=ASK)
    stream = await loose.chat.completions.create(model=way.model, messages=ASK, stream=True)
    pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(pieces) == reply.choices[0].message.content == "a lake"


def test_raw_chunks(way: Way, client: OpenAI) -> None:
    way.say(say("a ", "lake"))
    chunks = list(
        client.chat.completions.create(
            model=way.model, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content] == ["a ", "lake"]
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[-1].usage is not None
    assert (chunks[-1].choices, chunks[-1].usage.prompt_tokens) == ([], 16)


def test_stream_accumulator(way: Way, client: OpenAI) -> None:
    way.say(say("a ", "lake"))
    with client.chat.completions.stream(model=way.model, messages=ASK) as stream:
        text = [event.delta for event in stream if event.type == "content.delta" and event.delta]
        final = stream.get_final_completion()
    assert text == ["a ", "lake"]
    assert final.choices[0].message.content == "a lake"


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_and_their_results(way: Way, client: OpenAI, *, stream: bool) -> None:
    way.say(Said(text=("looking",), calls=CALLS), say("two things"))
    if stream:
        with client.chat.completions.stream(model=way.model, messages=ASK, tools=[LOOK]) as events:
            first: Any = events.get_final_completion()
    else:
        first = client.chat.completions.create(
            model=way.model, messages=ASK, tools=[LOOK], tool_choice="required", parallel_tool_calls=True
        )
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert [
        (c.id, c.function.name, pydantic.TypeAdapter(dict[str, str]).validate_json(c.function.arguments)) for c in calls
    ] == [
        ("t1", "look", {"at": "left"}),
        ("t2", "look", {"at": "right"}),
    ]
    history: list[Any] = [
        *ASK,
        first.choices[0].message.model_dump(exclude_none=True, exclude={"parsed": True}),
        {"role": "tool", "tool_call_id": "t1", "content": "a tree"},
        {"role": "tool", "tool_call_id": "t2", "content": [{"type": "text", "text": "a stone"}]},
    ]
    for call in history[2]["tool_calls"]:
        call["function"].pop("parsed_arguments", None)
    second = client.chat.completions.create(model=way.model, messages=history, tools=[LOOK])
    assert second.choices[0].message.content == "two things"
    if way.dialect is Dialect.ANTHROPIC:
        results = [b for m in way.last.json()["messages"] for b in m["content"] if isinstance(b, dict)]
        results = [b for b in results if b["type"] == "tool_result"]
        assert [b["tool_use_id"] for b in results] == ["t1", "t2"]
        assert "a stone" in str(results[1])


class Place(pydantic.BaseModel):
    name: str
    trees: int


def test_structured_output(way: Way, client: OpenAI) -> None:
    way.say(say('{"name": "lake", ', '"trees": 3}'))
    reply = client.chat.completions.parse(model=way.model, messages=ASK, response_format=Place)
    assert reply.choices[0].message.parsed == Place(name="lake", trees=3)
    sent = way.last.json()
    schema = (
        sent["output_config"]["format"]["schema"]
        if way.dialect is Dialect.ANTHROPIC
        else sent["response_format"]["json_schema"]["schema"]
    )
    assert set(schema["properties"]) == {"name", "trees"}


def test_image(way: Way, client: OpenAI) -> None:
    way.say(say("a pixel"))
    content: Any = [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
        {"type": "text", "text": "what is it?"},
    ]
    client.chat.completions.create(model=way.model, messages=[{"role": "user", "content": content}])
    assert PIXEL in way.last.body.decode()


ERRORS = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (413, openai.APIStatusError),
    (429, openai.RateLimitError),
    (500, openai.InternalServerError),
    (529, openai.InternalServerError),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "kind"), ERRORS, ids=[str(case[0]) for case in ERRORS])
def test_errors_keep_status_and_message(
    way: Way, client: OpenAI, status: int, kind: type[openai.APIStatusError], *, stream: bool
) -> None:
    way.answer(way.error(status, "the upstream says why", ("retry-after", "7")))
    with pytest.raises(kind, match="the upstream says why") as caught:
        client.chat.completions.create(model=way.model, messages=ASK, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "7"
    assert caught.value.type


@pytest.mark.parametrize("answer", [html(502), not_json(503)], ids=["html", "cut json"])
def test_errors_that_are_no_json(way: Way, client: OpenAI, answer: Any) -> None:
    way.answer(answer)
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=way.model, messages=ASK)


def test_an_error_in_the_middle_of_a_stream(way: Way, client: OpenAI) -> None:
    half = way.frames(say("a ", "lake", " and more"))
    if way.dialect is Dialect.ANTHROPIC:
        last = anthropic.error_event("overloaded_error", "busy now")
    else:
        last = openai_chat.error_event("busy now")
    way.answer(broken(half, last))
    chunks: list[Any] = []
    stream = client.chat.completions.create(model=way.model, messages=ASK, stream=True)
    with pytest.raises(openai.APIError, match="busy now"):
        chunks.extend(stream)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_the_sdk_retries_and_then_succeeds(way: Way, client: OpenAI, status: int) -> None:
    way.answer(way.error(status, "wait", ("retry-after", "0.05")), way.saying(say("at last")))
    reply = client.with_options(max_retries=2).chat.completions.create(model=way.model, messages=ASK)
    assert reply.choices[0].message.content == "at last"
    assert len(way.fake.requests) == 2


def test_a_client_that_times_out_cancels_the_upstream(way: Way, client: OpenAI) -> None:
    way.answer((Hang(),))
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.4).chat.completions.create(model=way.model, messages=ASK)
    way.fake.until(lambda: way.last.gone_at is not None, 2)


def test_a_stream_that_is_left_cancels_the_upstream(way: Way, client: OpenAI) -> None:
    way.answer(stalled(way.frames(say("a ", "lake", " and ", "more"))))
    with client.chat.completions.create(model=way.model, messages=ASK, stream=True) as stream:
        next(iter(stream))
    way.fake.until(lambda: way.last.gone_at is not None, 2)


def test_embeddings(to_openai: Way) -> None:
    to_openai.answer(document(openai_chat.embeddings((0.25, 0.5), (1.0, 0.0))))
    with OpenAI(base_url=to_openai.url + "/v1", api_key="k", max_retries=0) as client:
        reply = client.embeddings.create(model=to_openai.model, input=["x", "y"], encoding_format="float")
    assert [item.embedding for item in reply.data] == [[0.25, 0.5], [1.0, 0.0]]
    assert to_openai.last.path == "/v1/embeddings"


def test_models(to_openai: Way) -> None:
    to_openai.answer(Model(Dialect.OPENAI_CHAT, tool="t", arguments="{}", marker="m"))
    with OpenAI(base_url=to_openai.url + "/v1", api_key="k", max_retries=0) as client:
        listed = [model.id for model in client.models.list()]
        assert listed
        for name in listed:
            assert client.models.retrieve(name).id == name

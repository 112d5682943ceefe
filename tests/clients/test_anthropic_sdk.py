"""The official `anthropic` SDK for Python through Lethe, to an Anthropic upstream and translated to an OpenAI one."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import anthropic
import pydantic
import pytest
import pytest_asyncio
from anthropic import Anthropic, AsyncAnthropic, beta_tool
from anthropic.types import MessageParam, ToolParam
from tests.clients.conftest import Proxy, Way

from lethe.ir.content import Dialect
from lethe.upstream.fake import Hang
from lethe.upstream.fake.anthropic import error_event
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import broken, document, html, not_json, stalled
from lethe.upstream.fake.said import Called, Said, say

ASK: list[MessageParam] = [{"role": "user", "content": "what is there?"}]
LOOK: ToolParam = {
    "name": "look",
    "description": "Look somewhere.",
    "input_schema": {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CALLS = (Called("t1", "look", '{"at": "left"}'), Called("t2", "look", '{"at": "right"}'))


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[Anthropic]:
    with Anthropic(base_url=proxy.lethe.url, api_key="caller-key", max_retries=0, timeout=10) as made:
        yield made


@pytest_asyncio.fixture
async def loose(way: Way) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=way.url, api_key="caller-key", max_retries=0, timeout=10) as made:
        yield made


def test_buffered(way: Way, client: Anthropic) -> None:
    way.say(say("a ", "lake"))
    message = client.messages.create(model=way.model, max_tokens=50, messages=ASK, system="Be brief.")
    assert [block.type for block in message.content] == ["text"]
    assert (cast("Any", message.content[0]).text, message.stop_reason) == ("a lake", "end_turn")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (11, 5)
    assert message.usage.output_tokens == 7
    assert message._request_id
    assert way.last.json()["model"] == way.model


async def test_async(way: Way, loose: AsyncAnthropic) -> None:
    way.say(say("a ", "lake"))
    message = await loose.messages.create(model=way.model, max_tokens=50, messages=ASK)
    async with loose.messages.stream(model=way.model, max_tokens=50, messages=ASK) as stream:
        folded = await stream.get_final_message()
    assert cast("Any", message.content[0]).text == cast("Any", folded.content[0]).text == "a lake"
    assert folded.usage.output_tokens == message.usage.output_tokens


def test_raw_events(way: Way, client: Anthropic) -> None:
    way.say(say("a ", "lake"))
    events = list(client.messages.create(model=way.model, max_tokens=50, messages=ASK, stream=True))
    kinds = [event.type for event in events if cast("str", event.type) != "ping"]
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 2,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_text_stream(way: Way, client: Anthropic) -> None:
    way.say(say("a ", "lake"))
    with client.messages.stream(model=way.model, max_tokens=50, messages=ASK) as stream:
        assert list(stream.text_stream) == ["a ", "lake"]
        assert stream.get_final_message().usage.cache_read_input_tokens == 5


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_and_their_results(way: Way, client: Anthropic, *, stream: bool) -> None:
    way.say(Said(text=("looking",), calls=CALLS), say("two things"))
    if stream:
        with client.messages.stream(model=way.model, max_tokens=50, messages=ASK, tools=[LOOK]) as events:
            first: Any = events.get_final_message()
    else:
        first = client.messages.create(
            model=way.model, max_tokens=50, messages=ASK, tools=[LOOK], tool_choice={"type": "any"}
        )
    assert first.stop_reason == "tool_use"
    assert [(b.id, b.name, b.input) for b in first.content if b.type == "tool_use"] == [
        ("t1", "look", {"at": "left"}),
        ("t2", "look", {"at": "right"}),
    ]
    history: list[MessageParam] = [
        *ASK,
        {"role": "assistant", "content": first.content},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "a tree"}]},
                {"type": "tool_result", "tool_use_id": "t2", "content": "a stone"},
                {"type": "text", "text": "and now?"},
            ],
        },
    ]
    second = client.messages.create(model=way.model, max_tokens=50, messages=history, tools=[LOOK])
    assert cast("Any", second.content[0]).text == "two things"
    sent = way.last.json()
    if way.dialect is Dialect.OPENAI_CHAT:
        tools = [(m["tool_call_id"], m["content"]) for m in sent["messages"] if m["role"] == "tool"]
        assert [call for call, _ in tools] == ["t1", "t2"]
        assert "a tree" in str(tools[0])
    else:
        assert sent["messages"][2]["content"][1]["content"] == "a stone"


def refused_threads(way: Way) -> int:
    return sum(event["error"] == "thread_unsupported_request" for event in way.lethe.events)


def test_tool_runner_resends_without_a_thread(way: Way, client: Anthropic) -> None:
    asked: list[str] = []

    @beta_tool
    def look(at: str) -> str:
        """Look somewhere.

        Args:
            at: where to look
        """
        asked.append(at)
        return "a tree"

    way.say(Said(calls=(CALLS[0],)), say("a tree, it says"))
    before = refused_threads(way)
    final = client.beta.messages.tool_runner(
        model=way.model, max_tokens=50, messages=cast("Any", ASK), tools=[look]
    ).until_done()
    assert asked == ["left"]
    assert cast("Any", final.content[0]).text == "a tree, it says"
    bodies = [request.json() for request in way.fake.requests]
    assert len(bodies) == 2
    assert not any("thread" in body for body in bodies)
    assert "what is there?" in str(bodies[-1]["messages"]), "the whole conversation is sent again"
    assert bodies[-1]["tools"]
    way.lethe.until(lambda: refused_threads(way) == before + 1)


class Place(pydantic.BaseModel):
    name: str
    trees: int


def test_structured_output(way: Way, client: Anthropic) -> None:
    way.say(say('{"name": "lake", ', '"trees": 3}'))
    parsed = client.messages.parse(model=way.model, max_tokens=50, messages=ASK, output_format=Place)
    assert parsed.parsed_output == Place(name="lake", trees=3)
    sent = way.last.json()
    schema = (
        sent["output_config"]["format"]["schema"]
        if way.dialect is Dialect.ANTHROPIC
        else sent["response_format"]["json_schema"]["schema"]
    )
    assert set(schema["properties"]) == {"name", "trees"}


def test_image(way: Way, client: Anthropic) -> None:
    way.say(say("a pixel"))
    content: Any = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
        {"type": "text", "text": "what is it?"},
    ]
    client.messages.create(model=way.model, max_tokens=50, messages=[{"role": "user", "content": content}])
    assert PIXEL in way.last.body.decode()


def test_thinking_and_its_signature_come_back(to_anthropic: Way) -> None:
    to_anthropic.say(Said(thinking="hm", text=("a lake",)))
    with Anthropic(base_url=to_anthropic.url, api_key="k", max_retries=0) as client:
        first = client.messages.create(
            model=to_anthropic.model,
            max_tokens=2000,
            messages=ASK,
            thinking={"type": "enabled", "budget_tokens": 1024},
        )
        history: list[MessageParam] = [*ASK, {"role": "assistant", "content": cast("Any", first.content)}, *ASK]
        client.messages.create(model=to_anthropic.model, max_tokens=50, messages=history)
    thought = to_anthropic.last.json()["messages"][1]["content"][0]
    assert (thought["type"], thought["thinking"], thought["signature"]) == ("thinking", "hm", "c2lnbmF0dXJl")


ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "kind", "name"), ERRORS, ids=[str(case[0]) for case in ERRORS])
def test_errors_keep_status_type_and_message(
    way: Way, client: Anthropic, status: int, kind: type[anthropic.APIStatusError], name: str, *, stream: bool
) -> None:
    way.answer(way.error(status, "the upstream says why", ("retry-after", "7")))
    with pytest.raises(kind, match="the upstream says why") as caught:
        client.messages.create(model=way.model, max_tokens=50, messages=ASK, stream=stream)
    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "7"
    body: Any = caught.value.body
    assert (body["type"], body["error"]["type"]) == ("error", name)


@pytest.mark.parametrize("answer", [html(502), not_json(503)], ids=["html", "cut json"])
def test_errors_that_are_no_json(way: Way, client: Anthropic, answer: Any) -> None:
    way.answer(answer)
    with pytest.raises(anthropic.InternalServerError):
        client.messages.create(model=way.model, max_tokens=50, messages=ASK)


def test_an_error_in_the_middle_of_a_stream(way: Way, client: Anthropic) -> None:
    half = way.frames(say("a ", "lake", " and more"))
    last = error_event("overloaded_error", "busy now")
    if way.dialect is Dialect.OPENAI_CHAT:
        last = b'data: {"error": {"message": "busy now", "type": "server_error", "code": null, "param": null}}\n\n'
    way.answer(broken(half, last))
    events: list[Any] = []
    stream = client.messages.create(model=way.model, max_tokens=50, messages=ASK, stream=True)
    with pytest.raises(anthropic.APIStatusError, match="busy now"):
        events.extend(stream)


@pytest.mark.parametrize("status", [429, 500, 529])
def test_the_sdk_retries_and_then_succeeds(way: Way, client: Anthropic, status: int) -> None:
    way.answer(way.error(status, "wait", ("retry-after", "0.05")), way.saying(say("at last")))
    patient = client.with_options(max_retries=2)
    message = patient.messages.create(model=way.model, max_tokens=50, messages=ASK)
    assert cast("Any", message.content[0]).text == "at last"
    assert len(way.fake.requests) == 2


def test_a_client_that_times_out_cancels_the_upstream(way: Way, client: Anthropic) -> None:
    way.answer((Hang(),))
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(timeout=0.4).messages.create(model=way.model, max_tokens=50, messages=ASK)
    way.fake.until(lambda: way.last.gone_at is not None, 2)


def test_a_stream_that_is_left_cancels_the_upstream(way: Way, client: Anthropic) -> None:
    way.answer(stalled(way.frames(say("a ", "lake", " and ", "more"))))
    with client.messages.stream(model=way.model, max_tokens=50, messages=ASK) as stream:
        next(iter(stream.text_stream))
    way.fake.until(lambda: way.last.gone_at is not None, 2)


def test_count_tokens(to_anthropic: Way) -> None:
    to_anthropic.answer(document({"input_tokens": 42}))
    with Anthropic(base_url=to_anthropic.url, api_key="k", max_retries=0) as client:
        counted = client.messages.count_tokens(model=to_anthropic.model, messages=ASK, tools=[LOOK])
    assert counted.input_tokens == 42


def test_models(to_anthropic: Way) -> None:
    to_anthropic.answer(Model(Dialect.ANTHROPIC, tool="t", arguments="{}", marker="m"))
    with Anthropic(base_url=to_anthropic.url, api_key="k", max_retries=0) as client:
        listed = [model.id for model in client.models.list(limit=1000)]
        assert listed
        for name in listed:
            assert client.models.retrieve(name).id == name

"""The official `google-genai` SDK for Python through Lethe, to every upstream."""

import asyncio
import base64
import json
from collections.abc import Iterator
from typing import Any

import pydantic
import pytest
from google import genai
from google.genai import errors, types
from tests.clients.conftest import PLACES, Proxy, Way

from lethe.ir.content import Dialect
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import broken, stalled
from lethe.upstream.fake.said import Called, Said, say

CALLS = (Called("t1", "look", '{"at": "left"}'), Called("t2", "look", '{"at": "right"}'))
SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}, "required": ["at"]}
LOOK = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="look", description="Look somewhere.", parameters_json_schema=SCHEMA)
    ]
)
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
SEALED = "c2Vh+/+/bGVk"  # of which the SDK makes bytes, and writes them in the alphabet of URLs
SYSTEM = "Be brief."


class Place(pydantic.BaseModel):
    name: str
    trees: int


@pytest.fixture(scope="module")
def client(proxy: Proxy) -> Iterator[genai.Client]:
    options = types.HttpOptions(base_url=proxy.lethe.url, timeout=10_000)
    with genai.Client(api_key="caller-key", http_options=options) as made:
        yield made


def manual(**more: Any) -> types.GenerateContentConfig:
    off = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(tools=[LOOK], automatic_function_calling=off, **more)


def test_buffered(any_way: Way, client: genai.Client) -> None:
    any_way.say(say("a ", "lake"))
    config = types.GenerateContentConfig(system_instruction=SYSTEM, temperature=0.5, max_output_tokens=100)
    reply = client.models.generate_content(model=any_way.model, contents="what is there?", config=config)
    assert reply.text == "a lake"
    assert reply.candidates is not None
    assert reply.candidates[0].finish_reason is types.FinishReason.STOP
    usage = reply.usage_metadata
    assert usage is not None
    assert (usage.prompt_token_count, usage.candidates_token_count, usage.total_token_count) == (16, 7, 23)
    assert usage.cached_content_token_count == 5
    assert SYSTEM.encode() in any_way.last.body


def test_streamed(any_way: Way, client: genai.Client) -> None:
    any_way.say(say("a ", "lake"))
    chunks = list(client.models.generate_content_stream(model=any_way.model, contents="what is there?"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["a ", "lake"]
    last = chunks[-1]
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.STOP
    assert last.usage_metadata is not None
    assert (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count) == (16, 7)


@pytest.mark.parametrize("stream", [False, True])
def test_parallel_tools_and_their_results(any_way: Way, client: genai.Client, *, stream: bool) -> None:
    any_way.say(Said(text=("looking",), thinking="where", calls=CALLS), say("two things"))
    asked = types.Content(role="user", parts=[types.Part(text="what is there?")])
    parts = answered(any_way, client, [asked], manual(), stream=stream)
    calls = [part.function_call for part in parts if part.function_call]
    assert [(call.name, call.args) for call in calls] == [("look", {"at": "left"}), ("look", {"at": "right"})]
    results = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"result": "a tree"}))
        for call in calls
    ]
    echoed = types.Content(role="model", parts=parts)
    history = [asked, echoed, types.Content(role="user", parts=results)]
    reply = client.models.generate_content(model=any_way.model, contents=history, config=manual())
    assert reply.text == "two things"
    assert any_way.last.body.count(b"a tree") == 2


def answered(
    way: Way, client: genai.Client, contents: Any, config: types.GenerateContentConfig, *, stream: bool
) -> list[types.Part]:
    """The parts of one answer, as a chat of the SDK would keep them."""
    if not stream:
        replies = [client.models.generate_content(model=way.model, contents=contents, config=config)]
    else:
        replies = list(client.models.generate_content_stream(model=way.model, contents=contents, config=config))
    contents = [candidate.content for reply in replies for candidate in reply.candidates or ()]
    return [part for content in contents if content is not None for part in content.parts or ()]


def test_a_chat_calls_functions_by_itself(any_way: Way, client: genai.Client) -> None:
    places: list[str] = []

    def look(at: str) -> str:
        """Look somewhere."""
        places.append(at)
        return "a tree"

    any_way.say(Said(calls=CALLS), say("two things"))
    chat = client.chats.create(model=any_way.model, config=types.GenerateContentConfig(tools=[look]))
    assert chat.send_message("what is there?").text == "two things"
    assert places == ["left", "right"]


def test_structured_output(any_way: Way, client: genai.Client) -> None:
    any_way.say(say('{"name": "lake", ', '"trees": 3}'))
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=Place)
    reply = client.models.generate_content(model=any_way.model, contents="what is there?", config=config)
    assert reply.parsed == Place(name="lake", trees=3)
    assert b"trees" in any_way.last.body


def test_an_image(any_way: Way, client: genai.Client) -> None:
    any_way.say(say("a lake"))
    contents = [types.Part.from_bytes(data=PIXEL, mime_type="image/png"), "what is there?"]
    assert client.models.generate_content(model=any_way.model, contents=contents).text == "a lake"
    sent = any_way.last.body
    if any_way.dialect is Dialect.GEMINI:  # as the SDK wrote it
        sent = sent.replace(b"-", b"+").replace(b"_", b"/")
    assert base64.b64encode(PIXEL) in sent


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_go_back_to_whoever_signed_them(any_way: Way, client: genai.Client, *, stream: bool) -> None:
    any_way.say(Said(text=("x",), thinking="where", sealed=SEALED, calls=CALLS[:1]), say("y"))
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    asked = types.Content(role="user", parts=[types.Part(text="a")])
    config = manual(thinking_config=thinking, max_output_tokens=4096)
    parts = answered(any_way, client, [asked], config, stream=stream)
    assert "".join(part.text or "" for part in parts if part.thought) == "where"
    (call,) = [part.function_call for part in parts if part.function_call]
    result = types.FunctionResponse(id=call.id, name="look", response={"result": "a tree"})
    history = [
        asked,
        types.Content(role="model", parts=parts),
        types.Content(role="user", parts=[types.Part(function_response=result)]),
    ]
    client.models.generate_content(model=any_way.model, contents=history, config=config)
    body = any_way.last.body.decode()
    if any_way.dialect is Dialect.OPENAI_CHAT:
        assert SEALED not in body
    else:
        assert f'"{SEALED}"' in body.replace("-_", "+/")


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [(400, errors.ClientError, "INVALID_ARGUMENT"), (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
     (500, errors.ServerError, "INTERNAL")],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_typed_errors(
    any_way: Way, client: genai.Client, status: int, kind: type[errors.APIError], name: str, *, stream: bool
) -> None:
    any_way.answer(any_way.error(status, "the upstream says why"))
    with pytest.raises(kind) as caught:
        answered(any_way, client, "x", types.GenerateContentConfig(), stream=stream)
    assert (caught.value.code, caught.value.status) == (status, name)
    assert "the upstream says why" in str(caught.value.message)


def test_an_unknown_model_is_not_found(client: genai.Client, to_gemini: Way) -> None:
    to_gemini.answer(to_gemini.error(404, "no such model"))
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=to_gemini.model, contents="x")
    assert (caught.value.code, caught.value.status) == (404, "NOT_FOUND")


def test_an_error_in_the_stream(any_way: Way, client: genai.Client) -> None:
    frames = any_way.frames(say("a ", "lake"))
    any_way.answer(broken(frames, any_way.error_event("busy now"), any_way.opened))
    chunks = client.models.generate_content_stream(model=any_way.model, contents="x")
    with pytest.raises(errors.APIError, match="busy now"):
        list(chunks)


def test_whoever_leaves_is_not_served_on(any_way: Way, proxy: Proxy) -> None:
    frames = any_way.frames(say("a ", "lake", " and ", "more"))
    any_way.answer(stalled(frames, any_way.opened))

    async def leave() -> None:
        options = types.HttpOptions(base_url=proxy.lethe.url, timeout=10_000)
        async with genai.Client(api_key="caller-key", http_options=options).aio as client:
            stream = await client.models.generate_content_stream(model=any_way.model, contents="x")
            async for _ in stream:
                break
            await stream.aclose()  # type: ignore[attr-defined] # an async generator

    asyncio.run(leave())
    any_way.fake.until(lambda: any_way.last.gone_at is not None)


def test_models_are_listed(client: genai.Client, proxy: Proxy) -> None:
    for name, fake in proxy.fakes.items():
        fake.answer(Model(PLACES[name].dialect, tool="none", arguments="{}", marker="a lake"))
    names = [model.name for model in client.models.list()]
    assert "models/claude-fake-1" in names
    for each in names:
        assert each is not None
        assert client.models.get(model=each).name == each


def test_only_gemini_gets_what_only_gemini_has(any_way: Way, client: genai.Client) -> None:
    """Safety settings are a setting of Gemini's; another upstream has none, and the caller is told."""
    any_way.say(say("a lake"))
    settings = [
        types.SafetySetting(
            category=types.HarmCategory.HARM_CATEGORY_HARASSMENT, threshold=types.HarmBlockThreshold.BLOCK_NONE
        )
    ]
    config = types.GenerateContentConfig(safety_settings=settings)
    if any_way.dialect is Dialect.GEMINI:
        assert client.models.generate_content(model=any_way.model, contents="x", config=config).text == "a lake"
        assert json.loads(any_way.last.body)["safetySettings"][0]["threshold"] == "BLOCK_NONE"
        return
    reply = client.models.generate_content(model=any_way.model, contents="x", config=config)
    assert reply.sdk_http_response is not None
    assert reply.sdk_http_response.headers is not None
    assert "$.safetySettings" in reply.sdk_http_response.headers["x-lethe-loss"]
    assert b"HARASSMENT" not in any_way.last.body

"""The scripted upstream: what it records, what it plays, and that the official SDKs read what it says."""

import asyncio
import gc
import socket
import ssl
import urllib.request
import warnings
from collections.abc import Sequence
from typing import Any

import anthropic as anthropic_sdk
import httpx2  # the HTTP client of the SDK, whose errors it lets through in the middle of a stream
import msgspec
import openai as openai_sdk
import pytest
import trustme

from lethe.ir.content import Dialect
from lethe.upstream.fake import Close, Cut, Fake, FakeThread, Hang, Head, Recorded, Script, Send, Step, Until, Wait
from lethe.upstream.fake import anthropic as a
from lethe.upstream.fake import openai_chat as o
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import broken, content, cut, html, not_json, silent, stalled
from lethe.upstream.fake.said import Called, Said, say

ASK = b"POST /v1/messages?beta=true HTTP/1.1\r\nHost: x\r\nX-Api-Key: k\r\nContent-Length: 5\r\n\r\nhello"
SIZED = Head(200, (("content-length", "2"),))


async def exchange(fake: Fake, data: bytes = ASK, *, context: ssl.SSLContext | None = None) -> bytes:
    """Send, and read until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", int(fake.url.rpartition(":")[2]), ssl=context, server_hostname="localhost" if context else None
    )
    writer.write(data)
    received = b""
    try:
        async with asyncio.timeout(0.2):
            while part := await reader.read(65536):
                received += part
    except TimeoutError:
        pass
    finally:
        writer.transport.abort()
    return received


async def test_a_request_is_recorded_whole() -> None:
    async with Fake() as fake:
        fake.answer((SIZED, Send(b"ok")))
        await exchange(fake)
    (request,) = fake.requests
    assert (request.method, request.path, request.query, request.body) == (
        "POST",
        "/v1/messages",
        "beta=true",
        b"hello",
    )
    assert request.header("x-api-key") == "k"
    assert request.header("absent") is None
    assert request.finished_at is not None
    assert request.gone_at is None
    assert request.sent == 2


PLAYS: list[tuple[str, Sequence[Step], bytes]] = [
    ("sized", (SIZED, Send(b"ok")), b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
    (
        "chunked",
        (Head(), Send(b"one"), Wait(0.01), Send(b"two")),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
    ),
    ("no phrase", (Head(529, (("content-length", "0"),)),), b"HTTP/1.1 529 Unassigned\r\ncontent-length: 0\r\n\r\n"),
    ("no body", (Head(204),), b"HTTP/1.1 204 No Content\r\n\r\n"),
    (
        "interim",
        (Head(103), SIZED, Send(b"ok")),
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ),
    ("silence", (Hang(),), b""),
    (
        "closed early",
        (Head(), Send(b"one"), Close(), Send(b"two")),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n",
    ),
]


@pytest.mark.parametrize(("script", "expected"), [case[1:] for case in PLAYS], ids=[case[0] for case in PLAYS])
async def test_scripts_become_bytes(script: Script, expected: bytes) -> None:
    async with Fake() as fake:
        fake.answer(script)
        assert await exchange(fake) == expected


async def test_a_cut_resets_the_connection() -> None:
    async with Fake() as fake:
        fake.answer((Head(), Send(b"one"), Wait(0.05), Cut()))
        with pytest.raises(ConnectionResetError):
            await exchange(fake)


async def test_answers_come_in_order_and_the_last_repeats() -> None:
    async with Fake() as fake:
        fake.answer(content("text/plain", b"1"), content("text/plain", b"2"))
        got = [(await exchange(fake))[-1:] for _ in range(3)]
        fake.forget()
        assert (got, list(fake.requests)) == ([b"1", b"2", b"2"], [])
        assert b"500 Internal" in await exchange(fake)


async def test_a_peer_that_goes_away_is_seen() -> None:
    async with Fake() as fake:
        fake.answer((Head(), Send(b"one"), Hang()))
        await exchange(fake)
        await fake.until(lambda: fake.open == 0)
    (request,) = fake.requests
    assert request.gone_at is not None
    assert request.gone_at >= request.arrived_at
    assert request.finished_at is None


async def test_requests_of_one_connection_share_its_number() -> None:
    async with Fake() as fake:
        fake.answer((SIZED, Send(b"ok")))
        assert (await exchange(fake, ASK + ASK)).count(b"ok") == 2
        await exchange(fake)
    assert [request.connection for request in fake.requests] == [1, 1, 2]


async def test_an_event_holds_an_answer_back() -> None:
    gate = asyncio.Event()
    async with Fake() as fake:
        fake.answer((SIZED, Until(gate), Send(b"ok")))
        task = asyncio.create_task(exchange(fake))
        await fake.until(lambda: len(fake.requests) == 1)
        assert fake.requests[0].sent == 0
        gate.set()
        assert (await task).endswith(b"ok")


async def test_a_reader_that_does_not_read_holds_the_answer_back() -> None:
    part = b"x" * 65536
    async with Fake() as fake:
        fake.answer((Head(), *[Send(part)] * 1000))
        _, writer = await asyncio.open_connection("127.0.0.1", int(fake.url.rpartition(":")[2]), limit=1024)
        writer.write(ASK)
        await fake.until(lambda: len(fake.requests) == 1)
        sent = -1
        while sent != fake.requests[0].sent:  # until it stands still
            sent = fake.requests[0].sent
            await asyncio.sleep(0.1)
        assert sent < 32 * 1024 * 1024
        writer.transport.abort()


async def test_a_fault_in_a_script_is_not_swallowed() -> None:
    def fails(request: Recorded) -> Script:
        raise KeyError(request.path)

    fake = Fake()
    await fake.start()
    fake.answer(fails)
    assert await exchange(fake) == b""
    with pytest.raises(ExceptionGroup, match="a script failed"):
        await fake.stop()


async def test_tls() -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    async with Fake(tls=server) as fake:
        fake.answer((SIZED, Send(b"ok")))
        assert fake.url.startswith("https://")
        assert (await exchange(fake, context=client)).endswith(b"ok")


def test_on_a_thread() -> None:
    with FakeThread() as fake:
        gate = asyncio.Event()
        fake.answer((SIZED, Until(gate), Send(b"ok")))
        fake.set(gate)
        with urllib.request.urlopen(fake.url + "/x", timeout=5) as reply:
            assert reply.read() == b"ok"
        fake.until(lambda: fake.requests[0].finished_at is not None)
    assert fake.requests[0].path == "/x"


# What the official SDKs make of it

TOOLS = (Called("t1", "look", '{"at": "a"}'), Called("t2", "look", '{"at": "b"}'))
SAID = Said(text=("Grüße ", "und\u2028mehr"), thinking="hm", calls=TOOLS, input=3, cached=4, output=5)
QUESTION: list[Any] = [{"role": "user", "content": "hi"}]


def claude(fake: FakeThread) -> anthropic_sdk.Anthropic:
    return anthropic_sdk.Anthropic(base_url=fake.url, api_key="k", max_retries=0)


def gpt(fake: FakeThread) -> openai_sdk.OpenAI:
    return openai_sdk.OpenAI(base_url=fake.url + "/v1", api_key="k", max_retries=0)


def test_the_anthropic_sdk_folds_the_stream_to_the_buffered_reply() -> None:
    with FakeThread() as fake, claude(fake) as client:
        fake.answer(a.buffered(SAID), a.streamed(SAID, every=0.001))
        whole = client.messages.create(model="m", max_tokens=9, messages=QUESTION)
        with client.messages.stream(model="m", max_tokens=9, messages=QUESTION) as stream:
            folded = stream.get_final_message()
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert folded.model_dump(exclude={"parsed_output"}, exclude_none=True) | {"usage": None} == whole.model_dump(
        exclude_none=True
    ) | {"usage": None}
    assert (whole.usage.input_tokens, whole.usage.cache_read_input_tokens, folded.usage.output_tokens) == (3, 4, 5)


def test_the_openai_sdk_folds_the_stream_to_the_buffered_reply() -> None:
    said = Said(text=SAID.text, calls=TOOLS, input=3, cached=4, output=5)
    with FakeThread() as fake, gpt(fake) as client:
        fake.answer(o.buffered(said), o.streamed(said, every=0.001))
        whole = client.chat.completions.create(model="m", messages=QUESTION)
        with client.chat.completions.stream(model="m", messages=QUESTION) as stream:
            folded = stream.get_final_completion()
    left, right = whole.choices[0].message, folded.choices[0].message
    assert (left.content, whole.choices[0].finish_reason) == (right.content, folded.choices[0].finish_reason)
    assert left.tool_calls is not None
    assert right.tool_calls is not None
    assert [c.to_dict()["function"] for c in left.tool_calls] == [
        {k: v for k, v in c.function.to_dict().items() if k in {"name", "arguments"}} for c in right.tool_calls
    ]
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (7, 5)


STATUSES = [
    (400, anthropic_sdk.BadRequestError, openai_sdk.BadRequestError),
    (401, anthropic_sdk.AuthenticationError, openai_sdk.AuthenticationError),
    (404, anthropic_sdk.NotFoundError, openai_sdk.NotFoundError),
    (429, anthropic_sdk.RateLimitError, openai_sdk.RateLimitError),
    (500, anthropic_sdk.InternalServerError, openai_sdk.InternalServerError),
    (529, anthropic_sdk.InternalServerError, openai_sdk.InternalServerError),
]


@pytest.mark.parametrize(("status", "anthropic_class", "openai_class"), STATUSES)
def test_errors_are_the_sdks_own_classes(
    status: int, anthropic_class: type[Exception], openai_class: type[Exception]
) -> None:
    with FakeThread() as fake, claude(fake) as client, gpt(fake) as other:
        fake.answer(a.error(status, "why", ("retry-after", "7")), o.error(status, "why"))
        with pytest.raises(anthropic_class, match="why") as caught:
            client.messages.create(model="m", max_tokens=9, messages=QUESTION)
        assert isinstance(caught.value, anthropic_sdk.APIStatusError)
        assert caught.value.response.headers["retry-after"] == "7"
        with pytest.raises(openai_class, match="why"):
            other.chat.completions.create(model="m", messages=QUESTION)


def test_streams_that_fail() -> None:
    words = say("one ", "two ", "three ")
    failing: list[tuple[Script, type[Exception]]] = [
        (broken(a.frames(words), a.error_event("overloaded_error", "busy")), anthropic_sdk.APIStatusError),
        (cut(a.frames(words)), httpx2.ReadError),
        (html(502), anthropic_sdk.InternalServerError),
        (not_json(500), anthropic_sdk.InternalServerError),
        (silent(), anthropic_sdk.APITimeoutError),
        (stalled(a.frames(words)), httpx2.ReadTimeout),
    ]
    with FakeThread() as fake, claude(fake).with_options(timeout=0.3) as client:
        for script, expected in failing:
            fake.answer(script)
            with pytest.raises(expected):
                for _ in client.messages.create(model="m", max_tokens=9, messages=QUESTION, stream=True):
                    pass


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT])
async def test_a_model_calls_its_tool_once_and_quotes_the_result(*, dialect: Dialect, stream: bool) -> None:
    model = Model(dialect, tool="look", arguments='{"at": "a"}', marker="MARK")
    path = "/v1/messages" if dialect is Dialect.ANTHROPIC else "/v1/chat/completions"
    tools = [{"name": "look"}] if dialect is Dialect.ANTHROPIC else [{"type": "function", "function": {"name": "look"}}]
    result = (
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": [{"text": "seen"}]}]}
        if dialect is Dialect.ANTHROPIC
        else {"role": "tool", "tool_call_id": "x", "content": "seen"}
    )
    call = (
        {"role": "assistant", "content": [{"type": "tool_use", "id": "x", "name": "look", "input": {}}]}
        if dialect is Dialect.ANTHROPIC
        else {"role": "assistant", "tool_calls": [{"id": "x"}]}
    )
    usual = {"model": "m", "max_tokens": 9, "messages": QUESTION, "stream": stream}
    bodies: list[dict[str, Any]] = [
        {**usual, "tools": tools},
        {**usual, "messages": [*QUESTION, call, result], "tools": tools, "stream": False},
        usual,
        {**usual, "messages": [*QUESTION, result]},
        {**usual, "messages": [*QUESTION, call, *QUESTION]},
        {**usual, "messages": [*QUESTION, call]},
    ]
    said: list[bytes] = []
    for body in bodies:
        request = Recorded(
            method="POST", target=path, headers=(), body=msgspec.json.encode(body), connection=1, arrived_at=0.0
        )
        said.append(b"".join(step.data for step in model(request) if isinstance(step, Send)))
    assert b"look" in said[0]
    assert b"MARK" not in said[0]
    assert b"MARK seen" in said[1]
    assert b"MARK" in said[2]
    assert b"messages.1: a tool result without its call" in said[3]
    assert b"messages.2: tool calls without a result" in said[4]
    assert b"messages: tool calls without a result" in said[5]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_of_responses_does_likewise(*, stream: bool) -> None:
    model = Model(Dialect.OPENAI_RESPONSES, tool="look", arguments='{"at": "a"}', marker="MARK")
    call = {"type": "function_call", "call_id": "x", "name": "look", "arguments": "{}"}
    result = {"type": "function_call_output", "call_id": "x", "output": "seen"}
    asked = [{"role": "user", "content": "q"}]
    inputs = [asked, [*asked, call, result], [*asked, result], [*asked, call]]
    said: list[bytes] = []
    for given in inputs:
        body = {"model": "m", "input": given, "tools": [{"type": "function", "name": "look"}], "stream": stream}
        request = Recorded(
            method="POST",
            target="/v1/responses",
            headers=(),
            body=msgspec.json.encode(body),
            connection=1,
            arrived_at=0.0,
        )
        said.append(b"".join(step.data for step in model(request) if isinstance(step, Send)))
    assert b"look" in said[0]
    assert b"MARK seen" in said[1]
    assert b"input.1: a tool result without its call" in said[2]
    assert b"input: tool calls without a result" in said[3]


def test_a_model_lists_itself_and_counts() -> None:
    with FakeThread() as fake, claude(fake) as client, gpt(fake) as other:
        fake.answer(Model(Dialect.ANTHROPIC, tool="t", arguments="{}", marker="m"))
        ids = [model.id for model in client.models.list(limit=1000)]
        assert client.models.retrieve(ids[1]).id == ids[1]
        assert client.messages.count_tokens(model="m", messages=QUESTION).input_tokens > 0
        fake.answer(Model(Dialect.OPENAI_CHAT, tool="t", arguments="{}", marker="m"))
        assert [model.id for model in other.models.list()] == ids
        assert other.embeddings.create(model="m", input="x", encoding_format="float").data[0].embedding == [0.25, 0.5]


def test_what_has_just_been_accepted_is_closed_with_the_server() -> None:
    """Left to be collected it would warn in whatever test runs by then."""

    async def accepted(number: int) -> None:
        async with Fake() as fake:
            host, port = fake.url.removeprefix("http://").split(":")
            with socket.create_connection((host, int(port))):
                for _ in range(number):
                    await asyncio.sleep(0)
                await fake.stop()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(8):
            asyncio.run(accepted(number))
        gc.collect()
    assert not [str(warning.message) for warning in caught]

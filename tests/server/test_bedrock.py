"""Bedrock behind every front: Converse, and Claude by InvokeModel, whole and streamed, and all that can go wrong."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from anthropic import AnthropicBedrock
from tests.dialects.converse import judge
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    Reply,
    Rig,
    data_of,
    error_in,
    json_answer,
    request,
    serving,
    upstream,
)

from lethe.config.register import surfaces_for
from lethe.ir.content import Dialect
from lethe.ledger.events import Outcome
from lethe.providers.envelopes import BEDROCK_INVOKE, PLAIN
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.upstream.fake import Close, Fake, FakeThread, Head, Script, Send, Step, Until, converse
from lethe.upstream.fake import anthropic as claude
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.replies import cut
from lethe.upstream.fake.said import Called, Said
from lethe.wire.eventstream import encode_error

GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE
CALLERS = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
WAYS = ("converse", "invoke")
GRID = list(product(CALLERS, WAYS))
GRID_IDS = [f"{caller}<-{way}" for caller, way in GRID]
BOTH = pytest.mark.parametrize(("caller", "way"), GRID, ids=GRID_IDS)
STREAM = pytest.mark.parametrize("streaming", [False, True], ids=["buffered", "stream"])
MODEL = "us.anthropic.claude-sonnet-4-6:0"
CALL = Called("call_1", "look", '{"at":"left"}')
SAID = Said(text=("a ", "lake"), thinking="which one", calls=(CALL,), input=10, cached=5, output=7)


def bedrock(fake: Fake, way: str) -> Upstream:
    """As the preset has it."""
    envelope = BEDROCK_INVOKE if way == "invoke" else PLAIN[CONVERSE]
    dialect = ANTHROPIC if way == "invoke" else CONVERSE
    return upstream(
        "up",
        fake,
        dialect,
        base_url=fake.url,
        provider="bedrock",
        auth=Auth.BEARER,
        envelope=envelope,
        upstream_class=UpstreamClass.U6,
        surfaces=surfaces_for("bedrock", "127.0.0.1", dialect, loopback=True, envelope=envelope),
    )


def scripted(way: str, said: Said = SAID, *, streaming: bool) -> Script:
    if way == "invoke":
        return converse.invoked_stream(said) if streaming else converse.invoked(said)
    return converse.streamed(said) if streaming else converse.buffered(said)


def frames(way: str, said: Said = SAID) -> list[bytes]:
    return converse.wrapped(claude.events(said)) if way == "invoke" else converse.frames(said)


def begun(way: str) -> list[bytes]:
    """A stream up to its first words."""
    said = Said(text=("good ", "day"))
    return frames(way, said)[: 5 if way == "invoke" else 3]


def body(caller: Dialect, *, streaming: bool = False, **more: Any) -> dict[str, Any]:
    if caller is GEMINI:
        return {"contents": [{"role": "user", "parts": [{"text": "hello"}]}], **more}
    return {**request(caller, stream=streaming, **more), "model": MODEL}


def path(caller: Dialect, *, streaming: bool = False) -> str:
    if caller is GEMINI:
        method = "streamGenerateContent?alt=sse" if streaming else "generateContent"
        return f"/v1beta/models/{MODEL}:{method}"
    return PATH[caller]


async def ask(rig: Rig, caller: Dialect, *, streaming: bool, **more: Any) -> Reply:
    return await rig.ask("POST", path(caller, streaming=streaming), body(caller, streaming=streaming, **more))


def told(reply: Reply, *, streaming: bool) -> str:
    """All that an answer says, as one JSON text."""
    assert reply.status == 200, reply.body
    return json.dumps(data_of(reply.body)) if streaming else reply.body.decode()


@STREAM
@BOTH
async def test_every_caller_hears_it(caller: Dialect, way: str, *, streaming: bool) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(scripted(way, streaming=streaming))
        said = told(await ask(rig, caller, streaming=streaming), streaming=streaming)
        assert all(word in said for word in ("which one", "look", "left"))
        assert "a lake" in said or ("a " in said and "lake" in said)
        operation = {"converse": "converse", "invoke": "invoke"}[way]
        stream = {"converse": "converse-stream", "invoke": "invoke-with-response-stream"}[way]
        asked = fake.requests[0]
        assert asked.target == f"/model/us.anthropic.claude-sonnet-4-6%3A0/{stream if streaming else operation}"
        assert not {"model", "stream"} & asked.json().keys()
        kind = "application/vnd.amazon.eventstream" if streaming else "application/json"
        assert asked.header("accept") == kind
        if way == "converse":
            judge.request({**asked.json(), "model": MODEL})
        else:
            assert asked.json()["anthropic_version"] == "bedrock-2023-05-31"
        event = await rig.events.one()
        assert (event.input, event.cache_read, event.output, event.status) == (10, 5, 7, 200)


# A tool, a call of it and its result, as each caller says them.
SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
FUNCTION = {"name": "look", "description": "Look.", "parameters": SCHEMA}
TOOLS: dict[Dialect, Any] = {
    ANTHROPIC: [{"name": "look", "input_schema": SCHEMA}],
    CHAT: [{"type": "function", "function": FUNCTION}],
    RESPONSES: [{"type": "function", **FUNCTION}],
    GEMINI: [{"functionDeclarations": [FUNCTION]}],
}
CALLED: dict[Dialect, dict[str, Any]] = {
    ANTHROPIC: {
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "left"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "SEEN"}]},
        ]
    },
    CHAT: {
        "messages": [
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"at":"left"}'}}],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "SEEN"},
        ]
    },
    RESPONSES: {
        "input": [
            {"role": "user", "content": "hello"},
            {"type": "function_call", "call_id": "t1", "name": "look", "arguments": '{"at":"left"}'},
            {"type": "function_call_output", "call_id": "t1", "output": "SEEN"},
        ]
    },
    GEMINI: {
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"functionCall": {"id": "t1", "name": "look", "args": {"at": "left"}}}]},
            {"role": "user", "parts": [{"functionResponse": {"id": "t1", "name": "look", "response": {"output": "SEEN"}}}]},
        ]
    },
}  # fmt: skip


@STREAM
@BOTH
async def test_a_tool_is_called_and_tells(caller: Dialect, way: str, *, streaming: bool) -> None:
    dialect = ANTHROPIC if way == "invoke" else CONVERSE
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(Model(dialect, tool="look", arguments='{"at": "left"}', marker="DONE"))
        first = told(await ask(rig, caller, streaming=streaming, tools=TOOLS[caller]), streaming=streaming)
        assert "look" in first
        assert "left" in first
        second = await ask(rig, caller, streaming=streaming, tools=TOOLS[caller], **CALLED[caller])
        said = told(second, streaming=streaming)
        assert "DONE" in said
        assert "SEEN" in said
        if way == "converse":
            judge.request({**fake.requests[1].json(), "model": MODEL})


SEALED = [
    {"type": "thinking", "thinking": "which one", "signature": f"lethe:converse:{converse.SIGNATURE}"},
    {"type": "text", "text": "a lake"},
]


@STREAM
async def test_its_thinking_goes_back_as_it_came(*, streaming: bool) -> None:
    """Claude Code echoes what it was shown."""
    async with Fake() as fake, serving([bedrock(fake, "converse")]) as rig:
        fake.answer(scripted("converse", streaming=streaming))
        said = told(await ask(rig, ANTHROPIC, streaming=streaming), streaming=streaming)
        assert SEALED[0]["signature"] in said
        history = [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": SEALED},
            {"role": "user", "content": "and?"},
        ]
        reply = await ask(rig, ANTHROPIC, streaming=streaming, messages=history)
        assert "x-lethe-loss" not in reply.headers
        assert fake.requests[1].json()["messages"][1]["content"][0] == {
            "reasoningContent": {"reasoningText": {"text": "which one", "signature": converse.SIGNATURE}}
        }


@STREAM
@pytest.mark.parametrize("caller", CALLERS)
async def test_an_answer_names_the_model_that_was_asked(caller: Dialect, *, streaming: bool) -> None:
    """Converse does not say."""
    async with Fake() as fake, serving([bedrock(fake, "converse")]) as rig:
        fake.answer(scripted("converse", streaming=streaming))
        assert MODEL in told(await ask(rig, caller, streaming=streaming), streaming=streaming)


# What Anthropic's own SDK sends


@STREAM
async def test_a_body_by_invoke_model_is_what_the_official_sdk_sends(*, streaming: bool) -> None:
    """But for the version: models that InvokeModel serves do not know the SDK's latest (platform.claude.com)."""
    asked = {
        "max_tokens": 9,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "hello"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "look", "input_schema": SCHEMA}],
    }
    beta = "context-1m-2025-08-07"
    with FakeThread() as official:
        official.answer(converse.invoked_stream(SAID) if streaming else converse.invoked(SAID))
        with AnthropicBedrock(api_key="k", aws_region="us-east-1", base_url=official.url, max_retries=0) as client:
            create: Any = getattr(client.beta.messages, "create")  # noqa: B009 - typed for itself only
            version = {"anthropic_version": "bedrock-2023-05-31"}
            create(model=MODEL, stream=streaming, betas=[beta], extra_body=version, **asked)
        expected = official.requests[0]
    async with Fake() as fake, serving([bedrock(fake, "invoke")]) as rig:
        fake.answer(scripted("invoke", streaming=streaming))
        sent = {"model": MODEL, **asked, **({"stream": True} if streaming else {})}
        reply = await rig.ask("POST", "/v1/messages", sent, anthropic_beta=beta)
        assert reply.status == 200, reply.body
        ours = fake.requests[0]
    assert ours.json() == expected.json()
    assert ours.target.replace("%3A", ":") == expected.target
    assert ours.header("anthropic-beta") is None
    assert ours.header("anthropic-version") is None
    assert ours.header("authorization") == "Bearer secret-up"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize(
    ("level", "written", "header", "goes"),
    [
        ("B", ["CANARY-2027-01-01"], "", None),
        ("B", "CANARY-2027-01-01", "", None),
        ("B", ["context-1m-2025-08-07", 5], "", None),
        ("B", ["context-1m-2025-08-07"] * 65, "", None),
        ("B", ["message-threads-2026-08-12", "CANARY"], "context-1m-2025-08-07", None),
        ("B", ["context-1m-2025-08-07"], "compact-2026-01-12", ["compact-2026-01-12", "context-1m-2025-08-07"]),
        ("B", ["cache-diagnosis-2026-04-07"], "", []),
        ("B", None, "", []),
        ("C", ["CANARY-2027-01-01"], "", ["CANARY-2027-01-01"]),
    ],
)
async def test_betas_in_a_body_are_judged_as_those_in_the_header_are(
    path: str, level: str, written: Any, header: str, goes: list[str] | None
) -> None:
    async with Fake() as fake, serving([bedrock(fake, "invoke")], accept_classes=(UpstreamClass.U6,)) as rig:
        fake.answer(json_answer(200, {**claude.message(SAID), "inputTokens": 3}))
        sent = {**body(ANTHROPIC), "anthropic_beta": written}
        reply = await rig.ask("POST", path, sent, x_lethe_level=level, anthropic_beta=header)
        if goes is None:
            assert (reply.status, "CANARY" in str(reply), len(fake.requests)) == (400, False, 0)
            assert "$.anthropic_beta" in reply.json()["error"]["message"]
            return
        assert reply.status == 200, reply.body
        got = fake.requests[0].json()
        if "input" in got:
            got = json.loads(b64decode(got["input"]["invokeModel"]["body"]))
        assert got.get("anthropic_beta", []) == goes


# What goes wrong


@STREAM
@BOTH
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
async def test_errors_keep_their_status_and_words(caller: Dialect, way: str, status: int, *, streaming: bool) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(converse.error(status, "so it is", ("retry-after", "7")))
        reply = await ask(rig, caller, streaming=streaming)
        assert reply.status == status
        assert "so it is" in json.dumps(reply.json())
        assert reply.headers.get("retry-after") == "7"


@pytest.mark.parametrize(
    "words", ["Input is too long for requested model.", "prompt is too long: 9 tokens > 8 maximum"]
)
@pytest.mark.parametrize("way", WAYS)
async def test_a_conversation_that_is_too_long_is_told_so_that_clients_shorten_it(way: str, words: str) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(converse.error(400, words))
        told = error_in(await ask(rig, ANTHROPIC, streaming=False), ANTHROPIC)
        assert told["message"].startswith("prompt is too long")
        chat = error_in(await ask(rig, CHAT, streaming=False), CHAT)
        assert chat["code"] == "context_length_exceeded"


EXCEPTIONS = [
    ("throttlingException", 429),
    ("serviceUnavailableException", 529),
    ("validationException", 400),
    ("internalServerException", 500),
]


@BOTH
@pytest.mark.parametrize(("name", "status"), EXCEPTIONS)
async def test_an_exception_before_any_words_is_an_error_reply(
    caller: Dialect, way: str, name: str, status: int
) -> None:
    script: Script = [converse.OPENED, Send(frames(way)[0]), Send(converse.exception(name, "so it is"))]
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(script)
        reply = await ask(rig, caller, streaming=True)
        assert reply.status == status
        assert "so it is" in json.dumps(reply.json())


ENDS = [converse.exception("throttlingException", "so it is"), encode_error("InternalFailure", "so it is")]


@BOTH
@pytest.mark.parametrize("end", ENDS, ids=["exception", "error"])
async def test_an_exception_midway_ends_the_stream_with_the_callers_own_error(
    caller: Dialect, way: str, end: bytes
) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        said = await broken_off(rig, fake, caller, way, [Send(end)])
        assert "good " in said
        assert "so it is" in said


async def broken_off(rig: Rig, fake: Fake, caller: Dialect, way: str, steps: Sequence[Step]) -> str:
    """All that the caller gets, of whom some words have arrived before the steps are played."""
    seen = asyncio.Event()
    fake.answer([converse.OPENED, *map(Send, begun(way)), Until(seen), *steps])
    client = await rig.client()
    client.send("POST", path(caller, streaming=True), json.dumps(body(caller, streaming=True)).encode())
    async with asyncio.timeout(10):
        status, headers = await client.head()
        assert status == 200
        first = await client.chunk()
        seen.set()
        return json.dumps(data_of(first + await client.body(headers)))


def spoilt(way: str) -> bytes:
    frame = bytearray(frames(way)[-1])
    frame[-1] ^= 1
    return bytes(frame)


FAULTS: list[tuple[str, Sequence[Any]]] = [
    ("a wrong checksum", ["spoilt"]),
    ("noise", [Send(b"\x00" * 40)]),
    ("half a message", ["half"]),
    ("no end", []),
    ("a connection closed", ["half", Close()]),
]


@BOTH
@pytest.mark.parametrize("steps", [steps for _, steps in FAULTS], ids=[name for name, _ in FAULTS])
async def test_a_stream_that_breaks_off_ends_with_the_callers_own_error(
    caller: Dialect, way: str, steps: Sequence[Any]
) -> None:
    named = {"spoilt": Send(spoilt(way)), "half": Send(frames(way)[-1][:20])}
    played = [named[step] if isinstance(step, str) else step for step in steps]
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        said = await broken_off(rig, fake, caller, way, played)
        assert "good " in said
        assert "error" in said or "failed" in said
        event = await rig.events.one()
        assert event.outcome is Outcome.STREAM_FAILED


@BOTH
async def test_a_connection_reset_midway(caller: Dialect, way: str) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(cut([*begun(way), *begun(way)], converse.OPENED))
        said = told(await ask(rig, caller, streaming=True), streaming=True)
        assert "good " in said
        assert "error" in said or "failed" in said


@BOTH
@pytest.mark.parametrize("data", [b"\x00" * 40, b"data: {}\n\n", b""], ids=["noise", "text", "nothing"])
async def test_what_is_no_event_stream_is_a_bad_gateway(caller: Dialect, way: str, data: bytes) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer([converse.OPENED, *([Send(data)] if data else [])])
        assert (await ask(rig, caller, streaming=True)).status == 502
        fake.answer([Head(200, (("content-type", "text/event-stream"),)), Send(data or b"x")])
        assert (await ask(rig, caller, streaming=True)).status == 502


@BOTH
async def test_an_answer_that_is_no_stream_although_one_was_asked_for(caller: Dialect, way: str) -> None:
    async with Fake() as fake, serving([bedrock(fake, way)]) as rig:
        fake.answer(scripted(way, streaming=False))
        said = told(await ask(rig, caller, streaming=True), streaming=True)
        assert "which one" in said
        assert "lake" in said

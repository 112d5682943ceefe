"""Counting tokens: every caller's own endpoint, to upstreams that count and to those that do not."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from tests.server.rig import ANTHROPIC, CHAT, RESPONSES, Rig, json_answer, serving, upstream

from lethe.config.register import surfaces_for
from lethe.ir.content import Dialect
from lethe.providers.envelopes import (
    BEDROCK_INVOKE,
    LLAMACPP_CHAT,
    OPENAI_CHAT,
    PLAIN,
    VERTEX_CLAUDE,
    VERTEX_GEMINI,
    Endpoint,
    Envelope,
)
from lethe.providers.upstream import Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.surface import Action, FieldRule
from lethe.routing.table import Route, Target
from lethe.tokens import vocabulary
from lethe.tokens.vocabulary import PIECE, Vocabulary
from lethe.upstream.fake import Fake

CONVERSE, GEMINI = Dialect.CONVERSE, Dialect.GEMINI
PATHS = {
    ANTHROPIC: "/v1/messages/count_tokens",
    RESPONSES: "/v1/responses/input_tokens",
    GEMINI: "/v1beta/models/m:countTokens",
}
TOOL_SCHEMA = {"type": "object", "properties": {"at": {"type": "string"}}}
ASKED: dict[Dialect, dict[str, Any]] = {
    ANTHROPIC: {
        "model": "m",
        "system": "CANARY_system",
        "messages": [{"role": "user", "content": "CANARY_said"}],
        "tools": [{"name": "look", "description": "CANARY_tool", "input_schema": TOOL_SCHEMA}],
        "tool_choice": {"type": "auto"},
    },
    RESPONSES: {
        "model": "m",
        "instructions": "CANARY_system",
        "input": "CANARY_said",
        "tools": [{"type": "function", "name": "look", "description": "CANARY_tool", "parameters": TOOL_SCHEMA}],
        "tool_choice": "auto",
    },
    GEMINI: {
        "generateContentRequest": {
            "model": "models/m",
            "systemInstruction": {"parts": [{"text": "CANARY_system"}]},
            "contents": [{"role": "user", "parts": [{"text": "CANARY_said"}]}],
            "tools": [
                {
                    "functionDeclarations": [
                        {"name": "look", "description": "CANARY_tool", "parametersJsonSchema": TOOL_SCHEMA}
                    ]
                }
            ],
        }
    },
}
TOLD: dict[Dialect, dict[str, Any]] = {
    ANTHROPIC: {"input_tokens": 7},
    RESPONSES: {"object": "response.input_tokens", "input_tokens": 7},
    GEMINI: {"totalTokens": 7},
}


def at(fake: Fake, speaks: Dialect) -> Upstream:
    """As the vendor's SDK is told where it is."""
    return upstream("up", fake, speaks, base_url=fake.url + ("/v1" if speaks in (CHAT, RESPONSES) else ""))


async def ask(rig: Rig, caller: Dialect, **headers: str) -> Any:
    return await rig.ask("POST", PATHS[caller], ASKED[caller], **headers)


@pytest.mark.parametrize("speaks", list(PATHS))
@pytest.mark.parametrize("caller", list(PATHS))
async def test_an_upstream_counts_in_its_own_dialect(caller: Dialect, speaks: Dialect) -> None:
    async with Fake() as fake, serving([at(fake, speaks)]) as rig:
        fake.answer(json_answer(200, TOLD[speaks]))
        reply = await ask(rig, caller)
        assert (reply.status, reply.json()) == (200, TOLD[caller])
        assert reply.headers["content-type"] == "application/json"
        assert "x-lethe-estimate" not in reply.headers
        assert reply.headers["x-lethe-upstream-class"] == "U5"
        (sent,) = fake.requests
        assert sent.path == PATHS[speaks]
        assert sent.json() == ASKED[speaks] or caller is not speaks
        assert all(f"CANARY_{word}" in sent.body.decode() for word in ("system", "said", "tool"))


def within(body: dict[str, Any], *names: str) -> Any:
    for name in names:
        body = body[name]
    return body


def invoked(body: dict[str, Any]) -> Any:
    return json.loads(b64decode(within(body, "input", "invokeModel", "body")))


# Dialect and envelope, path, answer, and what of the body a completion's would hold.
CLOUDS: list[tuple[Dialect, Envelope | None, str, str, Callable[[dict[str, Any]], Any]]] = [
    (CONVERSE, None, "/model/m/count-tokens", "inputTokens", lambda body: within(body, "input", "converse")),
    (ANTHROPIC, BEDROCK_INVOKE, "/model/m/count-tokens", "inputTokens", invoked),
    (ANTHROPIC, VERTEX_CLAUDE, "/publishers/anthropic/models/count-tokens:rawPredict", "input_tokens", dict),
    (CHAT, OPENAI_CHAT, "/responses/input_tokens", "input_tokens", dict),
    (CHAT, LLAMACPP_CHAT, "/chat/completions/input_tokens", "input_tokens", dict),
    (GEMINI, VERTEX_GEMINI, "/publishers/google/models/m:countTokens", "totalTokens", dict),
]


@pytest.mark.parametrize(("speaks", "envelope", "path", "answer", "inner"), CLOUDS)
@pytest.mark.parametrize("caller", list(PATHS))
async def test_clouds_count_in_envelopes_of_their_own(
    caller: Dialect,
    speaks: Dialect,
    envelope: Envelope | None,
    path: str,
    answer: str,
    inner: Callable[[dict[str, Any]], Any],
) -> None:
    async with Fake() as fake:
        up = upstream("up", fake, speaks, base_url=fake.url, envelope=envelope)
        async with serving([up]) as rig:
            fake.answer(json_answer(200, {"object": "response.input_tokens", answer: 7}))
            reply = await ask(rig, caller)
            assert (reply.status, TOLD[caller].items() <= reply.json().items()) == (200, True)
            (sent,) = fake.requests
            assert sent.path == path
            held = inner(sent.json())
            assert all(f"CANARY_{word}" in json.dumps(held) for word in ("system", "said", "tool"))
            assert "stream" not in held
            assert ("model" in held) is (envelope in (VERTEX_CLAUDE, LLAMACPP_CHAT, OPENAI_CHAT))
            if envelope is not None and envelope.added:
                assert held["anthropic_version"] == envelope.added["anthropic_version"]


async def test_bedrock_says_400_of_a_model_that_does_not_count() -> None:
    async with Fake() as fake:
        async with serving([upstream("up", fake, CONVERSE, base_url=fake.url)]) as rig:
            fake.answer(json_answer(400, {"message": "The provided model doesn't support counting tokens."}))
            assert "x-lethe-estimate" in (await ask(rig, ANTHROPIC)).headers


async def test_what_a_count_holds_is_judged_as_if_it_were_to_be_answered() -> None:
    ruled = FieldRule(path="messages", actions={Level.C: Action.REFUSE}, because="CANARY_reason")
    async with Fake() as fake:
        surfaces = surfaces_for("bedrock", "", CONVERSE, loopback=True)
        up = upstream("up", fake, CONVERSE, base_url=fake.url)
        (completion,) = (s for s in surfaces if s.endpoint == "converse")
        odd = replace(completion, fields=(ruled,))
        rest = tuple(s for s in surfaces if s is not completion)
        async with serving([replace(up, surfaces=(odd, *rest))]) as rig:
            reply = await ask(rig, ANTHROPIC)
            assert reply.status == 400
            assert "CANARY_reason" in reply.json()["error"]["message"]
            assert not fake.requests


async def test_what_bears_on_a_count_is_what_is_sent() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        fake.answer(json_answer(200, {"input_tokens": 1}))
        asked = {**ASKED[RESPONSES], "truncation": "disabled", "reasoning": {"effort": "low"}}
        assert (await rig.ask("POST", PATHS[RESPONSES], asked)).status == 200
        sent = fake.requests[0].json()
        assert "max_tokens" not in sent
        assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "CANARY_said"}]}]


DEMANDED: dict[str, dict[str, Any]] = {
    "openrouter": {"provider": {"zdr": True, "data_collection": "deny"}},
    "vercel": {"providerOptions": {"gateway": {"zeroDataRetention": True, "disallowPromptTraining": True}}},
}


@pytest.mark.parametrize("level", [Level.B, Level.A2])
@pytest.mark.parametrize("provider", DEMANDED)
@pytest.mark.parametrize("caller", list(PATHS))
async def test_what_a_router_must_be_told_of_retention_it_is_told_for_a_count(
    caller: Dialect, provider: str, level: Level
) -> None:
    known = surfaces_for(provider, "", ANTHROPIC, loopback=True)
    surfaces = tuple(replace(each, upstream_class=UpstreamClass.U0) for each in known)
    async with Fake() as fake:
        up = upstream("up", fake, ANTHROPIC, provider=provider, surfaces=surfaces)
        async with serving([up], level=level) as rig:
            fake.answer(json_answer(200, TOLD[ANTHROPIC]))
            assert (await ask(rig, caller)).json() == TOLD[caller]
            sent, demanded = fake.requests[0].json(), DEMANDED[provider]
            for name, options in demanded.items():
                for option, value in options.items():
                    said = sent[name][option]
                    assert value.items() <= said.items() if isinstance(value, dict) else said == value
            assert "max_tokens" not in sent


@pytest.mark.parametrize("caller", list(PATHS))
async def test_without_an_endpoint_nothing_is_sent_and_the_estimate_is_labelled(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        reply = await ask(rig, caller)
        assert reply.status == 200
        assert reply.headers["x-lethe-estimate"] == "bpe-o200k"
        assert "x-lethe-upstream-class" not in reply.headers
        assert reply.json().keys() == TOLD[caller].keys()
        assert 20 < reply.json().get("input_tokens", reply.json().get("totalTokens")) < 60
        assert not fake.requests


@pytest.mark.parametrize("status", [404, 405, 501])
@pytest.mark.parametrize("caller", list(PATHS))
async def test_an_upstream_that_does_not_count_after_all(caller: Dialect, status: int) -> None:
    async with Fake() as fake, serving([upstream("up", fake, RESPONSES)]) as rig:
        fake.answer(json_answer(status, {"error": {"message": "no such path"}}))
        reply = await ask(rig, caller)
        assert reply.status == 200
        assert reply.headers["x-lethe-estimate"] == "bpe-o200k"
        assert reply.headers["x-lethe-upstream-class"] == "U5"  # it was asked, and has seen the prompt


@pytest.mark.parametrize("status", [400, 401, 429, 503])
async def test_other_errors_are_the_callers_to_see(status: int) -> None:
    async with Fake() as fake, serving([upstream("up", fake, RESPONSES)]) as rig:
        fake.answer(json_answer(status, {"error": {"message": "CANARY_why", "type": "x"}}))
        reply = await ask(rig, ANTHROPIC)
        assert reply.status == status
        assert reply.json()["error"]["message"] == "CANARY_why"


@pytest.mark.parametrize("body", [{"tokens": 3}, {"input_tokens": "3"}, {"input_tokens": -1}, [3], "3"])
async def test_an_answer_that_is_no_count(body: object) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        fake.answer(json_answer(200, body))
        assert (await ask(rig, RESPONSES)).status == 502


async def test_the_next_upstream_is_asked_when_one_fails_and_none_after_one_that_does_not_count() -> None:
    async with Fake() as one, Fake() as two, Fake() as three:
        upstreams = [upstream("a", one, ANTHROPIC), upstream("b", two, CHAT), upstream("c", three, ANTHROPIC)]
        one.answer(json_answer(503, {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}))
        three.answer(json_answer(200, {"input_tokens": 3}))
        async with serving(upstreams, [Route(model="*", to=(Target(0), Target(2)))]) as rig:
            assert (await ask(rig, ANTHROPIC)).json() == {"input_tokens": 3}
        async with serving(upstreams, [Route(model="*", to=(Target(1), Target(2)))]) as rig:
            assert (await ask(rig, ANTHROPIC)).headers["x-lethe-estimate"] == "bpe-o200k"
        async with serving(upstreams, [Route(model="*", to=(Target(0), Target(1), Target(2)))]) as rig:
            assert (await ask(rig, ANTHROPIC)).status == 503
        assert len(three.requests) == 1


async def test_at_a_strict_level_an_endpoint_that_the_register_does_not_know_is_not_asked() -> None:
    async with Fake() as fake:
        known = upstream("up", fake, ANTHROPIC)
        unknown = replace(known, surfaces=())
        fake.answer(json_answer(200, {"input_tokens": 3}))
        for served, estimated in ((known, False), (unknown, True)):
            async with serving([served]) as rig:
                reply = await ask(rig, ANTHROPIC, x_lethe_level="B")
                assert (reply.status, "x-lethe-estimate" in reply.headers) == (200, estimated)


async def test_a_count_obeys_the_level_as_any_request() -> None:
    asked = {**ASKED[ANTHROPIC], "mcp_servers": [{"type": "url", "url": "https://x.example", "name": "x"}]}
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], level=Level.B) as rig:
        reply = await rig.ask("POST", PATHS[ANTHROPIC], asked)
        assert reply.status == 400
        assert not fake.requests


async def test_what_cannot_be_carried_is_refused_before_it_is_counted() -> None:
    searching = {**ASKED[RESPONSES], "tools": [{"type": "web_search"}]}
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        reply = await rig.ask("POST", PATHS[RESPONSES], searching)
        assert (reply.status, reply.json()["error"]["code"]) == (400, "translation_loss")
        assert not fake.requests


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As installed without the extra."""
    monkeypatch.setattr(vocabulary, "_PACKAGE", "no_such_package")
    vocabulary.vocabulary.cache_clear()
    yield
    vocabulary.vocabulary.cache_clear()


@pytest.mark.usefixtures("bare")
async def test_without_the_vocabulary_bytes_are_counted() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        few, many = [
            await rig.ask("POST", PATHS[ANTHROPIC], {**ASKED[ANTHROPIC], "system": "word " * times})
            for times in (0, 1000)
        ]
        assert few.headers["x-lethe-estimate"] == "utf8-bytes/4"
        assert many.json()["input_tokens"] - few.json()["input_tokens"] == 1250


async def test_others_have_their_turn_while_a_long_text_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    turns, seen = 0, list[tuple[int, int]]()

    def count(text: str) -> int:
        seen.append((turns, len(text)))
        return 1

    async def tick() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr("lethe.server.counting.vocabulary", lambda: Vocabulary("made-up", count))
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        other = asyncio.create_task(tick())
        text = "CANARY " * 40_000
        reply = await rig.ask("POST", PATHS[ANTHROPIC], {**ASKED[ANTHROPIC], "system": text})
        other.cancel()
    assert reply.headers["x-lethe-estimate"] == "made-up"
    long = [turn for turn, length in seen if length == PIECE]
    assert len(long) == len(set(long)) == len(text) // PIECE
    assert max(length for _, length in seen) == PIECE


async def test_responses_may_count_instructions_alone() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        reply = await rig.ask("POST", PATHS[RESPONSES], {"model": "m", "instructions": "a b c"})
        assert reply.json()["input_tokens"] == 3 + 6  # three words; a message, and the beginning of an answer


async def test_state_that_a_provider_holds_cannot_be_counted_elsewhere() -> None:
    asked = {**ASKED[RESPONSES], "previous_response_id": "resp_1"}
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        assert (await rig.ask("POST", PATHS[RESPONSES], asked)).status == 400
        assert not fake.requests


def test_every_dialect_that_counts_has_a_path() -> None:
    counting = {dialect for dialect in Dialect if Endpoint.COUNT_TOKENS in PLAIN[dialect].paths}
    assert counting >= {ANTHROPIC, RESPONSES, Dialect.GEMINI}

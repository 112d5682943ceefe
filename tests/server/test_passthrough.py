"""Same dialect on both sides: the bytes, and nothing but the bytes that may pass."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    SSE,
    frames,
    json_answer,
    request,
    serving,
    streamed,
    upstream,
    whole,
)

from lethe.ir.content import Dialect
from lethe.ledger.events import Outcome
from lethe.providers.upstream import Auth
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake, Head, Send

BOTH = pytest.mark.parametrize("dialect", [ANTHROPIC, CHAT])
EVERY = pytest.mark.parametrize("dialect", [ANTHROPIC, CHAT, RESPONSES])
# Unknown fields, odd numbers, escapes and spacing: all of it belongs to the caller.
ODD = b'{ "model": "m",  "messages":[ {"role":"user","content":"caf\\u00e9 \\/ 1.0"} ],"temperature":1.0, "seed":1e3,"new_field":{"b" : 1}}'


@BOTH
async def test_request_bytes_pass_untouched(dialect: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer(whole(dialect))
        reply = await rig.ask("POST", PATH[dialect], ODD)
        assert reply.status == 200
        (seen,) = fake.requests
        assert seen.body == ODD
        assert seen.target == PATH[dialect]


@BOTH
async def test_a_route_changes_the_model_and_nothing_else(dialect: Dialect) -> None:
    routes = [Route(model="m", to=(Target(0, "real/model:1"),))]
    async with Fake() as fake, serving([upstream("up", fake, dialect)], routes) as rig:
        fake.answer(whole(dialect))
        await rig.ask("POST", PATH[dialect], ODD)
        assert fake.requests[0].body == ODD.replace(b'"m"', b'"real/model:1"', 1)


async def test_a_responses_request_changes_in_one_field_only() -> None:
    """The API stores answers unless it is told not to."""
    body = b'{ "model": "m",  "input":"caf\\u00e9 1.0","temperature":1.0, "store" : true, "seed":1e3,"new_field":{"b" : 1}}'
    async with Fake() as fake, serving([upstream("up", fake, RESPONSES)]) as rig:
        fake.answer(whole(RESPONSES))
        assert (await rig.ask("POST", PATH[RESPONSES], body)).status == 200
        assert fake.requests[0].body == body.replace(b"true", b"false")
        assert fake.requests[0].target == "/v1/responses"


@EVERY
async def test_response_bytes_pass_untouched(dialect: Dialect) -> None:
    raw = b'{ "id":"x", "unknown" : 1.50,\n "usage": {"input_tokens": 2, "prompt_tokens": 2} }'
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer([Head(200, (("content-type", "application/json"), ("content-length", str(len(raw))))), Send(raw)])
        assert (await rig.ask("POST", PATH[dialect], request(dialect))).body == raw


@EVERY
@pytest.mark.parametrize("size", [1, 7, 64, 10_000])
async def test_stream_bytes_pass_untouched(dialect: Dialect, size: int) -> None:
    raw = b": hello\n\n" + b"".join(frames(dialect)) + b"data: {}\r\n\r\n" + b"trailing"
    pieces = [Send(raw[i : i + size]) for i in range(0, len(raw), size)]
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer([Head(200, SSE), *pieces])
        reply = await rig.ask("POST", PATH[dialect], request(dialect, stream=True))
        assert reply.body == raw
        assert reply.headers["content-type"] == "text/event-stream"
        event = await rig.events.one()
        assert (event.input, event.cache_read, event.output) == (10, 5, 3)
        assert (event.outcome, event.stream, event.tee_errors) == (Outcome.OK, True, 0)


@EVERY
async def test_usage_of_a_buffered_reply(dialect: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer(whole(dialect))
        reply = await rig.ask("POST", PATH[dialect], request(dialect))
        event = await rig.events.one()
        assert (event.input, event.cache_read, event.output, event.status) == (10, 5, 3, 200)
        assert event.request_bytes == len(json.dumps(request(dialect)))
        assert event.response_bytes == len(reply.body)
        assert event.request_id.hex() == reply.headers["x-lethe-request-id"]


SENT = {
    "authorization": "Bearer caller-key",
    "cookie": "a=b",
    "user-agent": "caller/1",
    "x-forwarded-for": "10.0.0.1",
    "traceparent": "00-1-2-3",
    "openai-organization": "org",
    "openai-project": "proj",
    "anthropic-workspace-id": "ws",
    "x-stainless-lang": "python",
    "idempotency-key": "k",
    "x-lethe-level": "C",
    "anthropic-version": "2099-01-01",
    "anthropic-beta": "one,two",
    "openai-beta": "three",
    "accept": "application/json",
    "accept-encoding": "gzip",
}
PASSED: dict[Dialect, dict[str, str]] = {
    ANTHROPIC: {
        "anthropic-version": "2099-01-01",
        "anthropic-beta": "one,two",
        "x-api-key": "secret-up",
        "accept": "application/json",
    },
    CHAT: {"openai-beta": "three", "authorization": "Bearer secret-up", "accept": "application/json"},
}
PASSED[RESPONSES] = PASSED[CHAT]
OURS = {"host", "content-length", "content-type", "user-agent", "accept-encoding", "connection"}


@EVERY
async def test_request_headers_pass_by_allow_list(dialect: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer(whole(dialect))
        await rig.ask("POST", PATH[dialect], request(dialect), **{k.replace("-", "_"): v for k, v in SENT.items()})
        got = dict(fake.requests[0].headers)
        assert {k: v for k, v in got.items() if k not in OURS} == PASSED[dialect]
        assert got["user-agent"].startswith("lethe/")
        assert got["accept-encoding"] == "identity"


@EVERY
async def test_response_headers_pass_by_allow_list(dialect: Dialect) -> None:
    answered = {
        "request-id": "req_1",
        "x-request-id": "req_2",
        "retry-after": "3",
        "x-should-retry": "false",
        "anthropic-ratelimit-tokens-remaining": "7",
        "x-ratelimit-remaining-tokens": "8",
        "set-cookie": "a=b",
        "server": "cloudflare",
        "cf-ray": "1",
        "anthropic-organization-id": "o",
        "openai-organization": "o",
        "strict-transport-security": "x",
    }
    kept: dict[Dialect, set[str]] = {
        ANTHROPIC: {"request-id", "retry-after", "x-should-retry", "anthropic-ratelimit-tokens-remaining"},
        CHAT: {"x-request-id", "retry-after", "x-should-retry", "x-ratelimit-remaining-tokens"},
    }
    async with Fake() as fake, serving([upstream("up", fake, dialect)]) as rig:
        fake.answer(json_answer(200, {"id": "x"}, **answered))
        reply = await rig.ask("POST", PATH[dialect], request(dialect))
        ours = {"content-type", "content-length", "cache-control"} | {
            k for k in reply.headers if k.startswith("x-lethe-")
        }
        assert set(reply.headers) - ours == kept[ANTHROPIC if dialect is ANTHROPIC else CHAT]
        assert reply.headers["x-lethe-level"] == "C"
        assert reply.headers["x-lethe-upstream-class"] == "U5"


@pytest.mark.parametrize("level", Level)
async def test_the_beta_query_passes_and_no_other(level: Level) -> None:
    local = upstream("up", "", ANTHROPIC, upstream_class=UpstreamClass.U0)
    async with Fake() as fake, serving([replace(local, base_url=fake.url)], level=level) as rig:
        fake.answer(whole(ANTHROPIC))
        await rig.ask("POST", "/v1/messages?beta=true", request(ANTHROPIC))
        assert fake.requests[0].target == "/v1/messages?beta=true"
        for target in ("/v1/messages?beta=true&x=CANARY", "/v1/messages?CANARY", "/v1/chat/completions?beta=true"):
            reply = await rig.ask("POST", target, request(ANTHROPIC))
            assert (reply.status, b"CANARY" in reply.body, b"query string" in reply.body) == (400, False, True)
        assert len(fake.requests) == 1


async def test_the_callers_own_credential_goes_upstream_where_the_operator_says_so() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC, auth=Auth.FORWARD, credential=None)]) as rig:
        fake.answer(whole(ANTHROPIC))
        await rig.ask("POST", "/v1/messages", request(ANTHROPIC), authorization="Bearer own", user_agent="claude-cli/2")
        got = dict(fake.requests[0].headers)
        assert got["authorization"] == "Bearer own"
        assert got["user-agent"] == "claude-cli/2"


async def test_a_compressed_buffered_reply_passes_and_a_compressed_stream_is_an_error() -> None:
    packed = b"\x1f\x8b not really"
    head = (("content-type", "application/json"), ("content-encoding", "gzip"), ("content-length", str(len(packed))))
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer([Head(200, head), Send(packed)])
        reply = await rig.ask("POST", PATH[CHAT], request(CHAT))
        assert (reply.body, reply.headers["content-encoding"]) == (packed, "gzip")
        fake.answer([Head(200, (*SSE, ("content-encoding", "gzip"))), Send(packed)])
        reply = await rig.ask("POST", PATH[CHAT], request(CHAT, stream=True))
        assert (reply.status, reply.json()["error"]["code"]) == (502, "upstream_malformed_reply")


async def test_embeddings_pass() -> None:
    body = b'{"model":"text-embedding-3-small","input":["a","b"]}'
    answer: dict[str, Any] = {"object": "list", "data": [], "usage": {"prompt_tokens": 4, "total_tokens": 4}}
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(json_answer(200, answer))
        reply = await rig.ask("POST", "/v1/embeddings", body)
        assert reply.json() == answer
        assert fake.requests[0].target == "/v1/embeddings"
        assert fake.requests[0].body == body
        assert (await rig.events.one()).input == 4


async def test_connections_are_used_again() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(streamed(CHAT))
        for _ in range(5):
            await rig.ask("POST", PATH[CHAT], request(CHAT, stream=True))
        assert fake.connections == 1

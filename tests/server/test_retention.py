"""What a level asks of an upstream, on the wire: what goes out, what is refused before, what must come back."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from tests.server.rig import (
    ANSWER,
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    Rig,
    error_body,
    error_in,
    json_answer,
    request,
    serving,
    streamed,
    upstream,
    whole,
)
from tests.server.test_front import keys

from lethe.config.register import providers, surfaces_for
from lethe.ir.content import Dialect
from lethe.ledger.codes import CODES
from lethe.providers.envelopes import Endpoint
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.classes import review_ends
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Contract, Finding
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Cut, Fake, Script, Until, Wait, converse, gemini
from lethe.upstream.fake.said import say

BOTH = pytest.mark.parametrize("caller", [ANTHROPIC, CHAT], ids=str)
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
NOW = 1_795_000_000.0  # 2026-11-18
GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE
ZDR = Contract(kind="zdr", signed=NOW - 1000, expires=NOW + 1000)


def known(name: str, provider: str, fake: Fake, dialect: Dialect, **changes: Any) -> Upstream:
    """An upstream that the register knows."""
    surfaces = surfaces_for(provider, "", dialect, loopback=True)
    return upstream(name, fake, dialect, surfaces=surfaces, **changes)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


NEVER = {
    "openai-project": "CANARY",
    "openai-organization": "CANARY",
    "anthropic-workspace-id": "CANARY",
    "anthropic-user-profile-id": "CANARY",
    "cf-aig-collect-log": "CANARY",
    "cf-aig-metadata": "CANARY",
    "cf-aig-zdr": "CANARY",
    "x-goog-user-project": "CANARY",
    "traceparent": "CANARY",
    "tracestate": "CANARY",
    "baggage": "CANARY",
    "cookie": "CANARY",
    "forwarded": "CANARY",
    "x-forwarded-for": "CANARY",
    "x-real-ip": "CANARY",
    "via": "CANARY",
    "referer": "CANARY",
    "http-referer": "CANARY",
    "x-openrouter-title": "CANARY",
    "x-session-id": "CANARY",
    "user-agent": "CANARY",
    "x-stainless-lang": "CANARY",
    "x-stainless-os": "CANARY",
    "x-app": "CANARY",
    "x-claude-code-session-id": "CANARY",
    "idempotency-key": "CANARY",
    "accept": "CANARY",
    "content-type": "application/json; charset=CANARY",
}
FRONTS: list[tuple[Dialect, Dialect, str]] = [
    (ANTHROPIC, ANTHROPIC, "/v1/messages"),
    (ANTHROPIC, ANTHROPIC, "/v1/messages/count_tokens"),
    (ANTHROPIC, CHAT, "/v1/messages"),
    (CHAT, CHAT, "/v1/chat/completions"),
    (CHAT, CHAT, "/v1/embeddings"),
    (CHAT, ANTHROPIC, "/v1/chat/completions"),
    (RESPONSES, RESPONSES, "/v1/responses"),
    (RESPONSES, ANTHROPIC, "/v1/responses"),
    (CHAT, RESPONSES, "/v1/chat/completions"),
    (GEMINI, GEMINI, "/v1beta/models/m:generateContent"),
    (GEMINI, CHAT, "/v1beta/models/m:generateContent"),
    (ANTHROPIC, GEMINI, "/v1/messages"),
    (CHAT, CONVERSE, "/v1/chat/completions"),
]
OTHERS = {GEMINI: gemini.buffered(say("hello")), CONVERSE: converse.buffered(say("hello"))}


def asked(path: str, caller: Dialect, **more: Any) -> dict[str, Any]:
    if caller is GEMINI:
        return {"contents": [{"parts": [{"text": "hello"}]}]} | more
    body = {"model": "m", "input": "hello"} if "embeddings" in path else request(caller)
    if "count" in path:
        del body["max_tokens"]
    return body | more


@pytest.mark.parametrize(("caller", "target", "path"), FRONTS)
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("auth", [Auth.BEARER, Auth.FORWARD])
async def test_headers_that_never_pass(caller: Dialect, target: Dialect, path: str, level: Level, auth: Auth) -> None:
    async with Fake() as fake:
        up = upstream("up", fake, target, upstream_class=UpstreamClass.U0, auth=auth)
        if target is CONVERSE:  # which only Bedrock serves
            rows = surfaces_for("bedrock", "", target, loopback=True)
            up = replace(up, surfaces=tuple(replace(s, upstream_class=UpstreamClass.U0, models=()) for s in rows))
        async with serving([up], level=level, clock=Clock()) as rig:
            fake.answer(OTHERS[target] if target in OTHERS else whole(target))
            sent = {name.replace("-", "_"): value for name, value in NEVER.items()}
            reply = await rig.ask("POST", path, asked(path, caller), **sent)
            assert reply.status == 200
            (seen,) = fake.requests
            own = {"user-agent", "x-app"} if auth is Auth.FORWARD and level is Level.C else set()
            assert {name for name, value in seen.headers if "CANARY" in value} == own
            assert dict(seen.headers)["content-type"] == "application/json"


UNSTORED = {"mistral", "gemini", "cerebras", "cohere"}  # refuse the field
OPENAI_SHAPED = [name for name in (*providers(), "") if surfaces_for(name, "", CHAT, loopback=True)]


@pytest.mark.parametrize("provider", OPENAI_SHAPED)
@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES, GEMINI])
async def test_nothing_is_stored_at_any_upstream_of_openais_shape(provider: str, caller: Dialect) -> None:
    surfaces = [replace(s, upstream_class=UpstreamClass.U0) for s in surfaces_for(provider, "", CHAT, loopback=True)]
    path = PATH.get(caller, "/v1beta/models/m:generateContent")
    async with Fake() as fake:
        up = upstream("up", fake, CHAT, upstream_class=UpstreamClass.U0, provider=provider, surfaces=tuple(surfaces))
        async with serving([up], clock=Clock()) as rig:
            fake.answer(whole(CHAT))
            for level in ("C", "B", "A2", "A1"):
                for given in ({}, {"store": True}) if caller in (CHAT, RESPONSES) else ({},):
                    await rig.ask("POST", path, asked(path, caller, **given), x_lethe_level=level)
            bodies = [seen.json() for seen in fake.requests]
            assert bodies
            assert all(body.get("store", False) is False for body in bodies)
            if provider in {"openai", "azure", "xai", "openrouter"} or (
                caller is not CHAT and provider not in UNSTORED
            ):
                assert all("store" in body for body in bodies)


REFUSED: list[tuple[Dialect, dict[str, Any], str, Sequence[str]]] = [
    (ANTHROPIC, {"mcp_servers": [{"url": "https://CANARY"}]}, "$.mcp_servers", ["B", "A2", "C"]),
    (ANTHROPIC, {"container": "CANARY"}, "$.container", ["B", "A2"]),
    (ANTHROPIC, {"tools": [{"type": "code_execution_20260521", "name": "CANARY"}]}, "$.tools[].type", ["B", "A2"]),
    (ANTHROPIC, {"tools": [{"type": "CANARY"}]}, "$.tools[0].type", ["B", "A2"]),
    (ANTHROPIC, {"CANARY": 1}, "$: a field", ["B", "A2"]),
    (RESPONSES, {"previous_response_id": "CANARY"}, "$.previous_response_id", ["C", "B", "A2"]),
    (RESPONSES, {"tools": [{"type": "mcp", "server_label": "CANARY"}]}, "$.tools[].type", ["B", "A2"]),
    (RESPONSES, {"tools": [{"type": "CANARY"}]}, "$.tools[0].type", ["B", "A2"]),
    (RESPONSES, {"input": [{"role": "user", "content": [{"type": "CANARY"}]}]}, "$.input[].content[].type", ["B"]),
    (RESPONSES, {"CANARY": 1}, "$: a field", ["B", "A2"]),
    (CHAT, {"web_search_options": {"CANARY": 1}}, "$.web_search_options", ["B", "A2"]),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "CANARY"}]}]}, "$.messages[].content[].type", ["B"]),
    (CHAT, {"CANARY": 1}, "$: a field", ["B", "A2"]),
]


@pytest.mark.parametrize(("caller", "more", "path", "levels"), REFUSED, ids=[f"{c[0]} {c[2]}" for c in REFUSED])
@STREAM
async def test_features_are_refused_before_any_byte(
    caller: Dialect, more: dict[str, Any], path: str, levels: Sequence[str], stream: bool
) -> None:
    provider = "anthropic" if caller is ANTHROPIC else "openai"
    async with Fake() as fake:
        async with serving([known("up", provider, fake, caller, contract=ZDR)], clock=Clock()) as rig:
            for level in levels:
                reply = await rig.ask("POST", PATH[caller], request(caller, stream=stream) | more, x_lethe_level=level)
                error = error_in(reply, caller)
                assert (reply.status, error["type"]) == (400, "invalid_request_error")
                assert path in error["message"]
                assert "CANARY" not in reply.body.decode() + str(reply.headers)
                assert "x-lethe-upstream-class" not in reply.headers
            assert not fake.requests
            assert {CODES[e.error] for e in rig.events.seen} == {"retention_refused"}


async def test_another_upstream_may_take_what_the_first_may_not() -> None:
    async with Fake() as vendor, Fake() as local:
        ups = [known("vendor", "openai", vendor, CHAT, contract=ZDR), known("local", "llamacpp", local, CHAT)]
        async with serving(ups, clock=Clock()) as rig:
            local.answer(whole(CHAT))
            reply = await rig.ask("POST", PATH[CHAT], request(CHAT, top_k=5), x_lethe_level="B")
            assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (200, "U5")
            assert (len(vendor.requests), len(local.requests)) == (0, 1)


async def test_the_failure_of_one_that_was_asked_is_told_rather_than_the_refusal_of_another() -> None:
    async with Fake() as vendor, Fake() as local:
        ups = [known("local", "llamacpp", local, CHAT), known("vendor", "openai", vendor, CHAT, contract=ZDR)]
        async with serving(ups, clock=Clock()) as rig:
            local.answer([Cut()])
            reply = await rig.ask("POST", PATH[CHAT], request(CHAT, top_k=5), x_lethe_level="B")
            assert (reply.status, len(local.requests), len(vendor.requests)) == (502, 1, 0)


async def test_what_a_request_uses_counts_in_its_class() -> None:
    tools = [{"type": "code_execution_20260521", "name": "code_execution"}]
    async with Fake() as fake:
        async with serving([known("up", "anthropic", fake, ANTHROPIC, contract=ZDR)], clock=Clock()) as rig:
            fake.answer(whole(ANTHROPIC))
            plain = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))
            used = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, tools=tools))
            assert plain.headers["x-lethe-upstream-class"] == "U4"
            assert "safety_classifier_results" in plain.headers["x-lethe-carve-outs"].split(", ")
            assert (used.status, used.headers["x-lethe-upstream-class"]) == (200, "U6")
            assert "x-lethe-carve-outs" not in used.headers


@STREAM
async def test_a_contract_that_ends_while_serving_lets_the_class_fall(stream: bool) -> None:
    clock = Clock()
    async with Fake() as fake:
        ups = [known("claude", "anthropic", fake, ANTHROPIC, contract=ZDR)]
        async with serving(ups, level=Level.A2, clock=clock) as rig:
            fake.answer(streamed(ANTHROPIC) if stream else whole(ANTHROPIC))
            for moment, status in ((0.0, 200), (999.0, 200), (1000.0, 403)):
                clock.now = NOW + moment
                reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=stream))
                assert reply.status == status
            message = error_in(reply, ANTHROPIC)["message"]
            assert "level A2 accepts upstream classes up to U4; claude is U6: " in message
            assert "(U4 by a contract of kind zdr, or route to another upstream)" in message
            assert len(fake.requests) == 2
            assert {CODES[e.error] for e in rig.events.seen if e.status == 403} == {"upstream_class_refused"}


@STREAM
async def test_a_review_that_ends_while_serving_lets_the_class_fall(stream: bool) -> None:
    clock = Clock()
    async with Fake() as fake:
        lasting = replace(ZDR, expires=NOW + 1e9)
        claude = known("claude", "anthropic", fake, ANTHROPIC, contract=lasting)
        ends = max(review_ends(surface) for surface in claude.surfaces)
        async with serving([claude], level=Level.A2, clock=clock) as rig:
            fake.answer(streamed(ANTHROPIC) if stream else whole(ANTHROPIC))
            for moment, status in ((ends - 1, 200), (ends, 403)):
                clock.now = moment
                reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=stream))
                assert reply.status == status
            assert "(update Lethe, or route to another upstream)" in error_in(reply, ANTHROPIC)["message"]
            assert len(fake.requests) == 1


@pytest.mark.parametrize("ends", ["contract", "review", "proof"])
async def test_a_fallback_whose_class_falls_while_serving_is_not_asked(ends: str) -> None:
    """The first fails all the time; what comes after it must be good enough at that moment."""
    clock = Clock()
    async with Fake() as broken, Fake() as second:
        first = known("first", "openai", broken, CHAT, contract=replace(ZDR, expires=NOW + 1e9))
        last = min(review_ends(surface) for surface in first.surfaces)
        lasting = [replace(surface, expires=surface.expires.replace(year=2090)) for surface in first.surfaces]
        first = replace(first, surfaces=tuple(lasting))
        signed = {"contract": ZDR, "review": replace(ZDR, expires=NOW + 1e9), "proof": None}[ends]
        fallback = grok(second) if ends == "proof" else known("up", "openai", second, CHAT, contract=signed)
        async with serving([first, replace(fallback, name="grok")], level=Level.A2, clock=clock) as rig:
            broken.answer(json_answer(503, error_body(CHAT, "server_error", "busy")))
            second.answer(json_answer(200, ANSWER[CHAT], x_zero_data_retention="true"))
            rig.serving.learn([proof(NOW - 1)])
            assert (await rig.ask("POST", PATH[CHAT], request(CHAT))).status == 200
            clock.now = {"contract": ZDR.expires, "review": last, "proof": NOW + 1}[ends]
            if ends == "proof":
                rig.serving.learn([proof(NOW - 1), replace(proof(NOW), holds=False)])
            assert (await rig.ask("POST", PATH[CHAT], request(CHAT))).status == 503
            assert (len(broken.requests), len(second.requests)) == (2, 1)


async def test_a_covered_model_is_refused_whatever_was_signed() -> None:
    async with Fake() as fake:
        async with serving([known("up", "anthropic", fake, ANTHROPIC, contract=ZDR)], clock=Clock()) as rig:
            body = request(ANTHROPIC) | {"model": "claude-fable-5-1"}
            reply = await rig.ask("POST", PATH[ANTHROPIC], body, x_lethe_level="A2")
            assert (reply.status, "Covered Model" in error_in(reply, ANTHROPIC)["message"]) == (403, True)
            assert not fake.requests


@BOTH
async def test_a_level_that_the_host_does_not_enforce_is_refused(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller, upstream_class=UpstreamClass.U0)]) as rig:
        rig.around.levels = frozenset({Level.C})
        fake.answer(whole(caller))
        for level, status in ((Level.A1, 403), (Level.A2, 403), (Level.B, 403), (Level.C, 200)):
            reply = await rig.ask("POST", PATH[caller], request(caller), x_lethe_level=level)
            assert reply.status == status
        assert len(fake.requests) == 1
        assert {CODES[e.error] for e in rig.events.seen if e.status == 403} == {"level_not_enforced"}


async def test_without_a_register_nothing_is_promised() -> None:
    async with Fake() as fake:
        bare = upstream("up", fake, CHAT, upstream_class=UpstreamClass.U0, surfaces=())
        async with serving([bare]) as rig:
            fake.answer(whole(CHAT))
            assert [
                (await rig.ask("POST", PATH[CHAT], request(CHAT), x_lethe_level=level)).status for level in Level
            ] == [400, 400, 400, 200]


# What must be said on every response


def proof(at: float) -> Finding:
    return Finding(upstream="grok", probe="xai.response_header", holds=True, reason="x", at=at, until=at + 9e4)


def grok(fake: Fake) -> Upstream:
    return known("grok", "xai", fake, CHAT)


async def post(rig: Rig, caller: Dialect, stream: bool, level: str) -> Any:
    return await rig.ask("POST", PATH[caller], request(caller, stream=stream), x_lethe_level=level)


@BOTH
@STREAM
@pytest.mark.parametrize("said", [{}, {"x_zero_data_retention": "false"}, {"x_zero_data_retention": "true, true"}])
async def test_an_answer_that_does_not_attest_is_kept_back(caller: Dialect, stream: bool, said: dict[str, str]) -> None:
    clock = Clock()
    async with Fake() as fake, serving([grok(fake)], clock=clock) as rig:
        rig.serving.learn([proof(NOW - 1)])
        attested = json_answer(200, ANSWER[CHAT], x_zero_data_retention="true")
        fake.answer(attested, json_answer(200, ANSWER[CHAT] | {"id": "CANARY"}, **said), attested)
        reply = await post(rig, caller, stream, "A2")
        assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (200, "U2")
        clock.now += 10
        reply = await post(rig, caller, stream, "A2")
        assert (reply.status, "CANARY" in str(reply)) == (502, False)
        assert "does not attest" in error_in(reply, caller)["message"]
        assert reply.headers["x-lethe-upstream-class"] != "U2"
        assert rig.around.unattested == [0]
        reply = await post(rig, caller, stream, "A2")  # the class has fallen: nothing is sent any more
        assert (reply.status, len(fake.requests)) == (403, 2)
        rig.serving.learn([proof(NOW - 1)])  # what was found before does not raise it again
        assert (await post(rig, caller, stream, "A2")).status == 403
        rig.serving.learn([proof(clock.now + 1)])
        clock.now += 2
        assert (await post(rig, caller, stream, "A2")).status == 200


@STREAM
async def test_a_proof_counts_for_a_day_and_not_a_second_longer(stream: bool) -> None:
    clock, day = Clock(), 86_400.0
    async with Fake() as fake, serving([known("gpt", "openai", fake, CHAT)], level=Level.A2, clock=clock) as rig:
        fake.answer(streamed(CHAT) if stream else whole(CHAT))
        found = Finding(
            upstream="gpt", probe="openai.data_retention", holds=True, reason="x", at=NOW, until=NOW + 10 * day
        )  # fmt: skip
        for finding, end in ((found, day), (replace(found, until=NOW + 60), 60.0)):
            rig.serving.learn([finding])
            for moment, status in ((1.0, 200), (end - 0.1, 200), (end, 403)):
                clock.now = NOW + moment
                assert (await post(rig, CHAT, stream, "A2")).status == status
        assert len(fake.requests) == 4
        rig.serving.learn([replace(found, at=clock.now)])  # asked again, it holds again
        assert (await post(rig, CHAT, stream, "A2")).headers["x-lethe-upstream-class"] == "U3"


@STREAM
async def test_at_c_the_class_that_is_told_is_the_one_that_is_proven(stream: bool) -> None:
    async with Fake() as fake, serving([grok(fake)], clock=Clock()) as rig:
        rig.serving.learn([proof(NOW - 1)])
        fake.answer(streamed(CHAT) if stream else whole(CHAT))
        reply = await post(rig, CHAT, stream, "C")
        assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (200, "U6")
        assert rig.around.unattested == [0]


@STREAM
@pytest.mark.parametrize("status", [400, 429])
async def test_at_c_the_class_of_an_error_is_the_one_that_is_proven(status: int, stream: bool) -> None:
    async with Fake() as fake, serving([grok(fake)], clock=Clock()) as rig:
        rig.serving.learn([proof(NOW - 1)])
        fake.answer(json_answer(status, {"error": {"message": "no", "type": "x"}}))
        reply = await post(rig, CHAT, stream, "C")
        assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (status, "U6")


@BOTH
async def test_a_class_that_has_been_told_is_never_taken_back(caller: Dialect) -> None:
    """The status had to go out before the upstream answered; what the answer lacks ends the stream."""
    async with Fake() as fake, serving([grok(fake)], clock=Clock(), status_hold=0.05, heartbeat=0.05) as rig:
        rig.serving.learn([proof(NOW - 1)])
        fake.answer([Wait(0.3), *streamed(CHAT, ["CANARY"])])
        reply = await post(rig, caller, True, "C")
        assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (200, "U2")
        assert (b"CANARY" in reply.body, b"does not attest" in reply.body) == (False, True)
        assert len(fake.requests) == 1


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_errors_attest_too(status: int) -> None:
    async with Fake() as fake, serving([grok(fake)], clock=Clock()) as rig:
        rig.serving.learn([proof(NOW - 1)])
        told = {"error": {"message": "CANARY", "type": "x"}}
        fake.answer(json_answer(status, told, x_zero_data_retention="true"), json_answer(status, told))
        reply = await post(rig, CHAT, False, "A2")
        assert (reply.status, "CANARY" in str(reply)) == (status, True)
        reply = await post(rig, CHAT, False, "A2")
        assert (reply.status, "CANARY" in str(reply)) == (502, False)


async def test_another_upstream_is_asked_and_the_same_is_not() -> None:
    async with Fake() as fake, Fake() as other:
        ups = [grok(fake), known("gpt", "openai", other, CHAT, contract=ZDR)]
        async with serving([ups[0], replace(ups[0]), ups[1]], clock=Clock()) as rig:
            rig.serving.learn([proof(NOW - 1)])
            fake.answer(whole(CHAT))
            other.answer(whole(CHAT))
            reply = await post(rig, CHAT, False, "A2")
            assert (reply.status, reply.headers["x-lethe-upstream-class"]) == (200, "U4")
            assert (len(fake.requests), len(other.requests)) == (1, 1)


@STREAM
@pytest.mark.parametrize("what", ["proof", "contract"])
async def test_nothing_is_sent_over_a_new_connection_once_the_class_has_fallen(what: str, stream: bool) -> None:
    """It takes a while to connect, and what was good enough before need not be any more."""
    clock = Clock()
    async with Fake() as fake, Fake() as other:
        up = grok(fake) if what == "proof" else known("grok", "openai", fake, CHAT, contract=ZDR)
        last = known("gpt", "openai", other, CHAT, contract=replace(ZDR, expires=NOW + 1e9))
        async with serving([up, last], level=Level.A2, clock=clock) as rig:
            rig.serving.learn([proof(NOW - 1)])

            def falls(_: object) -> Script:
                clock.now = NOW + 1000
                rig.serving.learn([replace(proof(NOW), holds=False)])
                return [Cut()]

            attested = json_answer(200, ANSWER[CHAT], x_zero_data_retention="true")
            fake.answer(attested, falls, attested)
            other.answer(whole(CHAT))
            assert (await post(rig, CHAT, False, "A2")).headers["x-lethe-upstream-class"] in ("U2", "U4")
            assert (await post(rig, CHAT, stream, "A2")).headers["x-lethe-upstream-class"] == "U4"
            assert (len(fake.requests), fake.connections, len(other.requests)) == (2, 2, 1)


# What changes while a request is under way


@STREAM
@pytest.mark.parametrize("ends", ["contract", "review", "proof"])
async def test_a_fallback_whose_class_falls_during_the_first_attempt_is_not_asked(ends: str, stream: bool) -> None:
    clock = Clock()
    async with Fake() as broken, Fake() as second:
        first = upstream("first", broken, CHAT, upstream_class=UpstreamClass.U0)
        signed = {"contract": ZDR, "review": replace(ZDR, expires=NOW + 1e9)}.get(ends)
        fallback = known("grok", "openai", second, CHAT, contract=signed) if signed else grok(second)
        last = min(review_ends(surface) for surface in fallback.surfaces)
        async with serving([first, fallback], level=Level.A2, clock=clock) as rig:
            rig.serving.learn([proof(NOW - 1)])

            def falls(_: object) -> Script:
                clock.now = {"contract": ZDR.expires, "review": last}.get(ends, NOW + 1)
                if ends == "proof":
                    rig.serving.learn([replace(proof(NOW), holds=False)])
                return json_answer(503, error_body(CHAT, "server_error", "busy"))

            attested = json_answer(200, ANSWER[CHAT], x_zero_data_retention="true")
            broken.answer(json_answer(503, {}), falls)
            second.answer(attested)
            assert (await post(rig, CHAT, stream, "A2")).status == 200
            assert (await post(rig, CHAT, stream, "A2")).status == 503
            assert (len(broken.requests), len(second.requests)) == (2, 1)


async def test_an_answer_that_attests_passes_although_another_did_not_meanwhile() -> None:
    """Both were sent while the class held; the one that is waiting for its turn behind another upstream is not."""
    go, late = asyncio.Event(), asyncio.Event()
    attested = json_answer(200, ANSWER[CHAT], x_zero_data_retention="true")
    async with Fake() as fake, Fake() as slow:
        ups = [grok(fake), upstream("slow", slow, CHAT, upstream_class=UpstreamClass.U0)]
        routes = [Route(model="m", to=(Target(0),)), Route(model="w", to=(Target(1), Target(0)))]
        async with serving(ups, routes, level=Level.A2, clock=Clock()) as rig:
            rig.serving.learn([proof(NOW - 1)])
            fake.answer([Until(go), *attested], whole(CHAT), attested)
            slow.answer([Until(late), *json_answer(503, {})])
            async with asyncio.TaskGroup() as tasks:
                waiting = tasks.create_task(post(rig, CHAT, False, "A2"))
                behind = tasks.create_task(rig.ask("POST", PATH[CHAT], request(CHAT) | {"model": "w"}))
                await fake.until(lambda: len(fake.requests) == 1)
                await slow.until(lambda: len(slow.requests) == 1)
                assert (await post(rig, CHAT, False, "A2")).status == 502
                go.set()
                late.set()
            assert (waiting.result().status, behind.result().status, len(fake.requests)) == (200, 503, 2)


@STREAM
async def test_new_credentials_are_those_of_the_next_attempt(stream: bool) -> None:
    """As a reload brings them, or a store of secrets, while the first attempt is waiting."""
    async with Fake() as broken, Fake() as second:
        async with serving([upstream("one", broken, CHAT), upstream("two", second, ANTHROPIC)]) as rig:

            def renewed(_: object) -> Script:
                rig.serving.replace_credentials({"env:ONE": "new-one", "env:TWO": "new-two"})
                return json_answer(500, {})

            broken.answer(renewed)
            second.answer(streamed(ANTHROPIC) if stream else whole(ANTHROPIC))
            assert (await post(rig, CHAT, stream, "C")).status == 200
            assert broken.requests[0].header("authorization") == "Bearer secret-one"
            assert second.requests[0].header("x-api-key") == "new-two"
            assert "one" not in str(second.requests[0].headers)


# Names of end users


@pytest.mark.parametrize("level", Level)
async def test_end_users_have_other_names(level: Level) -> None:
    async with Fake() as one, Fake() as two:
        ups = [known(name, "anthropic", fake, ANTHROPIC, contract=ZDR) for name, fake in (("one", one), ("two", two))]
        body = request(ANTHROPIC, metadata={"user_id": '{"device":"CANARY"}'})
        wish: dict[str, Any] = {"x_lethe_level": level}
        accepted = (UpstreamClass.U5,)
        async with serving([replace(up, upstream_class=UpstreamClass.U0, surfaces=surfaces_for("", "", ANTHROPIC, loopback=True)) for up in ups], accept_classes=accepted) as rig:  # fmt: skip
            one.answer(whole(ANTHROPIC))
            two.answer(whole(ANTHROPIC))
            for name in ("one/m", "one/m", "two/m"):
                plan_body = body | {"model": name}
                await rig.ask("POST", PATH[ANTHROPIC], plan_body, **wish)
        ids = [seen.json()["metadata"]["user_id"] for fake in (one, two) for seen in fake.requests]
        assert "CANARY" not in json.dumps(ids)
        assert all(len(name) == len("lethe-") + 32 for name in ids)
        assert len(ids) == 3


async def test_with_its_own_account_a_caller_keeps_its_name_at_c_only() -> None:
    async with Fake() as fake:
        up = upstream("up", fake, ANTHROPIC, auth=Auth.FORWARD, upstream_class=UpstreamClass.U0)
        async with serving([up]) as rig:
            fake.answer(whole(ANTHROPIC))
            for level in ("C", "B"):
                body = request(ANTHROPIC, metadata={"user_id": "anna"})
                await rig.ask("POST", PATH[ANTHROPIC], body, x_lethe_level=level, authorization="Bearer own")
        assert [seen.json()["metadata"]["user_id"] == "anna" for seen in fake.requests] == [True, False]


# Tokens of betas


async def test_callers_share_no_cached_prefixes_at_vllm() -> None:
    async with (
        Fake() as fake,
        serving([known("up", "vllm", fake, CHAT)], keys=keys("one", "two"), level=Level.B) as rig,
    ):
        fake.answer(*[whole(CHAT)] * 3)
        for key in ("one", "one", "two"):
            body = request(CHAT, cache_salt="CANARY")
            assert (await rig.ask("POST", PATH[CHAT], body, authorization=f"Bearer {key}")).status == 200
        own, again, other = [asked.json()["cache_salt"] for asked in fake.requests]
        assert own == again != other
        assert all(salt.startswith("lethe-") for salt in (own, other))


async def test_tokens_that_nobody_knows() -> None:
    async with Fake() as fake:
        async with serving([upstream("up", fake, ANTHROPIC, upstream_class=UpstreamClass.U0)]) as rig:
            fake.answer(whole(ANTHROPIC))
            known_one, strange = "context-1m-2025-08-07", "CANARY-2027-01-01"
            for level, tokens, status in (
                ("B", known_one, 200), ("B", f"{known_one}, {strange}", 400), ("A1", strange, 400), ("C", strange, 200),
            ):  # fmt: skip
                before = len(fake.requests)
                reply = await rig.ask(
                    "POST", PATH[ANTHROPIC], request(ANTHROPIC), anthropic_beta=tokens, x_lethe_level=level
                )
                assert (reply.status, "CANARY" in str(reply)) == (status, False)
                sent = [seen.header("anthropic-beta") for seen in list(fake.requests)[before:]]
                assert sent == ([tokens] if status == 200 else [])


async def test_a_token_goes_with_its_feature() -> None:
    async with Fake() as fake:
        async with serving([upstream("up", fake, ANTHROPIC, upstream_class=UpstreamClass.U0)]) as rig:
            fake.answer(whole(ANTHROPIC))
            body = request(ANTHROPIC, diagnostics={"previous_message_id": "CANARY"})
            tokens = "cache-diagnosis-2026-04-07,context-1m-2025-08-07"
            await rig.ask("POST", PATH[ANTHROPIC], body, anthropic_beta=tokens, x_lethe_level="B")
            (seen,) = fake.requests
            assert (seen.header("anthropic-beta"), "diagnostics" in seen.json()) == ("context-1m-2025-08-07", False)


async def test_too_many_tokens() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        many = ",".join(f"t{n}" for n in range(65))
        reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC), anthropic_beta=many)
        assert (reply.status, len(fake.requests)) == (400, 0)


def test_every_endpoint_has_a_surface_of_its_own() -> None:
    for dialect, endpoints in ((ANTHROPIC, {"messages", "count_tokens"}), (CHAT, {"chat", "embeddings"})):
        assert endpoints <= {str(endpoint) for endpoint in Endpoint}
        assert {s.endpoint for s in surfaces_for("", "", dialect, loopback=True)} == endpoints


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    ("version", "known"), [("2023-06-01", True), ("2026-10-21", True), ("2099-01-01", False), ("CANARY", False)]
)
async def test_a_version_that_nobody_knows_passes_at_c_only(level: Level, version: str, known: bool) -> None:
    async with Fake() as fake:
        up = upstream("up", fake, ANTHROPIC, upstream_class=UpstreamClass.U0)
        async with serving([up], level=level, clock=Clock()) as rig:
            fake.answer(whole(ANTHROPIC))
            reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC), anthropic_version=version)
            if known or level is Level.C:
                assert reply.status == 200
                assert fake.requests[0].header("anthropic-version") == version
                return
            assert (reply.status, len(fake.requests)) == (400, 0)
            message = reply.json()["error"]["message"]
            assert "the version header" in message
            assert "2023-06-01" in message
            assert version not in message

"""Which upstreams are asked for their models, and whose are listed: only those that the caller's level admits."""

from typing import Any

import pytest
from tests.server.rig import ANTHROPIC, CHAT, Rig, json_answer, serving, upstream
from tests.server.test_front import keys
from tests.server.test_retention import NOW, ZDR, Clock, known

from lethe.providers.upstream import Auth
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Finding
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake

CLAUDE: dict[str, Any] = {"data": [{"type": "model", "id": name} for name in ("claude-opus-5-5", "claude-fable-5")]}
OPEN: dict[str, Any] = {"object": "list", "data": [{"id": "open-1", "object": "model", "created": 1}]}
PROVEN = "anthropic.claude-opus-5-5"
ROUTES = [Route(model="claude-*", to=(Target(0),)), Route(model="open-*", to=(Target(1),))]


async def listed(rig: Rig, **headers: str) -> set[str]:
    reply = await rig.ask("GET", "/v1/models", **headers)
    assert reply.status == 200
    return {model["id"] for model in reply.json()["data"]}


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Level.A1, set()),
        (Level.A2, {"claude-opus-5-5"}),
        (Level.B, {"claude-opus-5-5", "open-1"}),
        (Level.C, {"claude-opus-5-5", "claude-fable-5", "open-1"}),
    ],
)
async def test_only_what_the_level_admits_is_asked_and_listed(level: Level, expected: set[str]) -> None:
    async with Fake() as first, Fake() as second:
        first.answer(json_answer(200, CLAUDE))
        second.answer(json_answer(200, OPEN))
        ups = [known("claude", "anthropic", first, ANTHROPIC, contract=ZDR), upstream("open", second, CHAT)]
        async with serving(ups, ROUTES, level=level, clock=Clock()) as rig:
            assert await listed(rig) == expected
            assert bool(first.requests) is ("claude-opus-5-5" in expected)
            assert bool(second.requests) is ("open-1" in expected)


async def test_a_wish_and_a_key_bind_as_they_do_for_content() -> None:
    async with Fake() as first, Fake() as second:
        first.answer(json_answer(200, CLAUDE))
        second.answer(json_answer(200, OPEN))
        ups = [known("claude", "anthropic", first, ANTHROPIC, contract=ZDR), upstream("open", second, CHAT)]
        async with serving(ups, ROUTES, keys=keys("caller-key", level=Level.B), clock=Clock()) as rig:
            assert "open-1" in await listed(rig, x_api_key="caller-key")
            assert "open-1" not in await listed(rig, x_api_key="caller-key", x_lethe_level="A2")  # nor a kept list


async def test_names_of_the_configuration_are_listed_where_one_of_their_upstreams_is_admitted() -> None:
    async with Fake() as first, Fake() as second:
        first.answer(json_answer(500, {}))
        second.answer(json_answer(500, {}))
        ups = [
            known("claude", "anthropic", first, ANTHROPIC, models=("claude-x",)),
            upstream("near", second, CHAT, models=("near-1",), upstream_class=UpstreamClass.U0),
        ]
        routes = [
            *ROUTES,
            Route(model="far", to=(Target(0),)),
            Route(model="both", to=(Target(0), Target(1, "near-1"))),
            Route(model="strict", to=(Target(1, "near-1"),), level=Level.A1),
        ]
        async with serving(ups, routes, level=Level.B, clock=Clock()) as rig:
            assert await listed(rig) == {"near-1", "both", "strict"}
            assert not first.requests


async def test_a_proof_for_one_model_is_enough_to_be_asked() -> None:
    async with Fake() as fake:
        fake.answer(
            json_answer(
                200, {"data": [{"id": name, "type": "model"} for name in (PROVEN, "anthropic.claude-haiku-5-5")]}
            )
        )
        up = known("aws", "bedrock", fake, ANTHROPIC)
        proofs = [
            Finding(upstream="aws", probe=probe, holds=True, reason="", at=NOW - 1, until=NOW + 1000, models=models)
            for probe, models in (("bedrock.data_retention", (PROVEN,)), ("bedrock.invocation_logging", ()))
        ]
        async with serving([up], level=Level.A2, clock=Clock()) as rig:
            assert (await listed(rig), len(fake.requests)) == (set(), 0)
            rig.serving.learn(proofs)
            assert await listed(rig) == {PROVEN}


async def test_nothing_of_the_callers_own_goes_along() -> None:
    """Lists are kept for other callers, and a version is text that a caller writes."""
    async with Fake() as fake:
        fake.answer(json_answer(200, CLAUDE))
        async with serving([upstream("up", fake, ANTHROPIC)], clock=Clock()) as rig:
            await listed(rig, anthropic_version="CANARY")
            assert fake.requests[0].header("anthropic-version") == "2023-06-01"


async def test_a_callers_key_goes_to_no_vendor_that_it_may_not_be_of() -> None:
    """Where two vendors take callers' own keys, a list does not tell whose this one is."""
    own: dict[str, Any] = {"auth": Auth.FORWARD, "credential": None}
    async with Fake() as first, Fake() as second:
        for fake in (first, second):
            fake.answer(json_answer(200, OPEN))
        ups = [upstream("one", first, CHAT, **own), upstream("two", second, CHAT, models=("two-1",), **own)]
        async with serving(ups, ROUTES, clock=Clock()) as rig:
            assert await listed(rig, authorization="Bearer CANARY") == {"two-1"}
            assert not first.requests
            assert not second.requests
        async with serving([ups[0], upstream("again", first, CHAT, **own)], ROUTES, clock=Clock()) as rig:
            assert "open-1" in await listed(rig, authorization="Bearer CANARY")
            assert {r.header("authorization") for r in first.requests} == {"Bearer CANARY"}

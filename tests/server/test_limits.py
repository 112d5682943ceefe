"""Limits in the data plane: who is let in, what the others hear in their dialect, what an answer costs."""

import asyncio

import pytest
from tests.server.rig import ANTHROPIC, CHAT, PATH, RESPONSES, request, serving, upstream

from lethe.errors import RateLimited
from lethe.ir.content import Dialect
from lethe.ledger.events import NONE
from lethe.policies.limits import Limits
from lethe.server.limits import LocalLimiter, Quotas
from lethe.upstream.fake import Fake, Until
from lethe.upstream.fake import anthropic as wire
from lethe.upstream.fake import openai_chat as chat
from lethe.upstream.fake.said import Said

SAID = Said(text=("a",), input=40, cached=7, output=60)


@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES])
async def test_one_too_many_hears_so_in_its_dialect(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], limits=Limits(requests_per_minute=1)) as rig:
        fake.answer(wire.buffered(SAID))
        assert (await rig.ask("POST", PATH[caller], request(caller))).status == 200
        reply = await rig.ask("POST", PATH[caller], request(caller))
        assert reply.status == 429
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        error = reply.json()["error"]
        assert "requests_per_minute = 1" in error["message"]
        assert "rate_limit" in str(error.get("code") or error["type"])
        assert len(fake.requests) == 1


async def test_tokens_count_against_what_follows() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], limits=Limits(tokens_per_minute=100)) as rig:
        fake.answer(wire.buffered(SAID))
        assert (await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))).status == 200
        assert (await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))).status == 429


async def test_a_stream_that_does_not_tell_is_estimated() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], limits=Limits(tokens_per_minute=100)) as rig:
        fake.answer(chat.streamed(SAID, usage=False))
        asked = {**request(CHAT, stream=True), "messages": [{"role": "user", "content": "x" * 400}]}
        assert (await rig.ask("POST", PATH[CHAT], asked)).status == 200
        assert (await rig.ask("POST", PATH[CHAT], asked)).status == 429


async def test_a_place_is_free_again_when_its_request_ends_however_it_does() -> None:
    held = asyncio.Event()
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], limits=Limits(concurrent=1)) as rig:
        fake.answer((Until(held), *wire.buffered(SAID)), wire.buffered(SAID))
        client = await rig.client()
        client.send(
            "POST", PATH[ANTHROPIC], b'{"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}'
        )
        await fake.until(lambda: len(fake.requests) == 1)
        assert (await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))).status == 429
        client.abort()
        await fake.until(lambda: fake.requests[0].gone_at is not None)
        assert (await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))).status == 200
        assert (await rig.ask("POST", PATH[ANTHROPIC], {"model": "m"})).status in (200, 400)
        assert (await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC))).status == 200


async def test_each_key_has_its_own() -> None:
    now = 600.0
    limiter = LocalLimiter(
        Quotas([Limits(concurrent=1), Limits(), Limits(concurrent=2)], Limits(concurrent=1)), lambda: now
    )
    first = await limiter.take(0)
    assert first is not None
    with pytest.raises(RateLimited):
        await limiter.take(0)
    assert await limiter.take(1) is None, "a key without limits"
    assert await limiter.take(2) is not None
    assert await limiter.take(NONE) is not None
    with pytest.raises(RateLimited):
        await limiter.take(NONE)
    first.settle(0)
    assert await limiter.take(0) is not None

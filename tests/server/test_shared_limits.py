"""Limits that instances share, in a real Redis: one count, places that expire, and a store that goes away."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest
from tests.server.redis_server import PASSWORD, Store, running
from tests.server.rig import ANTHROPIC, PATH, request, serving, upstream

from lethe.config.plan import LimitStore
from lethe.errors import LimitsUnavailable, RateLimited
from lethe.policies.limits import Limits
from lethe.retention.levels import UpstreamClass
from lethe.server import shared_limits
from lethe.server.limits import Quotas
from lethe.server.shared_limits import SharedLimiter
from lethe.upstream.fake import Fake
from lethe.upstream.fake import anthropic as wire
from lethe.upstream.fake.said import Said

SAID = Said(text=("a",), input=40, output=60)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with running(tmp_path) as made:
        yield made


def secrets() -> Mapping[str, str]:
    return {"env:P": PASSWORD, "env:UP": "secret"}


@contextlib.asynccontextmanager
async def sharing(place: LimitStore, limits: Limits, instances: int = 2) -> AsyncIterator[list[SharedLimiter]]:
    """So many instances with one key and one store."""
    made = [SharedLimiter(Quotas([limits], limits), ["CANARY-name"], place, secrets) for _ in range(instances)]
    try:
        yield made
    finally:
        for each in made:
            await each.close()


async def test_two_instances_have_one_limit(store: Store) -> None:
    async with sharing(store.place, Limits(requests_per_minute=3)) as (one, two):
        for each in (one, two, one):
            assert await each.take(0) is not None
        for each in (one, two):
            with pytest.raises(RateLimited):
                await each.take(0)


async def test_tokens_and_places_are_shared_and_given_back(store: Store) -> None:
    async with sharing(store.place, Limits(tokens_per_minute=100, concurrent=1)) as (one, two):
        lease = await one.take(0)
        assert lease is not None
        with pytest.raises(RateLimited, match="concurrent"):
            await two.take(0)
        lease.settle(100)
        await asyncio.gather(*one._tasks)
        with pytest.raises(RateLimited, match="tokens_per_minute"):
            await two.take(0)


@pytest.mark.parametrize("tokens", [2**63, 10**18, 10**30])
async def test_a_count_that_no_answer_can_have_costs_the_store_nothing(store: Store, tokens: int) -> None:
    async with sharing(store.place, Limits(requests_per_minute=3, tokens_per_minute=10**40)) as (one, two):
        for each in (one, two, one):
            lease = await each.take(0)
            assert lease is not None
            lease.settle(tokens)
            await asyncio.gather(*each._tasks)
        with pytest.raises(RateLimited, match="requests_per_minute"):
            await one.take(0)


async def test_who_leaves_while_the_store_is_asked_has_no_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "PATIENCE", 10.0)
    async with sharing(store.place, Limits(concurrent=1)) as (one, two):
        lease = await one.take(0)
        assert lease is not None
        lease.settle(0)
        await asyncio.gather(*one._tasks)
        with store.held_up():
            asking = asyncio.create_task(one.take(0))
            await asyncio.sleep(0.05)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        await asyncio.gather(*one._tasks)
        assert await two.take(0) is not None


async def test_places_of_an_instance_that_dies_are_free_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "LEASE", 1.0)
    async with sharing(store.place, Limits(concurrent=1)) as (dead, alive):
        assert await dead.take(0) is not None
        with pytest.raises(RateLimited):
            await alive.take(0)
        await let_in(alive)


async def test_a_long_stream_keeps_its_place(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_limits, "LEASE", 2.0)
    monkeypatch.setattr(shared_limits, "RENEWED", 0.1)
    async with sharing(store.place, Limits(concurrent=1)) as (one, two):
        assert await one.take(0) is not None
        for _ in range(40):
            with pytest.raises(RateLimited):
                await two.take(0)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("fail_open", [True, False])
async def test_a_store_that_goes_away_and_comes_back(store: Store, *, fail_open: bool) -> None:
    place = LimitStore(host="127.0.0.1", port=store.port, password="env:P", fail_open=fail_open)
    async with sharing(place, Limits(requests_per_minute=1), 1) as (one,):
        assert await one.take(0) is not None
        store.stop()
        for _ in range(3):
            if fail_open:
                assert await one.take(0) is None
            else:
                with pytest.raises(LimitsUnavailable):
                    await one.take(0)
        store.start()
        await let_in(one)
        with pytest.raises(RateLimited):
            await one.take(0)


async def let_in(limiter: SharedLimiter) -> None:
    """Ask until there is a place."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(RateLimited, LimitsUnavailable):
                if await limiter.take(0) is not None:
                    return
            await asyncio.sleep(0.05)


async def test_a_store_that_does_not_answer_is_not_asked_again_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        place = LimitStore(host="127.0.0.1", port=deaf.getsockname()[1])
        async with sharing(place, Limits(concurrent=1), 1) as (one,):
            assert await one.take(0) is None
            avoided = one._avoided_until
            for _ in range(50):
                assert await one.take(0) is None
            assert one._avoided_until == avoided


async def test_nothing_but_numbers_and_digests_is_stored_and_all_of_it_expires(store: Store) -> None:
    with store.watched() as told:
        async with Fake() as fake:
            quota = Limits(requests_per_minute=9, concurrent=2)
            async with serving([upstream("up", fake, ANTHROPIC)], limits=quota, limit_store=store.place) as rig:
                rig.serving.replace_credentials(secrets())
                fake.answer(wire.buffered(SAID))
                body = request(ANTHROPIC, metadata={"user_id": "CANARY-user"})
                assert (await rig.ask("POST", PATH[ANTHROPIC], body, x_canary="CANARY-header")).status == 200
        names = store.ask("KEYS", "*").split()
        assert names
        assert all(0 < int(store.ask("TTL", name)) <= 180 for name in names)
    assert b"HMGET" in told
    assert b"CANARY" not in told
    assert b"hello" not in told


async def test_the_name_of_a_key_is_not_stored(store: Store) -> None:
    with store.watched() as told:
        async with sharing(store.place, Limits(concurrent=1), 1) as (one,):
            assert await one.take(0) is not None
    assert b"HMGET" in told
    assert b"CANARY" not in told


async def test_what_is_counted_elsewhere_is_not_served_at_a1(store: Store) -> None:
    async with Fake() as fake:
        fake.answer(wire.buffered(SAID))
        local = upstream("up", fake, ANTHROPIC, upstream_class=UpstreamClass.U0)
        async with serving([local], limits=Limits(concurrent=9), limit_store=store.place) as rig:
            rig.serving.replace_credentials(secrets())
            for level, status, stored in (("A1", 403, False), ("A2", 200, True), ("B", 200, True)):
                reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC), x_lethe_level=level)
                assert reply.status == status
                assert bool(store.ask("KEYS", "*").split()) is stored
            assert len(fake.requests) == 2

"""Shutting down: what can finish does, what cannot is told so."""

import asyncio
import json
from ssl import SSLContext

import pytest
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    FAULTS,
    PATH,
    RESPONSES,
    SSE,
    begun,
    data_of,
    error_in,
    frames,
    json_answer,
    request,
    serving,
    upstream,
    whole,
)

from lethe.ir.content import Dialect
from lethe.ledger.events import Outcome
from lethe.server.callers import Callers, accepting
from lethe.upstream.fake import Fake, Hang, Head, Send, Until

DIALECTS = pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES])


@DIALECTS
async def test_a_stream_that_finishes_in_time_is_whole(caller: Dialect) -> None:
    go = asyncio.Event()
    async with Fake() as fake, serving([upstream("up", fake, caller)]) as rig:
        every, opening = frames(caller), len(begun(caller))
        fake.answer(
            [Head(200, SSE), *(Send(f) for f in every[:opening]), Until(go), *(Send(f) for f in every[opening:])]
        )
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        _, headers = await client.head()
        first = await client.chunk()
        draining = asyncio.create_task(rig.serving.drain(5.0))
        await asyncio.sleep(0.05)
        go.set()
        assert first + await client.body(headers) == b"".join(every)
        await draining
        assert (await rig.events.one()).outcome is Outcome.OK


@DIALECTS
@pytest.mark.parametrize("source", [ANTHROPIC, CHAT, RESPONSES])
async def test_a_stream_that_cannot_ends_with_an_error_event(caller: Dialect, source: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer([Head(200, SSE), *(Send(f) for f in begun(source)), Hang()])
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        _, headers = await client.head()
        await client.chunk()
        await rig.serving.drain(0.1)
        last = data_of(await client.body(headers))[-1]
        assert "shutting down" in last.get("error", last)["message"]
        assert (await rig.events.one()).outcome is Outcome.DRAINED
        await fake.until(lambda: fake.requests[0].gone_at is not None)


@DIALECTS
async def test_a_buffered_request_that_cannot_gets_a_503(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)]) as rig:
        fake.answer([Hang()])
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller)).encode())
        await fake.until(lambda: len(fake.requests) == 1)
        await rig.serving.drain(0.1)
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (503, "close")
        assert "shutting down" in error_in(reply, caller)["message"]


async def test_a_caller_that_does_not_read_cannot_hold_the_exit_up() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer([Head(200, SSE), *(Send(f) for f in frames(CHAT, ["x" * 60_000] * 500))])
        client = await rig.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=True)).encode())
        await fake.until(lambda: len(fake.requests) == 1)
        await asyncio.sleep(0.2)
        async with asyncio.timeout(5):
            await rig.serving.drain(0.1)


async def test_an_answer_that_nobody_takes_cannot_hold_up_an_end_after_a_reload() -> None:
    """Or a process without a supervisor would keep it for as long as its caller likes."""
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(json_answer(200, {"choices": [], "note": "x" * 16_000_000}))
        client = await rig.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        assert (await rig.events.one()).outcome is Outcome.OK
        reloading = asyncio.create_task(rig.serving.drain(None))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await rig.serving.drain(0.1)
            await reloading


async def test_after_a_reload_old_connections_get_one_more_answer() -> None:
    """An old generation answers what comes over its idle connections, and asks them to close."""
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(whole(CHAT))
        client = await rig.client()
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        assert "connection" not in (await client.reply()).headers
        draining = asyncio.create_task(rig.serving.drain(None))
        await asyncio.sleep(0.05)
        assert not draining.done()
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        async with asyncio.timeout(5):
            await draining


async def test_a_connection_that_was_told_to_stay_open_stays_so_after_a_reload() -> None:
    """Its caller may be sending the next request as the answer ends."""
    go_on = asyncio.Event()
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        every, opening = [*map(Send, frames(CHAT))], len(begun(CHAT))
        fake.answer([Head(200, SSE), *every[:opening], Until(go_on), *every[opening:]], whole(CHAT))
        client = await rig.client()
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=True)).encode())
        status, headers = await client.head()
        assert (status, "connection" in headers) == (200, False)
        draining = asyncio.create_task(rig.serving.drain(None))
        await asyncio.sleep(0.05)
        go_on.set()
        assert b"[DONE]" in await client.body(headers)
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        reply = await client.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
        async with asyncio.timeout(5):
            await draining


async def test_a_connection_for_which_there_is_no_room_is_the_only_one_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop takes no connection any more after a protocol that could not be made."""
    left = [True]

    def scarce(callers: Callers, tls: SSLContext | None) -> asyncio.BufferedProtocol:
        if left:
            left.pop()
            raise MemoryError
        return accepting(callers, tls)

    monkeypatch.setattr("lethe.server.serving.accepting", scarce)
    async with serving([upstream("a", "http://127.0.0.1:1", ANTHROPIC)]) as rig:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await rig.ask("GET", "/health")
        assert [type(fault) for fault in FAULTS] == [MemoryError]
        FAULTS.clear()
        async with asyncio.timeout(10):
            assert (await rig.ask("GET", "/health")).status == 200

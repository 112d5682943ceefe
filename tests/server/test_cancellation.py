"""The caller goes away, or reads slowly: the upstream must feel it at once."""

import asyncio
import json

import pytest
from tests.server.rig import (
    ANSWER,
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    SSE,
    Rig,
    begun,
    data_of,
    frames,
    request,
    serving,
    upstream,
)

from lethe.ir.content import Dialect
from lethe.ledger.events import Outcome
from lethe.upstream.fake import Fake, Hang, Head, Script, Send, Step, Wait

PAIRS = [(caller, source) for caller in (ANTHROPIC, CHAT, RESPONSES) for source in (ANTHROPIC, CHAT, RESPONSES)]
PARTIAL = json.dumps(ANSWER[ANTHROPIC]).encode()[:20]
PHASES: list[tuple[str, bool, Script]] = [
    ("before the head, buffered", False, [Hang()]),
    ("before the head, stream", True, [Hang()]),
    ("in the body, buffered", False, [Head(200, (("content-type", "application/json"), ("content-length", "999"))), Send(PARTIAL), Hang()]),
    ("after the head, stream", True, [Head(200, SSE), Hang()]),
]  # fmt: skip


async def gone(rig: Rig, fake: Fake) -> None:
    """The upstream's connection is closed, and the event says why."""
    await fake.until(lambda: fake.requests[0].gone_at is not None, 2.0)
    event = await rig.events.one()
    assert event.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("case", PAIRS, ids=str)
@pytest.mark.parametrize(("stream", "script"), [p[1:] for p in PHASES], ids=[p[0] for p in PHASES])
async def test_a_caller_that_goes_cancels_the_upstream(
    stream: bool, script: Script, case: tuple[Dialect, Dialect]
) -> None:
    caller, source = case
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(script)
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=stream)).encode())
        await fake.until(lambda: len(fake.requests) == 1)
        await asyncio.sleep(0.05)  # into the phase
        left = asyncio.get_running_loop().time()
        client.abort()
        await gone(rig, fake)
        gone_at = fake.requests[0].gone_at
        assert gone_at is not None
        assert gone_at - left < 0.5  # the promise is 0.1; the rest is for a loaded machine


@pytest.mark.parametrize("more", [1, 4])
async def test_a_caller_that_goes_takes_along_what_it_pipelined(more: int) -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer([Hang()])
        client = await rig.client()
        for _ in range(1 + more):
            client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        await fake.until(lambda: len(fake.requests) == 1)
        client.abort()
        await gone(rig, fake)
        assert len(fake.requests) == 1


@pytest.mark.parametrize("case", PAIRS, ids=str)
async def test_at_every_chunk(case: tuple[Dialect, Dialect]) -> None:
    """Disconnect after each of the stream's frames in turn."""
    caller, source = case
    every = frames(source)
    for n in range(len(begun(source)), len(every) - 1):
        async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
            fake.answer([Head(200, SSE), *(Send(f) for f in every[:n]), Hang()])
            client = await rig.client()
            client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
            await client.head()
            await client.chunk()
            client.abort()
            await gone(rig, fake)


async def test_while_the_status_is_held_and_after() -> None:
    for hold in (0.0, 30.0):
        async with Fake() as fake, serving([upstream("up", fake, CHAT)], status_hold=hold, heartbeat=0.05) as rig:
            fake.answer([Hang()])
            client = await rig.client()
            client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=True)).encode())
            await fake.until(lambda: len(fake.requests) == 1)
            await asyncio.sleep(0.15)
            client.abort()
            await gone(rig, fake)


async def test_a_body_that_never_comes_ends_with_its_connection() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        client = await rig.client()
        client.writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
        await asyncio.sleep(0.05)
        client.abort()
        assert (await rig.events.one()).outcome is Outcome.CANCELLED
        assert not fake.requests


async def test_asking_to_close_is_not_a_goodbye() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer([Wait(0.1), Head(200, SSE), *(Send(f) for f in frames(CHAT))])
        client = await rig.client()
        client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=True)).encode(), {"connection": "close"})
        reply = await client.reply()
        assert b"day" in reply.body


@pytest.mark.parametrize("case", PAIRS, ids=str)
async def test_a_slow_reader_holds_the_upstream_back(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    word = "x" * 16_000
    steps: list[Step] = [Head(200, SSE), *(Send(f) for f in frames(source, [word] * 2000))]  # 32 MB
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(steps)
        client = await rig.client()
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        await fake.until(lambda: len(fake.requests) == 1)
        sent, before = -1, -2
        while sent != before:  # until it stands still
            await asyncio.sleep(0.3)
            before, sent = sent, fake.requests[0].sent
        # what stays between them: socket buffers, 256 KB here, a high-water mark there
        assert sent < 16 * 1024 * 1024
        client.writer.transport.resume_reading()  # type: ignore[attr-defined]
        _, headers = await client.head()
        body = await client.body(headers)
        # Responses says everything again at the end
        marked = b"event: response.output_text.delta" if caller is RESPONSES else word.encode()
        assert body.count(marked) == 2000


async def test_two_hundred_streams_at_once() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC), upstream("b", fake, CHAT)]) as rig:

        def answer(seen: object) -> Script:
            dialect = ANTHROPIC if seen.path == PATH[ANTHROPIC] else CHAT  # type: ignore[attr-defined]
            yield Head(200, SSE)
            for frame in frames(dialect, [f"{n} " for n in range(10)]):
                yield Send(frame)
                yield Wait(0.02)

        fake.answer(answer)

        async def one(n: int) -> None:
            caller = (ANTHROPIC, CHAT)[n % 2]
            reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
            texts = [
                e["delta"].get("text", "") if "delta" in e else e["choices"][0]["delta"].get("content") or ""
                for e in data_of(reply.body)
                if "text" in e.get("delta", {}) or e.get("choices")
            ]
            assert "".join(texts) == "".join(f"{k} " for k in range(10))

        await asyncio.gather(*(one(n) for n in range(200)))
        assert len(rig.events.seen) == 200
        assert all(e.outcome is Outcome.OK for e in rig.events.seen)

"""A route with several upstreams: what moves on, what does not, and what the caller sees."""

import asyncio
import json

import pytest
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    SSE,
    data_of,
    error_body,
    error_in,
    frames,
    json_answer,
    request,
    serving,
    streamed,
    upstream,
    whole,
)

from lethe.ir.content import Dialect
from lethe.providers.upstream import Timeouts
from lethe.retention.levels import UpstreamClass
from lethe.upstream.fake import Cut, Fake, Hang, Head, Script, Send, Until, Wait

STREAM = pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])


def refused(status: int, **headers: str) -> Script:
    return json_answer(status, error_body(ANTHROPIC, "overloaded_error", "busy"), **headers)


def early_error() -> Script:
    event = f"event: error\ndata: {json.dumps(error_body(ANTHROPIC, 'overloaded_error', 'busy'))}\n\n".encode()
    return [Head(200, SSE), Send(frames(ANTHROPIC)[0]), Wait(0.02), Send(event)]


MOVES: list[tuple[str, Script, bool]] = [
    ("cut", [Cut()], True),
    ("408", refused(408), True),
    ("429", refused(429), True),
    ("500", refused(500), True),
    ("529", refused(529), True),
    ("not json", [Head(200, (("content-type", "text/html"), ("content-length", "1"))), Send(b"<")], True),
    ("400", refused(400), False),
    ("401", refused(401), False),
    ("404", refused(404), False),
    ("413", refused(413), False),
]


@STREAM
@pytest.mark.parametrize("second", [ANTHROPIC, CHAT, RESPONSES])
@pytest.mark.parametrize(("script", "moves"), [m[1:] for m in MOVES], ids=[m[0] for m in MOVES])
async def test_moves_on(script: Script, moves: bool, second: Dialect, stream: bool) -> None:
    async with Fake() as bad, Fake() as good:
        async with serving([upstream("bad", bad, ANTHROPIC), upstream("good", good, second)]) as rig:
            bad.answer(script)
            good.answer(streamed(second) if stream else whole(second))
            reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=stream))
            event = await rig.events.one()
            assert (reply.status == 200) is moves
            assert len(good.requests) == int(moves)
            assert (event.attempts, event.upstream) == ((2, 1) if moves else (1, 0))
            if moves:
                assert b"day" in reply.body


async def test_an_error_event_before_content_moves_on() -> None:
    async with Fake() as bad, Fake() as good:
        async with serving([upstream("bad", bad, ANTHROPIC), upstream("good", good, CHAT)]) as rig:
            bad.answer(early_error())
            good.answer(streamed(CHAT))
            reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=True))
            types = [e["type"] for e in data_of(reply.body)]
            assert types.index("message_start") == 0
            assert types.count("message_start") == 1
            assert b"good " in reply.body


@STREAM
async def test_nobody_listens_moves_on(stream: bool) -> None:
    async with Fake() as good:
        async with serving([upstream("bad", "http://127.0.0.1:1", CHAT), upstream("good", good, CHAT)]) as rig:
            good.answer(streamed(CHAT) if stream else whole(CHAT))
            assert (await rig.ask("POST", PATH[CHAT], request(CHAT, stream=stream))).status == 200


async def test_when_all_fail_the_upstream_that_said_something_is_heard() -> None:
    async with Fake() as busy:
        async with serving([upstream("busy", busy, CHAT), upstream("dead", "http://127.0.0.1:1", CHAT)]) as rig:
            busy.answer(json_answer(429, error_body(CHAT, "rate_limit_error", "slow down"), retry_after="9"))
            reply = await rig.ask("POST", PATH[CHAT], request(CHAT))
            assert (reply.status, error_in(reply, CHAT)["message"]) == (429, "slow down")
            assert reply.headers["retry-after"] == "9"


async def test_an_upstream_that_asked_for_peace_is_asked_last() -> None:
    async with Fake() as first, Fake() as second:
        async with serving([upstream("first", first, CHAT), upstream("second", second, CHAT)]) as rig:
            first.answer(json_answer(429, error_body(CHAT, "rate_limit_error", "x"), retry_after="30"))
            second.answer(whole(CHAT))
            for _ in range(3):
                await rig.ask("POST", PATH[CHAT], request(CHAT))
            assert (len(first.requests), len(second.requests)) == (1, 3)


async def test_after_the_first_content_there_is_no_fallback() -> None:
    async with Fake() as bad, Fake() as good:
        async with serving([upstream("bad", bad, CHAT), upstream("good", good, CHAT)]) as rig:
            bad.answer([Head(200, SSE), *(Send(f) for f in frames(CHAT)[:2]), Cut()])
            reply = await rig.ask("POST", PATH[CHAT], request(CHAT, stream=True))
            assert reply.status == 200
            assert data_of(reply.body)[-1]["error"]["code"] == "upstream_stream_cut"
            assert not good.requests


async def test_a_weaker_class_is_not_a_fallback_once_a_stronger_was_announced() -> None:
    slow = Timeouts(first_byte=0.6)
    async with Fake() as bad, Fake() as weak, Fake() as strong:
        ups = [
            upstream("bad", bad, CHAT, timeouts=slow, upstream_class=UpstreamClass.U4),
            upstream("weak", weak, CHAT, upstream_class=UpstreamClass.U6),
            upstream("strong", strong, CHAT, upstream_class=UpstreamClass.U3),
        ]
        async with serving(ups, status_hold=0.1, heartbeat=0.1) as rig:
            bad.answer([Hang()])
            strong.answer(streamed(CHAT))
            reply = await rig.ask("POST", PATH[CHAT], request(CHAT, stream=True))
            assert reply.headers["x-lethe-upstream-class"] == "U4"
            assert (len(weak.requests), len(strong.requests)) == (0, 1)
            assert b"good " in reply.body


@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES])
async def test_status_is_held_then_committed_with_keep_alives(caller: Dialect) -> None:
    go = asyncio.Event()
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], status_hold=0.05, heartbeat=0.05) as rig:
        fake.answer([Until(go), *streamed(CHAT)])
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        status, headers = await client.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        alive = {
            ANTHROPIC: b'event: ping\ndata: {"type": "ping"}\n\n',
            CHAT: b": keep-alive\n\n",
            RESPONSES: b": keep-alive\n\n",
        }[caller]
        for _ in range(3):
            assert await client.chunk() == alive
        go.set()
        rest = await client.body(headers)
        assert b"good " in rest


@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES])
async def test_a_failure_after_the_hold_is_an_error_event(caller: Dialect) -> None:
    go = asyncio.Event()
    async with Fake() as fake, serving([upstream("up", fake, caller)], status_hold=0.05, heartbeat=9) as rig:
        fake.answer([Until(go), *json_answer(429, error_body(caller, "rate_limit_error", "slow down"))])
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        status, headers = await client.head()
        assert status == 200
        go.set()
        last = data_of(await client.body(headers))[-1]
        assert last.get("error", last)["message"] == "slow down"


async def test_a_failure_within_the_hold_keeps_its_status() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], status_hold=5.0) as rig:
        fake.answer([Wait(0.2), *json_answer(503, error_body(CHAT, "server_error", "later"))])
        assert (await rig.ask("POST", PATH[CHAT], request(CHAT, stream=True))).status == 503


@pytest.mark.parametrize("case", [(ANTHROPIC, ANTHROPIC), (CHAT, CHAT), (ANTHROPIC, CHAT), (CHAT, ANTHROPIC)], ids=str)
async def test_silence_in_a_stream_is_filled_between_events(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    go = asyncio.Event()
    all_frames = frames(source)
    n = next(i for i, frame in enumerate(all_frames) if b"day" in frame)
    half = len(all_frames[n]) // 2
    async with Fake() as fake, serving([upstream("up", fake, source)], heartbeat=0.05) as rig:
        fake.answer(
            [
                Head(200, SSE),
                *(Send(f) for f in all_frames[:n]),
                Send(all_frames[n][:half]),
                Until(go),
                Send(all_frames[n][half:]),
                *(Send(f) for f in all_frames[n + 1 :]),
            ]
        )
        client = await rig.client()
        client.send("POST", PATH[caller], json.dumps(request(caller, stream=True)).encode())
        _, headers = await client.head()
        alive = {
            ANTHROPIC: b'event: ping\ndata: {"type": "ping"}\n\n',
            CHAT: b": keep-alive\n\n",
            RESPONSES: b": keep-alive\n\n",
        }[caller]
        seen = b""
        async with asyncio.timeout(5):
            while alive not in seen:
                seen += await client.chunk()
        assert seen.endswith(alive)
        assert seen.removesuffix(alive).endswith(b"\n\n")
        go.set()
        rest = await client.body(headers)
        assert b"day" in rest


@STREAM
async def test_what_was_lost_on_the_way_to_an_upstream_that_failed_is_not_counted(stream: bool) -> None:
    async with Fake() as bad, Fake() as good:
        async with serving([upstream("bad", bad, CHAT), upstream("good", good, ANTHROPIC)]) as rig:
            bad.answer(refused(500))
            good.answer(streamed(ANTHROPIC) if stream else whole(ANTHROPIC))
            reply = await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC, stream=stream, top_k=5))
            event = await rig.events.one()
            assert (reply.status, len(bad.requests), "x-lethe-loss" in reply.headers) == (200, 1, False)
            assert (event.translated, event.hints, event.degraded, event.dropped) == (False, 0, 0, 0)

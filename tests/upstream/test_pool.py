"""The pool against real sockets, on both event loops, plain and over TLS."""

import asyncio
import time

import pytest
from tests.upstream.raw import HELLO, OK, Line, ask, both_loops, peer, plain_and_tls, pool, run, until, upstream

from lethe.errors import ConnectFailed, FirstByteTimeout, IdleTimeout, ReplyTooLarge, StreamCut
from lethe.upstream.call import Call, Reply, Transport
from lethe.upstream.pool import Pool, pools

SILENT_STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"


async def read_silence(reply: Reply) -> None:
    while True:
        assert await reply.read_any(quiet=0.05) is None


async def answer_all(line: Line) -> None:
    while await line.request():
        await line.send(OK)


@both_loops
@plain_and_tls
def test_connections_are_reused(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async with peer(answer_all, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                for _ in range(3):
                    assert await ask(here) == (200, b"ok")
                assert len(there.lines) == 1
                assert (here.idle, here.in_flight) == (1, 0)

    run(loop, scenario)


@both_loops
def test_the_request_arrives_as_it_was_given(loop: str) -> None:
    async def scenario() -> None:
        seen = []

        async def script(line: Line) -> None:
            seen.append(await line.request())
            await line.send(OK)

        async with peer(script) as there:
            with pool(upstream(there.url + "/v1")) as here:
                await ask(here, Call(path=b"/x?a=b", headers=[(b"a", b"b")], body=b"{}"))
        host = there.url.removeprefix("http://").encode()
        assert seen == [
            b"POST /v1/x?a=b HTTP/1.1\r\nhost: %b\r\na: b\r\naccept-encoding: identity\r\ncontent-length: 2\r\n\r\n{}"
            % host
        ]

    run(loop, scenario)


@both_loops
def test_what_is_raised_once_it_is_connected_keeps_all_back(loop: str) -> None:
    class NoLonger(Exception):
        pass

    def no_longer() -> None:
        raise NoLonger

    async def scenario() -> None:
        got = []

        async def script(line: Line) -> None:
            while request := await line.request():
                got.append(request)
                await line.send(OK)

        async with peer(script) as there:  # it ends only if the connection does
            with pool(upstream(there.url)) as here:
                with pytest.raises(NoLonger):
                    await here.open(HELLO, no_longer)
                assert (here.idle, here.in_flight) == (0, 0)
                assert await ask(here) == (200, b"ok")
                (await here.open(HELLO, no_longer)).close()  # over the connection that is there
                assert len(got) == 2

    run(loop, scenario)


@both_loops
def test_the_freshest_connection_is_taken_and_old_ones_are_dropped(loop: str) -> None:
    async def scenario() -> None:
        now = 100.0
        async with peer(answer_all) as there:
            with pool(upstream(there.url), clock=lambda: now, idle_age=15) as here:
                first, second = await here.open(HELLO), await here.open(HELLO)
                for reply in (first, second):
                    await reply.read_all(100)
                first.close()
                now = 110.0
                second.close()
                assert here.idle == 2
                now = 116.0  # the first is too old now
                await asyncio.wait_for(there.lines[0].gone.wait(), 2)
                assert here.idle == 1
                assert await ask(here) == (200, b"ok")
                assert len(there.lines) == 2
                now = 200.0
                await asyncio.wait_for(there.lines[1].gone.wait(), 2)
                assert here.idle == 0

    run(loop, scenario)


@both_loops
def test_a_connection_too_old_is_not_taken_even_before_the_sweep_sees_it(loop: str) -> None:
    async def scenario() -> None:
        now = 100.0
        async with peer(answer_all) as there:
            with pool(upstream(there.url), clock=lambda: now, idle_age=15, tick=60) as here:
                assert await ask(here) == (200, b"ok")
                now = 116.0
                assert await ask(here) == (200, b"ok")
                assert len(there.lines) == 2
                assert here.idle == 1

    run(loop, scenario)


@both_loops
def test_no_more_idle_connections_than_agreed(loop: str) -> None:
    async def scenario() -> None:
        async with peer(answer_all) as there:
            with pool(upstream(there.url), idle_most=2) as here:
                replies = [await here.open(HELLO) for _ in range(4)]
                assert here.in_flight == 4
                for reply in replies:
                    await reply.read_all(100)
                    reply.close()
                assert (here.idle, here.in_flight) == (2, 0)

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_a_reused_connection_that_died_is_replaced_once(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)
            if len(there.lines) == 1:
                await line.request()
                line.reset()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here) == (200, b"ok")
                assert await ask(here) == (200, b"ok")
                assert len(there.lines) == 2

    run(loop, scenario)


@both_loops
def test_it_is_replaced_only_once(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            if len(there.lines) == 1:
                await line.send(OK)
                await line.request()
            line.reset()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                await ask(here)
                with pytest.raises(StreamCut):
                    await ask(here)
                assert len(there.lines) == 2

    run(loop, scenario)


@both_loops
def test_no_second_try_after_the_first_byte(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)
            await line.request()
            await line.send(b"H")

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                await ask(here)
                with pytest.raises(StreamCut):
                    await ask(here)
                assert len(there.lines) == 1

    run(loop, scenario)


@both_loops
def test_an_idle_connection_that_the_upstream_closes_is_forgotten(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here) == (200, b"ok")
                await there.all_gone()
                await until(lambda: here.idle == 0)
                assert await ask(here) == (200, b"ok")

    run(loop, scenario)


@both_loops
def test_bytes_on_an_idle_connection_are_never_an_answer(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(OK)
            if len(there.lines) == 1:
                await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")
                await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here) == (200, b"ok")
                await there.all_gone()
                assert here.idle == 0
                assert await ask(here) == (200, b"ok")
                assert len(there.lines) == 2

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_quiet_comes_back_without_a_byte_and_silence_ends_it(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(SILENT_STREAM)
            await line.until_gone()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url, idle=0.3)) as here:
                reply = await here.open(HELLO)
                assert await reply.read_any(quiet=5) == b"hello"
                began = time.monotonic()
                assert await reply.read_any(quiet=0.05) is None
                assert await reply.read_any(quiet=0.05) is None
                with pytest.raises(IdleTimeout):  # quiet returns don't start the count anew
                    await read_silence(reply)
                assert time.monotonic() - began >= 0.3
                await there.all_gone()
                reply.close()
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_a_byte_in_time_starts_the_count_anew(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n", *[b"x"] * 8, every=0.05)

        async with peer(script) as there:
            with pool(upstream(there.url, idle=0.2, first_byte=0.2)) as here:
                assert await ask(here) == (200, b"x" * 8)

    run(loop, scenario)


@both_loops
def test_a_trickled_head_does_not_stretch_the_first_byte_timeout(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(*[b"%c" % byte for byte in SILENT_STREAM], every=0.02)

        async with peer(script) as there:
            with pool(upstream(there.url, first_byte=0.2)) as here:
                with pytest.raises(FirstByteTimeout):
                    await here.open(HELLO)
                await there.all_gone()

    run(loop, scenario)


@both_loops
def test_an_upload_that_stalls_is_given_up(loop: str) -> None:
    async def scenario() -> None:
        stop = asyncio.Event()

        async def script(line: Line) -> None:
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport as well
            await stop.wait()

        async with peer(script) as there:
            with pool(upstream(there.url, first_byte=0.1)) as here:
                with pytest.raises(FirstByteTimeout):
                    await here.open(Call(path=b"/x", headers=(), body=b"x" * (32 << 20)))
            stop.set()

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_a_large_body_arrives_whole(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        body = bytes(range(256)) * (8 << 12)

        async def script(line: Line) -> None:
            received = await line.request()
            await line.send(OK.replace(b"ok", b"%d" % (received.endswith(b"\r\n\r\n" + body) + 10)))

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here, Call(path=b"/x", headers=(), body=body)) == (200, b"11")

    run(loop, scenario)


@both_loops
@plain_and_tls
@pytest.mark.parametrize("polite", [True, False], ids=["drains", "resets"])
def test_an_early_answer_is_not_lost(loop: str, tls: bool, polite: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.reader.readuntil(b"\r\n\r\n")
            await line.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
            if polite:
                await line.until_gone()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                assert await ask(here, Call(path=b"/x", headers=(), body=b"x" * (32 << 20))) == (413, b"no")
                assert here.idle == 0
                await there.all_gone()

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_a_slow_reader_holds_the_upstream_back(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        sent = 0

        async def script(line: Line) -> None:
            nonlocal sent
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 << 20))
            while sent < 64 << 20:
                await line.send(b"x" * 65536)
                sent += 65536
            await line.until_gone()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                before = -1
                while before != sent:  # until nothing moves
                    before = sent
                    await asyncio.sleep(0.05)
                assert sent < 16 << 20  # what the sockets of both sides hold
                assert reply.unread < 1 << 20
                assert len(await reply.read_all(64 << 20)) == 64 << 20
                reply.close()
                assert here.idle == 1

    run(loop, scenario)


@both_loops
def test_read_all_has_a_limit(loop: str) -> None:
    async def scenario() -> None:
        async with peer(answer_all) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                assert await reply.read_all(2) == b"ok"
                reply.close()
                reply = await here.open(HELLO)
                with pytest.raises(ReplyTooLarge):
                    await reply.read_all(1)
                reply.close()

    run(loop, scenario)


@both_loops
@plain_and_tls
def test_closing_a_stream_ends_it_for_the_upstream_at_once(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(SILENT_STREAM)
            while True:
                await line.send(b"1\r\nx\r\n", every=0.001)

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                await reply.read_any()
                reply.close()
                await asyncio.wait_for(there.lines[0].gone.wait(), 1)
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_a_cancelled_read_leaves_the_reply_in_order(loop: str) -> None:
    async def scenario() -> None:
        go_on = asyncio.Event()

        async def script(line: Line) -> None:
            await line.request()
            await line.send(SILENT_STREAM)
            await go_on.wait()
            await line.send(b"1\r\n!\r\n0\r\n\r\n")
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                assert await reply.read_any() == b"hello"
                reading = asyncio.create_task(reply.read_any())
                await asyncio.sleep(0)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                go_on.set()
                assert await reply.read_all(10) == b"!"
                reply.close()
                assert here.idle == 1

    run(loop, scenario)


@both_loops
def test_closing_the_pool_ends_everything(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            if await line.request():
                await line.send(SILENT_STREAM)
                await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                await reply.read_any()
                reading = asyncio.create_task(reply.read_any())
                await asyncio.sleep(0)
                here.close()
                with pytest.raises(StreamCut):
                    await reading
                await there.all_gone()
                with pytest.raises(ConnectFailed):
                    await here.open(HELLO)
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_many_at_once(loop: str) -> None:
    async def scenario() -> None:
        async with peer(answer_all) as there:
            with pool(upstream(there.url), idle_most=100) as here:
                for _ in range(3):
                    assert set(await asyncio.gather(*[ask(here) for _ in range(100)])) == {(200, b"ok")}
                assert len(there.lines) == 100

    run(loop, scenario)


@both_loops
def test_a_tls_upstream_needs_a_context(loop: str) -> None:
    async def scenario() -> None:
        with pytest.raises(ValueError, match="TLS"):
            Pool(upstream("https://host"), ssl_context=None, clock=time.monotonic)

    run(loop, scenario)


@both_loops
def test_pools_share_contexts_and_load_them_only_for_tls(loop: str) -> None:
    async def scenario() -> None:
        plain, first, second = pools(
            [upstream("http://host"), upstream("https://one"), upstream("https://two")], clock=time.monotonic
        )
        as_transport: Transport = plain
        as_transport.close()
        assert plain._way.context is None
        assert first._way.context is second._way.context is not None

    run(loop, scenario)

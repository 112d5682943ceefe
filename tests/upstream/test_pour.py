"""Pouring: every read goes to a sink at once, whole."""

import asyncio

import pytest
from tests.upstream.raw import HELLO, Line, both_loops, peer, plain_and_tls, pool, run, upstream

from lethe.errors import IdleTimeout, StreamCut
from lethe.upstream.call import Reply, Sink

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def into(got: list[bytes], *, more: bool = True) -> Sink:
    def sink(part: bytes) -> bool:
        got.append(part)
        return more

    return sink


@both_loops
@plain_and_tls
def test_reads_come_whole_and_in_order(loop: str, tls: bool) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(HEAD + chunk(b"a") + chunk(b"b"), chunk(b"c") + chunk(b"d") + END, every=0.05)
            await line.until_gone()

        async with peer(script, tls=tls) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                got: list[bytes] = []
                assert await reply.pour(into(got), 5.0) is True
                reply.close()
                assert got == [b"ab", b"cd"]
                assert here.idle == 1

    run(loop, scenario)


@both_loops
def test_a_sink_that_wants_no_more_is_left_alone(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(HEAD, *(chunk(b"%d" % n) for n in range(5)), END, every=0.02)
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                got: list[bytes] = []
                states = []
                while not (state := await reply.pour(into(got, more=False), 5.0)):
                    states.append(state)
                    await asyncio.sleep(0.03)  # what comes meanwhile waits
                reply.close()
                assert b"".join(got) == b"01234"
                assert set(states) == {False}

    run(loop, scenario)


@both_loops
@pytest.mark.parametrize(("end", "fault"), [("silence", IdleTimeout), ("cut", StreamCut)])
def test_what_has_come_is_poured_before_a_fault(loop: str, end: str, fault: type[Exception]) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(HEAD + chunk(b"a"), chunk(b"b"), every=0.05)
            if end == "cut":
                line.reset()
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url, idle=0.15)) as here:
                reply = await here.open(HELLO)
                got: list[bytes] = []
                with pytest.raises(fault):
                    await reply.pour(into(got), 5.0)
                reply.close()
                assert b"".join(got) == b"ab"
                assert (here.idle, here.in_flight) == (0, 0)

    run(loop, scenario)


@both_loops
def test_quiet_is_counted_from_the_last_byte(loop: str) -> None:
    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(HEAD, *(chunk(b"x") for _ in range(8)), every=0.05)
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(HELLO)
                got: list[bytes] = []
                assert await reply.pour(into(got), 0.2) is None
                assert b"".join(got) == b"x" * 8
                reply.close()
                assert here.in_flight == 0

    run(loop, scenario)


async def through(reply: Reply, sink: Sink, quiet: float) -> None:
    """As a relay does: on after every silence, to the end."""
    while not await reply.pour(sink, quiet):
        pass


@both_loops
def test_looking_up_from_a_silence_does_not_begin_it_anew(loop: str) -> None:
    """A stream is looked up from at every heartbeat; the upstream's patience is longer, and ends all the same."""

    async def scenario() -> None:
        async def script(line: Line) -> None:
            await line.request()
            await line.send(HEAD + chunk(b"a"))
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url, idle=0.5)) as here:
                reply = await here.open(HELLO)
                got: list[bytes] = []
                assert await reply.pour(into(got), 0.1) is None
                async with asyncio.timeout(20):
                    with pytest.raises(IdleTimeout):
                        await through(reply, into(got), 0.1)
                reply.close()
                assert got == [b"a"]

    run(loop, scenario)

import asyncio

from tests.upstream.raw import Line, both_loops, peer, pool, run, upstream

from lethe.upstream.arrivals import READ_MOST, Arrivals
from lethe.upstream.call import Call


def test_wiped_it_is_empty() -> None:
    arrivals = Arrivals()
    arrivals.whole[:] = b"x" * READ_MOST
    arrivals.wipe()
    assert not any(arrivals.whole)


@both_loops
def test_answers_land_in_it(loop: str) -> None:
    """And not in a buffer of the event loop's, which nobody can wipe."""

    async def scenario() -> None:
        async def script(line: Line) -> None:
            while await line.request():
                await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n", b"x" * 300000)

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(Call(path=b"/", headers=(), body=b"{}"))
                assert await reply.read_all(300000) == b"x" * 300000
                reply.close()
                assert here.idle == 1
                assert b"xxxx" in bytes(here._arrivals.whole)

    run(loop, scenario)


@both_loops
def test_what_comes_after_an_answer_does_not_stay_in_it(loop: str) -> None:
    """No request ends with it, so no sweep follows."""

    async def scenario() -> None:
        read = asyncio.Event()

        async def script(line: Line) -> None:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await read.wait()
            await line.send(b"x" * 1000)
            await line.until_gone()

        async with peer(script) as there:
            with pool(upstream(there.url)) as here:
                reply = await here.open(Call(path=b"/", headers=(), body=b"{}"))
                assert await reply.read_all(2) == b"{}"
                reply.close()
                assert here.idle == 1
                read.set()
                await there.all_gone()
                assert here.idle == 0
                assert b"xxxx" not in bytes(here._arrivals.whole)

    run(loop, scenario)

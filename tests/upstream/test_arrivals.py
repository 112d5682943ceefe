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

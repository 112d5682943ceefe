import pytest
from tests.upstream.raw import Line, both_loops, peer, pool, run, upstream

from lethe.upstream.arrivals import READ_MOST, Arrivals
from lethe.upstream.call import Call


def test_what_was_handed_over_is_overwritten() -> None:
    arrivals, taken = Arrivals(), list[bytes]()
    arrivals.whole[:7] = b"secrets"
    arrivals.hand(6, lambda landed: taken.append(bytes(landed)))
    assert taken == [b"secret"]
    assert bytes(arrivals.whole[:8]) == bytes(6) + b"s\0"


def test_it_is_overwritten_even_when_nobody_could_take_it() -> None:
    def fail(landed: memoryview) -> None:
        raise ValueError(len(landed))

    arrivals = Arrivals()
    arrivals.whole[:READ_MOST] = b"x" * READ_MOST
    with pytest.raises(ValueError, match=str(READ_MOST)):
        arrivals.hand(READ_MOST, fail)
    assert not any(arrivals.whole)


@both_loops
def test_nothing_of_an_answer_stays_where_it_arrived(loop: str) -> None:
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
                assert not any(here._arrivals.whole)

    run(loop, scenario)

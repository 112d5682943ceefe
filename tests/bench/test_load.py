"""The load against connections that answer as told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bench.answers import WORD
from bench.load import Caller, Load


@asynccontextmanager
async def answering(answer: bytes, *, close: bool = False) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\n\n"):
                writer.write(answer)
                if close:
                    writer.close()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def plain(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not in time")


async def test_callers_ask_again_as_soon_as_they_are_answered() -> None:
    async with answering(plain(b"a forget b forget c")) as port:
        load = Load(port, b"GET\n\n", 2, again=True)
        await load.start(3)
        await until(lambda: load.tally.answers >= 30)
        await load.stop()
    assert load.tally.faults == 0
    assert load.tally.pieces == 2 * load.tally.answers
    assert load.callers == set()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (plain(b"forget"), "status 200, 1 of 2 pieces"),
        (plain(b"forget forget", 500), "status 500, 2 of 2 pieces"),
        (b"nonsense\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nforget", "cut after 1 of 2 pieces"),
    ],
    ids=["too few", "status", "nonsense", "cut"],
)
async def test_a_wrong_answer_is_a_fault(answer: bytes, fault: str) -> None:
    async with answering(answer, close=True) as port:
        load = Load(port, b"GET\n\n", 2, again=False)
        await load.start(1)
        await load.finish(limit=5)
    assert (load.tally.answers, load.tally.faults, load.tally.first_fault) == (0, 1, fault)


async def test_a_lost_connection_is_opened_again() -> None:
    async with answering(plain(b"forget forget"), close=True) as port:
        load = Load(port, b"GET\n\n", 2, again=True)
        await load.start(1)
        await until(lambda: load.tally.answers >= 3)
        await load.stop()
    assert load.tally.answers >= 3


async def test_what_does_not_end_in_time_is_cut_and_counted() -> None:
    async with answering(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nforget") as port:
        load = Load(port, b"GET\n\n", 2, again=False)
        await load.start(2)
        await load.finish(limit=0.05)
    assert (load.tally.faults, load.tally.first_fault) == (2, "not ended in time")
    assert load.callers == set()


@pytest.mark.parametrize("size", range(1, 9))
def test_words_are_counted_once_however_the_body_is_cut(size: int) -> None:
    text = b"forget about it fforgetforget forge t " + WORD
    load = Load(0, b"", 4, again=False)
    caller = Caller(load)
    for start in range(0, len(text), size):
        caller.on_body(text[start : start + size])
    assert load.tally.pieces == 4

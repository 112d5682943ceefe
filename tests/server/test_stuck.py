"""Callers that neither go on nor go away: what is theirs is let go of."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections.abc import Coroutine
from typing import Any

import pytest
from tests.server.rig import ANTHROPIC, serving, upstream
from tests.server.test_connection import CLOSE, POST, Memory, contexts, listening, turns

from lethe.server import serving as data_plane
from lethe.server.callers import Callers
from lethe.server.connection import Connection
from lethe.server.incoming import HIGH_WATER, Incoming
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.fake import Fake

MUCH = b"x" * 8_000_000  # more than the buffers of the system hold
HALF = POST + b"content-length: 80\r\n\r\nhalf"


async def asked(incoming: Incoming) -> None:
    """Answers with much, once the body is there."""
    await incoming.body(len(MUCH))
    incoming.start(200, [], len(MUCH))
    await incoming.end(MUCH)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_body_that_stays_away(*, tls: bool) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waiting(incoming: Incoming) -> None:
        begun.set()
        try:
            await asked(incoming)
        finally:
            assert incoming.gone
            ended.set()

    ours, theirs = contexts() if tls else (None, None)
    async with listening(waiting, ours) as (callers, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=theirs)
        writer.write(HALF)
        await begun.wait()
        callers.drop_stuck(60)
        assert len(callers.open) == 1
        callers.drop_stuck(0)
        await ended.wait()
        await callers.outlast()
        writer.close()


@pytest.mark.parametrize("more", [b"", CLOSE + b"\r\n"], ids=["open", "closing"])
async def test_an_answer_that_nobody_takes(more: bytes) -> None:
    """Neither where the connection is to stay, nor where it is closed and only waits for the last of it to go out."""
    written = asyncio.Event()

    async def writing(incoming: Incoming) -> None:
        await asked(incoming)
        written.set()

    async with listening(writing) as (callers, port):
        with socket.create_connection(("127.0.0.1", port)) as caller:
            caller.sendall(POST + more + b"content-length: 2\r\n\r\nhi")
            await written.wait()
            callers.drop_stuck(60)  # the first look cannot know
            callers.drop_stuck(60)
            await turns()
            assert len(callers.open) == 1
            callers.drop_stuck(0)
            await callers.outlast()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_what_is_taken_of_the_kernels_buffer_counts(*, tls: bool) -> None:
    """Of megabytes, which asks for more only once a third is free: to some callers' networks that is a long way."""
    written = asyncio.Event()

    async def writing(incoming: Incoming) -> None:
        await asked(incoming)
        written.set()

    ours, theirs = contexts() if tls else (None, None)
    async with listening(writing, ours) as (callers, port):
        caller = socket.create_connection(("127.0.0.1", port))
        if theirs is not None:
            caller = await asyncio.to_thread(theirs.wrap_socket, caller, server_hostname="127.0.0.1")
        with caller:
            await asyncio.to_thread(caller.sendall, POST + b"content-length: 2\r\n\r\nhi")
            await written.wait()
            (line,) = callers.open
            assert line.transport is not None
            callers.loop = clock = Clock()  # type: ignore[assignment]
            callers.drop_stuck(100)
            waits = line.transport.get_write_buffer_size()
            for _ in range(2):
                await asyncio.to_thread(take, caller, unacknowledged(line) - 1, line)
                clock.now += 60
                callers.drop_stuck(100)
                assert line.transport.get_write_buffer_size() == waits > 0
                assert not line.transport.is_closing()
            clock.now += 100
            callers.drop_stuck(100)
            assert line.transport.is_closing()
            await callers.outlast()


def unacknowledged(line: Connection) -> int:
    """Bytes that the kernel holds for the caller."""
    assert line.transport is not None
    found = fcntl.ioctl(line.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", found)[0])


def take(caller: socket.socket, most: int, line: Connection) -> None:
    """Read until the kernel holds no more than that for it."""
    while unacknowledged(line) > most:
        caller.recv(4096)


async def test_a_server_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert data_plane.STUCK == 120
    monkeypatch.setattr(data_plane, "STUCK", 0.0)
    monkeypatch.setattr(data_plane, "_SWEEP", 0.01)
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
        writer.write(HALF.replace(b"/a", b"/v1/messages"))
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        assert not fake.requests


async def test_a_server_goes_on_to_look_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = asyncio.Semaphore(0)

    def failing(*_: float) -> None:
        looks.release()
        raise MemoryError

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    monkeypatch.setattr(data_plane, "_SWEEP", 0.01)
    async with serving([upstream("up", "http://127.0.0.1:1", ANTHROPIC)]), asyncio.timeout(10):
        monkeypatch.setattr(Callers, "drop_stuck", failing)
        for _ in range(3):
            await looks.acquire()


class Clock:
    """In place of a loop, of which the time and tasks are wanted."""

    def __init__(self) -> None:
        self.now = 1000.0

    def time(self) -> float:
        return self.now

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)


class Slow(Memory):
    """Has taken all but so many bytes."""

    left = 0

    def get_write_buffer_size(self) -> int:
        return self.left

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def getsockopt(self, *_: int) -> bytes:
        return bytes(104)  # of a kernel that does not tell what is acknowledged

    def abort(self) -> None:
        self.closed = True


# Seconds that pass, what comes, or how many bytes are written and how many left by then, and whether it is given up.
LOOKS: dict[str, list[tuple[float, bytes | tuple[int, int], bool]]] = {
    "sends a byte now and then": [(50, b"a", False), (50, b"b", False), (50, b"c", False)],
    "sends one, and no more": [(50, b"a", False), (50, b"", False), (50, b"", True)],
    "takes a little": [(50, (900, 800), False), (50, (0, 799), False), (50, (0, 798), False), (50, (0, 798), False)],
    "takes a little, and no more": [(50, (900, 800), False), (50, (0, 799), False), (50, (0, 799), False), (50, (0, 799), True)],
    "takes less than comes": [(50, (100, 100), False), (50, (100, 199), False), (50, (100, 298), False), (50, (100, 397), False)],
    "takes what comes, and is behind": [(50, (100, 100), False), (50, (100, 100), False), (50, (100, 100), False)],
    "takes nothing of what comes": [(50, (100, 100), False), (50, (100, 200), False), (50, (100, 300), True)],
    "has all, and then something again": [(50, (100, 100), False), (50, (0, 0), False), (500, (0, 0), False), (50, (100, 100), False)],
}  # fmt: skip


@pytest.mark.parametrize("looks", LOOKS.values(), ids=LOOKS)
async def test_who_goes_on_however_slowly_is_not_stuck(
    looks: list[tuple[float, bytes | tuple[int, int], bool]],
) -> None:
    callers = Callers(asked, asyncio.get_running_loop(), Arrivals(), lambda: None)
    callers.loop = clock = Clock()  # type: ignore[assignment]
    line, wire = Connection(callers), Slow()
    line.connection_made(wire)
    if isinstance(looks[0][1], bytes):
        line.data_received(HALF)
    for seconds, change, given_up in looks:
        clock.now += seconds
        if isinstance(change, tuple):
            line.write(b"x" * change[0])
            wire.left = change[1]
        elif change:
            line.data_received(change)
        callers.drop_stuck(100)
        assert wire.closed is given_up
    line.connection_lost(None)


async def test_a_body_that_had_to_wait_for_an_answer_has_not_stayed_away() -> None:
    """It is not read while the request before it is answered."""
    answer = asyncio.Event()

    async def answering(incoming: Incoming) -> None:
        await incoming.body(len(MUCH))
        await answer.wait()
        incoming.start(200, [], 0)
        await incoming.end()

    callers = Callers(answering, asyncio.get_running_loop(), Arrivals(), lambda: None)
    callers.loop = clock = Clock()  # type: ignore[assignment]
    line, wire = Connection(callers), Slow()
    line.connection_made(wire)
    line.data_received(POST + b"content-length: 0\r\n\r\n" + POST + b"content-length: %d\r\n\r\n" % len(MUCH))
    line.data_received(MUCH[: HIGH_WATER + 1])
    await turns()
    assert not wire.reading
    clock.now += 200
    answer.set()
    await turns(lambda: wire.reading)
    callers.drop_stuck(100)
    assert wire.reading
    assert not wire.closed
    clock.now += 200
    callers.drop_stuck(100)
    assert wire.closed
    line.connection_lost(None)

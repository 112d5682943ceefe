"""A worker's end: what must arrive does, what may be lost is counted, and the end of the supervisor is noticed."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from tests.ledger.events import event
from tests.sandbox import messages

from lethe.ledger.record import SIZE, pack
from lethe.sandbox.channel import (
    DROP_ABOVE,
    FROM_WORKER,
    Counters,
    Drain,
    Drained,
    Dropped,
    Events,
    Fault,
    FromWorker,
    Inbox,
    Ready,
    ToWorker,
    frame,
)
from lethe.sandbox.link import Link

BATCH = pack(event()) * 64


class Supervisor:
    """The other end, blocking."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self._inbox: Inbox[FromWorker] = Inbox(FROM_WORKER)

    def hear(self) -> list[FromWorker]:
        """All that is in the socket now."""
        heard: list[FromWorker] = []
        self.channel.setblocking(False)
        try:
            while data := self.channel.recv(1 << 20):
                heard += self._inbox.feed(data)
        except BlockingIOError:
            pass
        return heard


class Ends:
    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.heard: list[ToWorker | None] = []
        self._changed = asyncio.Event()
        self.link = Link(ours, self._hear)
        self.supervisor = Supervisor(theirs)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                self._changed.clear()
                await self._changed.wait()

    def _hear(self, message: ToWorker | None) -> None:
        self.heard.append(message)
        self._changed.set()


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Ends(ours, theirs)


async def test_messages_both_ways(ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    ends.link.say(Ready())
    ends.link.events(BATCH)
    ends.link.counters(messages.tally())
    assert ends.supervisor.hear() == [Ready(), Events(BATCH), Counters(messages.tally())]
    ends.supervisor.channel.sendall(b"".join(map(frame, messages.TO_WORKER)))
    await ends.until(len(messages.TO_WORKER))
    assert ends.heard == messages.TO_WORKER


async def test_a_full_channel_drops_counts_and_confesses(ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    sent = 3 * DROP_ABOVE // len(BATCH)
    for _ in range(sent):
        ends.link.events(BATCH)
    while ends.link.offer(Ready()):  # not the smallest fits any more
        pass
    ends.link.counters(messages.tally())
    heard: list[FromWorker] = []
    async with asyncio.timeout(10):
        while not any(isinstance(message, Dropped) for message in heard):
            heard += ends.supervisor.hear()
            await asyncio.sleep(0.001)
    taken = sum(isinstance(message, Events) for message in heard)
    assert 0 < taken < sent
    assert heard[-1] == Dropped((sent - taken) * len(BATCH) // SIZE, 1)
    ends.link.say(Drained())
    await ends.link.empty()
    assert ends.supervisor.hear() == [Drained()]  # nothing is confessed twice


async def test_what_must_arrive_waits_for_room(ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    while ends.link.offer(Events(BATCH)):
        pass
    ends.link.say(Drained())
    emptied = asyncio.get_running_loop().create_task(ends.link.empty())
    await asyncio.sleep(0.01)
    assert not emptied.done()
    heard: list[FromWorker] = []
    async with asyncio.timeout(10):
        while not emptied.done():
            heard += ends.supervisor.hear()
            await asyncio.sleep(0.001)
    heard += ends.supervisor.hear()
    assert Drained() in heard


async def test_the_end_of_the_supervisor(ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    ends.supervisor.channel.sendall(frame(Drain(None)))
    ends.supervisor.channel.close()
    await ends.until(2)
    assert ends.heard == [Drain(None), None]
    ends.link.say(Ready())
    ends.link.events(BATCH)
    assert not ends.link.offer(Fault("E", "a.py:1"))
    await ends.link.empty()


@pytest.mark.parametrize("nonsense", [b"\x00\0\0\0\0", frame(Ready()), frame(Drain(None))[:-1] + b"\xc1"])
async def test_nonsense_is_taken_for_the_end(nonsense: bytes, ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    ends.supervisor.channel.sendall(nonsense)
    await ends.until(1)
    assert ends.heard == [None]


async def test_empty_does_not_wait_for_a_supervisor_that_is_gone(ends: Ends) -> None:
    ends.link.attach(asyncio.get_running_loop())
    while ends.link.offer(Events(BATCH)):
        pass
    ends.supervisor.channel.close()
    async with asyncio.timeout(10):
        await ends.link.empty()


def test_a_fault_before_and_after_the_loop(ends: Ends) -> None:
    ends.link.fault(Fault("Before", "a.py:1"))

    async def attach() -> None:
        ends.link.attach(asyncio.get_running_loop())

    asyncio.run(attach())
    ends.link.fault(Fault("After", "a.py:2"))
    assert ends.supervisor.hear() == [Fault("Before", "a.py:1"), Fault("After", "a.py:2")]


async def test_the_first_message_comes_before_any_loop_and_the_others_stay(ends: Ends) -> None:
    first, *others = messages.TO_WORKER
    sent = b"".join(map(frame, messages.TO_WORKER))
    half = len(sent) - 3
    ends.supervisor.channel.sendall(sent[:half])
    assert ends.link.first() == first
    assert ends.heard == []
    ends.link.attach(asyncio.get_running_loop())
    assert ends.heard == others[:-1]
    ends.supervisor.channel.sendall(sent[half:])
    await ends.until(len(others))
    assert ends.heard == others


def drip(ends: Ends, data: bytes) -> None:
    for byte in data:
        ends.supervisor.channel.sendall(bytes([byte]))


def test_a_first_message_in_pieces(ends: Ends) -> None:
    sent = frame(messages.TO_WORKER[0])
    said = threading.Thread(target=lambda: drip(ends, sent))
    said.start()
    assert ends.link.first() == messages.TO_WORKER[0]
    said.join()


@pytest.mark.parametrize("sent", [b"", frame(Drain(None))[:-1], frame(Ready()), b"\xff" * 64])
def test_no_first_message_but_the_end_or_nonsense(sent: bytes, ends: Ends) -> None:
    ends.supervisor.channel.sendall(sent)
    ends.supervisor.channel.close()
    assert ends.link.first() is None
    ends.link.say(Ready())  # to nobody

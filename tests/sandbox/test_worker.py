"""The life of a worker, round a data plane that is played: orders, metrics, faults, the end."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from tests.ledger.events import LEVEL_B, event
from tests.sandbox.messages import PLAN

from lethe.config.plan import Plan
from lethe.errors import InternalFault
from lethe.ledger.pages import Page
from lethe.retention.levels import Level
from lethe.retention.standing import Finding
from lethe.sandbox import worker as module
from lethe.sandbox.channel import (
    FROM_WORKER,
    Configure,
    Counters,
    Credentials,
    Drain,
    Drained,
    Events,
    Fault,
    FromWorker,
    Inbox,
    Message,
    PageIs,
    PageWanted,
    Ready,
    frame,
)
from lethe.sandbox.worker import Outside, Worker

CONFIGURE = Configure(1, PLAN, {"env:A": "one"})


class Plane:
    """Serves nothing, and finishes draining when it is told, or when there is a deadline."""

    made: ClassVar[list["Plane"]] = []

    def __init__(self, plan: Plan, credentials: Mapping[str, str], listener: socket.socket, outside: Outside) -> None:
        del listener
        self.plan, self.outside = plan, outside
        self.learnt: list[Sequence[Finding]] = []
        self.made.append(self)
        self.credentials = [credentials]
        self.drains: list[float | None] = []
        self.finished = asyncio.Event()

    async def start(self) -> None:
        """At once."""

    def replace_credentials(self, credentials: Mapping[str, str]) -> None:
        self.credentials.append(credentials)

    def learn(self, findings: Sequence[Finding]) -> None:
        self.learnt.append(findings)

    async def drain(self, seconds: float | None) -> None:
        self.drains.append(seconds)
        if seconds is not None:
            self.finished.set()
        await self.finished.wait()


class Rig:
    """A worker on this loop, and the supervisor's end of its channel."""

    def __init__(self, listener: socket.socket) -> None:
        theirs, self.channel = socket.socketpair()
        self.planes: list[Plane] = Plane.made
        self.planes.clear()
        self.worker = Worker(theirs, listener, Plane)
        self.theirs = theirs
        self._inbox: Inbox[FromWorker] = Inbox(FROM_WORKER)
        self._heard: list[FromWorker] = []
        self.channel.setblocking(False)
        self.life = asyncio.get_running_loop().create_task(self._live())

    async def _live(self) -> None:
        """As `main` does it, without locking this process in."""
        order = await asyncio.to_thread(self.worker.link.first)
        if isinstance(order, Configure):
            await self.worker.run(order, frozenset({Level.C}))

    @property
    def plane(self) -> Plane:
        (plane,) = self.planes
        return plane

    def say(self, *said: Message) -> None:
        self.channel.sendall(b"".join(map(frame, said)))

    async def hear(self) -> FromWorker:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(10):
            while not self._heard:
                self._heard += self._inbox.feed(await loop.sock_recv(self.channel, 65536))
        return self._heard.pop(0)

    async def end(self) -> None:
        async with asyncio.timeout(10):
            await self.life


@asynccontextmanager
async def rig() -> AsyncIterator[Rig]:
    with socket.socket() as listener:
        made = Rig(listener)
        try:
            yield made
        finally:
            made.channel.close()  # ends the wait for a first message, too
            made.life.cancel()
            await asyncio.wait([made.life])
            asyncio.get_running_loop().remove_reader(made.theirs)
            asyncio.get_running_loop().set_exception_handler(None)
            made.theirs.close()


@pytest.fixture(autouse=True)
def _thaw() -> None:
    """The worker freezes its heap, which is for processes of their own."""
    gc.unfreeze()


async def test_from_configuration_to_the_end() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE)
        assert await worker.hear() == Ready()
        assert (worker.plane.plan, worker.plane.credentials) == (PLAN, [{"env:A": "one"}])
        worker.plane.outside.record(event())
        worker.plane.outside.record(event(level=LEVEL_B))
        worker.say(Drain(3.0))
        assert [type(await worker.hear()) for _ in range(3)] == [Events, Counters, Drained]
        assert worker.plane.drains == [3.0]
        await worker.end()


async def test_rotated_credentials() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE, Credentials({"env:A": "two"}))
        assert await worker.hear() == Ready()
        worker.say(Credentials({"env:A": "three"}))
        worker.say(Drain(1.0))
        assert await worker.hear() == Drained()
        assert worker.plane.credentials == [{"env:A": "two"}, {"env:A": "three"}]


async def test_a_second_order_to_drain_may_be_stricter() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE, Drain(None))
        assert await worker.hear() == Ready()
        worker.say(Drain(0.5))
        assert await worker.hear() == Drained()
        assert worker.plane.drains == [None, 0.5]
        await worker.end()


async def test_an_orphan_drains() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE, Drain(None))
        assert await worker.hear() == Ready()
        worker.channel.close()
        await worker.end()
        assert worker.plane.drains == [None, module.ORPHAN_DRAIN]


@pytest.mark.parametrize("close", [True, False])
async def test_an_end_before_the_beginning(close: bool) -> None:
    async with rig() as worker:
        if close:
            worker.channel.close()
        else:
            worker.say(Drain(None))
        await worker.end()
        assert worker.planes == []


async def test_metrics_come_from_the_supervisor_after_what_is_held() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE)
        assert await worker.hear() == Ready()
        worker.plane.outside.record(event(level=LEVEL_B))
        asked = asyncio.ensure_future(worker.plane.outside.page(Page.METRICS))
        assert isinstance(await worker.hear(), Counters)
        assert await worker.hear() == PageWanted(1, Page.METRICS)
        worker.say(PageIs(99, b"of another"), PageIs(1, b"page"), PageIs(1, b"again"))
        assert await asked == b"page"


async def test_metrics_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE_WAIT", 0.01)
    async with rig() as worker:
        worker.say(CONFIGURE)
        assert await worker.hear() == Ready()
        with pytest.raises(InternalFault):
            await worker.plane.outside.page(Page.METRICS)


async def test_so_many_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGES_ASKED", 2)
    async with rig() as worker:
        worker.say(CONFIGURE)
        assert await worker.hear() == Ready()
        asked = [asyncio.ensure_future(worker.plane.outside.page(Page.METRICS)) for _ in range(3)]
        done, _ = await asyncio.wait(asked, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        assert done == {asked[2]}
        assert isinstance(asked[2].exception(), InternalFault)
        worker.say(PageIs(1, b"1"), PageIs(2, b"2"))
        assert [await each for each in asked[:2]] == [b"1", b"2"]


async def test_faults_without_their_text() -> None:
    async with rig() as worker:
        worker.say(CONFIGURE)
        assert await worker.hear() == Ready()
        worker.plane.outside.fault(ValueError("canary-51"))
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "canary-52", "exception": KeyError("canary-53")})
        loop.call_exception_handler({"message": "canary-54"})
        heard = [await worker.hear() for _ in range(3)]
        assert heard == [
            Fault("ValueError", "unknown:0"),
            Fault("KeyError", "unknown:0"),
            Fault("LoopError", "unknown:0"),
        ]


async def test_a_data_plane_that_does_not_start_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Plane) -> None:
        raise OSError("canary")

    monkeypatch.setattr(Plane, "start", fail)
    async with rig() as worker:
        worker.say(CONFIGURE)
        with pytest.raises(OSError, match="canary"):
            await worker.end()

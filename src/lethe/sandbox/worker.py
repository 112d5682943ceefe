"""A worker process: the data plane and nothing else.

`python -s -P -S -m lethe.sandbox.worker CHANNEL LISTENER`, both inherited descriptors. It is configured once, over the
channel, locks itself in for what it is to serve, tells the supervisor what holds it, and lives until it has drained.
"""

import asyncio
import contextlib
import gc
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import uvloop

from lethe.config.plan import Plan
from lethe.errors import InternalFault
from lethe.ledger.pages import Page
from lethe.ledger.recorder import Recorder
from lethe.retention.enforcement import Enforcement
from lethe.retention.levels import Level
from lethe.retention.standing import Finding
from lethe.sandbox import faults, silence
from lethe.sandbox.channel import (
    Configure,
    Credentials,
    Drain,
    Drained,
    Fault,
    Findings,
    LockedIn,
    PageIs,
    PageWanted,
    Ready,
    ToWorker,
    Unproven,
)
from lethe.sandbox.link import Link
from lethe.sandbox.lockin import confines
from lethe.sandbox.lockin.lock import lock_in

ORPHAN_DRAIN = 10.0  # seconds to finish in when the supervisor is gone
_PAGE_WAIT = 15.0  # seconds: the first posture takes imports from a cold disk, of a supervisor that may start children
_PAGES_ASKED = 64  # pages asked for at once
_LAST_WORDS = 1.0  # seconds for the last events to leave


class Serving(Protocol):
    """What the data plane offers; `lethe.server.serving.Serving` is it."""

    async def start(self) -> None: ...
    def replace_credentials(self, credentials: Mapping[str, str]) -> None: ...
    def learn(self, findings: Sequence[Finding]) -> None: ...
    async def drain(self, seconds: float | None) -> None: ...


ServingFactory: TypeAlias = Callable[[Plan, Mapping[str, str], socket.socket, "Outside"], Serving]
Lock: TypeAlias = Callable[[confines.Confines], Enforcement]


class Outside:
    """`lethe.server.outside.Outside`: what the data plane may ask for."""

    def __init__(self, worker: "Worker", recorder: Recorder, levels: frozenset[Level]) -> None:
        self._worker = worker
        self._recorder = recorder
        self.levels = levels
        self.record = recorder.record

    async def page(self, page: Page) -> bytes:
        """Metrics with this worker's latest included. Raises InternalFault."""
        if page is Page.METRICS:
            self._recorder.flush()
        return await self._worker.ask_page(page)

    def fault(self, error: BaseException) -> None:
        self._worker.link.fault(faults.describe(error))

    def unproven(self, upstream: int) -> None:
        self._worker.link.offer(Unproven(upstream))


class Worker:
    """One generation's data plane, and what the supervisor tells it."""

    def __init__(self, channel: socket.socket, listener: socket.socket, factory: ServingFactory) -> None:
        self.link = Link(channel, self._heard)
        self._listener = listener
        self._factory = factory
        self._drains: asyncio.Queue[float | None] = asyncio.Queue()
        self._serving: Serving | None = None
        self._rotated: dict[str, str] | None = None  # newer than the configuration's
        self._learnt: tuple[Finding, ...] | None = None  # newer than the configuration's
        self._pages: dict[int, asyncio.Future[bytes]] = {}
        self._asked = 0

    async def run(self, order: Configure, levels: frozenset[Level]) -> None:
        """From configuration to the end; `levels` are those that the lock-in is good enough for."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_failed)
        self.link.attach(loop)
        recorder = Recorder(self.link, loop.call_later)
        credentials = order.credentials if self._rotated is None else self._rotated
        self._serving = self._factory(order.plan, credentials, self._listener, Outside(self, recorder, levels))
        self._serving.learn(order.findings if self._learnt is None else self._learnt)
        await self._serving.start()
        gc.collect()
        gc.freeze()
        self.link.say(Ready())
        await self._drain(self._serving)
        recorder.flush()
        self.link.say(Drained())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self.link.empty()

    async def _drain(self, serving: Serving) -> None:
        """Wait for the order to drain, and obey; a second order may come meanwhile and be stricter."""
        seconds = await self._drains.get()
        further = asyncio.get_running_loop().create_task(self._hurry(serving))
        try:
            await serving.drain(seconds)
        finally:
            further.cancel()

    async def _hurry(self, serving: Serving) -> None:
        while True:
            await serving.drain(await self._drains.get())

    def _heard(self, message: ToWorker | None) -> None:
        match message:
            case None:
                self._drains.put_nowait(ORPHAN_DRAIN)
            case Drain(seconds=seconds):
                self._drains.put_nowait(seconds)
            case Configure():
                pass  # a locked-in worker is never configured anew
            case Credentials(credentials=credentials):
                self._rotated = credentials
                if self._serving is not None:
                    self._serving.replace_credentials(credentials)
            case Findings(findings=findings):
                self._learnt = findings
                if self._serving is not None:
                    self._serving.learn(findings)
            case PageIs(token=token, content=content):
                waiting = self._pages.get(token)
                if waiting is not None and not waiting.done():
                    waiting.set_result(content)

    async def ask_page(self, page: Page) -> bytes:
        """A page of the supervisor's. Raises InternalFault."""
        self._asked += 1
        token = self._asked
        if len(self._pages) >= _PAGES_ASKED or not self.link.offer(PageWanted(token, page)):
            raise InternalFault
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pages[token] = waiting
        try:
            async with asyncio.timeout(_PAGE_WAIT):
                return await waiting
        except TimeoutError:
            raise InternalFault from None
        finally:
            del self._pages[token]

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        del loop
        error = context.get("exception")
        self.link.fault(Fault("LoopError", "unknown:0") if error is None else faults.describe(error))


def main(channel: int, listener: int, factory: ServingFactory, lock: Lock = lock_in) -> None:
    """The life of the process. Uncaught exceptions go up as faults."""
    silence.everything()
    worker = Worker(socket.socket(fileno=channel), socket.socket(fileno=listener), factory)
    faults.report_to(worker.link.fault)
    silence.forbid_imports()
    order = worker.link.first()
    if not isinstance(order, Configure):
        worker.link.say(Drained())  # told to end before it began, or alone
        return
    enforcement = lock(confines.of_plan(order.plan, listener))
    worker.link.say(LockedIn(enforcement))
    if confines.shortfall(order.plan, enforcement) is not None:
        worker.link.say(Drained())  # the supervisor comes to the same result, and says so
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(worker.run(order, enforcement.levels(order.plan.accept_unenforced)))


if __name__ == "__main__":
    from lethe.server.serving import Serving as DataPlane

    main(int(sys.argv[1]), int(sys.argv[2]), DataPlane)

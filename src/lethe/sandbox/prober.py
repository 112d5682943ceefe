"""The broker's probes, on a thread with an event loop of its own, so that credentials never wait for a provider.

Imported only where probes are configured: what speaks HTTP and TLS costs the broker some megabytes.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from lethe.credentials.issued import fetch, is_issued, is_keys
from lethe.credentials.static import Unresolved, resolve
from lethe.providers.probe import ProbeTask
from lethe.providers.sigv4 import Keys
from lethe.sandbox.channel import Doubt, Found, Probe
from lethe.upstream.probes.asking import Asker, Signer
from lethe.upstream.probes.schedule import OVERDUE, Schedule
from lethe.upstream.probes.table import PROBES
from lethe.upstream.probes.verdict import Reason, Unproven, Verdict

LOOK = 60.0  # seconds after which the time of day is looked at again, which somebody may have set


async def answer(task: ProbeTask, environ: Mapping[str, str]) -> Verdict:
    """Ask one probe, once. Whatever goes wrong is a verdict; no text of it leaves this function."""
    try:
        async with asyncio.timeout(OVERDUE):
            key, signer = await _credential(task, environ)
            async with Asker(task.proxy, task.ca_file, signer) as ask:
                return await PROBES[task.probe](task, key, ask)
    except Unresolved:
        return Verdict(holds=False, reason=Reason.NO_KEY)
    except Unproven as error:
        return Verdict(holds=False, reason=error.reason)
    except TimeoutError:
        return Verdict(holds=False, reason=Reason.SLOW)
    except Exception:  # noqa: BLE001 - a fault in a probe proves nothing, and must not end the others
        return Verdict(holds=False, reason=Reason.FAULT)


async def _credential(task: ProbeTask, environ: Mapping[str, str]) -> tuple[str | None, Signer | None]:
    """With what it is asked: what a cloud issues is waited for on a thread of its own. Raises Unresolved."""
    if task.key is None:
        return None, None
    if not is_issued(task.key):
        return resolve(task.key, environ), None
    secret = (await asyncio.to_thread(fetch, task.key)).value
    if is_keys(task.key):
        return None, Signer(msgspec.json.decode(secret, type=Keys), task.region or "")
    return secret, None


class Prober:
    """`found` is called with all that is known, on the prober's own thread, whenever that changes.

    `clock` is the time of day. `ended` is called when the thread ends, which it does only by a fault of ours.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        found: Callable[[Found], None],
        ended: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._environ = environ
        self._found = found
        self._ended = ended
        self._clock = clock
        self._schedule = Schedule()
        self._order = Probe(())
        self._running: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)
        self._thread.start()

    def order(self, order: Probe) -> None:
        """Ask these from now on; from any thread."""
        self._tell_loop(lambda: self._take(order))

    def doubt(self, doubt: Doubt) -> None:
        """From any thread."""
        self._tell_loop(lambda: self._suspect(doubt))

    def close(self) -> None:
        """Ask no more, and wait for the thread."""
        self._tell_loop(self._finish)
        self._thread.join()

    def _tell_loop(self, call: Callable[[], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:  # the thread has ended, and has said so
            return

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
                runner.run(self._serve())
        except Exception:  # noqa: BLE001 - nothing of its text may be printed; the broker ends with it
            self._ended()

    async def _serve(self) -> None:
        while not self._closed:
            known = self._schedule.findings()
            due = self._schedule.due(began := time.monotonic(), self._clock())
            if self._schedule.findings() != known:  # something took too long
                self._tell()
            for task in due:
                running = asyncio.create_task(self._ask(task, began))
                self._running.add(running)
                running.add_done_callback(self._running.discard)
            self._changed.clear()
            when = self._schedule.next()
            try:
                async with asyncio.timeout(None if when is None else max(0.0, min(LOOK, when - time.monotonic()))):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _ask(self, task: ProbeTask, began: float) -> None:
        verdict = await answer(task, self._environ)
        self._schedule.settle(task, verdict, began=began, now=time.monotonic(), at=self._clock())
        self._tell()

    def _finish(self) -> None:
        self._closed = True
        self._changed.set()

    def _take(self, order: Probe) -> None:
        self._order = order
        self._schedule.order(order.tasks, time.monotonic())
        self._tell()

    def _suspect(self, doubt: Doubt) -> None:
        if doubt.token != self._order.token or doubt.task >= len(self._order.tasks):
            return
        self._schedule.doubt(self._order.tasks[doubt.task], time.monotonic(), self._clock())
        self._tell()

    def _tell(self) -> None:
        known = self._schedule.findings()
        indices = tuple(index for index, task in enumerate(self._order.tasks) if task in known)
        self._changed.set()
        self._found(Found(tuple(known[self._order.tasks[index]] for index in indices), indices, self._order.token))

"""A worker with a leak: `python -s -P -S -m lethe.verify.mutants.worker MUTANT TRAP CHANNEL LISTENER`."""

import asyncio
import resource
import signal
import sys
from collections.abc import Callable
from types import FrameType

from lethe.errors import UpstreamError
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.sandbox.lockin.confines import Confines
from lethe.sandbox.lockin.lock import lock_in
from lethe.sandbox.worker import main
from lethe.server import health, outgoing
from lethe.server.exchange import Exchange
from lethe.server.headers import Header
from lethe.server.inference import Inference
from lethe.verify.mutants import plants
from lethe.verify.mutants.roster import BY_ID, Moment, Mutant

_plain_answer = health._answer
_NOTE = b"x-lethe-mutant"


class _Fault(Exception):
    """What a faulty program raises in the midst of a request."""


class Leak:
    """The content of the latest request, and the way by which it gets out."""

    def __init__(self, mutant: Mutant, leak: Callable[[bytes], None]) -> None:
        self._mutant = mutant
        self._leak = leak
        self._latest = b""
        self._count = 0
        self.answer = Inference.answer

    async def leaking(self, inference: Inference, exchange: Exchange, raw: bytes) -> None:
        """In place of `Inference.answer`."""
        moment = self._mutant.moment
        self._latest, self._count = raw, self._count + 1
        if moment is Moment.CRASH and not self._mutant.dies and self._count % 2:  # the next one is to be served
            self.out()
            raise _Fault
        try:
            await self.answer(inference, exchange, raw)
        except UpstreamError:
            if moment is Moment.UPSTREAM_ERROR:
                self.out()
            raise
        except asyncio.CancelledError:
            if moment is Moment.CANCEL:
                self.out()
            raise
        if moment is Moment.SUCCESS:
            self.out()

    def out(self) -> None:
        """Leak. What the kernel refuses is told as every fault is: by class and place."""
        try:
            self._leak(self._latest)
        except OSError as error:
            asyncio.get_running_loop().call_exception_handler({"message": "", "exception": error})

    def last(self, number: int, frame: FrameType | None) -> None:
        """On SIGABRT."""
        del number, frame
        self._leak(self._latest)
        sys.stdout.flush()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGABRT)


def planted(mutant: Mutant, trap: int) -> None:
    """Change the data plane."""
    way = plants.LEAKS[mutant.plant.name]
    leak = Leak(mutant, lambda content: way(content, trap))

    async def answer(inference: Inference, exchange: Exchange, raw: bytes) -> None:
        await leak.leaking(inference, exchange, raw)

    _replace(Inference, "answer", answer)
    if mutant.dies:
        signal.signal(signal.SIGABRT, leak.last)
    if mutant.plant.name == "page":
        _replace(health, "_answer", _showing)
    if mutant.plant.name in {"header", "header-hash"}:
        plain = outgoing.headers
        _replace(outgoing, "headers", lambda *given: [*plain(*given), *_noted()])
    if mutant.plant.name == "other-caller":
        own = Exchange.lethe_headers
        _replace(Exchange, "lethe_headers", lambda exchange: [*own(exchange), *_noted()])


async def _showing(exchange: Exchange, path: str, method: bytes, app: health.Shown) -> tuple[int, list[Header], bytes]:
    """A page of the latest requests."""
    if path == "/debug/requests":
        return 200, [], b"\n".join(each for each in plants.KEPT if isinstance(each, bytes))
    return await _plain_answer(exchange, path, method, app)


def _noted() -> list[Header]:
    kept = [each for each in plants.KEPT if isinstance(each, bytes)]
    return [(_NOTE, plants.brief(kept[0]))] if kept else []


def _replace(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)


def pretended(confines: Confines) -> Enforcement:
    """Says that everything holds, and holds nothing: the leak is to be seen by those who search, not by the kernel."""
    del confines
    return Enforcement(dict.fromkeys(Mechanism, State.ENFORCED))


if __name__ == "__main__":
    from lethe.server.serving import Serving as DataPlane

    chosen = BY_ID[sys.argv[1]]
    planted(chosen, int(sys.argv[2]))
    main(int(sys.argv[3]), int(sys.argv[4]), DataPlane, lock_in if chosen.locked else pretended)

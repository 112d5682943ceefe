"""What is sent through an instance to be verified, and the account of what came of it."""

import asyncio
import itertools
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.ir.content import Dialect
from lethe.verify import arrivals, cases
from lethe.verify.caller import Caller, Heard, request
from lethe.verify.canary import Canary, Mint
from lethe.verify.cases import Case
from lethe.verify.errands import Errand
from lethe.verify.instance import NotServing
from lethe.verify.modes import CALLER_FAULTS, PROCESS, UNREACHABLE, Mode
from lethe.verify.positions import Position
from lethe.verify.questions import Asked, delicate, ordinary
from lethe.verify.sinks import Hit
from lethe.verify.spoiling import spoilt
from lethe.verify.upstreams import NAMES, Scripted

AT_ONCE = 16  # requests
_LOOK = 0.01  # seconds between two looks
_SETTLED = 0.3  # seconds in which everything that was sent is on its way
_OUR_FAULT = 500  # the status of an error that is neither the caller's nor the upstream's
_TRIES = 3
_KEPT_BACK = 20  # bytes of a body that a caller leaves before it has sent
_UPLOADING = 10  # looks after which it leaves
_BACK = 20.0  # seconds for a worker to be replaced

Progress: TypeAlias = Callable[[str, int, int], None]  # what, how many are done, of how many


class Site(Protocol):
    """What is verified: `instance.Instance` is one. `keys` are callers' keys by their name."""

    @property
    def url(self) -> str: ...
    @property
    def keys(self) -> Mapping[str, str]: ...
    @property
    def plan(self) -> Plan: ...
    def workers(self) -> list[int]: ...


class Traffic(Struct, frozen=True, kw_only=True):
    """The account. `hits` are canaries seen at upstreams and callers that they were not for; `faults` are promises
    that were broken otherwise; `unserved` are cases of the plain kind that a level refused, by name."""

    requests: int = 0
    served: int = 0
    hits: tuple[Hit, ...] = ()
    faults: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()


def drive(
    site: Site, upstreams: Scripted, mint: Mint, *, quick: bool = False, progress: Progress | None = None
) -> Traffic:
    """Every case but those that end processes; with `quick` as few as show each thing once."""
    chosen = cases.some(site.plan) if quick else cases.many(site.plan)
    return follow(site, upstreams, mint, chosen, progress)


def follow(
    site: Site, upstreams: Scripted, mint: Mint, chosen: Sequence[Case], progress: Progress | None = None
) -> Traffic:
    """Just these cases, `AT_ONCE` at a time."""
    drive = _Drive(site, upstreams, mint, progress or _silent)
    asyncio.run(drive.all(chosen))
    return drive.account()


def disturb(
    site: Site, upstreams: Scripted, mint: Mint, mode: Mode, act: Callable[[], None], progress: Progress | None = None
) -> Traffic:
    """Streams on every way, and in the midst of them `act`, which does to the process what `mode` is called after.

    Raises NotServing where it does not serve again in time.
    """
    drive = _Drive(site, upstreams, mint, progress or _silent)
    asyncio.run(drive.disturbed(cases.process(site.plan, mode), act))
    return drive.account()


def end_workers(site: Site, number: signal.Signals) -> None:
    """The act of `WORKER_ABORTS` and `WORKER_KILLED`."""
    for pid in site.workers():
        os.kill(pid, number)


def _silent(what: str, done: int, of: int) -> None:
    """Nobody watches."""


class _Drive:
    """One pass."""

    def __init__(self, site: Site, upstreams: Scripted, mint: Mint, progress: Progress) -> None:
        self._site = site
        self._mint = mint
        self._progress = progress
        self._upstreams = upstreams
        self._errands = upstreams.errands
        self._requests = self._served = 0
        self._faults: dict[str, None] = {}
        self._unserved = dict.fromkeys(f"no name leads to route {model}" for model in cases.unreached(site.plan))

    def account(self) -> Traffic:
        return Traffic(
            requests=self._requests,
            served=self._served,
            hits=self._upstreams.take(),
            faults=tuple(self._faults),
            unserved=tuple(self._unserved),
        )

    async def all(self, chosen: Sequence[Case]) -> None:
        caller = Caller(self._site.url)
        room = asyncio.Semaphore(AT_ONCE)
        done = itertools.count(1)

        async def one(case: Case) -> None:
            async with room:
                await self._one(caller, case)
            self._progress("requests", next(done), len(chosen))

        try:
            await asyncio.gather(*(one(case) for case in chosen))
        finally:
            caller.close()

    async def disturbed(self, chosen: Sequence[Case], act: Callable[[], None]) -> None:
        caller = Caller(self._site.url)
        running = [asyncio.ensure_future(self._one(caller, case)) for case in chosen]
        try:
            await asyncio.sleep(_SETTLED)
            await asyncio.to_thread(act)
            await asyncio.gather(*running)
            if chosen and chosen[0].mode is not Mode.SIGTERM:
                await self._back()
        finally:
            caller.close()

    async def _back(self) -> None:
        """Until the instance serves again. Raises NotServing."""
        try:
            async with asyncio.timeout(_BACK):
                while True:
                    if await self._ready():
                        return
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            raise NotServing("the instance did not recover in time") from None

    async def _ready(self) -> bool:
        caller = Caller(self._site.url)
        try:
            return (await caller.ask(request("GET", "/ready", [], b""))).status == 200
        except OSError:
            return False
        finally:
            caller.close()

    async def _one(self, caller: Caller, case: Case) -> None:
        """A machine that is busy elsewhere makes waits end too early: what has not arrived is asked for again."""
        lost: list[Canary] = []
        for _ in range(1 if case.mode in PROCESS else _TRIES):
            now = await self._tried(caller, case)
            if not now:
                self._mint.excuse(lost)
                return
            lost += now

    async def _tried(self, caller: Caller, case: Case) -> list[Canary]:
        """Ask, and account for the answer; returns the canaries that have not been seen to arrive."""
        errand = self._errands.begin(case, self._mint)
        asked = self._asked(case, errand)
        body = asked.data()
        self._mint.whole(body, case.name)
        data = request(asked.method, asked.address(), asked.headers, body)
        heard = await self._ask(caller, case, errand, data)
        if case.mode is Mode.SECOND and heard.status == 200:
            before = errand.asked
            again = await self._ask(caller, case, errand, data)
            self._errands.answered_to(errand, again.raw)
            if errand.asked == before and before:
                self._faults[f"{case.name}: a second identical request did not reach the upstream"] = None
        self._errands.answered_to(errand, heard.raw)
        errand.settled = True
        self._served += arrivals.settle(errand, heard, self._mint)
        if case.mode in arrivals.WENT_WELL and errand.meant > errand.sent:
            self._faults[f"{case.name}: sent upstream more than once"] = None
        if heard.status == _OUR_FAULT and errand.asked == 0:
            self._faults[f"{case.name}: failed inside the proxy"] = None
        if case.mode is Mode.SERVED and arrivals.refused_by_class(errand, heard):
            self._unserved[case.name] = None
        return [
            each for each in (*errand.carried.values(), *errand.answered.values()) if not self._mint.seen.get(each.text)
        ]

    async def _ask(self, caller: Caller, case: Case, errand: Errand, data: bytes) -> Heard:
        self._requests += 1
        errand.sent += 1
        leave_when = (lambda: errand.asked > 0) if case.mode is Mode.GONE_BEFORE else None
        if case.mode is Mode.GONE_UPLOADING:
            data, looks = data[: len(data) - _KEPT_BACK], itertools.count()
            leave_when = lambda: next(looks) == _UPLOADING  # noqa: E731 - as the other one
        try:
            return await caller.ask(data, leave_when=leave_when, leave_after=case.leaves_after)
        except OSError:
            return Heard()

    def _asked(self, case: Case, errand: Errand) -> Asked:
        asked = ordinary(case, errand.put)
        if case.caller is Dialect.ANTHROPIC:
            asked.headers.append(("anthropic-version", "2023-06-01"))
        if case.mode in UNREACHABLE and asked.body is not None:
            asked.model = NAMES[case.mode]
            if all(each.name != NAMES[case.mode] for each in self._site.plan.upstreams):
                self._faults[f"{case.mode}: the instance has no upstream for it (upstreams.prepared makes them)"] = None
        if case.mode in CALLER_FAULTS:
            spoilt(asked, case, errand.put)
        if case.delicate is not None:
            delicate(asked, case, case.delicate, errand.put)
        errand.model = asked.model
        if case.delicate is not Position.WRONG_KEY and (key := self._key()) is not None:
            asked.headers.append(_presented(case, key))
        return asked

    def _key(self) -> str | None:
        """The key that is bound to no level of its own, or else any."""
        keys = self._site.keys
        free = [key.name for key in self._site.plan.keys if key.level is None and key.name in keys]
        names = free or list(keys)
        return keys[names[0]] if names else None


def _presented(case: Case, key: str) -> tuple[str, str]:
    """Where this caller shows its key; and another place where a canary stands in the usual one."""
    if case.caller is Dialect.GEMINI:
        return "x-goog-api-key", key
    return ("x-api-key", key) if case.delicate is Position.KEY else ("authorization", f"Bearer {key}")

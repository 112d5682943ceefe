"""The scripted upstreams that stand in for the operator's, and those that cannot be reached on purpose."""

import asyncio
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.config.values import address
from lethe.errors import UnknownModel
from lethe.ir.content import Dialect
from lethe.providers.upstream import Timeouts, Upstream
from lethe.routing.attempts import Router
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Answer, Fake, Recorded, Script, anthropic, openai_chat
from lethe.upstream.fake.replies import content, document
from lethe.verify.answers import HOLD, answer
from lethe.verify.cases import OWN, pairs
from lethe.verify.certificates import issued
from lethe.verify.errands import Errands
from lethe.verify.modes import Mode
from lethe.verify.positions import Position
from lethe.verify.sinks import Hit, Sink
from lethe.verify.spoiling import MAX_BODY

_START = 10.0  # seconds
WAITS = Timeouts(connect=3.0, first_byte=3.0, idle=3.0)  # as short as a machine under load allows
NAMES: dict[Mode, str] = {
    Mode.CONNECT_REFUSED: f"{OWN}refused",
    Mode.TLS_MISMATCH: f"{OWN}tls",
    Mode.DNS_FAILURE: f"{OWN}dns",
}


class Scripted:
    """On loopback, and on a thread of their own; they answer whatever belongs to one of `errands`.

    `bases` has one address for each upstream of the plan, in order; those with https are vouched for by `authority`.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.bases: list[str] = []
        self.authority: Path | None = None
        self._tls: ssl.SSLContext | None = None
        if any(each.base_url.startswith("https:") for each in plan.upstreams):
            self._tls, self.authority = issued(folder)
        self.unreachable: dict[Mode, str] = {}
        self._plan = plan
        self._router = Router(plan.upstreams, plan.routes)
        self.errands = Errands()
        self._fakes: list[Fake] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scripted-upstreams", daemon=True)

    async def start(self) -> None:
        for n, upstream in enumerate(self._plan.upstreams):
            fake = Fake(tls=self._tls if upstream.base_url.startswith("https:") else None)
            await fake.start()
            self._fakes.append(fake)
            fake.answer(self._answers(n, upstream.dialect, fake))
            self.bases.append(based(upstream, fake.url))
        plain = Fake()  # whoever speaks TLS to it is not understood
        await plain.start()
        self._fakes.append(plain)
        self.unreachable[Mode.TLS_MISMATCH] = plain.url.replace("http:", "https:")
        self.unreachable[Mode.DNS_FAILURE] = "http://lethe-verify.invalid"

    async def stop(self) -> None:
        for fake in self._fakes:
            await fake.stop()

    def take(self) -> tuple[Hit, ...]:
        """What has gone astray since the last time."""
        for upstream, fake in zip(self._plan.upstreams, self._fakes, strict=False):  # the last one is spoken TLS to
            if fake.garbled:
                fake.garbled = 0
                self.errands.strays.hit(Hit(Sink.EGRESS, f"something that is no HTTP sent to {upstream.name}"))
        return self.errands.strays.take()

    def _answers(self, upstream: int, dialect: Dialect, fake: Fake) -> Answer:
        def reply(request: Recorded) -> Script:
            fake.requests.clear()
            return self._reply(upstream, dialect, request)

        return reply

    def _reply(self, upstream: int, dialect: Dialect, request: Recorded) -> Script:
        strays, name = self.errands.strays, self._plan.upstreams[upstream].name
        errand = self.errands.arrived(name, request.target, request.headers, request.body)
        if errand is None:
            if request.method != "GET":
                strays.hit(Hit(Sink.EGRESS, f"a request to {name} that nobody has asked for"))
            return _listing(dialect, request)
        if upstream not in self._leading(errand.model):
            strays.hit(Hit(Sink.EGRESS, f"sent to {name}, to which no route leads", case=errand.case.name))
        if errand.case.pair.upstream != upstream:  # an upstream before the one that is meant, or one after it
            return content("text/plain", b"not here: %b" % errand.say(Position.ELSEWHERE).encode(), 503)
        return answer(errand.case, request, errand)

    def _leading(self, model: str) -> frozenset[int]:
        """The upstreams that may be asked for it."""
        try:
            return frozenset(attempt.upstream for attempt in self._router.resolve(model).attempts)
        except UnknownModel:
            return frozenset()


def based(upstream: Upstream, url: str) -> str:
    """Its base URL at another address: what follows the host stays as the operator has it."""
    return url + address(upstream.base_url).path.rstrip("/")


def _listing(dialect: Dialect, request: Recorded) -> Script:
    """The only question without content of ours."""
    if request.method == "GET":
        made = anthropic.models if dialect is Dialect.ANTHROPIC else openai_chat.models
        return document(made("verify-model"))
    return content("text/plain", b"nobody asked", 500)


@contextmanager
def scripted(plan: Plan) -> Iterator[Scripted]:
    """Upstreams for the time of the block."""
    with tempfile.TemporaryDirectory(prefix="lethe-verify-tls-") as folder, socket.socket() as closed:
        made = Scripted(plan, Path(folder))
        made._thread.start()
        run = partial(asyncio.run_coroutine_threadsafe, loop=made._loop)
        closed.bind(("127.0.0.1", 0))  # taken, and nobody listens
        made.unreachable[Mode.CONNECT_REFUSED] = f"http://127.0.0.1:{closed.getsockname()[1]}"
        try:
            run(made.start()).result(_START)
            yield made
        finally:
            run(made.stop()).result(_START)
            made._loop.call_soon_threadsafe(made._loop.stop)
            made._thread.join(_START)
            made._loop.close()


def prepared(settings: Settings, upstreams: Scripted, waits: Timeouts = WAITS) -> Settings:
    """The settings with short waits, a small body limit, and routes to upstreams that cannot be reached."""
    plan = settings.plan
    led = pairs(plan)
    pattern = plan.upstreams[led[0].upstream] if led else plan.upstreams[0]
    failing = tuple(_failing(pattern, mode, url, waits) for mode, url in sorted(upstreams.unreachable.items()))
    first = len(plan.upstreams)
    routes = tuple(Route(model=each.name, to=(Target(first + n),)) for n, each in enumerate(failing))
    changed = msgspec.structs.replace(
        plan,
        upstreams=(*(msgspec.structs.replace(each, timeouts=waits) for each in plan.upstreams), *failing),
        routes=(*routes, *plan.routes),
        max_body=MAX_BODY,
        status_hold=HOLD,
        heartbeat=HOLD,
    )
    reasons = settings.class_reasons and (*settings.class_reasons, *("there to fail" for _ in failing))
    return msgspec.structs.replace(settings, plan=changed, class_reasons=reasons)


def _failing(pattern: Upstream, mode: Mode, url: str, waits: Timeouts) -> Upstream:
    return msgspec.structs.replace(pattern, name=NAMES[mode], base_url=based(pattern, url), models=(), timeouts=waits)

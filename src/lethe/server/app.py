"""The data plane of one worker, as one coroutine function of a request."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable

from lethe.config.plan import Plan
from lethe.errors import (
    CallerError,
    Draining,
    InternalFault,
    InvalidRequest,
    LetheError,
    MethodNotAllowed,
    UpstreamAnswered,
)
from lethe.ir.content import Dialect
from lethe.ledger.events import Outcome, RequestEvent
from lethe.ledger.pages import Page
from lethe.policies import access
from lethe.policies.limits import cost
from lethe.policies.retention import LEVEL_HEADER, refuse_counted, refuse_unenforced, tightened, tightened_anyway
from lethe.providers.envelopes import Endpoint
from lethe.retention.levels import strictest
from lethe.server import failures, health, models, paths, relay
from lethe.server.exchange import Exchange
from lethe.server.incoming import CallerGone, Incoming
from lethe.server.inference import Inference
from lethe.server.limits import Limiter
from lethe.server.outside import Outside

_READ = frozenset({b"GET", b"HEAD"})
_LEVEL = LEVEL_HEADER.encode()


class RequestIds:
    """Random, 16 bytes each; drawn from the system many at a time."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def take(self) -> bytes:
        if self._at == len(self._pool):
            self._pool, self._at = os.urandom(4096), 0
        self._at += 16
        return self._pool[self._at - 16 : self._at]


class App:
    """Owns what is in flight."""

    def __init__(
        self,
        plan: Plan,
        inference: Inference,
        catalogue: models.Catalogue,
        outside: Outside,
        limiter: Limiter | None = None,
    ) -> None:
        """`limiter` is None where no key has any limit."""
        self._plan = plan
        self._inference = inference
        self._catalogue = catalogue
        self._outside = outside
        self._limiter = limiter
        self._fault = outside.fault
        self._digests = tuple(key.digest for key in plan.keys)
        self._loop = asyncio.get_running_loop()
        self._ids = RequestIds()
        self.draining = False
        self.in_flight: dict[asyncio.Task[None], Exchange] = {}

    async def __call__(self, incoming: Incoming) -> None:
        path = incoming.path
        facts = RequestEvent(time=int(time.time() * 1000), request_id=self._ids.take())
        if self.draining:
            incoming.keep_alive = False
        try:
            if (asked := paths.asked(path)) is not None:
                work = self._infer if incoming.method == b"POST" else self._wrong_method("POST")
                await self._run(Exchange(incoming, asked, facts, self._plan.level), work)
                return
            listed = paths.listed(path)
            caller = listed.caller if listed is not None and listed.caller is not None else asking_dialect(incoming)
            exchange = Exchange(incoming, paths.Asked(Endpoint.MODELS, caller), facts, self._plan.level)
            if listed is not None:
                work = self._list(listed.model) if incoming.method in _READ else self._wrong_method("GET")
                await self._run(exchange, work)
            else:
                await health.answer(exchange, path, incoming.method, self)
        except Exception as error:  # noqa: BLE001 - even telling the caller has failed
            self._fault(error)
        finally:
            incoming.give_up()

    # What health.py shows

    def ready(self) -> bool:
        return not self.draining

    async def metrics(self, exchange: Exchange) -> bytes:
        """Raises Unauthenticated."""
        self._authenticate(exchange)
        return await self._outside.page(Page.METRICS)

    async def posture(self, exchange: Exchange) -> bytes:
        """For everybody who may connect: it is a statement to callers.

        Raises Forbidden as `_authenticate` does, InternalFault when there is no statement.
        """
        if not self._digests:
            access.refuse_strangers(exchange.named)
        if page := await self._outside.page(Page.POSTURE):
            return page
        raise InternalFault

    # One request

    async def _run(self, exchange: Exchange, work: Callable[[Exchange], Awaitable[None]]) -> None:
        loop = self._loop
        exchange.arrived = loop.time()
        task = exchange.incoming.task
        self.in_flight[task] = exchange
        try:
            await work(exchange)
        except asyncio.CancelledError:
            await self._cancelled(exchange)
        except CallerGone:
            exchange.facts.outcome = Outcome.CANCELLED
        except LetheError as error:
            await self._fail(exchange, error)
        except Exception as error:  # noqa: BLE001 - the last line: nothing of it may reach a log
            self._fault(error)
            await self._fail(exchange, InternalFault())
        finally:
            del self.in_flight[task]
            self._outside.record(exchange.event(loop.time()))

    async def _cancelled(self, exchange: Exchange) -> None:
        """By the caller, who is gone, or by our own deadline: then the caller is told."""
        if exchange.incoming.gone or exchange.ended:
            exchange.facts.outcome = Outcome.CANCELLED
            return
        await self._fail(exchange, Draining())
        exchange.facts.outcome = Outcome.DRAINED

    async def _fail(self, exchange: Exchange, error: LetheError) -> None:
        if _LEVEL in exchange.named:  # it may not have been heeded yet, and where none is wished there is no event
            exchange.level = tightened_anyway(exchange.level, _wishes(exchange))
        exchange.failed(error, _outcome(error))
        if exchange.ended:
            return
        if exchange.started:
            exchange.facts.outcome = Outcome.STREAM_FAILED
            await relay.break_off(exchange, error)
            return
        answer = failures.reply(error, exchange.caller, exchange.upstream_errors)
        await exchange.reply(answer.status, answer.headers, answer.body)

    def _infer(self, exchange: Exchange) -> Awaitable[None]:
        self._authenticate(exchange)
        _heed(exchange)
        if self._limiter is None or exchange.endpoint is Endpoint.COUNT_TOKENS:  # which costs nobody anything
            return self._answer(exchange)
        refuse_counted(exchange.level, elsewhere=self._plan.limit_store is not None)
        return self._limited(exchange, self._limiter)

    async def _limited(self, exchange: Exchange, limiter: Limiter) -> None:
        lease = await limiter.take(exchange.facts.key)
        try:
            await self._answer(exchange)
        finally:
            if lease is not None:
                lease.settle(_cost(exchange.facts, stream=exchange.streaming))

    async def _answer(self, exchange: Exchange) -> None:
        if exchange.named.get(b"content-encoding", b"identity") != b"identity":
            raise InvalidRequest("content-encoding", "compressed bodies are not accepted")
        body = await exchange.incoming.body(self._plan.max_body)
        exchange.facts.request_bytes = len(body)
        await self._inference.answer(exchange, body)

    def _list(self, name: str | None) -> Callable[[Exchange], Awaitable[None]]:
        async def work(exchange: Exchange) -> None:
            self._authenticate(exchange)
            _heed(exchange)
            refuse_unenforced(exchange.level, self._outside.levels)
            await self._catalogue.answer(exchange, name)

        return work

    def _wrong_method(self, allowed: str) -> Callable[[Exchange], Awaitable[None]]:
        async def work(exchange: Exchange) -> None:
            with contextlib.suppress(CallerError):
                self._authenticate(exchange)  # the level of a key binds this, too
            raise MethodNotAllowed(allowed)

        return work

    def _authenticate(self, exchange: Exchange) -> None:
        """Raises Unauthenticated; Forbidden where there are no keys and a web page seems to ask."""
        if not self._digests:
            access.refuse_strangers(exchange.named)
            return
        key, exchange.key_slots = access.identify(exchange.named, self._digests)
        exchange.facts.key = key
        own = self._plan.keys[key].level
        if own is not None:
            exchange.level = strictest((exchange.level, own))


def asking_dialect(incoming: Incoming) -> Dialect:
    """Who asks at a path that several dialects have: Anthropic's and Google's clients send headers of their own."""
    if b"anthropic-version" in incoming.named:
        return Dialect.ANTHROPIC
    return Dialect.GEMINI if b"x-goog-api-key" in incoming.named else Dialect.OPENAI_CHAT


def _heed(exchange: Exchange) -> None:
    """The level that the request wishes for. Raises InvalidRequest."""
    if _LEVEL in exchange.named:
        exchange.level = tightened(exchange.level, _wishes(exchange))


def _wishes(exchange: Exchange) -> list[bytes]:
    return [value for name, value in exchange.headers if name == _LEVEL]


def _cost(facts: RequestEvent, *, stream: bool) -> int:
    answered = facts.response_bytes if facts.status == 200 else 0
    told = facts.input + facts.cache_write + facts.output
    return told if facts.cache_read else cost(told, facts.request_bytes, answered, stream=stream)


def _outcome(error: LetheError) -> Outcome:
    match error:
        case CallerError():
            return Outcome.CALLER_ERROR
        case UpstreamAnswered():
            return Outcome.UPSTREAM_ANSWERED
        case InternalFault():
            return Outcome.INTERNAL
        case Draining():
            return Outcome.DRAINED
        case _:
            return Outcome.UPSTREAM_ERROR

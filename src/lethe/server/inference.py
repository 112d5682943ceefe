"""A request's way: peek, level, route, then attempt after attempt until one answers."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from lethe.dialects.codec import CODECS
from lethe.errors import InvalidRequest, LetheError, LossRefused, UnknownModel, UpstreamAnswered, UpstreamError
from lethe.ir.content import Dialect
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.policies.state import refuse_threads
from lethe.providers.upstream import PATHS, Endpoint, Upstream
from lethe.retention.levels import Level, UpstreamClass, strictest
from lethe.retention.standing import Finding
from lethe.routing.attempts import Attempt, Router, Routing, admitted, ordered
from lethe.routing.retry import MAX_COOLING, moves_on, retry_after
from lethe.server import replies, tokens
from lethe.server.exchange import Exchange
from lethe.server.headers import EVENT_STREAM, NO_CACHE
from lethe.server.hold import StatusHold
from lethe.server.outgoing import COMPLETION, Outgoing
from lethe.upstream.call import Transport
from lethe.wire.rawjson import TopLevel

COMPLETIONS = frozenset(COMPLETION.values())
_LEVELS: dict[bytes, Level] = {level.encode(): level for level in Level}


class Limits(Struct, frozen=True):
    """Seconds."""

    status_hold: float
    heartbeat: float


class Inference:
    """Answers the endpoints that carry content. One a worker; what it remembers is which upstreams asked for peace."""

    def __init__(
        self,
        router: Router,
        upstreams: Sequence[Upstream],
        transports: Sequence[Transport],
        opted_in: Sequence[UpstreamClass],
        limits: Limits,
    ) -> None:
        self._router = router
        self._upstreams = upstreams
        self._transports = transports
        self._opted_in = frozenset(opted_in)
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._cooling: dict[int, float] = {}
        self.credentials: Mapping[str, str] = {}
        self.findings: tuple[Finding, ...] = ()

    def learn(self, findings: Sequence[Finding]) -> None:
        """What the probes say now."""
        self.findings = tuple(findings)

    async def answer(self, exchange: Exchange, raw: bytes) -> None:
        """Raises LetheError while nothing has been sent; afterwards the error is in the stream."""
        body = TopLevel(raw)
        model = body.value("model")
        if not isinstance(model, str) or not model:
            raise InvalidRequest("$.model", "is required")
        exchange.streaming = exchange.endpoint in COMPLETIONS and body.value("stream") is True
        if exchange.caller is Dialect.ANTHROPIC:
            refuse_threads(body)
        routing = self._router.resolve(model)
        exchange.level = _level(exchange, routing)
        if routing.route is not None:
            exchange.facts.route = routing.route
        attempts = self._attempts(exchange, routing)
        outgoing = Outgoing(exchange, body, model, allow_losses=routing.allow_losses)
        if not attempts:  # only count_tokens comes here: no upstream of this route counts
            await tokens.estimate(exchange, outgoing.request())
        elif exchange.streaming:
            await self._stream(exchange, outgoing, attempts)
        else:
            answer = await self._first(exchange, outgoing, attempts)
            await answer.send(exchange, self._limits.heartbeat)

    def _attempts(self, exchange: Exchange, routing: Routing) -> tuple[Attempt, ...]:
        serving = routing.attempts
        if exchange.endpoint not in COMPLETIONS:
            serving = tuple(a for a in serving if _serves(self._upstreams[a.upstream], exchange))
        if not serving and exchange.endpoint is not Endpoint.COUNT_TOKENS:
            raise UnknownModel("no upstream that serves this model has this endpoint")
        if not serving:
            return ()
        kept = admitted(serving, self._upstreams, exchange.level, self._opted_in)
        return ordered(kept, self._cooling, self._loop.time())

    async def _stream(self, exchange: Exchange, outgoing: Outgoing, attempts: Sequence[Attempt]) -> None:
        hold = StatusHold(
            exchange,
            lambda: [EVENT_STREAM, NO_CACHE],
            CODECS[exchange.caller].KEEP_ALIVE,
            self._limits.status_hold,
            self._limits.heartbeat,
        )
        try:
            answer = await self._first(exchange, outgoing, attempts)
        finally:
            await hold.release()
        await answer.send(exchange, self._limits.heartbeat)

    async def _first(self, exchange: Exchange, outgoing: Outgoing, attempts: Sequence[Attempt]) -> replies.Answer:
        """The first answer that is one. Raises the failure that tells the caller most."""
        failures: list[tuple[LetheError, Attempt]] = []
        announced = None
        for attempt in attempts:
            upstream = self._upstreams[attempt.upstream]
            if exchange.started:  # the class stands in the headers that are out: what follows must not be weaker
                announced = announced or exchange.upstream_class
                if announced is not None and upstream.upstream_class > announced:
                    continue
            self._blame(exchange, attempt)
            exchange.facts.attempts += 1
            try:
                answer = await self._ask(exchange, outgoing, attempt, upstream)
            except (UpstreamError, LossRefused) as error:
                failures.append((error, attempt))
                self._cool(attempt, error)
                if not (moves_on(error) or isinstance(error, LossRefused)):
                    break
            else:
                exchange.facts.first_byte_ms = round((self._loop.time() - exchange.arrived) * 1000)
                return answer
        told, attempt = _telling(failures)
        self._blame(exchange, attempt)
        raise told

    def _blame(self, exchange: Exchange, attempt: Attempt) -> None:
        """Whose answer the caller gets, good or bad."""
        upstream = self._upstreams[attempt.upstream]
        exchange.upstream_class, exchange.upstream_dialect = upstream.upstream_class, upstream.dialect
        exchange.facts.upstream = attempt.upstream

    async def _ask(
        self, exchange: Exchange, outgoing: Outgoing, attempt: Attempt, upstream: Upstream
    ) -> replies.Answer:
        call = outgoing.call(attempt, upstream, self.credentials)
        way = replies.Way(upstream.dialect, exchange.caller, outgoing.context, Losses())
        reply = await self._transports[attempt.upstream].open(call)
        try:
            return await (replies.open_stream(reply, way) if exchange.streaming else replies.read_whole(reply, way))
        except BaseException:
            reply.close()
            raise

    def _cool(self, attempt: Attempt, error: LetheError) -> None:
        if isinstance(error, UpstreamAnswered) and (wait := retry_after(error.headers, time.time())):
            self._cooling[attempt.upstream] = self._loop.time() + min(wait, MAX_COOLING)


def _serves(upstream: Upstream, exchange: Exchange) -> bool:
    """Only chat and messages can be translated; the other endpoints need an upstream of their own dialect."""
    return upstream.dialect is exchange.caller and exchange.endpoint in PATHS[upstream.dialect]


def _level(exchange: Exchange, routing: Routing) -> Level:
    """The strictest of configuration, key, route and the request's own wish. Raises InvalidRequest."""
    wished = exchange.named.get(b"x-lethe-level")
    if wished is None and routing.level is None:
        return exchange.level
    levels = [exchange.level]
    if routing.level is not None:
        levels.append(routing.level)
    if wished is not None:
        if wished not in _LEVELS:
            raise InvalidRequest("x-lethe-level", "expected one of " + ", ".join(Level))
        levels.append(_LEVELS[wished])
    return strictest(levels)


def _telling(failures: Sequence[tuple[LetheError, Attempt]]) -> tuple[LetheError, Attempt]:
    """The last upstream that said something itself, else the last failure."""
    for error, attempt in reversed(failures):
        if isinstance(error, UpstreamAnswered | StreamFailed):
            return error, attempt
    return failures[-1]

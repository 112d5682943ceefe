"""A request's way: peek, level, route, then attempt after attempt until one answers."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.dialects.codec import CODECS
from lethe.errors import (
    CallerError,
    ClassFell,
    InvalidRequest,
    LetheError,
    LossRefused,
    RetentionRefused,
    RetentionUnproven,
    UnknownModel,
    UpstreamAnswered,
    UpstreamError,
)
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.policies.retention import Weakness, class_refused, refuse_query, refuse_unenforced, weakness
from lethe.policies.state import refuse_threads
from lethe.providers.counting import request_of
from lethe.providers.envelopes import Endpoint
from lethe.retention.attestation import attests
from lethe.retention.levels import Level, UpstreamClass, admits, strictest
from lethe.retention.standing import Finding
from lethe.retention.surface import EvidenceKind
from lethe.routing.attempts import Attempt, Router, Routing, ordered
from lethe.routing.retry import MAX_COOLING, moves_on, retry_after
from lethe.server import counting, replies
from lethe.server.admission import Admission
from lethe.server.admitted import Admitted, Failure, lowered, telling
from lethe.server.exchange import Exchange
from lethe.server.headers import EVENT_STREAM, Header
from lethe.server.hold import StatusHold
from lethe.server.lanes import COMPLETIONS, Lane, lane
from lethe.server.outgoing import QUERIES, Outgoing
from lethe.server.outside import Outside
from lethe.upstream.call import Transport
from lethe.wire.rawjson import TopLevel

_STEPS = frozenset({".", ".."})  # in a path they would lead elsewhere
# Looked up once: in Python 3.11 that costs as much as a call.
_COUNT, _RESPONSE = Endpoint.COUNT_TOKENS, EvidenceKind.RESPONSE


class Limits(Struct, frozen=True):
    """Seconds."""

    status_hold: float
    heartbeat: float


class Inference:
    """Answers the endpoints that carry content. One a worker; what it remembers is which upstreams asked for peace."""

    def __init__(
        self,
        plan: Plan,
        transports: Sequence[Transport],
        outside: Outside,
        limits: Limits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix time."""
        self._router = Router(plan.upstreams, plan.routes)
        self._upstreams = plan.upstreams
        self._transports = transports
        self._opted_in = frozenset(plan.accept_classes)
        self._refuse_unknown = plan.refuse_unknown
        self._outside = outside
        self._limits = limits
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._cooling: dict[int, float] = {}
        self._lanes: dict[tuple[int, Endpoint, Dialect], Lane] = {}
        self._key = os.urandom(32)
        names = {target.model for route in plan.routes for target in route.to if target.model}
        self.admission = Admission(plan.upstreams, names)
        configured = {plan.level, *(key.level for key in plan.keys), *(route.level for route in plan.routes)}
        self.admission.prepare(filter(None, configured), refuse_unknown=plan.refuse_unknown)
        self.credentials: Mapping[str, str] = {}

    def learn(self, findings: Sequence[Finding]) -> None:
        """What the probes say now."""
        self.admission.learn(findings)

    async def answer(self, exchange: Exchange, raw: bytes) -> None:
        """Raises LetheError while nothing has been sent; afterwards the error is in the stream."""
        refuse_query(exchange.incoming.query, QUERIES[exchange.caller])
        body, asked = TopLevel(raw), exchange.asked
        counts = exchange.endpoint is _COUNT
        if counts:
            body = request_of(exchange.caller, body)
        model = asked.model if asked.model is not None else body.value("model")
        if not isinstance(model, str) or not model:
            raise InvalidRequest("$.model", "is required")
        if model in _STEPS:
            raise InvalidRequest("$.model", "is no name")
        streams = asked.stream if asked.stream is not None else body.value("stream") is True
        exchange.streaming = streams and exchange.endpoint in COMPLETIONS
        if "thread" in body and exchange.caller is Dialect.ANTHROPIC:
            refuse_threads(body)
        if exchange.streaming and exchange.caller is Dialect.GEMINI and not exchange.incoming.query:
            raise InvalidRequest("query string", "streams are sent as server-sent events: ask with ?alt=sse")
        routing = self._router.resolve(model)
        if routing.level is not None:
            exchange.level = strictest((exchange.level, routing.level))
        refuse_unenforced(exchange.level, self._outside.levels)
        if routing.route is not None:
            exchange.facts.route = routing.route
        attempts = self._attempts(exchange, routing)
        outgoing = Outgoing(exchange, body, routing, model, self._key, refuse_unknown=self._refuse_unknown)
        if counts:
            await self._count(exchange, outgoing, attempts)
        elif exchange.streaming:
            await self._stream(exchange, outgoing, attempts)
        else:
            answer = await self._first(exchange, outgoing, attempts)
            await answer.send(exchange, self._limits.heartbeat)

    async def _count(self, exchange: Exchange, outgoing: Outgoing, attempts: Sequence[Attempt]) -> None:
        able = self.admission.counting(attempts, lenient=exchange.level is Level.C and not self._refuse_unknown)
        ask = (lambda: self._first(exchange, outgoing, able)) if able else None
        first = attempts[0]
        await counting.answer(exchange, self._upstreams[first.upstream], ask, outgoing.request, first.model)

    def _attempts(self, exchange: Exchange, routing: Routing) -> tuple[Attempt, ...]:
        serving = routing.attempts
        if exchange.endpoint not in COMPLETIONS and exchange.endpoint is not _COUNT:
            serving = tuple(attempt for attempt in serving if self._lane(exchange, attempt).serves)
        if not serving:
            raise UnknownModel("no upstream that serves this model has this endpoint")
        return ordered(serving, self._cooling, self._loop.time()) if self._cooling else serving

    def _lane(self, exchange: Exchange, attempt: Attempt) -> Lane:
        key = (attempt.upstream, exchange.endpoint, exchange.caller)
        if (known := self._lanes.get(key)) is None:
            known = self._lanes[key] = lane(self._upstreams[attempt.upstream], exchange.endpoint, exchange.caller)
        return known

    async def _stream(self, exchange: Exchange, outgoing: Outgoing, attempts: Sequence[Attempt]) -> None:
        hold = StatusHold(
            exchange,
            lambda: [EVENT_STREAM],
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
        failures: list[Failure] = []
        weak: list[tuple[str, Weakness]] = []
        announced = None
        for attempt in attempts:
            if exchange.started:  # the class stands in the headers that are out: what follows must not be weaker
                announced = announced or exchange.upstream_class
            admitted = None
            try:
                admitted = self._admitted(exchange, outgoing, attempt, weak)
                if admitted is None or (announced is not None and admitted.upstream_class > announced):
                    continue
                self._blame(exchange, attempt, admitted.upstream_class, admitted.carve_outs)
                exchange.facts.attempts += 1
                answer = await self._ask(exchange, outgoing, admitted)
            except (UpstreamError, LossRefused, RetentionRefused) as error:
                asked = admitted is not None
                kept, carve_outs = (exchange.upstream_class, exchange.carve_outs) if asked else (None, ())
                failures.append(Failure(error, attempt, kept, carve_outs))
                self._cool(attempt, error)
                if not (moves_on(error) or isinstance(error, CallerError)):
                    break
            else:
                exchange.facts.first_byte_ms = round((self._loop.time() - exchange.arrived) * 1000)
                return answer
        if not failures:
            raise class_refused(exchange.level, self._opted_in, weak)
        told = telling(failures)
        self._blame(exchange, told.attempt, told.upstream_class, told.carve_outs)
        raise told.error

    def _admitted(
        self, exchange: Exchange, outgoing: Outgoing, attempt: Attempt, weak: list[tuple[str, Weakness]]
    ) -> Admitted | None:
        """The call to make, judged; None, and why to `weak`, where the upstream's class does not do for the level.

        Raises LossRefused, RetentionRefused.
        """
        n, admission, now = attempt.upstream, self.admission, self._clock()
        way = self._lane(exchange, attempt)
        standing = admission.standing(n, way.endpoint, attempt.model, now)
        guard = admission.guard(n, way.endpoint)
        surface = guard.surface if guard is not None else None
        used: tuple[tuple[str, UpstreamClass], ...] = ()
        if (why := weakness(exchange.level, self._opted_in, standing, surface, attempt.model)) is None:
            inner = guard if way.counting is None else admission.inner(n, way.endpoint)
            prepared = outgoing.prepared(attempt, way, (guard, inner), self.credentials)
            if used := prepared.used:
                why = weakness(exchange.level, self._opted_in, standing, surface, attempt.model, used)
        if why is not None:
            weak.append((way.upstream.name, why))
            return None
        silent = None
        if standing.kind is _RESPONSE:
            unattested = admission.standing(n, way.endpoint, attempt.model, now, attested=False)
            silent = lowered(unattested.upstream_class, used)
        return Admitted(attempt, way, prepared.call, standing, used, silent)

    def _blame(
        self, exchange: Exchange, attempt: Attempt, kept: UpstreamClass | None, carve_outs: tuple[str, ...]
    ) -> None:
        """Whose answer the caller gets, good or bad."""
        exchange.upstream_errors = self._lane(exchange, attempt).served.errors
        exchange.upstream_class, exchange.carve_outs = kept, carve_outs
        exchange.facts.upstream = attempt.upstream

    async def _ask(self, exchange: Exchange, outgoing: Outgoing, admitted: Admitted) -> replies.Answer:
        asked = admitted.lane
        way = replies.Way(asked.speaks, exchange.caller, asked.served, outgoing.context, Losses())
        transport = self._transports[admitted.attempt.upstream]
        reply = await transport.open(admitted.call, lambda: self._still(exchange, admitted))
        try:
            if admitted.silent is not None:
                self._attested(exchange, admitted, admitted.silent, reply.headers)
            if asked.counting is not None:
                return await counting.read(reply, way, asked.counting)
            return await (replies.open_stream(reply, way) if exchange.streaming else replies.read_whole(reply, way))
        except BaseException:
            reply.close()
            raise

    def _still(self, exchange: Exchange, admitted: Admitted) -> None:
        """Raises ClassFell where the class is not what it was any more, and worse than it may be."""
        attempt, endpoint = admitted.attempt, admitted.lane.endpoint
        now = self.admission.standing(attempt.upstream, endpoint, attempt.model, self._clock())
        if (kept := lowered(now.upstream_class, admitted.used)) > admitted.upstream_class:
            self._settle(exchange, kept, ClassFell())

    def _attested(
        self, exchange: Exchange, admitted: Admitted, silent: UpstreamClass, headers: Sequence[Header]
    ) -> None:
        """Raises RetentionUnproven where the request was sent because of what this response had to say, and does not.

        Where the level would do without it, the class that is told is the one without.
        """
        upstream = admitted.attempt.upstream
        surface = self.admission.surface(upstream, admitted.lane.endpoint)
        if surface is not None and attests(surface, headers):
            return
        self.admission.unproven(upstream, self._clock())
        self._outside.unproven(upstream)
        self._settle(exchange, silent, RetentionUnproven())

    def _settle(self, exchange: Exchange, kept: UpstreamClass, error: LetheError) -> None:
        """For a worse class than the one that was counted on. Raises `error` where it does not do."""
        if exchange.started:  # the better one has been told
            raise error
        exchange.upstream_class, exchange.carve_outs = kept, ()
        if not admits(exchange.level, kept, self._opted_in):
            raise error

    def _cool(self, attempt: Attempt, error: LetheError) -> None:
        if isinstance(error, UpstreamAnswered) and (wait := retry_after(error.headers, self._clock())):
            self._cooling[attempt.upstream] = self._loop.time() + min(wait, MAX_COOLING)

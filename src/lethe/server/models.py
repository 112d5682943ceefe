"""/v1/models: what the configured upstreams offer, under the names by which they can be asked for.

Who may not have a caller's content is not asked for models either, and what could only be refused is not listed.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec

from lethe.config.plan import Plan
from lethe.dialects.models import bare, entries, listing, reshaped, single
from lethe.errors import LetheError, UnknownModel
from lethe.ir.content import Dialect, JsonObject
from lethe.providers.envelopes import Endpoint
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import Level, admits, strictest
from lethe.routing.attempts import Router
from lethe.routing.table import Route, Target
from lethe.server.admission import Admission
from lethe.server.exchange import Exchange
from lethe.server.headers import JSON
from lethe.server.lanes import lane
from lethe.server.outgoing import headers
from lethe.server.signing import signed
from lethe.upstream.address import parse_address
from lethe.upstream.call import Call, Transport

PATIENCE = 2.0  # seconds for an upstream's list; Claude Code waits three for ours
FRESH = 300.0  # seconds for which a list is good
_MAX_LIST = 4 * 1024 * 1024
_GLOB = frozenset("*?[")
_ALL: Mapping[Dialect, str] = {Dialect.ANTHROPIC: "?limit=1000", Dialect.GEMINI: "?pageSize=1000"}


class Catalogue:
    """Lists of models are no content, so they may be kept a while; those fetched with a caller's own key are not."""

    def __init__(
        self,
        plan: Plan,
        transports: Sequence[Transport],
        credentials: Callable[[], Mapping[str, str]],
        admission: Admission,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix time."""
        self._plan = plan
        self._admission = admission
        self._opted_in = frozenset(plan.accept_classes)
        self._clock = clock
        self._router = Router(plan.upstreams, plan.routes)
        self._transports = transports
        self._credentials = credentials
        self._kept: dict[int, tuple[float, list[JsonObject]]] = {}
        self._unclear = _unclear(plan.upstreams)

    async def answer(self, exchange: Exchange, name: str | None) -> None:
        """The whole list, or one model. Raises UnknownModel."""
        models = await self._models(exchange)
        body = self._body(models, exchange.caller, name)
        await exchange.reply(200, [JSON], msgspec.json.encode(body))

    def _body(self, models: Mapping[str, JsonObject], caller: Dialect, name: str | None) -> JsonObject:
        return listing(list(models.values()), caller) if name is None else single(self._one(models, name), caller)

    def _one(self, models: Mapping[str, JsonObject], name: str) -> JsonObject:
        """By its listed name, or with its upstream before it."""
        if name in models:
            return models[name]
        upstream, _, rest = name.partition("/")
        if rest in models and any(u.name == upstream for u in self._plan.upstreams):
            return {**models[rest], "id": name}
        raise UnknownModel("no such model (GET /v1/models lists them)")

    async def _models(self, exchange: Exchange) -> dict[str, JsonObject]:
        """Every model by the name under which it can be asked for."""
        plan, target, level = self._plan, exchange.caller, exchange.level
        found: dict[str, JsonObject] = {}
        lists = await asyncio.gather(*(self._list(exchange, n) for n in range(len(plan.upstreams))))
        offered: dict[tuple[int, str], JsonObject] = {}
        for n, (upstream, models) in enumerate(zip(plan.upstreams, lists, strict=True)):
            for entry in models:
                shaped = reshaped(entry, upstream.name, upstream.dialect, target)
                offered[n, entry["id"]] = shaped
                name = entry["id"] if self._reaches(entry["id"], n) else f"{upstream.name}/{entry['id']}"
                if self._admits(self._bound(level, name), n, entry["id"]):
                    found.setdefault(name, {**shaped, "id": name})
            for glob in upstream.models:
                if _GLOB.isdisjoint(glob) and self._admits(self._bound(level, glob), n, glob):
                    found.setdefault(glob, bare(glob, upstream.name, target))
        for route in plan.routes:
            if _GLOB.isdisjoint(route.model) and (first := self._first(route, self._bound(level, route.model))):
                known = offered.get((first.upstream, first.model or route.model))
                made = known or bare(route.model, plan.upstreams[first.upstream].name, target)
                found[route.model] = {**made, "id": route.model}
        return found

    def _first(self, route: Route, level: Level) -> Target | None:
        """Where a route leads at a level."""
        admitted = (to for to in route.to if self._admits(level, to.upstream, to.model or route.model))
        return next(admitted, None)

    def _admits(self, level: Level, upstream: int, model: str | None = None) -> bool:
        """Would content be sent there, for this model or for any?"""
        best = self._admission.best(upstream, model, self._clock())
        return admits(level, best, self._opted_in)

    def _bound(self, level: Level, name: str) -> Level:
        """A caller's level, or that of the name's route if that is stricter."""
        try:
            return strictest([level, self._router.resolve(name).level or level])
        except UnknownModel:
            return level

    def _reaches(self, name: str, upstream: int) -> bool:
        try:
            return self._router.resolve(name).attempts[0].upstream == upstream
        except UnknownModel:
            return False

    async def _list(self, exchange: Exchange, n: int) -> list[JsonObject]:
        """An upstream that does not answer in time offers nothing now; nor one that a caller's key may not be for."""
        upstream = self._plan.upstreams[n]
        if Endpoint.MODELS not in upstream.served.paths:
            return []
        if upstream.auth is Auth.FORWARD and (
            upstream.dialect is not exchange.caller or upstream.dialect in self._unclear
        ):
            return []
        if not self._admits(exchange.level, n):
            return []
        now = asyncio.get_running_loop().time()
        if n in self._kept and now - self._kept[n][0] < FRESH:
            return self._kept[n][1]
        try:
            async with asyncio.timeout(PATIENCE):
                models = entries(await self._fetch(exchange, upstream, self._transports[n]))
        except (LetheError, TimeoutError, msgspec.DecodeError):
            return []
        if upstream.auth is not Auth.FORWARD:
            self._kept[n] = (now, models)
        return models

    async def _fetch(self, exchange: Exchange, upstream: Upstream, transport: Transport) -> object:
        path = upstream.served.paths[Endpoint.MODELS] + _ALL.get(upstream.dialect, "")
        credentials = self._credentials()
        way = lane(upstream, exchange.endpoint, exchange.caller)
        sent = headers(exchange, way, [], credentials)  # none of the caller's: others get the answer, too
        call = Call(method=b"GET", path=path.encode(), headers=sent)
        reply = await transport.open(signed(call, upstream, credentials, time.time()))
        try:
            body = await reply.read_all(_MAX_LIST)
            return msgspec.json.decode(body) if reply.status == 200 else None
        finally:
            reply.close()


def _unclear(upstreams: Sequence[Upstream]) -> frozenset[Dialect]:
    """The dialects in which several hosts take callers' own keys: a list does not say for whose models it is."""
    hosts: dict[Dialect, set[tuple[bytes, str | None]]] = {}
    for upstream in upstreams:
        if upstream.auth is Auth.FORWARD:
            address = parse_address(upstream.base_url)
            hosts.setdefault(upstream.dialect, set()).add((address.authority, address.socket))
    return frozenset(dialect for dialect, known in hosts.items() if len(known) > 1)

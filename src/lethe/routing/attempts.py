"""From a model name to the ordered attempts that may answer it."""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import translate

from msgspec import Struct

from lethe.errors import UnknownModel
from lethe.providers.upstream import Upstream
from lethe.retention.levels import Level
from lethe.routing.table import Route

_WILD = frozenset("*?[")


class Attempt(Struct, frozen=True):
    """One upstream to ask, by its index in the plan, and the model to ask it for."""

    upstream: int
    model: str


class Routing(Struct, frozen=True, kw_only=True):
    """`route` is the index of the rule that matched; None where no rule was needed."""

    attempts: tuple[Attempt, ...]
    why: str
    route: int | None = None
    level: Level | None = None
    allow_losses: bool = False


class Router:
    """The routing table, compiled. Pure: the same name always gives the same attempts."""

    def __init__(self, upstreams: Sequence[Upstream], routes: Sequence[Route]) -> None:
        self._upstreams = tuple(upstreams)
        # Where a route says which models it asks for, what is asked for makes no difference.
        self._routes = tuple(
            (_matcher(route.model), n, route, _routing(n, route, "") if all(t.model for t in route.to) else None)
            for n, route in enumerate(routes)
        )
        self._models = tuple(
            (re.compile("|".join(translate(glob) for glob in upstream.models)), n)
            for n, upstream in enumerate(upstreams)
            if upstream.models
        )
        self._names = {upstream.name: n for n, upstream in enumerate(upstreams)}

    def resolve(self, model: str) -> Routing:
        """First the routes in their order, then `upstream/model`, then the upstream whose models hold the name.

        Raises UnknownModel.
        """
        for matches, n, route, fixed in self._routes:
            if matches(model):
                return fixed or _routing(n, route, model)
        name, slash, rest = model.partition("/")
        if slash and rest and name in self._names:
            return Routing(attempts=(Attempt(self._names[name], rest),), why="upstream named in the model")
        for pattern, n in self._models:
            if pattern.match(model):
                return Routing(attempts=(Attempt(n, model),), why="the upstream's models")
        if len(self._upstreams) == 1:
            return Routing(attempts=(Attempt(0, model),), why="the only upstream")
        raise UnknownModel(self._advice(model))

    def _advice(self, model: str) -> str:
        """Names only what is configured, never what was asked for."""
        known = [route.model for _, _, route, _ in self._routes]
        known += [glob for upstream in self._upstreams for glob in upstream.models]
        near = get_close_matches(model, known, n=1)
        hint = f"nearest configured: {near[0]}" if near else "see /v1/models, or ask for upstream/model"
        return f"no route and no upstream serves this model ({hint})"


def _matcher(glob: str) -> Callable[[str], object]:
    """Does a name match this glob? Most are plain names."""
    if _WILD.isdisjoint(glob):
        return glob.__eq__
    return re.compile(translate(glob)).match


def _routing(n: int, route: Route, model: str) -> Routing:
    attempts = tuple(Attempt(target.upstream, target.model or model) for target in route.to)
    return Routing(attempts=attempts, why="route", route=n, level=route.level, allow_losses=route.allow_losses)


def ordered(attempts: Sequence[Attempt], cooling: Mapping[int, float], now: float) -> tuple[Attempt, ...]:
    """Upstreams that asked to be left alone until later than `now` go to the end, the soonest first."""
    if len(attempts) == 1 or not cooling:
        return tuple(attempts)
    return tuple(sorted(attempts, key=lambda attempt: max(0.0, cooling.get(attempt.upstream, 0.0) - now)))

"""What is asked: every front and mode for every way through the operator's configuration."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from itertools import count

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.errors import UnknownModel
from lethe.ir.content import Dialect
from lethe.providers.envelopes import MODEL, Endpoint
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import Level, strictest
from lethe.routing.attempts import Router
from lethe.verify.modes import BUFFERED_ONLY, PROCESS, STREAMS_ONLY, Front, Mode
from lethe.verify.positions import DELICATE, Position
from lethe.wire.framing import Framing

OWN = "lethe-verify-"  # how the routes and upstreams begin that are there to fail
MOST = 4000  # requests of one pass
_WILD = re.compile(r"\*|\?|\[!?[^\]]+\]")
_FILLINGS = ("x", "lethe-verify", "0", "zz-9")  # for what a glob leaves open; an earlier route may take some of them
_OTHERS = "x0A_-"
CALLERS: Mapping[Front, Dialect] = {
    Front.MESSAGES: Dialect.ANTHROPIC,
    Front.COUNT_TOKENS: Dialect.ANTHROPIC,
    Front.CHAT: Dialect.OPENAI_CHAT,
    Front.RESPONSES: Dialect.OPENAI_RESPONSES,
    Front.INPUT_TOKENS: Dialect.OPENAI_RESPONSES,
    Front.GENERATE: Dialect.GEMINI,
    Front.GENERATE_TOKENS: Dialect.GEMINI,
    Front.EMBEDDINGS: Dialect.OPENAI_CHAT,
    Front.MODELS: Dialect.OPENAI_CHAT,
}
CONVERSING = frozenset({Front.MESSAGES, Front.CHAT, Front.RESPONSES, Front.GENERATE})
COUNTING = frozenset({Front.COUNT_TOKENS, Front.INPUT_TOKENS, Front.GENERATE_TOKENS})
_BUFFERED = COUNTING | {Front.EMBEDDINGS, Front.MODELS}
_PROCESS = frozenset(PROCESS)
# After how many bytes of the answer's body the caller leaves.
LEAVES_AFTER: Mapping[Mode, tuple[int | None, ...]] = {
    Mode.GONE_AT_FIRST: (1,),
    Mode.GONE_MIDSTREAM: tuple(range(100, 900, 100)),
}
# A list of models holds no content: what can be asked for it, and how.
_LISTING = (Mode.SERVED, Mode.UNKNOWN_MODEL, Mode.WRONG_METHOD)
_LISTING_POSITIONS = (Position.QUERY, Position.KEY, Position.WRONG_KEY)
# What belongs to conversations only.
_CONVERSATIONS = frozenset({Mode.REFUSAL, Mode.COMPRESSED, Mode.IDLE_TIMEOUT, Mode.RESET})
# What these dialects have no place for: a translation that drops one is refused.
_LACKING: Mapping[Dialect, frozenset[Position]] = {Dialect.OPENAI_RESPONSES: frozenset({Position.STOP})}
# What these fronts have no place for.
_NOT_THERE: Mapping[Front, frozenset[Position]] = {
    Front.MESSAGES: frozenset({Position.LABEL}),
    **dict.fromkeys(COUNTING, frozenset({Position.METADATA, Position.LABEL, Position.BETA})),
    Front.COUNT_TOKENS: frozenset({Position.METADATA, Position.LABEL}),
    Front.GENERATE: frozenset({Position.METADATA, Position.BETA}),
    Front.EMBEDDINGS: frozenset(
        {
            Position.LABEL,
            Position.THOUGHT,
            Position.SEALED,
            Position.FILENAME,
            Position.IMAGE,
            Position.SCHEMA_CONST,
            Position.UNKNOWN_TOOL,
            Position.UNKNOWN_PART,
            Position.BETA,
        }
    ),
}


class Pair(Struct, frozen=True):
    """A model to ask for, and the upstream, by index and name, that it leads to; `level` is the one that binds."""

    model: str
    upstream: int
    name: str
    dialect: Dialect
    level: Level
    free: str | None = None  # what a model's name must begin with, where the rest is the caller's to choose
    forward: bool = False  # the caller's own account is used, and with it what tells whose it is
    framing: Framing = Framing.SSE
    errors: Dialect = Dialect.ANTHROPIC  # in whose words the upstream tells them
    names_model: bool = False  # in the address at which it is asked
    embeds: bool = False
    counts: str = "input_tokens"  # where an answer of its counting endpoint has the number


class Case(Struct, frozen=True, kw_only=True):
    """One request, or one request and what becomes of it."""

    front: Front
    mode: Mode
    pair: Pair
    stream: bool = False
    delicate: Position | None = None
    leaves_after: int | None = None  # bytes of the answer's body

    @property
    def name(self) -> str:
        """For reports: it holds fixed words and configured names only."""
        kind = self.delicate or self.mode
        return f"{self.front} {'stream' if self.stream else 'whole'}: {self.pair.model} at {self.pair.name}: {kind}"

    @property
    def caller(self) -> Dialect:
        return CALLERS[self.front]

    def holds(self, position: Position) -> bool:
        """Have both dialects a place for it?"""
        return not any(position in _LACKING.get(dialect, ()) for dialect in (self.caller, self.pair.dialect))


def pairs(plan: Plan) -> tuple[Pair, ...]:
    """Every route with each of its upstreams, then the upstreams that no route leads to."""
    router = Router(plan.upstreams, plan.routes)
    found: dict[tuple[str, int], Pair] = {}
    for n, route in enumerate(plan.routes):
        name = None if route.model.startswith(OWN) else _leading(router, route.model, n)
        if name is None:
            continue
        level = strictest((plan.level, route.level or plan.level))
        for target in route.to:
            free = _free(route.model) if target.model is None else None
            pair = _pair(plan.upstreams[target.upstream], name, target.upstream, level, free)
            found.setdefault((name, target.upstream), pair)
    reached = {upstream for _, upstream in found}
    for n, upstream in enumerate(plan.upstreams):
        if n not in reached and not upstream.name.startswith(OWN):
            found.update({(pair.model, n): pair for pair in _unrouted(plan, router, n)})
    return tuple(found.values())


def _unrouted(plan: Plan, router: Router, upstream: int) -> Iterator[Pair]:
    globs = (*plan.upstreams[upstream].models, f"{plan.upstreams[upstream].name}/*", "*")
    for glob in globs:
        name = _leading(router, glob, None)
        if name is not None and router.resolve(name).attempts[0].upstream == upstream:
            yield _pair(plan.upstreams[upstream], name, upstream, plan.level, _free(glob))
            return


def _pair(upstream: Upstream, model: str, index: int, level: Level, free: str | None) -> Pair:
    served = upstream.served
    return Pair(
        model,
        index,
        upstream.name,
        upstream.dialect,
        level,
        free,
        forward=upstream.auth is Auth.FORWARD,
        framing=served.framing,
        errors=served.errors,
        names_model=any(MODEL in path for path in served.paths.values()),
        embeds=Endpoint.EMBEDDINGS in served.paths,
        counts=upstream.counting.answer if upstream.counting is not None else "input_tokens",
    )


def _leading(router: Router, glob: str, route: int | None) -> str | None:
    """A name that this glob matches, and that this route, or none, takes; None if none was found."""
    for filling in _FILLINGS:
        name = _WILD.sub(partial(_filled, filling), glob)
        try:
            if fnmatchcase(name, glob) and router.resolve(name).route == route:
                return name
        except UnknownModel:
            continue
    return None


def _filled(filling: str, found: re.Match[str]) -> str:
    wild = found[0]
    if wild == "*":
        return filling
    choices = (filling[0], *filter(str.isalnum, wild), *_OTHERS)
    return next((each for each in choices if fnmatchcase(each, wild)), "")


def unreached(plan: Plan) -> tuple[str, ...]:
    """Routes to which no name was found that leads there: an earlier one takes them all, or so it seems."""
    router = Router(plan.upstreams, plan.routes)
    return tuple(
        route.model
        for n, route in enumerate(plan.routes)
        if not route.model.startswith(OWN) and _leading(router, route.model, n) is None
    )


def _free(glob: str) -> str | None:
    return glob[:-1] if glob.endswith("*") and not set(glob[:-1]) & set("*?[") else None


def many(plan: Plan) -> list[Case]:
    """All of them where they are few enough, else `some` and as many others as there is room for, evenly chosen."""
    whole, first = every(plan), some(plan)
    chosen = set(first)
    rest = [case for case in whole if case not in chosen]
    stride = -(-len(rest) // max(1, MOST - len(first)))
    return [*first, *rest[::stride]] if stride > 1 else whole


def every(plan: Plan) -> list[Case]:
    """The whole product, but for what a front or a stream does not have. Process modes are not in it."""
    led = pairs(plan)
    cases = [
        case
        for pair in led
        for front in Front
        if _fits(front, pair)
        for stream in ((False,) if front in _BUFFERED else (False, True))
        for mode in Mode
        for case in _cases(front, mode, pair, stream=stream)
    ]
    return list(dict.fromkeys(cases))


def some(plan: Plan) -> list[Case]:
    """Every mode, position and front once, and every pair served by every front: as few cases as that takes."""
    whole = every(plan)
    chosen: dict[Case, None] = {}
    turn = count()
    for facet in (_served, _mode, _position):
        groups: dict[object, list[Case]] = {}
        for case in whole:
            groups.setdefault(facet(case), []).append(case)
        groups.pop(None, None)
        for group in groups.values():
            if not any(case in chosen for case in group):
                chosen[group[next(turn) % len(group)]] = None
    return list(chosen)


def process(plan: Plan, mode: Mode) -> list[Case]:
    """The streams that run while something happens to the process: one for each front and pair."""
    return [
        Case(front=front, mode=mode, pair=pair, stream=True) for pair in pairs(plan) for front in sorted(CONVERSING)
    ]


def _served(case: Case) -> object:
    return (case.front, case.pair, case.stream) if case.mode is Mode.SERVED else None


def _mode(case: Case) -> object:
    return case.mode if case.front in CONVERSING else None


def _position(case: Case) -> object:
    return case.delicate if case.front in CONVERSING else None


def _fits(front: Front, pair: Pair) -> bool:
    """Embeddings are not translated."""
    return front is not Front.EMBEDDINGS or pair.embeds


def _cases(front: Front, mode: Mode, pair: Pair, *, stream: bool) -> Iterator[Case]:
    if not _has(front, mode, stream=stream):
        return
    if mode is not Mode.DELICATE:
        for after in LEAVES_AFTER.get(mode, (None,)):
            yield Case(front=front, mode=mode, pair=pair, stream=stream, leaves_after=after)
        return
    positions = _LISTING_POSITIONS if front is Front.MODELS else DELICATE
    for position in positions:
        if position not in _NOT_THERE.get(front, ()) and (position is not Position.MODEL or pair.free is not None):
            yield Case(front=front, mode=mode, pair=pair, stream=stream, delicate=position)


def _has(front: Front, mode: Mode, *, stream: bool) -> bool:
    if mode in _PROCESS or (stream and mode in BUFFERED_ONLY) or (not stream and mode in STREAMS_ONLY):
        return False
    match front:
        case Front.MODELS:
            return mode is Mode.DELICATE or mode in _LISTING
        case _ if front in CONVERSING:
            return True
        case _:
            return mode not in _CONVERSATIONS

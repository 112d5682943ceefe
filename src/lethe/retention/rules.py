"""The rows of a surface for one level, compiled: what to look for in a body, and where."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from lethe.retention.globs import concerns, matcher
from lethe.retention.levels import Level
from lethe.retention.paths import DEEP, EVERY, OTHER, Node, Segments, names, parse
from lethe.retention.surface import Action, FieldRule, Known, Surface
from lethe.retention.vocabulary import PART_ROOTS, TOOL_ROOT
from lethe.wire.rawjson import encode

_SETS = frozenset({Action.FORCE, Action.REPLACE, Action.SALT, Action.STRIP, Action.PSEUDONYM, Action.REFUSE})
_UNASKED = (Action.FORCE, Action.SALT)
_NEVER_PASSES = frozenset({Action.STRIP, Action.REFUSE})
_ELEMENTS_MATTER = (PART_ROOTS | {TOOL_ROOT}) - {"messages", "contents"}  # they are the tools and parts


class Rule(Struct, frozen=True, eq=False):
    """One row at one level. `fits` judges a value; None: any value but null."""

    row: FieldRule
    action: Action
    segments: Segments
    fits: Callable[[Any], bool] | None

    def concerns(self, model: str) -> bool:
        return concerns(self.row.models, self.row.not_models, model)

    def speaks_of(self, value: Any) -> bool:
        if self.fits is not None:
            return self.fits(value)
        return value is not None or self.action in (Action.STRIP, *_UNASKED)


class Root(Struct, frozen=True):
    """What is looked for below one top-level name.

    `values`: a row speaks of the elements or of the value themselves, so that one that holds no object matters, too.
    `needles`: without one of these names in it, a list of objects that hold no objects is not worth reading; None where
    it is not, whatever it holds. `deep` are rules for any depth, each with the names without which it finds nothing;
    `clue` finds one of the names of each.
    """

    node: Node[Rule]
    deep: tuple[tuple[tuple[bytes, ...], Node[Rule]], ...] = ()
    clue: re.Pattern[bytes] | None = None
    tools: bool = False  # look for unknown tools
    parts: bool = False  # look for unknown content parts
    values: bool = False
    needles: tuple[bytes, ...] | None = ()


class Compiled(Struct, frozen=True):
    """A surface's rows at one level."""

    top: dict[str, tuple[Rule, ...]]  # of whole top-level fields
    forced: tuple[Rule, ...]  # below or at top-level fields that need not be there
    roots: dict[str, Root]
    anywhere: Root | None  # below every other top-level name
    known: frozenset[str]  # top-level names
    known_globs: tuple[str, ...]
    spelled: frozenset[str]  # top-level names that something is done with, in lower case
    betas: dict[str, bool]  # tokens that a row speaks of, in lower case: do they pass?
    known_beta: Callable[[str], bool]  # is a token one that no row restricts?


def compile_rules(surface: Surface, level: Level, *, refuse_unknown: bool) -> Compiled:
    """Once a level; `refuse_unknown` also looks for tools and content parts that nobody knows."""
    rules = [_rule(row, level) for row in surface.fields]
    active = [rule for rule in rules if rule.action in _SETS or rule.row.lowers is not None]
    top: dict[str, tuple[Rule, ...]] = {}
    below: dict[str, list[Rule]] = {}
    forced: list[Rule] = []
    for rule in active:
        first, path = rule.segments[0], names(rule.segments)
        if rule.action in _UNASKED and DEEP not in rule.segments and EVERY not in rule.segments:
            forced.append(rule)
        elif len(rule.segments) == 1 or (first == DEEP and len(path) == 1):
            top[path[0]] = (*top.get(path[0], ()), rule)
        if len(rule.segments) > 1 and rule not in forced:
            below.setdefault(first, []).append(rule)
    anywhere = below.pop(DEEP, [])
    looked_at = below.keys() | ({TOOL_ROOT} | PART_ROOTS if refuse_unknown else set())
    looked_at |= {rule.segments[0] for rule in forced if len(rule.segments) > 1}
    exact, globs = _known(surface, rules)
    return Compiled(
        top=top,
        forced=tuple(forced),
        roots={
            name: _root(
                name, [*below.get(name, ()), *anywhere], _spoken_of(name, rules, forced), refuse_unknown=refuse_unknown
            )
            for name in looked_at
        },
        anywhere=_root("", anywhere, (), refuse_unknown=False) if anywhere else None,
        known=exact | top.keys(),
        known_globs=globs,
        spelled=frozenset(
            name.casefold() for name in {*top, *(rule.segments[0] for rule in forced), *below} if name != DEEP
        ),
        betas=_betas(surface, level),
        known_beta=matcher(surface.known.betas),
    )


def _betas(surface: Surface, level: Level) -> dict[str, bool]:
    """A token passes while one of the features that take it does, unless it has a row of its own."""
    actions: dict[str, set[Action]] = {}
    for row in surface.fields:
        if row.beta:
            actions.setdefault(row.beta, set()).add(row.actions.get(level, Action.REFUSE))
    for rule in surface.betas:
        actions[rule.token] = {rule.actions[level]}
    return {token: not taken <= _NEVER_PASSES for token, taken in actions.items()}


def _spoken_of(name: str, rules: list[Rule], forced: list[Rule]) -> tuple[Segments, ...]:
    """Paths below a top-level name that are no other name: beside which a row speaks of every other, and forced ones,
    which nobody may write in other letters."""
    holders = {rule.segments[:-1] for rule in rules if rule.segments[0] == name and rule.segments[-1] == OTHER}
    beside = (rule for rule in rules if rule.segments[:-1] in holders and rule.segments[-1] != OTHER)
    below = (rule for rule in forced if rule.segments[0] == name)
    return tuple(rule.segments[1:] for rule in (*beside, *below) if len(rule.segments) > 1)


def _rule(row: FieldRule, level: Level) -> Rule:
    if level not in row.lowers_at:
        row = replace(row, lowers=None)
    return Rule(row, row.actions.get(level, Action.REFUSE), parse(row.path), _fits(row.values))


def _fits(values: tuple[str, ...]) -> Callable[[Any], bool] | None:
    if not values:
        return None
    if values == ("true",):  # some servers take 1 or "yes" for it
        return lambda value: value is not None and value is not False
    match = matcher(values)
    return lambda value: match(text_of(value))


def text_of(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if type(value) is str else encode(value).decode()


def _root(name: str, rules: list[Rule], spoken_of: tuple[Segments, ...], *, refuse_unknown: bool) -> Root:
    shallow: list[bytes] | None = []
    node: Node[Rule] = Node()
    deep: dict[tuple[bytes, ...], Node[Rule]] = {}
    for rule in rules:
        inner = rule.segments if rule.segments[0] == DEEP else rule.segments[1:]
        path = names(inner)
        place = inner[:-1] if rule.action is Action.FORCE else inner
        if DEEP in inner:
            deep.setdefault(tuple(map(_needle, names(place))), Node()).add(place, rule)
            continue
        node.add(place, rule)
        if shallow is None or not path:
            shallow = None  # the elements themselves
        elif len(path) == 1:
            shallow.append(_needle(path[0]))
    for path in spoken_of:
        node.reach(path)
    return Root(
        node=node,
        deep=tuple(deep.items()),
        clue=_clue(deep),
        tools=refuse_unknown and name == TOOL_ROOT,
        parts=refuse_unknown and name in PART_ROOTS,
        values=node.every is not None and bool(node.every.marks),
        needles=None if shallow is None or name in _ELEMENTS_MATTER else tuple(shallow),
    )


def _clue(needed: Iterable[tuple[bytes, ...]]) -> re.Pattern[bytes] | None:
    """One name of each will do, as all are needed; the longest stands in few texts. Where none is, anything matches."""
    rare = {re.escape(max(names, key=len, default=b"").strip(b'"')) for names in needed}
    return re.compile(b'"(?:%b)"' % b"|".join(sorted(rare)) if b"" not in rare else b"") if rare else None


def _needle(name: str) -> bytes:
    """How a name stands in JSON, in lower case."""
    return f'"{name.lower()}"'.encode()


def _known(surface: Surface, rules: list[Rule]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Top-level names, exact ones and globs."""
    known: Known = surface.known
    roots = {rule.segments[0] for rule in rules if rule.segments[0] != DEEP}
    globs = tuple(name for name in known.fields if any(c in name for c in "*?["))
    return frozenset(known.fields) | roots, globs

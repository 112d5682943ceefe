"""What the register says about one request: what to force, strip and refuse, before any byte leaves.

A guard judges a body as it is about to go out to a surface. Bodies are not decoded as a whole: top-level names are
compared as sets, and below them only what a row may speak of is read. Refusals name paths of the register and
positions, never a value nor a name that the caller made up.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any

from msgspec import Struct

from lethe.retention.globs import matches
from lethe.retention.levels import PROMISING, Level, UpstreamClass
from lethe.retention.paths import Node, Place, ensure, remove
from lethe.retention.rules import Compiled, Root, Rule, compile_rules, text_of
from lethe.retention.search import ambiguous, deep_nodes, may_matter, written
from lethe.retention.surface import Action, Surface
from lethe.retention.vocabulary import vocabulary
from lethe.wire.rawjson import TopLevel, loads

UNKNOWN = "is not in this API's register, so nobody knows what it keeps"
_LEAVE_OUT = "leave it out, or ask at level C"
_HELD = "an item without a type or content names one that the provider holds"
_OTHER_LETTERS = "a field is written as another one in other letters"

Pseudonym = Callable[[str], str]
CALLER = "\0"  # stands for who asks among the names of end users
_IN_THE_PATH = "model"  # some APIs name it there, and rows about it hold all the same
_BETAS = "anthropic_beta"  # some APIs take in the body what Anthropic's takes in a header
_VERSION = "anthropic_version"
_MAX_BETAS = 64
_BRACE = ord("{")
_LEAST = len('{"a":1}')  # bytes of a value that holds an object with a field


class Refusal(Struct, frozen=True):
    """`path` as in `$.tools[].type`."""

    path: str
    because: str
    instead: str = ""


class Verdict(Struct, frozen=True):
    """What to do with a request.

    `changes` and `removals` are of top-level fields. `betas` are the tokens that go out, those of the body included,
    which has none any more. `used` are the features that make the class worse, with the best class that they leave.
    """

    changes: dict[str, Any]
    removals: frozenset[str]
    betas: tuple[str, ...]
    used: tuple[tuple[str, UpstreamClass], ...]
    refusals: tuple[Refusal, ...]

    @property
    def lowers(self) -> UpstreamClass | None:
        """The best class that what is used leaves."""
        return max((kept for _, kept in self.used), default=None)


class Guard:
    """One surface. What it compiles is kept by level, for as long as the worker lives."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self._compiled: dict[tuple[Level, bool], Compiled] = {}
        self.vocabulary = vocabulary(surface)

    def prepare(self, level: Level, *, refuse_unknown: bool = False) -> Compiled:
        """Compile the rows for a level, so that no request has to wait for that."""
        strict = refuse_unknown or level in PROMISING
        compiled = compile_rules(self.surface, level, refuse_unknown=strict)
        self._compiled[level, strict] = compiled
        return compiled

    def judge(  # noqa: PLR0913 - what a request says stands in several places
        self,
        body: TopLevel,
        level: Level,
        model: str,
        *,
        betas: Sequence[str] = (),
        versions: Sequence[str] = (),
        refuse_unknown: bool = False,
        pseudonym: Pseudonym | None = None,
    ) -> Verdict:
        """`model` is the name that goes out; `betas` and `versions` are what headers say. `refuse_unknown` is for level
        C; elsewhere it always is.

        Without `pseudonym` identifiers pass as they are.
        """
        strict = refuse_unknown or level in PROMISING
        if why := self.surface.refused.get(level):
            return Verdict({}, frozenset(), (), (), (Refusal("$", why, "route to another API or provider"),))
        compiled = self._compiled.get((level, strict)) or self.prepare(level, refuse_unknown=refuse_unknown)
        judging = _Judging(self, compiled, body, model, pseudonym)
        judging.names(strict=strict)
        judging.values()
        judging.force()
        if strict and self.surface.known.versions:
            judging.versions(versions)
        kept = judging.betas(betas, "the beta header", strict=strict)
        if _BETAS in body and _BETAS in self.surface.known.fields:
            kept += judging.betas(judging.written_betas(), f"$.{_BETAS}", strict=strict)
        return Verdict(
            judging.changes,
            frozenset(judging.removals),
            tuple(dict.fromkeys(kept)) if kept else (),
            tuple(judging.used),
            tuple(dict.fromkeys(judging.refusals)) if judging.refusals else (),
        )


class _Judging:
    """The state of one judgement."""

    __slots__ = (
        "_body", "_compiled", "_guard", "_holder", "_model", "_pseudonym",
        "changes", "refusals", "removals", "stripped_betas", "used",
    )  # fmt: skip

    def __init__(
        self, guard: Guard, compiled: Compiled, body: TopLevel, model: str, pseudonym: Pseudonym | None
    ) -> None:
        self._guard, self._compiled, self._body = guard, compiled, body
        self._model, self._pseudonym = model, pseudonym
        self._holder: dict[str, Any] = {}  # what was decoded, by top-level name
        self.changes: dict[str, Any] = {}
        self.removals: set[str] = set()
        self.stripped_betas: set[str] = set()
        self.used: list[tuple[str, UpstreamClass]] = []
        self.refusals: list[Refusal] = []

    def names(self, *, strict: bool) -> None:
        """Top-level names that nobody knows."""
        compiled = self._compiled
        for name in self._body.fields:
            if name in compiled.known or (compiled.known_globs and matches(compiled.known_globs, name)):
                continue
            if strict:
                self.refusals.append(Refusal("$", f"a field that {UNKNOWN}", _LEAVE_OUT))
            elif name.casefold() in compiled.spelled:  # some servers read names whatever their letter case
                self._in_other_letters("$")

    def written_betas(self) -> tuple[str, ...]:
        """The tokens in the body, which go out where the others do."""
        self.removals.add(_BETAS)
        match self._body.value(_BETAS):
            case None:
                return ()
            case [*tokens] if len(tokens) <= _MAX_BETAS and all(type(token) is str for token in tokens):
                return tuple(tokens)
            case _:
                self.refusals.append(Refusal(f"$.{_BETAS}", f"is no list of at most {_MAX_BETAS} tokens", _LEAVE_OUT))
                return ()

    def betas(self, tokens: Sequence[str], where: str, *, strict: bool) -> tuple[str, ...]:
        """A feature that does not pass takes its token with it; tokens that the register does not know are refused."""
        compiled, kept = self._compiled, []
        for token in tokens:
            name = token.lower()
            passes = compiled.betas.get(name)
            if passes is False or name in self.stripped_betas:
                continue
            if strict and passes is None and not compiled.known_beta(token):
                self.refusals.append(Refusal(where, f"a token that {UNKNOWN}", _LEAVE_OUT))
            kept.append(token)
        return tuple(kept)

    def versions(self, said: Sequence[str]) -> None:
        """Those of the API that nobody knows: in a header, and in the body of some APIs."""
        known = self._guard.surface.known.versions
        if not all(version in known for version in said):
            self._unknown_version("the version header")
        if _VERSION in self._body.fields and self._body.value(_VERSION) not in known:
            self._unknown_version(f"$.{_VERSION}")

    def values(self) -> None:
        """What rows say of the fields that are there."""
        compiled, fields = self._compiled, self._body.fields
        for name in fields if _IN_THE_PATH in fields else (*fields, _IN_THE_PATH):
            for rule in compiled.top.get(name, ()):
                value = self._model if name == _IN_THE_PATH else self._decoded(name)
                if rule.concerns(self._model) and rule.speaks_of(value):
                    self._apply(rule, [(self._holder, name)], name)
        for name, raw in fields.items():
            if (root := compiled.roots.get(name)) is not None:
                self._look(name, root)
            elif compiled.anywhere is not None and len(raw) >= _LEAST:
                self._look(name, compiled.anywhere)

    def force(self) -> None:
        """What goes out whether it was sent or not."""
        for rule in self._compiled.forced:
            if rule.concerns(self._model):
                name = rule.segments[0]
                if len(rule.segments) > 1 and name not in self._holder:
                    self._holder[name] = self._decoded(name) if name in self._body.fields else {}
                self._apply(rule, ensure(self._holder, rule.segments), name)

    def _look(self, name: str, root: Root) -> None:
        text = bytes(self._body.fields[name])
        if (not root.values and _BRACE not in text) or name in self.removals:
            return
        names = written(text)
        if near := may_matter(text, names, root):
            self._apply_rules(name, root.node)
        for node in deep_nodes(names, root):
            self._apply_rules(name, node)
        if near and self._guard.vocabulary.refers(name, self._decoded(name)):
            self.refusals.append(Refusal(f"$.{name}[]", _HELD, "send the item itself"))
        if near and root.tools:
            self._unknown(self._guard.vocabulary.unknown_tools(self._decoded(name)))
        if near and root.parts:
            self._unknown(self._guard.vocabulary.unknown_parts(name, self._decoded(name)))

    def _apply_rules(self, name: str, node: Node[Rule]) -> None:
        """Those whose paths lead from a top-level name to something."""
        self._decoded(name)
        hits: dict[Rule, list[Place]] = {}
        for rule, (container, key) in node.walk(self._holder, name):
            if rule is None:
                self._in_other_letters(f"$.{name}")
            elif rule.action is Action.FORCE:  # the path of its parent leads here
                if type(parent := container[key]) is dict:
                    hits.setdefault(rule, []).append((parent, rule.segments[-1]))
            elif rule.speaks_of(container[key]):
                hits.setdefault(rule, []).append((container, key))
        for rule, found in hits.items():
            if rule.concerns(self._model):
                self._apply(rule, found, name)

    def _in_other_letters(self, where: str) -> None:
        self.refusals.append(Refusal(where, _OTHER_LETTERS, "write it as the API's documentation does"))

    def _unknown_version(self, where: str) -> None:
        known = ", ".join(self._guard.surface.known.versions)
        self.refusals.append(Refusal(where, f"a version that {UNKNOWN}", f"ask for one of {known}, or at level C"))

    def _unknown(self, paths: Iterable[str]) -> None:
        self.refusals += [Refusal(f"$.{path}", f"a type that {UNKNOWN}", _LEAVE_OUT) for path in paths]

    def _decoded(self, name: str) -> Any:
        """The value, read once. Where its bytes could be read in another way than here, they are written anew."""
        if name not in self._holder:
            raw = self._body.fields[name]
            value = self._holder[name] = loads(raw)
            if type(value) in (dict, list) and ambiguous(bytes(raw), value):
                self.changes[name] = value
        return self._holder[name]

    def _apply(self, rule: Rule, found: Sequence[Place], name: str) -> None:
        """Do what a row says, at these places below a top-level name."""
        row = rule.row
        match rule.action:  # the commonest first: each member that is named is looked up
            case Action.FORCE | Action.REPLACE:
                for container, key in found:
                    container[key] = deepcopy(row.value)
                self.changes[name] = self._holder[name]
                self.removals.discard(name)
            case Action.PSEUDONYM | Action.SALT:
                if self._pseudonym is not None:
                    for container, key in found:
                        value = CALLER if rule.action is Action.SALT else container[key]
                        container[key] = self._pseudonym(text_of(value))
                    self.changes[name] = self._holder[name]
            case Action.STRIP:
                self.stripped_betas.add(row.beta)
                if found == [(self._holder, name)]:
                    self.removals.add(name)
                    self.changes.pop(name, None)
                else:
                    remove(found)
                    self.changes[name] = self._holder[name]
                return
            case Action.REFUSE:
                self.refusals.append(Refusal(f"$.{row.path}", row.because, row.instead))
                return
            case Action.ALLOW:
                pass
        if row.lowers is not None:
            self.used.append((f"$.{row.path}", row.lowers))

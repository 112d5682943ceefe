"""The register's own language: from the text of a TOML file to a surface, checked.

A file says for each surface what `lethe.retention.surface` holds, in the words of people who read vendors' pages:

    [[fields]]
    paths = ['container']
    do = 'A1 A2 B refuse, C allow'
    lowers = 'U6'
    because = '...'

Rows that several surfaces have in common stand in files of rows, which a surface names in `shares`. Its own row wins
over a shared one for the same path, values and models. Texts are in single quotes, which TOML parsers read fastest.
"""

import tomllib
from collections.abc import Callable, Iterable
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import Struct

from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.surface import (
    PROBED,
    Action,
    BetaRule,
    Evidence,
    EvidenceKind,
    FieldRule,
    HeaderRule,
    Known,
    ModelRule,
    Source,
    Surface,
)
from lethe.retention.tables import BetaTable, EvidenceTable, FieldTable, HeaderTable, RowsFile, SurfaceFile

T = TypeVar("T")

_VALUED = (Action.FORCE, Action.REPLACE)
_OF_TOKENS = {Action.ALLOW, Action.STRIP}
_ACTIONS = {str(action): action for action in Action}
_CLASSES = {f"U{level.value}": level for level in UpstreamClass}


class RegisterFault(ValueError):
    """A file of the register cannot be used; says which file and where in it."""


class Rows(Struct, frozen=True, kw_only=True):
    """What a file of rows says."""

    known: Known
    fields: tuple[FieldRule, ...]
    betas: tuple[BetaRule, ...]
    models: tuple[ModelRule, ...]


class Vendor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a provider is reached: `hosts` are globs; `local` ones run on this machine, at any address of it."""

    hosts: tuple[str, ...] = ()
    local: bool = False


def parse_vendors(text: str, name: str) -> dict[str, Vendor]:
    """The file of providers, by name. Raises RegisterFault."""
    return _read(text, name, dict[str, Vendor])


def parse_rows(text: str, name: str) -> Rows:
    """A file of rows; `name` is what faults call it. Raises RegisterFault."""
    return _rows(_read(text, name, RowsFile), name)


def parse_surface(text: str, name: str, vendor: Vendor, shared: Callable[[str], Rows]) -> Surface:
    """One surface of this vendor; `shared` finds the rows that it names. Raises RegisterFault."""
    record = _read(text, name, SurfaceFile)
    parts = [_rows(record, name), *(shared(share) for share in record.shares)]
    if not record.reviewed <= record.expires:
        raise RegisterFault(f"{name}: expires: is before the review")
    if not record.sources:
        raise RegisterFault(f"{name}: sources: there must be one at least")
    return Surface(
        id=record.id,
        provider=record.provider,
        title=record.title,
        dialect=record.dialect,
        endpoint=record.endpoint,
        hosts=vendor.hosts,
        upstream_class=_upstream_class(record.upstream_class, f"{name}: class"),
        because=record.because,
        carve_outs=record.carve_outs,
        evidence=tuple(_evidence(row, f"{name}: evidence[{n}]") for n, row in enumerate(record.evidence)),
        fields=_first_of_each(rule for part in parts for rule in part.fields),
        betas=tuple(rule for part in parts for rule in part.betas),
        headers=tuple(_header(row, f"{name}: headers[{n}]") for n, row in enumerate(record.headers)),
        models=tuple(rule for part in parts for rule in part.models),
        known=_together([part.known for part in parts]),
        refused=record.refused,
        sources=tuple(Source(url=source.url, read=source.read) for source in record.sources),
        reviewed=record.reviewed,
        expires=record.expires,
    )


@cache
def actions(text: str) -> dict[Level, Action]:
    """`A1 A2 B refuse, C allow`, or one word for all levels. Raises ValueError where a level has none or two."""
    found: dict[Level, Action] = {}
    for clause in text.split(","):
        *levels, action = clause.split() or [""]
        for level in levels or [str(level) for level in Level]:
            if level not in Level.__members__:
                raise ValueError("names a level that does not exist")
            if Level(level) in found:
                raise ValueError(f"says twice what to do at {level}")
            if action not in _ACTIONS:
                raise ValueError("names an action that does not exist")
            found[Level(level)] = _ACTIONS[action]
    if missing := [str(level) for level in Level if level not in found]:
        raise ValueError(f"does not say what to do at {', '.join(missing)}")
    return {level: found[level] for level in Level}


def _read(text: str, name: str, table: type[T]) -> T:
    try:
        return msgspec.convert(tomllib.loads(text), table)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RegisterFault(f"{name}: {error}") from None


def _rows(record: RowsFile, name: str) -> Rows:
    return Rows(
        known=Known(
            fields=record.known.fields,
            tools=record.known.tools,
            parts=record.known.parts,
            betas=record.known.betas,
            versions=record.known.versions,
        ),
        fields=_unique(
            [rule for n, row in enumerate(record.fields) for rule in _fields(row, f"{name}: fields[{n}]")], name
        ),
        betas=tuple(rule for n, row in enumerate(record.betas) for rule in _betas(row, f"{name}: betas[{n}]")),
        models=tuple(
            ModelRule(
                models=row.models,
                not_models=row.not_models,
                upstream_class=_upstream_class(row.upstream_class, f"{name}: models[{n}].class"),
                because=row.because,
            )
            for n, row in enumerate(record.models)
        ),
    )


def _fields(row: FieldTable, where: str) -> Iterable[FieldRule]:
    by_level = _actions(row.do, where)
    if not row.paths:
        raise RegisterFault(f"{where}.paths: there must be one at least")
    if (row.value is not None) is not any(action in by_level.values() for action in _VALUED):
        raise RegisterFault(f"{where}.value: goes with force and replace, and they with it")
    lowers = _upstream_class(row.lowers, f"{where}.lowers") if row.lowers else None
    for path in row.paths:
        yield FieldRule(
            path=path,
            actions=by_level,
            values=row.values,
            models=row.models,
            not_models=row.not_models,
            value=row.value,
            beta=row.beta,
            lowers=lowers,
            lowers_at=row.lowers_at,
            because=row.because,
            instead=row.instead,
        )


def _betas(row: BetaTable, where: str) -> Iterable[BetaRule]:
    by_level = _actions(row.do, where)
    if not _OF_TOKENS.issuperset(by_level.values()):
        raise RegisterFault(f"{where}.do: a token passes or is stripped")
    if any(token != token.lower() for token in row.tokens):
        raise RegisterFault(f"{where}.tokens: must be in lower case")
    return (BetaRule(token=token, actions=by_level, because=row.because) for token in row.tokens)


def _actions(do: str, where: str) -> dict[Level, Action]:
    try:
        return actions(do)
    except ValueError as fault:
        raise RegisterFault(f"{where}.do: {fault}") from None


def _evidence(row: EvidenceTable, where: str) -> Evidence:
    if row.kind is EvidenceKind.NONE:
        raise RegisterFault(f"{where}.kind: {EvidenceKind.NONE} lifts nothing")
    if bool(row.probe) is not (row.kind in PROBED):
        raise RegisterFault(f"{where}.probe: goes with {', '.join(PROBED)}, and they with it")
    if bool(row.contracts) is not (row.kind is EvidenceKind.CONTRACT):
        raise RegisterFault(f"{where}.contracts: goes with {EvidenceKind.CONTRACT}, and it with them")
    return Evidence(
        kind=row.kind,
        upstream_class=_upstream_class(row.upstream_class, f"{where}.class"),
        probe=row.probe,
        also=row.also,
        contracts=row.contracts,
        needs=row.needs,
        max_age=row.max_age,
        because=row.because,
    )


def _header(row: HeaderTable, where: str) -> HeaderRule:
    if row.name != row.name.lower():
        raise RegisterFault(f"{where}.name: must be in lower case")
    return HeaderRule(name=row.name, value=row.value, levels=row.levels, because=row.because)


def _upstream_class(text: str, where: str) -> UpstreamClass:
    found = _CLASSES.get(text)
    if found is None:
        raise RegisterFault(f"{where}: is one of {', '.join(_CLASSES)}")
    return found


def _unique(rules: list[FieldRule], name: str) -> tuple[FieldRule, ...]:
    """All of them. Raises RegisterFault where two say what to do with the same."""
    seen = set()
    for rule in rules:
        if _subject(rule) in seen:
            raise RegisterFault(f"{name}: two rows for {rule.path}")
        seen.add(_subject(rule))
    return tuple(rules)


def _first_of_each(rules: Iterable[FieldRule]) -> tuple[FieldRule, ...]:
    kept: dict[object, FieldRule] = {}
    for rule in rules:
        kept.setdefault(_subject(rule), rule)
    return tuple(kept.values())


def _subject(rule: FieldRule) -> object:
    return rule.path, rule.values, rule.models, rule.not_models


def _together(known: list[Known]) -> Known:
    def union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for names in lists for name in names))

    return Known(
        fields=union(part.fields for part in known),
        tools=union(part.tools for part in known),
        parts=union(part.parts for part in known),
        betas=union(part.betas for part in known),
        versions=union(part.versions for part in known),
    )

"""The tables of a register file, before their words are read: what may stand where."""

from datetime import date
from typing import Any

from msgspec import Struct, field

from lethe.ir.content import Dialect
from lethe.retention.levels import Level
from lethe.retention.surface import EvidenceKind


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a file, before its words are read."""


class FieldTable(Table, frozen=True, kw_only=True):
    paths: tuple[str, ...]
    do: str
    values: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    not_models: tuple[str, ...] = ()
    value: Any = None
    beta: str = ""
    lowers: str = ""
    lowers_at: tuple[Level, ...] = tuple(Level)
    because: str
    instead: str = ""


class BetaTable(Table, frozen=True, kw_only=True):
    tokens: tuple[str, ...]
    do: str
    because: str


class EvidenceTable(Table, frozen=True, kw_only=True):
    kind: EvidenceKind
    upstream_class: str = field(name="class")
    probe: str = ""
    also: tuple[str, ...] = ()
    contracts: tuple[str, ...] = ()
    needs: str = ""
    max_age: float = 86_400.0
    because: str


class HeaderTable(Table, frozen=True, kw_only=True):
    name: str
    value: str
    levels: tuple[Level, ...]
    because: str


class ModelTable(Table, frozen=True, kw_only=True):
    models: tuple[str, ...] = ()
    not_models: tuple[str, ...] = ()
    upstream_class: str = field(name="class")
    because: str


class KnownTable(Table, frozen=True, kw_only=True):
    fields: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    betas: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


class SourceTable(Table, frozen=True, kw_only=True):
    url: str
    read: date


class RowsFile(Table, frozen=True, kw_only=True):
    """A file of rows: what several surfaces have in common."""

    known: KnownTable = KnownTable()
    fields: tuple[FieldTable, ...] = ()
    betas: tuple[BetaTable, ...] = ()
    models: tuple[ModelTable, ...] = ()


class SurfaceFile(RowsFile, frozen=True, kw_only=True):
    """A file of one surface. `dialect` is left out where Lethe does not speak it."""

    id: str
    provider: str
    title: str
    dialect: Dialect | None = None
    endpoint: str
    shares: tuple[str, ...] = ()
    upstream_class: str = field(name="class")
    because: str
    carve_outs: tuple[str, ...] = ()
    evidence: tuple[EvidenceTable, ...] = ()
    headers: tuple[HeaderTable, ...] = ()
    refused: dict[Level, str] = {}
    sources: tuple[SourceTable, ...]
    reviewed: date
    expires: date

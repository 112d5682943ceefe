"""A provider's surface as the register knows it: what it keeps, what proves that, and what each field of it does.

A surface is one endpoint of one provider. Its rows say what to do with a field at every level; whatever no row and no
list of known names mentions is unknown, and unknown is refused wherever something is promised.
"""

from datetime import date
from enum import StrEnum
from typing import Any

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.retention.levels import Level, UpstreamClass


class Action(StrEnum):
    """What the guard does with a field."""

    ALLOW = "allow"
    FORCE = "force"  # it goes out with this value, whether the caller sent it or not
    REPLACE = "replace"  # where the caller sent it, it goes out with this value
    STRIP = "strip"  # nothing the caller gets depends on it
    SALT = "salt"  # it goes out with a random text, another one for each caller, whether the caller sent it or not
    PSEUDONYM = "pseudonym"  # an identifier goes out under another name, the same for as long as the worker lives
    REFUSE = "refuse"


class EvidenceKind(StrEnum):
    """What a class may rest on, strongest first."""

    LOCAL_FLAGS = "local_flags"  # our own process, its flags verified
    RESPONSE = "response_attestation"  # said on every response
    MODEL = "model_api"  # readable for each model
    ACCOUNT = "account_api"  # readable for the account or project
    CONTRACT = "contract"  # signed, with an end
    PUBLISHED = "published_default"  # a page that holds for everybody
    DECLARED = "declared"  # by the operator, with a reason
    NONE = "none"  # what is assumed of a server that nobody knows


# What a probe finds out; the other kinds rest on pages and on the operator's word.
PROBED: tuple[EvidenceKind, ...] = (
    EvidenceKind.LOCAL_FLAGS,
    EvidenceKind.RESPONSE,
    EvidenceKind.MODEL,
    EvidenceKind.ACCOUNT,
)


class Evidence(Struct, frozen=True, kw_only=True):
    """A way to a better class than the default. `probe` names it for those that are asked for.

    With `needs` a probe counts only while a contract of that kind is in force, and with `also` only while those probes
    hold, too.
    """

    kind: EvidenceKind
    upstream_class: UpstreamClass
    probe: str = ""
    also: tuple[str, ...] = ()  # names of further probes, all of which must hold
    contracts: tuple[str, ...] = ()  # kinds of contract that count
    needs: str = ""
    max_age: float = 86_400.0  # seconds
    because: str


class FieldRule(Struct, frozen=True, kw_only=True):
    """One row. `path` names fields from the body's root by dots; `[]` is every element, `**` any depth.

    `values` are globs of a text value (JSON text for other values); empty: any value. `models` are globs; empty: any.
    """

    path: str
    actions: dict[Level, Action]
    values: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    not_models: tuple[str, ...] = ()
    value: Any = None  # of FORCE and REPLACE
    beta: str = ""  # the beta token that goes with the field
    lowers: UpstreamClass | None = None  # the best class that a request has which uses it
    lowers_at: tuple[Level, ...] = tuple(Level)  # where it does; elsewhere the action makes good for it
    because: str
    instead: str = ""  # what the caller can do


class BetaRule(Struct, frozen=True, kw_only=True):
    """A beta token that needs no field of the body: it passes or is stripped."""

    token: str  # in lower case
    actions: dict[Level, Action]
    because: str


class HeaderRule(Struct, frozen=True, kw_only=True):
    """A header that always goes to this surface, in lower case; a caller's own never does."""

    name: str
    value: str
    levels: tuple[Level, ...]
    because: str


class ModelRule(Struct, frozen=True, kw_only=True):
    """Models that keep more than their surface does: no evidence makes them better than `upstream_class`."""

    models: tuple[str, ...] = ()  # globs; empty: any
    not_models: tuple[str, ...] = ()
    upstream_class: UpstreamClass
    because: str


class Known(Struct, frozen=True, kw_only=True):
    """Names that the surface's API defines and no row restricts; globs are allowed.

    `fields` top-level names, `tools` values of a tool's `type`, `parts` values of a content part's `type`, `betas`
    tokens of the beta header, `versions` what may be said of the API's version, where it is said at all.
    """

    fields: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    betas: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()  # no globs


class Source(Struct, frozen=True, kw_only=True):
    """Where it stands, and when that was read."""

    url: str
    read: date


class Surface(Struct, frozen=True, kw_only=True):
    """One record of the register. `endpoint` is the name of one of Lethe's endpoints; `hosts` are globs."""

    id: str
    provider: str
    title: str
    dialect: Dialect | None  # None: Lethe does not speak it
    endpoint: str
    hosts: tuple[str, ...] = ()
    upstream_class: UpstreamClass
    because: str
    carve_outs: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    fields: tuple[FieldRule, ...] = ()
    betas: tuple[BetaRule, ...] = ()
    headers: tuple[HeaderRule, ...] = ()
    models: tuple[ModelRule, ...] = ()
    known: Known = Known()
    refused: dict[Level, str] = {}  # levels at which the whole surface is refused, and why
    sources: tuple[Source, ...]
    reviewed: date
    expires: date  # of the review: afterwards the surface counts as one that nobody knows

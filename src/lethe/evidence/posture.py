"""The posture: what one running Lethe says of its own retention, as a closed document that is signed.

It is public, so it holds configured names, register ids and enums: no hosts, no routes, no names of callers, and no
text that an operator wrote.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

import lethe
from lethe.config.plan import Plan
from lethe.config.settings import Settings
from lethe.evidence import moments
from lethe.evidence.signing import PayloadType, Verdict, verify
from lethe.evidence.verification import Verification
from lethe.providers.envelopes import Endpoint
from lethe.providers.upstream import Upstream
from lethe.retention.classes import OURS, standing
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.retention.standing import Finding
from lethe.retention.surface import EvidenceKind, ModelRule

SCHEMA = "lethe.posture/1"
VALID = 900.0  # seconds from issue to expiry
AHEAD = 60.0  # seconds that the issuer's clock may be ahead of the reader's


class Counted(StrEnum):
    """Where requests are counted against limits: in a store that instances share, each leaves numbers for a while."""

    NOWHERE = "nowhere"
    PROCESS = "process"
    STORE = "store"


class Closed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of the document: other members are an error."""


class ModelLimit(Closed, frozen=True, kw_only=True):
    """Models, as globs of the register, that keep more than the rest whatever is proven."""

    models: tuple[str, ...]  # empty: all
    not_models: tuple[str, ...]  # but for these
    upstream_class: str


class SurfacePosture(Closed, frozen=True, kw_only=True):
    """One endpoint of an upstream, for a model that no exception and no proof of its own names."""

    endpoint: str
    surface: str | None  # id in the register; null: nobody knows it
    upstream_class: str
    evidence: EvidenceKind
    since: str | None  # of the evidence
    until: str | None
    review_expires: str | None  # date; null: there is no page to review
    carve_outs: tuple[str, ...]
    exceptions: tuple[ModelLimit, ...]


class UpstreamPosture(Closed, frozen=True, kw_only=True):
    name: str
    surfaces: tuple[SurfacePosture, ...]


class Accepted(Closed, frozen=True, kw_only=True):
    """What the operator put up with, by name."""

    unenforced: tuple[str, ...]
    classes: tuple[str, ...]


class Configuration(Closed, frozen=True, kw_only=True):
    """SHA-256 over the salt and the canonical configuration, both in hexadecimal digits (`configuration_digest`)."""

    salt: str
    sha256: str


class Posture(Closed, frozen=True, kw_only=True):
    """`level` binds every request; `levels` are all that plan, routes and keys ask for. `workers` is what the kernel
    enforces on each worker that serves; empty: not known."""

    schema: str = SCHEMA
    product: str = "lethe"
    version: str
    issued: str
    expires: str
    level: Level
    levels: tuple[Level, ...]
    workers: tuple[dict[Mechanism, State], ...]
    accepted: Accepted
    upstreams: tuple[UpstreamPosture, ...]
    routes: int
    keys: int
    counted: Counted
    configuration: Configuration
    verification: Verification | None


class Running(Struct, frozen=True, kw_only=True):
    """What only a running instance knows. `salt` is 16 random bytes; `now` Unix time."""

    salt: bytes
    now: float
    enforcement: Sequence[Enforcement] = ()
    findings: Sequence[Finding] = ()
    verification: Verification | None = None


def posture(settings: Settings, running: Running) -> Posture:
    """The statement at this moment."""
    plan = settings.plan
    return Posture(
        version=lethe.__version__,
        issued=moments.written(running.now),
        expires=moments.written(running.now + VALID),
        level=plan.level,
        levels=levels_asked(settings),
        workers=tuple(dict(sorted(each.states.items())) for each in running.enforcement),
        accepted=Accepted(
            unenforced=tuple(sorted(plan.accept_unenforced)),
            classes=tuple(sorted(each.name for each in plan.accept_classes)),
        ),
        upstreams=tuple(_upstream(each, running) for each in plan.upstreams),
        routes=len(plan.routes),
        keys=len(plan.keys),
        counted=counted(plan),
        configuration=Configuration(salt=running.salt.hex(), sha256=configuration_digest(settings, running.salt).hex()),
        verification=running.verification,
    )


def counted(plan: Plan) -> Counted:
    of_keys = [plan.limits if key.limits is None else key.limits for key in plan.keys]
    if all(limits.none for limits in of_keys or [plan.limits]):
        return Counted.NOWHERE
    return Counted.PROCESS if plan.limit_store is None else Counted.STORE


def levels_asked(settings: Settings) -> tuple[Level, ...]:
    """The levels of plan, routes and keys, strictest first."""
    plan = settings.plan
    asked = {plan.level, *(route.level for route in plan.routes), *(key.level for key in plan.keys)}
    return tuple(level for level in Level if level in asked)


def configuration_digest(settings: Settings, salt: bytes) -> bytes:
    """What tells two configurations apart: whoever has the file and the salt can compute it again.

    Reasons and notes are left out: they count days. Callers' keys are in it as the file gives them, by hash or
    reference.
    """
    keys = sorted(settings.key_secrets.items())
    told = (settings.plan, settings.secrets, keys, settings.probes, settings.posture_key)
    # From the structs themselves: sets made into lists before would stand in the order in which this process hashes.
    return hashlib.sha256(salt + msgspec.json.encode(told, order="deterministic")).digest()


def document(statement: Posture) -> dict[str, Any]:
    """As it is signed."""
    made: dict[str, Any] = msgspec.to_builtins(statement)
    return made


class Reading(Struct, frozen=True, kw_only=True):
    """What a reader makes of a signed posture. `statement` only if it is whole; `stale`: not of this time."""

    verdict: Verdict
    statement: Posture | None = None
    stale: bool = False
    key_id: str = ""
    ephemeral: bool = False


def read(signed: Mapping[str, Any], trusted: bytes | None, now: float) -> Reading:
    """Check signature, schema and time; `trusted` is the raw public key that the reader trusts."""
    verdict = verify(signed, PayloadType.POSTURE, trusted)
    if verdict is Verdict.BAD:
        return Reading(verdict=verdict)
    told = {name: value for name, value in signed.items() if name not in {"signer", "signature"}}
    try:
        statement = msgspec.convert(told, Posture)
        issued, expires = (moments.read(each) for each in (statement.issued, statement.expires))
    except (msgspec.ValidationError, ValueError):
        statement, issued, expires = None, 0.0, 0.0
    if statement is not None and not (statement.schema == SCHEMA and _is_plain(told)):
        statement = None
    signer = signed["signer"]
    return Reading(
        verdict=verdict,
        statement=statement,
        stale=not issued - AHEAD <= now < expires,
        key_id=signer["key_id"],
        ephemeral=signer.get("ephemeral") is not False,
    )


def _is_plain(told: object) -> bool:
    """No text of it does anything to the terminal that it is shown on, or looks like a line of ours."""
    match told:
        case str():
            return told.isprintable()
        case dict():
            return all(_is_plain(name) and _is_plain(each) for name, each in told.items())
        case list():
            return all(_is_plain(each) for each in told)
        case _:
            return True


def _upstream(upstream: Upstream, running: Running) -> UpstreamPosture:
    return UpstreamPosture(
        name=upstream.name,
        surfaces=tuple(_surface(upstream, endpoint, running) for endpoint in upstream.served.endpoints()),
    )


def _surface(upstream: Upstream, endpoint: Endpoint, running: Running) -> SurfacePosture:
    name = upstream.served.surface(endpoint)
    surface = next((each for each in upstream.surfaces if each.endpoint == name), None)
    stands = standing(upstream, surface, "", running.findings, running.now)
    return SurfacePosture(
        endpoint=endpoint,
        surface=surface.id if surface is not None else None,
        upstream_class=stands.upstream_class.name,
        evidence=stands.kind,
        since=_moment(stands.at),
        until=_moment(stands.until),
        review_expires=surface.expires.isoformat() if surface is not None and surface.provider not in OURS else None,
        carve_outs=stands.carve_outs,
        exceptions=tuple(_exceptions(surface.models)) if surface is not None else (),
    )


def _exceptions(rules: Iterable[ModelRule]) -> Iterable[ModelLimit]:
    for rule in rules:
        yield ModelLimit(models=rule.models, not_models=rule.not_models, upstream_class=rule.upstream_class.name)


def _moment(at: float | None) -> str | None:
    return None if at is None else moments.written(at)

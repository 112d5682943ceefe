"""[upstreams.X.proof]: what the broker asks about an upstream, from the register's evidence and what the file says."""

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from lethe.config.credentials import credential_reference, identity_of, with_scope
from lethe.config.places import BLANKS
from lethe.config.problems import ConfigPath, Findings
from lethe.config.schema import ProofTable, UpstreamTable
from lethe.config.upstreams import read
from lethe.config.values import Address, ValueFault, address
from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import BY_PROBE, KeyNeed, Proof
from lethe.providers.rows import EMBEDDED
from lethe.providers.upstream import Auth, Upstream
from lethe.routing.table import Route

SOONEST = 1.0  # seconds between two questions
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-\d")  # as AWS names them within host names
_GLOB = re.compile(r"[*?\[]")


class _Subject(Struct, frozen=True):
    """One upstream with a proof, and all that its tasks are made of."""

    upstream: Upstream
    place: Address
    table: ProofTable
    region: str | None
    blanks: Mapping[str, str]  # what fills in the upstream's address
    models: tuple[str, ...]
    path: ConfigPath
    found: Findings


def resolve_proofs(
    tables: Mapping[str, UpstreamTable], upstreams: Sequence[Upstream], routes: Sequence[Route], found: Findings
) -> tuple[ProbeTask, ...]:
    """A task for every probe that the register knows for an upstream with a proof."""
    tasks: list[ProbeTask] = []
    for index, upstream in enumerate(upstreams):
        given = tables[upstream.name]
        if given.proof is None:
            continue
        path: ConfigPath = ("upstreams", upstream.name, "proof")
        place = address(upstream.base_url)
        models = _exact_models(index, upstream, routes)
        blanks = {name: value for name in BLANKS if (value := getattr(given, name)) is not None}
        subject = _Subject(upstream, place, given.proof, _region(given, place), blanks, models, path, found)
        tasks += _tasks(subject)
    return tuple(tasks)


def probes_of(upstream: Upstream) -> dict[str, float]:
    """Probes that the register names as evidence for this upstream, with the age in seconds that they may have."""
    ages: dict[str, float] = {}
    for row in (row for surface in upstream.surfaces for row in surface.evidence):
        for probe in (row.probe, *row.also):
            if probe:
                ages[probe] = min(row.max_age, ages.get(probe, row.max_age))
    return ages


def _tasks(subject: _Subject) -> list[ProbeTask]:
    found, path = subject.found, subject.path
    if subject.upstream.name == EMBEDDED:
        found.problem(path, "is not needed: Lethe runs this model itself, and knows its flags")
        return []
    ages = probes_of(subject.upstream)
    if not ages:
        hint = "see lethe register" if subject.upstream.provider else "say whose it is, by provider"
        found.problem(path, "nothing that can be asked would prove anything of this upstream", hint)
        return []
    rows = [BY_PROBE[probe] for probe in ages]
    if subject.upstream.auth is Auth.FORWARD and any(row.account for row in rows):
        found.problem(path, "proves what one account keeps, and callers bring accounts of their own", "leave it out")
        return []
    _look_for_unused(subject, rows)
    return [_task(row, min(ages[row.probe], row.max_age), subject) for row in rows]


def _look_for_unused(subject: _Subject, rows: Sequence[Proof]) -> None:
    """What is set and asked by nobody is a mistake, perhaps in the upstream's name."""
    local = all(row.key is KeyNeed.NONE for row in rows)
    unused = {
        "key": local,
        "base_url": local,
        "target": not any(row.target for row in rows),
    }
    for name, useless in unused.items():
        if useless and getattr(subject.table, name) is not None:
            subject.found.problem((*subject.path, name), "is not used by the probes of this upstream", "leave it out")


def _task(row: Proof, max_age: float, subject: _Subject) -> ProbeTask:
    upstream = subject.upstream
    if row.exact_models and not subject.models:
        hint = "write them in models, or in routes as upstream/model"
        subject.found.problem(subject.path, "is about models, and no exact name of one is configured", hint)
    return ProbeTask(
        upstream=upstream.name,
        probe=row.probe,
        key=_key(row, subject),
        target=_target(row, subject),
        base_url=_base_url(row, subject),
        host=subject.place.host,
        region=subject.region,
        models=subject.models if row.exact_models else (),
        max_age=max_age,
        every=_every(row, max_age, subject),
        proxy=upstream.proxy,
        ca_file=upstream.ca_file,
    )


def _key(row: Proof, subject: _Subject) -> str | None:
    path = (*subject.path, "key")
    given = read(credential_reference, subject.table.key, path, subject.found)
    match row.key:
        case KeyNeed.NONE:
            return None
        case KeyNeed.ADMIN:
            key = given
        case KeyNeed.OWN | KeyNeed.OPTIONAL:
            key = given or subject.upstream.credential
    if key is None and row.key is not KeyNeed.OPTIONAL:
        hint = "a reference to a key that may read the setting: env:NAME or file:/path"
        subject.found.problem(path, f"is missing, and {row.probe} asks with one", hint)
    return None if key is None else _identity(key, row, path, subject)


def _identity(key: str, row: Proof, path: ConfigPath, subject: _Subject) -> str:
    """A cloud's identity asks at that cloud only, with a token for what it asks."""
    scheme = identity_of(key)
    if scheme is None:
        return key
    if scheme != row.identity:
        hint = f"write a key's reference, or {row.identity}:" if row.identity else "write a key's reference"
        subject.found.problem(path, f"is an identity that {row.probe} cannot ask with", hint)
    if scheme is Auth.AWS and subject.region is None:
        where = (*subject.path[:-1], "region")
        subject.found.problem(where, "is missing, and what is signed is signed for one", "for example eu-west-1")
    return with_scope(key, row.scope)


def _target(row: Proof, subject: _Subject) -> str:
    path, target = (*subject.path, "target"), subject.table.target
    if not row.target:
        return ""
    if target is None and row.blanks and all(blank in subject.blanks for blank in row.blanks):
        target = "/".join(subject.blanks[blank] for blank in row.blanks)
    if target is None:
        subject.found.problem(path, f"is missing, and {row.probe} asks about one", row.hint)
        return ""
    if not re.fullmatch(row.target, target, re.ASCII):
        subject.found.problem(path, f"is not what {row.probe} asks about", row.hint)
    elif row.placed and f"/{target}/" not in f"{subject.place.path}/":
        subject.found.problem(path, "does not stand in the upstream's base_url", "what is proven must be what is used")
    return target


def _base_url(row: Proof, subject: _Subject) -> str | None:
    path = (*subject.path, "base_url")
    if row.key is KeyNeed.NONE:  # the register knows engines as such only on this machine
        return subject.upstream.base_url
    if (given := read(_asked_at, subject.table.base_url, path, subject.found)) is not None:
        return given
    if "{region}" in row.base_url and subject.region is None:
        where = (*subject.path[:-1], "region")
        subject.found.problem(where, f"is missing, and {row.probe} asks in one", "for example eu-west-1")
        return None
    return row.base_url.format(region=subject.region) or subject.upstream.base_url


def _asked_at(value: str) -> str:
    """Keys travel there. Raises ValueFault."""
    place = address(value, ("http", "https"))
    if not (place.secure or place.loopback):
        raise ValueFault("must begin with https://, since a key goes there")
    return place.url


def _every(row: Proof, max_age: float, subject: _Subject) -> float:
    every, most = subject.table.every, max_age / 2
    if every is None:
        return min(row.every or most, most)
    if not SOONEST <= every <= most:
        subject.found.problem((*subject.path, "every"), f"must be from {SOONEST:g} to {most:g} seconds")
    return every


def _region(table: UpstreamTable, place: Address) -> str | None:
    """Where its host says that it is, or else where the file says so."""
    named = _REGION.search(place.host)
    if named is not None:
        return named[0]
    return table.region if table.region is not None and _REGION.fullmatch(table.region) else None


def _exact_models(index: int, upstream: Upstream, routes: Sequence[Route]) -> tuple[str, ...]:
    """Names that requests will ask this upstream for, as far as the configuration tells."""
    names = list(upstream.models)
    for route in routes:
        names += [target.model or route.model for target in route.to if target.upstream == index]
    return tuple(dict.fromkeys(name for name in names if not _GLOB.search(name)))

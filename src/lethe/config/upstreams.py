"""From an [upstreams.X] table to an upstream: presets filled in, values read, the class decided."""

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from msgspec import Struct

from lethe.config.classes import at_start, check_lifts, classed, contract, declared
from lethe.config.problems import ConfigPath, Findings, choice, nearest
from lethe.config.register import providers, surfaces_for
from lethe.config.schema import UpstreamTable
from lethe.config.values import Address, ValueFault, address, secret_reference
from lethe.ir.content import Dialect
from lethe.providers.rows import EMBEDDED, EMBEDDED_INSTALL, PRESETS, PROVIDERS, Provider
from lethe.providers.upstream import Auth, Timeouts, Upstream
from lethe.retention.levels import UpstreamClass

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_DEFAULT_AUTH = {Dialect.ANTHROPIC: Auth.X_API_KEY}  # the others: Bearer
_LONGEST_WAIT = 86_400.0  # seconds
_ENDINGS: dict[Dialect, tuple[tuple[str, ...], str]] = {
    Dialect.ANTHROPIC: (("/v1", "/messages"), "as Anthropic's SDK takes it: without /v1 and without /messages"),
    Dialect.OPENAI_CHAT: (("/chat/completions", "/embeddings"), "as OpenAI's SDK takes it: up to /v1"),
    Dialect.OPENAI_RESPONSES: (("/responses",), "as OpenAI's SDK takes it: up to /v1"),
    Dialect.GEMINI: (("/v1", "/v1beta", "/models"), "as Google's SDK takes it: without /v1beta"),
    Dialect.CONVERSE: (("/model", "/converse"), "as AWS's SDK takes it: without /model"),
}


class Resolved(Struct, frozen=True, kw_only=True):
    """`why` is the reason of its class; `region` is where its operator says that it is."""

    upstream: Upstream
    why: str
    region: str | None = None
    here: bool = False  # on this machine


def is_name(text: str) -> bool:
    """Fits a metric's label, a log line and `upstream/model`."""
    return _NAME.match(text) is not None


def read(parse: Callable[[str], T], value: str | None, path: ConfigPath, found: Findings) -> T | None:
    """The parsed value; None if there is none, or if it is faulty, which is then found."""
    if value is None:
        return None
    try:
        return parse(value)
    except ValueFault as fault:
        found.problem(path, fault.problem, fault.hint)
        return None


def resolve_upstream(
    name: str, table: UpstreamTable, today: date, found: Findings, *, embedded_available: bool
) -> Resolved | None:
    """None if nothing can be made of it."""
    path: ConfigPath = ("upstreams", name)
    if not is_name(name):
        found.problem(path, "must be letters, digits, dots, dashes and underscores, 64 at most")
        return None
    if name == EMBEDDED:
        _check_embedded(table, path, found, available=embedded_available)
    row = PRESETS.get(name)
    if row is None and table.dialect is None and table.base_url is None:
        found.problem(path, "is not a preset; it needs dialect and base_url", nearest(name, PRESETS))
        return None
    dialect = _dialect(table, row, path, found)
    place = _place(table, row, dialect, path, found)
    wait = _timeouts(table, path, found)
    proxy = read(lambda value: address(value, ("http",)), table.proxy, (*path, "proxy"), found)
    if dialect is None or place is None:
        return None
    vendor = row if row and row.base_url == place.url and dialect in row.speaks else _vendor(place, dialect)
    if not (place.secure or place.private):
        found.note((*path, "base_url"), "is plain http to another host: prompts travel unencrypted")
    credential, auth = _credential(table, vendor, dialect, path, found)
    name_in_register = _provider(table, vendor, path, found)
    surfaces = surfaces_for(name_in_register, place.host, dialect, loopback=place.loopback and proxy is None)
    models = table.models if table.models is not None else vendor.models if vendor else ()
    upstream = Upstream(
        name=name,
        provider=name_in_register,
        dialect=dialect,
        base_url=place.url,
        auth=auth,
        upstream_class=UpstreamClass.U7,
        models=models,
        credential=credential,
        timeouts=wait,
        surfaces=surfaces,
        contract=contract(table.contract, surfaces, (*path, "contract"), today, found),
        declared=declared(table, path, found),
        ca_file=table.ca_file,
        proxy=proxy.url if proxy else None,
    )
    upstream, why = at_start(classed(upstream, place), today)
    check_lifts(upstream, path, today, found)
    return Resolved(upstream=upstream, why=why, region=table.region, here=place.loopback and table.proxy is None)


def preset_upstream(row: Provider, today: date) -> tuple[Upstream, str]:
    """A preset with the key that its variable holds, and the reason of its class."""
    place = address(row.base_url)
    upstream = Upstream(
        name=row.name,
        provider=row.name,
        dialect=row.dialect,
        base_url=row.base_url,
        auth=row.auth,
        upstream_class=UpstreamClass.U7,
        models=row.models,
        credential=f"env:{row.key_env}" if row.key_env else None,
        surfaces=surfaces_for(row.name, place.host, row.dialect, loopback=place.loopback),
    )
    return at_start(classed(upstream, place), today)


def _provider(table: UpstreamTable, vendor: Provider | None, path: ConfigPath, found: Findings) -> str:
    """Its name in the register: as the file says, or as its address does. Empty if neither does."""
    if table.provider is None:
        return vendor.name if vendor else ""
    known = providers()
    if table.provider not in known:
        found.problem((*path, "provider"), "is not a provider of the register", choice(table.provider, known))
        return ""
    return table.provider


def _vendor(place: Address, dialect: Dialect) -> Provider | None:
    """The preset that is served at this address, whatever the upstream is called; loopback tells nothing."""
    if place.loopback:
        return None
    return next((row for row in PROVIDERS if row.base_url == place.url and dialect in row.speaks), None)


def _dialect(table: UpstreamTable, row: Provider | None, path: ConfigPath, found: Findings) -> Dialect | None:
    where = (*path, "dialect")
    if table.dialect is None:
        if row is None:
            found.problem(where, "is missing", choice("", [str(dialect) for dialect in Dialect]))
        return row.dialect if row else None
    known = {str(dialect): dialect for dialect in Dialect}
    if table.dialect not in known:
        found.problem(where, "is not a dialect", choice(table.dialect, known))
        return None
    return known[table.dialect]


def _place(
    table: UpstreamTable, row: Provider | None, dialect: Dialect | None, path: ConfigPath, found: Findings
) -> Address | None:
    where = (*path, "base_url")
    if table.base_url is None:
        if row is None:
            found.problem(where, "is missing")
        elif dialect is not None and dialect not in row.speaks:
            found.problem(where, "is missing", f"the preset's own address speaks {row.dialect}")
        return address(row.base_url) if row else None
    place = read(address, table.base_url, where, found)
    if place is not None and dialect is not None:
        endings, hint = _ENDINGS[dialect]
        if place.path.endswith(endings):
            found.problem(where, "names too much of the path", hint)
    return place


def _timeouts(table: UpstreamTable, path: ConfigPath, found: Findings) -> Timeouts:
    set_here = {name: getattr(table, name) for name in Timeouts.__struct_fields__}
    waits = {name: seconds for name, seconds in set_here.items() if seconds is not None}
    for name, seconds in waits.items():
        if not 0 < seconds <= _LONGEST_WAIT:
            found.problem((*path, name), f"must be more than 0 and at most {_LONGEST_WAIT:.0f} seconds")
    return Timeouts(**waits)


def _credential(
    table: UpstreamTable, vendor: Provider | None, dialect: Dialect, path: ConfigPath, found: Findings
) -> tuple[str | None, Auth]:
    """The secret's reference and how it is presented. A vendor's key goes to that vendor's own address only."""
    reference = read(secret_reference, table.api_key, (*path, "api_key"), found)
    by_secret = vendor.auth if vendor and vendor.auth is not Auth.NONE else _DEFAULT_AUTH.get(dialect, Auth.BEARER)
    if table.auth is None:
        if table.api_key is None and vendor:
            return (f"env:{vendor.key_env}" if vendor.key_env else None), vendor.auth
        return reference, by_secret if table.api_key is not None else Auth.NONE
    known = {str(auth): auth for auth in Auth}
    auth = known.get(table.auth)
    if auth is None:
        found.problem((*path, "auth"), "is not a way to authenticate", choice(table.auth, known))
        return None, Auth.NONE
    if auth in (Auth.FORWARD, Auth.NONE):
        if table.api_key is not None:
            found.problem((*path, "api_key"), "is not used with this auth", "leave out one of the two")
        return None, auth
    if table.api_key is None:
        if vendor and vendor.key_env:
            return f"env:{vendor.key_env}", auth
        found.problem((*path, "api_key"), "is missing", "write a reference: env:NAME or file:/path")
    return reference, auth


def _check_embedded(table: UpstreamTable, path: ConfigPath, found: Findings, *, available: bool) -> None:
    if not available:
        found.problem(path, "the embedded model is not installed", EMBEDDED_INSTALL)
    for name in ("dialect", "base_url", "api_key", "auth", "proxy", "ca_file"):
        if getattr(table, name) is not None:
            found.problem((*path, name), "cannot be set for the embedded model, which Lethe runs itself")

"""From an [upstreams.X] table to an upstream: presets filled in, values read, the class decided."""

import re
from collections.abc import Callable
from datetime import date
from typing import TypeVar

from msgspec import Struct

from lethe.config.classes import at_start, check_lifts, classed, contract, declared, narrowed
from lethe.config.credentials import find_credential, region_of
from lethe.config.places import Place, find_dialect, find_place
from lethe.config.problems import ConfigPath, Findings, choice, nearest
from lethe.config.register import provider_at, providers, surfaces_for, vendors
from lethe.config.schema import UpstreamTable
from lethe.config.values import Address, ValueFault, address
from lethe.providers.offers import Provider
from lethe.providers.rows import EMBEDDED, EMBEDDED_INSTALL, PRESETS
from lethe.providers.upstream import Auth, Timeouts, Upstream
from lethe.retention.levels import UpstreamClass

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
_LONGEST_WAIT = 86_400.0  # seconds


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
    row = _row(name, table, path, found)
    if row is None and table.dialect is None and table.base_url is None:
        if table.provider is None:
            found.problem(path, "is not a preset; it needs dialect and base_url", nearest(name, PRESETS))
        return None
    dialect = find_dialect(table, row, path, found)
    place = find_place(table, row, dialect, path, found)
    wait = _timeouts(table, path, found)
    proxy = read(_proxy, table.proxy, (*path, "proxy"), found)
    if place is None:
        return None
    provider = _provider(table, place)
    _note_address(name, table, place, provider, (*path, "base_url"), found)
    credential = find_credential(table, place, provider, path, found)
    known = surfaces_for(
        provider, place.address.host, place.dialect, loopback=place.here and proxy is None, envelope=place.envelope
    )
    routed = place.vendor.only if place.vendor is not None else ""
    surfaces = narrowed(known, table.only, routed, (*path, "only"), found)
    upstream = Upstream(
        name=name,
        provider=provider,
        dialect=place.dialect,
        base_url=place.address.url,
        auth=credential.auth,
        upstream_class=UpstreamClass.U7,
        models=table.models if table.models is not None else place.models,
        credential=credential.reference,
        timeouts=wait,
        surfaces=surfaces,
        contract=contract(
            table.contract,
            surfaces,
            (*path, "contract"),
            today,
            found,
            forwards=credential.auth is Auth.FORWARD,
        ),
        declared=declared(table, path, found),
        ca_file=table.ca_file,
        proxy=proxy.url if proxy else None,
        region=region_of(table, place),
        envelope=place.envelope,
        gateway=credential.gateway,
    )
    upstream, why = at_start(classed(upstream, place.address), today)
    check_lifts(upstream, path, today, found)
    return Resolved(upstream=upstream, why=why, region=table.region, here=place.here and table.proxy is None)


def _note_address(
    name: str, table: UpstreamTable, place: Place, provider: str, path: ConfigPath, found: Findings
) -> None:
    """Of what may well be meant, and may be a mistake."""
    if not (place.address.secure or place.address.private):
        found.note(path, "is plain http to another host: prompts travel unencrypted")
    if not provider and table.provider is None and name in providers() and (place.here or not vendors()[name].local):
        found.note(path, f'is no address of {name}; where it leads there, write provider = "{name}"')


def preset_upstream(row: Provider, today: date) -> tuple[Upstream, str]:
    """A preset with the key that its variable holds, and the reason of its class."""
    offer = row.offers[0]
    place = address(offer.base_url)
    upstream = Upstream(
        name=row.name,
        provider=row.name,
        dialect=offer.dialect,
        base_url=offer.base_url,
        auth=offer.auth or row.auth,
        upstream_class=UpstreamClass.U7,
        models=row.models,
        credential=f"env:{row.key_env}" if row.key_env else None,
        surfaces=surfaces_for(row.name, place.host, offer.dialect, loopback=place.loopback),
    )
    return at_start(classed(upstream, place), today)


def _row(name: str, table: UpstreamTable, path: ConfigPath, found: Findings) -> Provider | None:
    """The preset that the table means: by its provider, or else by its own name."""
    if table.provider is None:
        return PRESETS.get(name)
    if table.provider not in (known := providers()):
        found.problem((*path, "provider"), "is not a provider of the register", choice(table.provider, known))
    return PRESETS.get(table.provider)


def _provider(table: UpstreamTable, place: Place) -> str:
    """Its name in the register: as the file says, or as its address does. Empty if neither does."""
    if table.provider is not None:
        return table.provider if table.provider in providers() else ""
    if place.vendor is not None and place.own:
        return place.vendor.name
    return "" if place.here else provider_at(place.address.host)


def _timeouts(table: UpstreamTable, path: ConfigPath, found: Findings) -> Timeouts:
    set_here = {name: getattr(table, name) for name in Timeouts.__struct_fields__}
    waits = {name: seconds for name, seconds in set_here.items() if seconds is not None}
    for name, seconds in waits.items():
        if not 0 < seconds <= _LONGEST_WAIT:
            found.problem((*path, name), f"must be more than 0 and at most {_LONGEST_WAIT:.0f} seconds")
    return Timeouts(**waits)


def _check_embedded(table: UpstreamTable, path: ConfigPath, found: Findings, *, available: bool) -> None:
    if not available:
        found.problem(path, "the embedded model is not installed", EMBEDDED_INSTALL)
    for name in ("dialect", "base_url", "api_key", "auth", "proxy", "ca_file", "provider"):
        if getattr(table, name) is not None:
            found.problem((*path, name), "cannot be set for the embedded model, which Lethe runs itself")


def _proxy(value: str) -> Address:
    """Raises ValueFault."""
    return address(value, ("http",), "a proxy is asked without any")

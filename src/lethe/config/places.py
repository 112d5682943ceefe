"""Where an upstream is: an address of its provider's with the blanks filled in, or the base URL that the file gives."""

import re

from msgspec import Struct

from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.register import provider_at
from lethe.config.schema import UpstreamTable
from lethe.config.values import Address, ValueFault, address
from lethe.ir.content import Dialect
from lethe.providers.envelopes import Envelope
from lethe.providers.offers import Offer, Provider
from lethe.providers.rows import EMBEDDED, PRESETS, of_address, why_refused

# What fills an offer's blanks: how it is written, and an example for people.
BLANKS: dict[str, tuple[str, str]] = {
    "region": (r"[a-z0-9]+(?:-[a-z0-9]+)*", "as the provider names it, for example eu-central-1"),
    "project": (r"[a-z0-9][a-z0-9:.-]{2,62}", "the project, by its id"),
    "account": (r"[0-9a-f]{32}", "the account's id, 32 hexadecimal digits"),
    "gateway": (r"[A-Za-z0-9_-]{1,64}", "a gateway of your own, by its id"),
}
_VERSION = re.compile(r"[A-Za-z0-9.-]{1,32}", re.ASCII)
_ENDINGS: dict[Dialect, tuple[tuple[str, ...], str]] = {
    Dialect.ANTHROPIC: (("/v1", "/messages"), "as Anthropic's SDK takes it: without /v1 and without /messages"),
    Dialect.OPENAI_CHAT: (("/chat/completions", "/embeddings"), "as OpenAI's SDK takes it: up to /v1"),
    Dialect.OPENAI_RESPONSES: (("/responses",), "as OpenAI's SDK takes it: up to /v1"),
    Dialect.GEMINI: (("/v1", "/v1beta", "/models"), "as Google's SDK takes it: without /v1beta"),
    Dialect.CONVERSE: (("/model", "/converse"), "as AWS's SDK takes it: without /model"),
}
_DATED = (
    ("/openai", "/openai/v1"),
    "with api_version: up to the host, as openai's AzureOpenAI takes its azure_endpoint",
)


class Place(Struct, frozen=True, kw_only=True):
    """`vendor` is whose way of serving applies, `own` whether this is that vendor's own address."""

    address: Address
    dialect: Dialect
    vendor: Provider | None = None
    offer: Offer | None = None
    own: bool = False
    envelope: Envelope | None = None

    @property
    def here(self) -> bool:
        """On this machine?"""
        return self.address.loopback

    @property
    def models(self) -> tuple[str, ...]:
        """What its vendor is known to serve."""
        return self.vendor.models if self.vendor is not None and self.own else ()


def find_place(
    table: UpstreamTable, row: Provider | None, dialect: Dialect | None, path: ConfigPath, found: Findings
) -> Place | None:
    """`row` is the preset that the table names. None if nothing can be made of it."""
    dated = table.api_version is not None
    if table.base_url is None:
        return _preset(table, row, dialect, path, found)
    where = (*path, "base_url")
    try:
        given = address(table.base_url)
    except ValueFault as fault:
        found.problem(where, fault.problem, fault.hint)
        return None
    if dialect is None:
        return None
    owner = None if given.loopback else of_address(given.url, dialect, dated=dated)
    served = owner or (None if given.loopback else PRESETS.get(provider_at(given.host)))
    vendor = row if row is not None and (table.provider is not None or served is None) else served
    offer = None
    if vendor is not None:
        offer = vendor.at(given.url, dialect, dated=dated) or vendor.elsewhere(dialect, given.path, dated=dated)
    endings, hint = _DATED if dated and offer is not None else _ENDINGS[dialect]
    if given.path.endswith(endings):
        found.problem(where, "names too much of the path", hint)
    if (why := why_refused(given.url)) is not None:
        found.problem(where, why, "make a gateway of your own, and name that")
    _look_for_unused(table, (), path, found)
    envelope = _envelope(table, offer, path, found)
    own = vendor is not None and vendor is owner
    return Place(address=given, dialect=dialect, vendor=vendor, offer=offer, own=own, envelope=envelope)


def _preset(
    table: UpstreamTable, row: Provider | None, dialect: Dialect | None, path: ConfigPath, found: Findings
) -> Place | None:
    """At the address of a preset."""
    where = (*path, "base_url")
    if row is None:
        found.problem(where, "is missing")
        return None
    if dialect is None:
        return None
    if row.name == EMBEDDED and path[-1] != EMBEDDED:
        found.problem(
            (*path, "provider"), "is run by Lethe itself, as the upstream of that name", "[upstreams.embedded]"
        )
        return None
    offer = row.offer(dialect, dated=table.api_version is not None) or row.offer(dialect)
    if offer is None:
        found.problem(where, "is missing", f"the preset's own address speaks {', '.join(row.speaks)}")
        return None
    if "resource" in (blanks := row.blanks(offer)):
        example = offer.base_url.replace("{host}", row.hosts[0][1]).replace("{resource}", "NAME")
        found.problem(where, "is missing", f"for example {example}")
        return None
    filled = {name: value for name in blanks if (value := _blank(table, row, name, path, found)) is not None}
    _look_for_unused(table, blanks, path, found)
    envelope = _envelope(table, offer, path, found)
    if len(filled) < len(blanks):
        return None
    place = address(row.address(offer, filled))
    if (why := why_refused(place.url)) is not None:
        found.problem((*path, "gateway"), why, "make a gateway of your own, and name that")
    return Place(address=place, dialect=dialect, vendor=row, offer=offer, own=True, envelope=envelope)


def _blank(table: UpstreamTable, row: Provider, name: str, path: ConfigPath, found: Findings) -> str | None:
    value: str | None = getattr(table, name)
    pattern, hint = BLANKS[name]
    if value is None:
        found.problem((*path, name), f"is missing, and the address of {row.name} needs it", hint)
    elif not re.fullmatch(pattern, value, re.ASCII):
        found.problem((*path, name), "cannot stand in an address", hint)
        return None
    return value


def _look_for_unused(table: UpstreamTable, blanks: tuple[str, ...], path: ConfigPath, found: Findings) -> None:
    for name in BLANKS:
        if name != "region" and name not in blanks and getattr(table, name) is not None:
            hint = (
                "leave it out" if table.base_url is None else "it fills in a preset's address: leave out one of the two"
            )
            found.problem((*path, name), "is not used here", hint)


def _envelope(table: UpstreamTable, offer: Offer | None, path: ConfigPath, found: Findings) -> Envelope | None:
    """The offer's, at the version of the API that the file names."""
    version, where = table.api_version, (*path, "api_version")
    if version is None:
        return offer.envelope if offer is not None else None
    if offer is None or offer.envelope is None or not offer.dated:
        found.problem(where, "is not used here", 'it is for provider = "azure" in OpenAI\'s dialects')
        return None
    if not _VERSION.fullmatch(version):
        found.problem(where, "is not a version of the API", "for example 2024-10-21")
    return offer.envelope.at_version(version)


def find_dialect(table: UpstreamTable, row: Provider | None, path: ConfigPath, found: Findings) -> Dialect | None:
    """As the file says, or else the preset's first."""
    where = (*path, "dialect")
    known = {str(dialect): dialect for dialect in Dialect}
    if table.dialect is None:
        if row is None:
            found.problem(where, "is missing", choice("", known))
        return row.dialect if row else None
    if table.dialect not in known:
        found.problem(where, "is not a dialect", choice(table.dialect, known))
        return None
    return known[table.dialect]

"""What the file says of an upstream's class: declared, or by contract; and the class that follows at start."""

import re
from collections.abc import Sequence
from datetime import date

from msgspec.structs import replace

from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.schema import ContractTable, UpstreamTable
from lethe.config.values import Address
from lethe.providers.envelopes import COMPLETION
from lethe.providers.upstream import Upstream
from lethe.retention.classes import DAY, GENERIC, OURS, day, review_ends, standing
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Contract, Declared, Standing
from lethe.retention.surface import Action, EvidenceKind, FieldRule, Surface

_ROUTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", re.ASCII)  # a provider's name at a router
_SOON = 14  # days before a review or a contract ends in which that is worth a note


def parse_class(value: str, path: ConfigPath, found: Findings) -> UpstreamClass | None:
    """None, and a problem, if there is no such class."""
    if value in UpstreamClass.__members__:
        return UpstreamClass[value]
    found.problem(path, "is not an upstream class", choice(value, UpstreamClass.__members__))
    return None


def declared(table: UpstreamTable, path: ConfigPath, found: Findings) -> Declared | None:
    """The operator's own word."""
    if table.class_ is None:
        if table.reason is not None:
            found.problem((*path, "reason"), "gives the reason of a class, and none is declared", "add class")
        return None
    reason = (table.reason or "").strip()
    if not reason:
        found.problem((*path, "reason"), "is missing", "say why the upstream has the class that is declared")
    kept = parse_class(table.class_, (*path, "class"), found)
    return Declared(upstream_class=kept, reason=reason) if kept is not None else None


def contract(
    table: ContractTable | None,
    surfaces: Sequence[Surface],
    path: ConfigPath,
    today: date,
    found: Findings,
    *,
    forwards: bool,
) -> Contract | None:
    """What was signed. One that has ended, never ends, or that the register knows nothing of is a mistake.

    `forwards`: callers' own credentials go to this upstream.
    """
    if table is None:
        return None
    kinds = contract_kinds(surfaces)
    if not kinds:
        unknown = not surfaces or surfaces[0].provider == GENERIC
        hint = "say whose it is, by provider; or declare" if unknown else "declare"
        found.problem(path, "the register knows of no contract with this provider", f"{hint} class and reason instead")
        return None
    if table.kind is None:
        found.problem((*path, "kind"), "is missing", choice("", kinds))
    elif table.kind not in kinds:
        found.problem((*path, "kind"), "is not a kind of contract with this provider", choice(table.kind, kinds))
    if table.expires is None:
        found.problem((*path, "expires"), "is missing", "a contract counts until a date, for example 2027-03-01")
        return None
    if table.signed is not None and table.signed > table.expires:
        found.problem((*path, "expires"), "is before the day of signing")
    elif table.expires < today:
        found.problem(
            (*path, "expires"),
            f"the contract ended on {table.expires.isoformat()}",
            "take the table out, or write when the new one ends",
        )
    elif table.signed is not None and table.signed > today:
        found.note(path, f"counts from {table.signed.isoformat()}; until then the class is the default")
    if forwards:
        found.note(path, "must cover the accounts of all callers, who bring their own (auth = forward)")
    if (left := (table.expires - today).days) <= _SOON:
        found.note(path, f"ends {_in(left)}; then the class is the default again")
    return Contract(
        kind=table.kind or "",
        signed=day(table.signed) if table.signed is not None else None,
        expires=day(table.expires) + DAY,
    )


def narrowed(
    surfaces: Sequence[Surface], only: Sequence[str] | None, where: str, path: ConfigPath, found: Findings
) -> tuple[Surface, ...]:
    """With the providers behind a router that may answer, as every request then says; `where` is the field for it."""
    if only is None:
        return tuple(surfaces)
    if not where:
        found.problem(path, "is not used here", "it is for routers: openrouter, vercel")
    if not only or not all(_ROUTED.fullmatch(name) for name in only):
        found.problem(path, "must name providers as the router does", 'for example ["anthropic"]')
    because = "the configuration says which providers may answer"
    rule = FieldRule(path=where, actions=dict.fromkeys(Level, Action.FORCE), value=list(only), because=because)
    return tuple(replace(surface, fields=(rule, *surface.fields)) for surface in surfaces)


def contract_kinds(surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """The kinds that count for something at these surfaces."""
    rows = [row for surface in surfaces for row in surface.evidence]
    kinds = [kind for row in rows for kind in (*row.contracts, row.needs) if kind]
    return tuple(dict.fromkeys(kinds))


def classed(upstream: Upstream, place: Address) -> Upstream:
    """With the class that holds before any probe has spoken, where the register does not know it better."""
    if upstream.declared is not None:
        kept = upstream.declared.upstream_class
    else:
        kept = UpstreamClass.U5 if place.loopback and upstream.proxy is None else UpstreamClass.U7
    return replace(upstream, upstream_class=kept)


def at_start(upstream: Upstream, today: date) -> tuple[Upstream, str]:
    """With the class of its chief surface as it is today, without any probe's word; and the reason."""
    stands = stands_at(upstream, day(today))
    surface = chief(upstream)
    if surface is None or surface.provider == GENERIC:  # of those the upstream's own class is the default
        return upstream, stands.why
    return replace(upstream, upstream_class=stands.upstream_class), stands.why


def stands_at(upstream: Upstream, now: float, model: str = "") -> Standing:
    """What its chief surface stands at, without any probe's word."""
    return standing(upstream, chief(upstream), model, (), now)


def chief(upstream: Upstream) -> Surface | None:
    """The surface that answers."""
    answering = upstream.served.surface(COMPLETION[upstream.dialect])
    return next((surface for surface in upstream.surfaces if surface.endpoint == answering), None)


def _in(days: int) -> str:
    return "today" if not days else f"in {days} day" + "s" * (days > 1)


def check_lifts(upstream: Upstream, path: ConfigPath, today: date, found: Findings) -> None:
    """A class that is declared and counts nothing is a mistake; a review that ends soon is worth a note."""
    surface = chief(upstream)
    if surface is None or surface.provider in OURS:
        return
    ends = review_ends(surface)
    if (left := round((ends - day(today)) / DAY) - 1) < 0:
        found.note(
            path, f"the register's review of {surface.id} ended on {surface.expires.isoformat()}: nothing of it counts"
        )
    elif left <= _SOON:
        found.note(path, f"the register's review of {surface.id} ends {_in(left)}; update Lethe")
    said = upstream.declared
    if said is None or left < 0:
        return
    if said.upstream_class >= stands_at(upstream, day(today)).upstream_class:
        return
    rows = [row.upstream_class for row in surface.evidence if row.kind is EvidenceKind.DECLARED]
    hint = (
        f"at best {min(rows).name} can be declared" if rows else "a contract or a proof can lift it, see lethe register"
    )
    found.problem((*path, "class"), f"is better than the register allows to declare for {surface.provider}", hint)

"""Show what is known of providers: what they keep, what proves better, and what each field of a request does.

A provider's name shows its surfaces, a surface's name its rows: what is forced, stripped or refused at each level.
A review that has ended counts as none: the surface is then one that nobody knows.

examples:
  lethe register
  lethe register openai
  lethe register openai.responses
  lethe register --json
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from lethe.cli.output import UsageFault, emit, of_models, say, table
from lethe.config.problems import nearest
from lethe.config.register import all_surfaces
from lethe.retention.levels import Level
from lethe.retention.surface import Evidence, EvidenceKind, FieldRule, Surface

_HEAD = ("surface", "endpoint", "class", "better by", "review ends", "left", "read", "source", "carve-outs")
_BRIEFLY: dict[EvidenceKind, str] = {
    EvidenceKind.LOCAL_FLAGS: "flags",
    EvidenceKind.RESPONSE: "every response",
    EvidenceKind.MODEL: "model",
    EvidenceKind.ACCOUNT: "account",
    EvidenceKind.CONTRACT: "contract",
    EvidenceKind.PUBLISHED: "published default",
    EvidenceKind.DECLARED: "your word",
}
_ROW_HEAD = ("field", *(str(level) for level in Level), "why", "instead")
_LONGEST_VALUES = 60


def options(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="PROVIDER", help="a provider, or one of its surfaces")


def execute(arguments: Namespace) -> int:
    today = datetime.now(UTC).date()
    found = _chosen(arguments.name)
    if arguments.json:
        emit([_data(surface, today) for surface in found])
    elif len(found) == 1 and found[0].id == arguments.name:
        say(_details(found[0], today))
    else:
        say(table(_HEAD, [_line(surface, today) for surface in found]))
    return 0


def _chosen(name: str | None) -> list[Surface]:
    surfaces = all_surfaces()
    if name is None:
        return list(surfaces)
    found = [surface for surface in surfaces if name in (surface.id, surface.provider)]
    if not found:
        names = dict.fromkeys(text for surface in surfaces for text in (surface.provider, surface.id))
        raise UsageFault(f"no such provider or surface ({nearest(name, names) or 'lethe register names all'})")
    return found


def _line(surface: Surface, today: date) -> tuple[str, ...]:
    newest = max(surface.sources, key=lambda source: source.read)
    return (
        surface.id,
        surface.endpoint,
        surface.upstream_class.name,
        ", ".join(f"{row.upstream_class.name} {_BRIEFLY[row.kind]}" for row in surface.evidence) or "-",
        surface.expires.isoformat(),
        _left(surface, today),
        newest.read.isoformat(),
        newest.url,
        ", ".join(surface.carve_outs) or "-",
    )


def _left(surface: Surface, today: date) -> str:
    """The day on which a review ends is its last."""
    days = (surface.expires - today).days
    return f"{days} days" if days >= 0 else "ended"


def _better(row: Evidence) -> str:
    """`U3 by openai.data_retention`"""
    match row.kind:
        case EvidenceKind.CONTRACT:
            by = " or ".join(f"contract {kind}" for kind in row.contracts)
        case EvidenceKind.DECLARED:
            by = "your word"
        case EvidenceKind.PUBLISHED:
            by = "published default"
        case _:
            by = " and ".join((row.probe, *row.also))
    return f"{row.upstream_class.name} by {by}" + (f" with contract {row.needs}" if row.needs else "")


def _details(surface: Surface, today: date) -> str:
    parts = [
        f"{surface.id}: {surface.title}",
        f"class {surface.upstream_class.name}: {surface.because}",
        *(f"better: {_better(row)}: {row.because}" for row in surface.evidence),
        *(
            f"models {of_models(rule.models, rule.not_models)}: {rule.upstream_class.name}: {rule.because}"
            for rule in surface.models
        ),
        *(f"refused at {level}: {why}" for level, why in surface.refused.items()),
        *(f"header {row.name}: {row.value} ({row.because})" for row in surface.headers),
        *([f"carve-outs: {', '.join(surface.carve_outs)}"] if surface.carve_outs else []),
        *(f"source: {source.url} (read {source.read.isoformat()})" for source in surface.sources),
        f"reviewed {surface.reviewed.isoformat()}, until {surface.expires.isoformat()} ({_left(surface, today)})",
    ]
    if surface.fields:
        parts += ["", table(_ROW_HEAD, [_row(rule) for rule in surface.fields])]
    known = surface.known
    names = ", ".join(known.fields) or "none"
    parts += ["", f"fields without a row: {names}", "fields, tools and parts that are not here are refused at A and B"]
    return "\n".join(parts)


def _row(rule: FieldRule) -> tuple[str, ...]:
    return (_subject(rule), *(_action(rule, level) for level in Level), rule.because, rule.instead)


def _subject(rule: FieldRule) -> str:
    """`tools[].type = mcp for models gpt-5*`"""
    text = rule.path
    if rule.values:
        text += f" = {_short(rule.values)}"
    if rule.models:
        text += f" for {_short(rule.models)}"
    if rule.not_models:
        text += f" but for {_short(rule.not_models)}"
    return text


def _short(names: Sequence[str]) -> str:
    text = " | ".join(names)
    return text if len(text) <= _LONGEST_VALUES else f"{names[0]} | ... ({len(names)})"


def _action(rule: FieldRule, level: Level) -> str:
    return str(rule.actions[level])


def _data(surface: Surface, today: date) -> dict[str, Any]:
    """Everything, with classes by name and the days that are left of the review."""
    data: dict[str, Any] = msgspec.to_builtins(surface, str_keys=True)
    data["upstream_class"] = surface.upstream_class.name
    for made, row in zip(data["evidence"], surface.evidence, strict=True):
        made["upstream_class"] = row.upstream_class.name
    for made, capped in zip(data["models"], surface.models, strict=True):
        made["upstream_class"] = capped.upstream_class.name
    for made, rule in zip(data["fields"], surface.fields, strict=True):
        made["lowers"] = rule.lowers.name if rule.lowers is not None else None
    data["days_left"] = (surface.expires - today).days
    return data

"""Show what is known of providers: what they keep, what proves better, and what each field of a request does.

A provider's name shows its surfaces, a surface's name its rows: what is forced, stripped or refused at each level.
Once the review of a surface has ended, nothing lifts it above U6, and nothing but a release brings it back.

examples:
  lethe register
  lethe register openai
  lethe register openai.responses
  lethe register --json
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from typing import Any

import msgspec

from lethe.cli.output import UsageFault, columns, emit, fitting, of_models, paragraph, say, table
from lethe.config.problems import nearest
from lethe.config.register import all_surfaces
from lethe.retention.levels import Level
from lethe.retention.surface import Action, BetaRule, Evidence, EvidenceKind, FieldRule, Known, Surface

# The most important first: of columns that have no room the last are left out.
_HEAD = ("surface", "class", "left", "better by", "review ends", "read", "carve-outs", "source")
_NEEDED = 4
_BRIEFLY: dict[EvidenceKind, str] = {
    EvidenceKind.LOCAL_FLAGS: "flags",
    EvidenceKind.RESPONSE: "every response",
    EvidenceKind.MODEL: "model",
    EvidenceKind.ACCOUNT: "account",
    EvidenceKind.CONTRACT: "contract",
    EvidenceKind.PUBLISHED: "published default",
    EvidenceKind.DECLARED: "your word",
}
_LEVELS = tuple(str(level) for level in Level)
_ROW_HEAD = ("field", *_LEVELS, "why", "instead")
_LONGEST_VALUES = 60


def options(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="PROVIDER", help="a provider, or one of its surfaces")


def execute(arguments: Namespace) -> int:
    today = datetime.now(UTC).date()
    found = _chosen(arguments.name)
    if arguments.json:
        emit([_data(surface, today) for surface in found])
    elif len(found) == 1 and found[0].id == arguments.name:
        say(_details(found[0], today, columns()))
    else:
        say(_overview([_line(surface, today) for surface in found], columns()))
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


def _overview(lines: Sequence[Sequence[str]], width: int | None) -> str:
    if width is None:
        return table(_HEAD, lines)
    shown = max(_NEEDED, fitting(_HEAD, lines, width))
    text = table(_HEAD[:shown], [line[:shown] for line in lines], width)
    if shown == len(_HEAD):
        return text
    missing = f"not shown: {', '.join(_HEAD[shown:])}; lethe register SURFACE has all"
    return f"{text}\n\n{paragraph(missing, width)}"


def _line(surface: Surface, today: date) -> tuple[str, ...]:
    newest = max(surface.sources, key=lambda source: source.read)
    return (
        surface.id,
        surface.upstream_class.name,
        _left(surface, today),
        ", ".join(f"{row.upstream_class.name} {_BRIEFLY[row.kind]}" for row in surface.evidence) or "-",
        surface.expires.isoformat(),
        newest.read.isoformat(),
        ", ".join(surface.carve_outs) or "-",
        newest.url,
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


def _details(surface: Surface, today: date, width: int | None) -> str:
    about = [
        f"{surface.id}: {surface.title}",
        f"class {surface.upstream_class.name}: {surface.because}",
        *(f"better: {_better(row)}: {row.because}" for row in surface.evidence),
        *(
            f"models {of_models(rule.models, rule.not_models)}: {rule.upstream_class.name}: {rule.because}"
            for rule in surface.models
        ),
        *(f"refused at {level}: {why}" for level, why in surface.refused.items()),
        *(f"beta token {rule.token}: {_left_out(rule)}: {rule.because}" for rule in surface.betas),
        *(f"header {row.name}: {row.value} ({row.because})" for row in surface.headers),
        *([f"carve-outs: {', '.join(surface.carve_outs)}"] if surface.carve_outs else []),
        *(f"source: {source.url} (read {source.read.isoformat()})" for source in surface.sources),
        f"reviewed {surface.reviewed.isoformat()}, until {surface.expires.isoformat()} ({_left(surface, today)})",
    ]
    rows = ["", _rows(surface.fields, width), ""] if surface.fields else [""]
    return "\n".join([*_wrapped(about, width), *rows, *_wrapped(_known(surface.known), width)])


def _left_out(rule: BetaRule) -> str:
    return "left out at " + ", ".join(level for level, action in rule.actions.items() if action is Action.STRIP)


def _known(known: Known) -> Iterator[str]:
    for what, names in (
        ("fields", known.fields),
        ("tools", known.tools),
        ("content parts", known.parts),
        ("beta tokens", known.betas),
        ("versions", known.versions),
    ):
        if names:
            yield f"{what} without a row: {', '.join(names)}"
    yield "what is not here is refused at A and B"


def _wrapped(lines: Iterable[str], width: int | None) -> Iterable[str]:
    return lines if width is None else [paragraph(line, width) for line in lines]


def _rows(fields: Sequence[FieldRule], width: int | None) -> str:
    """A line each; where that is too long for the terminal, fields that are treated alike stand below one another."""
    lines = [_row(rule) for rule in fields]
    if width is None or fitting(_ROW_HEAD, lines, width) == len(_ROW_HEAD):
        return table(_ROW_HEAD, lines)
    narrow = [
        (*actions, "\n".join([*(subject for subject, *_ in alike), f"({'; '.join(filter(None, why))})"]))
        for (actions, why), alike in groupby(lines, key=lambda line: (line[1:-2], line[-2:]))
    ]
    return table((*_LEVELS, "field, and why"), narrow, width)


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

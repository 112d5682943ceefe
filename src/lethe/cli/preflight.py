"""Compare what a configuration needs with what a platform gives: limits, logs, regions, and what to change.

Without a target all of them are compared for the same need. Exit status 1: it does not fit.

examples:
  lethe preflight                              every target, side by side
  lethe preflight cloud-run --max-stream 30m --level B
  lethe preflight fargate --config lethe.toml --region eu-central-1 --json
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from lethe.cli.configured import add_config_option, chosen_path, configured
from lethe.cli.output import UsageFault, emit, paragraph, say, table
from lethe.cli.serve import DRAIN_KNOB
from lethe.config.problems import choice
from lethe.deploy.need import MAX_STREAM, Need, need_of, seconds
from lethe.deploy.platform import Measure, Platform, names, platform, platforms
from lethe.deploy.preflight import Finding, Verdict, bound, examined, worst
from lethe.retention.levels import Level

_WIDTH = 119


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("target", nargs="?", help=f"one of {', '.join(names())}; default: all of them")
    parser.add_argument("--max-stream", default=f"{MAX_STREAM:g}s", help="the longest stream, as 30m (the default)")
    parser.add_argument("--level", choices=[str(level) for level in Level], help="at least this level")
    parser.add_argument("--region", action="append", default=[], help="where it has to run; may be repeated")
    parser.add_argument("--drain", metavar="SECONDS", help="as of lethe serve")


def execute(arguments: Namespace) -> int:
    if arguments.target is None:
        chosen = platforms()
    elif arguments.target in names():
        chosen = (platform(arguments.target),)
    else:
        raise UsageFault(f"no such target ({choice(arguments.target, names())})")
    need = _need(arguments)
    found = {each.id: examined(each, _drained(need, each, arguments)) for each in chosen}
    if arguments.json:
        emit({"need": _plain(need), "targets": [_report(each, found[each.id]) for each in chosen]})
    elif arguments.target is None:
        say(compared(chosen, found, need.level))
    else:
        say(readable(chosen[0], found[chosen[0].id]))
    return 1 if all(worst(findings) is Verdict.FAIL for findings in found.values()) else 0


def _need(arguments: Namespace) -> Need:
    """Raises UsageFault, ConfigError."""
    try:
        longest = seconds(arguments.max_stream)
    except ValueError as error:
        raise UsageFault(f"--max-stream {error}") from None
    settings = configured(chosen_path(arguments))
    level = Level(arguments.level) if arguments.level else None
    if settings is None:
        return Need(max_stream=longest, level=level or Level.C, regions=tuple(arguments.region))
    return need_of(settings.plan, max_stream=longest, level=level, regions=arguments.region)


def _drained(need: Need, on: Platform, arguments: Namespace) -> Need:
    """The drain that was asked for, else the one that the platform's files set. Raises UsageFault."""
    drain = on.drain if arguments.drain is None else DRAIN_KNOB.value(arguments.drain, {})
    return replace(need, drain=drain)


def readable(on: Platform, findings: tuple[Finding, ...]) -> str:
    """One target for people."""
    rows = [(f.verdict.name.lower(), f.check, f.need, f.limit) for f in findings]
    lines = [
        f"{on.title}: {worst(findings).name.lower()}",
        paragraph(f"what retention means here: {on.retention}", _WIDTH),
        paragraph(f"where data stays: {on.residency}", _WIDTH),
        paragraph(f"in front of it: {on.front}", _WIDTH),
        paragraph(f"who runs what: {on.operated}", _WIDTH),
        "",
        table(("", "check", "need", "limit"), rows, _WIDTH),
    ]
    lines += _part("what to do", [f"{f.verdict.name.lower()}: {f.check}: {f.change}" for f in findings if f.verdict])
    lines += _part("not confirmed", on.unconfirmed)
    sources = dict.fromkeys(f.source for f in findings if f.source is not None)
    lines += ["", "sources:", *(f"  {s.url} (read {s.read.isoformat()}, {s.confidence})" for s in sources)]
    return "\n".join(lines)


def _part(title: str, said: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(paragraph(f"  {line}", _WIDTH, "    ") for line in said)] if said else []


def compared(chosen: tuple[Platform, ...], found: dict[str, tuple[Finding, ...]], level: Level) -> str:
    """All targets, side by side."""
    rows = []
    for each in chosen:
        findings = found[each.id]
        count = [sum(f.verdict is verdict for f in findings) for verdict in Verdict]
        worse = next((f for f in findings if f.verdict is worst(findings) and f.verdict), None)
        why = f"{worse.check}: {worse.change or worse.limit}" if worse else each.because
        ends = [bound(each, measure) for measure in (Measure.TOTAL, Measure.SIGTERM)]
        rows.append((each.id, worst(findings).name.lower(), *map(str, count), *ends, why))
    qualify = [each.id for each in chosen if worst(found[each.id]) is not Verdict.FAIL]
    head = ("target", "verdict", "pass", "warn", "fail", "stream limit", "notice", "the first thing to know")
    return f"{table(head, rows, _WIDTH)}\n\nthese do for level {level}: {', '.join(qualify) or 'none'}"


def _report(on: Platform, findings: tuple[Finding, ...]) -> dict[str, Any]:
    return {
        "target": on.id,
        "title": on.title,
        "verdict": worst(findings).name.lower(),
        "retention": on.retention,
        "residency": on.residency,
        "front": on.front,
        "operated": on.operated,
        "rank": on.rank,
        "because": on.because,
        "unconfirmed": list(on.unconfirmed),
        "findings": [{**_plain(f), "verdict": f.verdict.name.lower()} for f in findings],
    }


def _plain(value: Any) -> dict[str, Any]:
    from msgspec import to_builtins

    plain: dict[str, Any] = to_builtins(value)
    return plain

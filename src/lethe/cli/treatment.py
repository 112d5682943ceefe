"""What the register says of an upstream, for `explain` and `check`: its class with evidence and dates, and its rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lethe.config.classes import chief, stands_at
from lethe.providers.upstream import Upstream
from lethe.retention.classes import DAY, OURS, review_ends
from lethe.retention.globs import concerns, matches
from lethe.retention.levels import Level
from lethe.retention.paths import names, parse
from lethe.retention.surface import Action, Evidence, EvidenceKind, Surface
from lethe.wire.rawjson import encode

_PATHS = 3  # named in one line
_UNUSED = (Action.REFUSE, Action.STRIP)
_DOES = (Action.FORCE, Action.REPLACE, Action.SALT, Action.STRIP, Action.PSEUDONYM, Action.REFUSE)


def standing_of(upstream: Upstream, model: str, now: float) -> dict[str, Any]:
    """The class at `now` (Unix time) without any probe's word, what it rests on, and what could make it better."""
    surface = chief(upstream)
    stands = stands_at(upstream, now, model)
    report: dict[str, Any] = {
        "class": stands.upstream_class.name,
        "evidence": stands.kind,
        "why": stands.why,
        "until": last_day(stands.until) if stands.until is not None else None,
        "carve_outs": stands.carve_outs,
    }
    if surface is not None:
        better = [row for row in surface.evidence if row.upstream_class < stands.upstream_class]
        report |= {"surface": surface.id, **review_of(surface, now), "better_by": [_lift(row) for row in better]}
    return report


def review_of(surface: Surface, now: float) -> dict[str, Any]:
    """The last day of its review and the whole days until its end, negative afterwards; none of what has no page."""
    if surface.provider in OURS:
        return {"review_ends": None, "review_days_left": None}
    return {
        "review_ends": surface.expires.isoformat(),
        "review_days_left": int((review_ends(surface) - now) // DAY),
    }


def rows_at(surface: Surface, level: Level, model: str, field: str | None) -> list[dict[str, Any]]:
    """What the guard does at this level to a request for this model; with a field, all that is said of that."""
    found = []
    for row in surface.fields:
        action = row.actions.get(level, Action.REFUSE)
        spoken_of = action in _DOES or row.lowers is not None if field is None else field in names(parse(row.path))
        if spoken_of and concerns(row.models, row.not_models, model):
            found.append(
                {
                    "path": f"$.{row.path}",
                    "values": row.values,
                    "action": action,
                    "to": row.value if action in (Action.FORCE, Action.REPLACE) else None,
                    "lowers": row.lowers.name if row.lowers is not None and level in row.lowers_at else None,
                    "because": row.because,
                    "instead": row.instead,
                }
            )
    return found


def unknown_at(surface: Surface, level: Level, field: str, *, refuse_unknown: bool) -> str:
    """What becomes of a top-level field that no row speaks of."""
    if matches(surface.known.fields, field):
        return "known, and passes"
    return "unknown: " + ("refused" if refuse_unknown or level is not Level.C else "passes at level C")


def readable_rows(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows for people, those that say the same of several paths in one line."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        to = f" to {encode(row['to']).decode()}" if row["to"] is not None else ""
        values = f" ({' | '.join(row['values'])})" if row["values"] else ""
        lowers = f"; lowers the class to {row['lowers']}" if row["lowers"] and row["action"] not in _UNUSED else ""
        instead = f" (instead: {row['instead']})" if row["instead"] else ""
        key = (f"{row['action']}{to}", values, row["because"] + lowers + instead)
        alike.setdefault(key, []).append(row["path"])
    return [
        f"{action}: {', '.join(paths[:_PATHS])}{f' and {len(paths) - _PATHS} more' if len(paths) > _PATHS else ''}"
        f"{values}: {why}"
        for (action, values, why), paths in alike.items()
    ]


def readable_standing(report: dict[str, Any]) -> list[str]:
    """A standing for people, in lines."""
    by = report["evidence"] if report["evidence"] is not EvidenceKind.NONE else "assumption"
    lines = [f"class {report['class']} by {by}, until {report['until'] or 'further notice'}: {report['why']}"]
    if report["carve_outs"]:
        lines.append("carve-outs: " + ", ".join(report["carve_outs"]))
    if "surface" in report:
        days = report["review_days_left"]
        left = f"{days} days left" if days is not None and days >= 0 else "over: nothing of it counts"
        review = f", review until {report['review_ends']} ({left})" if days is not None else ""
        lines.append(f"register: {report['surface']}{review}")
    better = report.get("better_by", ())
    return lines + [f"better by: {row['class']} with {row['by']}: {row['because']}" for row in better]


def _lift(row: Evidence) -> dict[str, str]:
    by = [*((" or ".join(row.contracts),) if row.contracts else ()), *filter(None, (row.probe, *row.also, row.needs))]
    return {"class": row.upstream_class.name, "by": f"{row.kind} {' and '.join(by)}".strip(), "because": row.because}


def last_day(moment: float) -> str:
    """The last day on which something counts that ends at this Unix time."""
    return datetime.fromtimestamp(moment - 1, UTC).date().isoformat()

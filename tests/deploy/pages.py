"""The tables of `docs/deployment/`, from `deploy/platforms/` and what preflight says: `python -m tests.deploy.pages`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lethe.deploy.need import Need
from lethe.deploy.platform import Limit, Measure, Place, Platform, Source, State, platforms
from lethe.deploy.preflight import Verdict, bound, examined, worded, worst
from lethe.retention.levels import Level

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "deployment"
INDEX = "README.md"
BEGIN = "<!-- from here on: python -m tests.deploy.pages -->"
END = "<!-- to here -->"
_GENERATED = re.compile(re.escape(BEGIN) + "\n.*?" + re.escape(END) + "\n", re.DOTALL)
SURE = {
    "stated": "stated by the vendor",
    "api": "in the vendor's API",
    "run": "run by us",
    "report": "a report by others",
    "unconfirmed": "**not confirmed**",
}
_KEPT = {
    State.CLOSED: "closed",
    State.METADATA: "no content, but metadata",
    State.OPEN: "**open**",
}
_MEASURES = {
    Measure.TOTAL: "how long an answer may take in all",
    Measure.IDLE: "how long nothing may be sent",
    Measure.SIGTERM: "from the notice to the end",
    Measure.BODY: "size of a request",
    Measure.CONCURRENCY: "requests in one instance",
}


def pages(texts: Mapping[str, str]) -> dict[str, str]:
    """Every page with its tables, by name; `texts` are the pages as they are now."""
    made = {f"{on.id}.md": facts(on) for on in platforms()} | {INDEX: comparison(platforms())}
    titles = {f"{on.id}.md": on.title for on in platforms()} | {INDEX: "Deployment"}
    return {name: put(texts.get(name) or f"# {titles[name]}\n", block) for name, block in made.items()}


def put(text: str, block: str) -> str:
    """The block in its place; at the end of a page that has none yet."""
    marked = f"{BEGIN}\n\n{block}\n{END}\n"
    if _GENERATED.search(text) is None:
        return f"{text}\n{marked}"
    return _GENERATED.sub(lambda _: marked, text)


# One platform


def facts(on: Platform) -> str:
    return (
        f"## Limits\n\n{_limits(on)}\n"
        f"## What is kept where\n\n{_places(on.places)}\n"
        f"## Attestations\n\n{_attestations(on)}\n"
        f"## What is paid for\n\n{_costs(on)}\n"
        f"## What could not be confirmed\n\n{_unconfirmed(on)}"
    )


def _limits(on: Platform) -> str:
    rows = [
        (
            _MEASURES[measure],
            limit.what,
            "none" if limit.value is None else worded(measure, limit.value),
            _beyond(measure, limit),
            limit.knob or "",
            limit.note or "",
            _source(limit.source),
        )
        for measure, limit in on.limits.items()
    ]
    head = ("", "which limit", "as written here", "otherwise", "where it is set", "to mind", "source")
    return f"`lethe serve` drains for {worded(Measure.SIGTERM, on.drain)} here.\n\n{_table(head, rows)}"


def _beyond(measure: Measure, limit: Limit) -> str:
    said = {"default": limit.default, "at most": limit.most}
    return ", ".join(f"{name} {worded(measure, value)}" for name, value in said.items() if value is not None)


def _places(places: Iterable[Place]) -> str:
    rows = [
        (p.name, p.holds, p.default, p.knob, _KEPT[p.state] + (f": {p.left}" if p.left else ""), _source(p.source))
        for p in places
    ]
    return _table(("place", "what it holds", "by default", "what turns it off", "then", "source"), rows)


def _attestations(on: Platform) -> str:
    return _table(("what", "for what", "source"), [(a.name, a.scope, _source(a.source)) for a in on.attestations])


def _costs(on: Platform) -> str:
    return _table(("what", "source"), [(cost.what, _source(cost.source)) for cost in on.costs])


def _unconfirmed(on: Platform) -> str:
    return "".join(f"- {each}\n" for each in on.unconfirmed) or "Nothing.\n"


def _source(source: Source) -> str:
    return f"[{urlsplit(source.url).hostname}]({source.url}), {source.read.isoformat()}, {SURE[source.confidence]}"


# All of them


def comparison(chosen: Sequence[Platform]) -> str:
    return (
        f"### Which fits, and how long streams may be\n\n{_verdicts(chosen)}\n"
        f"### What is kept, and by whom\n\n{_keeping(chosen)}\n"
        f"### What stands in front, and who runs what\n\n{_fronts(chosen)}"
    )


def _verdicts(chosen: Sequence[Platform]) -> str:
    rows = [
        (
            str(on.rank),
            _link(on),
            _verdict(on, Level.C),
            _verdict(on, Level.B),
            _verdict(on, Level.B, accepted=True),
            *(bound(on, measure) for measure in (Measure.TOTAL, Measure.IDLE, Measure.SIGTERM, Measure.BODY)),
        )
        for on in chosen
    ]
    return _table(
        (
            "", "target", "level C", "level B", "B, with the kernel accepted as it is", "stream in all",
            "silence in a stream", "notice before the end", "request",
        ),
        rows,
    )  # fmt: skip


def _verdict(on: Platform, level: Level, *, accepted: bool = False) -> str:
    """What preflight says of it for a stream of 30 minutes, and why if it is no."""
    need = Need(level=level, drain=on.drain, accept_unenforced=tuple(on.lacks) if accepted else ())
    findings = examined(on, need)
    verdict = worst(findings)
    failing = [finding.check for finding in findings if finding.verdict is Verdict.FAIL]
    if not failing:
        return verdict.name.lower()
    return f"{verdict.name.lower()}: {failing[0] if len(failing) == 1 else f'{len(failing)} checks'}"


def _keeping(chosen: Sequence[Platform]) -> str:
    rows = [(_link(on), on.retention, _left(on, State.METADATA), _left(on, State.OPEN), on.residency) for on in chosen]
    head = ("target", "what retention means there", "metadata stays in", "content may stay in", "where data stays")
    return _table(head, rows)


def _left(on: Platform, state: State) -> str:
    return "; ".join(place.name for place in on.places if place.state is state) or "nothing"


def _fronts(chosen: Sequence[Platform]) -> str:
    return _table(("target", "in front", "who runs what"), [(_link(on), on.front, on.operated) for on in chosen])


def _link(on: Platform) -> str:
    return f"[{on.id}]({on.id}.md)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_escaped, line))} |\n" for line in lines)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def written() -> dict[str, str]:
    """The pages as they are in the repository."""
    return {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}


def main() -> None:
    for name, text in pages(written()).items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

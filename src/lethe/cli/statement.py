"""A posture as people read it."""

from lethe.cli.output import of_models, table
from lethe.evidence.posture import Counted, Posture, UpstreamPosture
from lethe.evidence.verification import Verification
from lethe.retention.enforcement import Mechanism, State

_COUNTED = {
    Counted.NOWHERE: "no requests",
    Counted.PROCESS: "requests, in each process",
    Counted.STORE: "requests, in a store that instances share",
}


def readable(statement: Posture) -> str:
    """Facts, upstreams, exceptions."""
    rows = [row for upstream in statement.upstreams for row in _rows(upstream)]
    parts = [
        "\n".join(f"{name:<15}{value}" for name, value in _facts(statement)),
        table(("upstream", "endpoint", "class", "evidence", "since", "until", "surface", "carve-outs"), rows),
    ]
    limits = [
        f"{upstream.name}, {surface.endpoint}: {limit.upstream_class} for {of_models(limit.models, limit.not_models)}"
        for upstream in statement.upstreams
        for surface in upstream.surfaces
        for limit in surface.exceptions
    ]
    return "\n\n".join(parts + (["\n".join(["whatever is proven:", *limits])] if limits else []))


def _facts(statement: Posture) -> list[tuple[str, str]]:
    accepted = (*statement.accepted.classes, *statement.accepted.unenforced)
    return [
        ("lethe", statement.version),
        ("level", ", ".join([statement.level, *(each for each in statement.levels if each != statement.level)])),
        ("issued", f"{statement.issued}, until {statement.expires}"),
        ("kernel", _kernel(statement.workers)),
        ("put up with", ", ".join(accepted) or "nothing"),
        ("counted", _COUNTED[statement.counted]),
        ("configuration", f"{statement.configuration.sha256} (salt {statement.configuration.salt})"),
        ("verification", _verification(statement.verification)),
    ]


def _kernel(workers: tuple[dict[Mechanism, State], ...]) -> str:
    """What all workers have in common, and what one of them lacks."""
    if not workers:
        return "not known"
    lacking = {name for worker in workers for name in Mechanism if worker.get(name) is not State.ENFORCED}
    there = ", ".join(name for name in Mechanism if name not in lacking) or "nothing"
    missing = ", ".join(name for name in Mechanism if name in lacking)
    return f"enforces {there}" + (f"; not {missing}" if missing else "")


def _verification(told: Verification | None) -> str:
    if told is None:
        return "no report"
    said = (told.outcome or "unknown", told.form or "of some form", told.finished or "at some time", told.signature)
    about = {True: "", False: ", of another configuration", None: ", of no known configuration"}
    return ", ".join(said) + about[told.this_configuration]


def _rows(upstream: UpstreamPosture) -> list[tuple[str, ...]]:
    return [
        (
            upstream.name,
            surface.endpoint,
            surface.upstream_class,
            surface.evidence,
            surface.since or "-",
            surface.until or "-",
            surface.surface or "-",
            ", ".join(surface.carve_outs) or "-",
        )
        for surface in upstream.surfaces
    ]

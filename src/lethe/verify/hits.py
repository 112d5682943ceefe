"""What a search found, as hits of a sink."""

from collections.abc import Iterable

from lethe.verify.search import Found, Search
from lethe.verify.sinks import Hit, Looked, Sink


def hit(sink: Sink, found: Found, where: str = "") -> Hit:
    """Of a canary only its position and case."""
    canary = found.canary
    return Hit(sink, found.form, where, canary.position if canary else "", canary.case if canary else "")


def looked_at(sink: Sink, data: bytes, searches: Iterable[Search], where: str = "") -> Looked:
    """One piece of data, searched for everything."""
    hits = [hit(sink, found, where) for search in searches for found in search(data)]
    return Looked(sink, len(data), tuple(hits))


def merged(looks: Iterable[Looked]) -> dict[Sink, Looked]:
    """All looks at each sink as one."""
    by_sink: dict[Sink, list[Looked]] = {}
    for look in looks:
        by_sink.setdefault(look.sink, []).append(look)
    return {sink: _one(sink, by_sink[sink]) for sink in Sink if sink in by_sink}


def _one(sink: Sink, looks: list[Looked]) -> Looked:
    reasons = tuple(dict.fromkeys(reason for look in looks for reason in look.reasons))
    notes = tuple(dict.fromkeys(note for look in looks for note in look.notes))
    covered = any(look.covers for look in looks)
    if reasons and covered:
        notes = (*notes, "by system calls only")
    return Looked(
        sink,
        sum(look.scanned for look in looks),
        tuple(hit for look in looks for hit in look.hits),
        () if covered else reasons,
        notes,
        covered,
    )

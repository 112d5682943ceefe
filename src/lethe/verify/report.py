"""The report of a verification: a document that can be signed."""

import platform
import sys
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

import lethe
from lethe.evidence import moments
from lethe.evidence.canonical import Json
from lethe.evidence.verification import FORMS, OUTCOMES
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.verify.account import Account
from lethe.verify.memory import Copies
from lethe.verify.mutation import Kills
from lethe.verify.sinks import Hit, Looked, Sink, Verdict

SCHEMA = 1
FINDINGS = 200  # kinds of hits that are told apart
QUICK, FULL, LIVE = FORMS
PASS, FAIL, INCONCLUSIVE = OUTCOMES
EXITS: dict[str, int] = {PASS: 0, FAIL: 1, INCONCLUSIVE: 3}


class Circumstances(Struct, frozen=True, kw_only=True):
    """`form` is quick, full or live; `configurations` are pairs of source and level.

    `digests` are salt and digest of each, as the posture tells its own, in hexadecimal digits; empty: not known.
    """

    form: str
    configurations: tuple[tuple[str, str], ...]
    digests: tuple[tuple[str, str], ...] = ()
    enforced: tuple[Enforcement, ...]
    finished: float  # Unix seconds
    seconds: float
    kernel: str = f"{platform.system()} {platform.release()} {platform.machine()}"
    python: str = ".".join(map(str, sys.version_info[:3]))


def document(account: Account, kills: Kills | None, about: Circumstances) -> dict[str, Json]:
    """Everything, in a form that can be signed: no fractions, no canaries."""
    sinks = account.sinks
    hits = [hit for look in sinks.values() for hit in look.hits]
    looked = Sink.MEMORY in sinks
    return {
        "schema": SCHEMA,
        "outcome": outcome(account, kills, live=about.form == LIVE),
        "version": lethe.__version__,
        "finished": moments.written(about.finished),
        "seconds": round(about.seconds),
        "form": about.form,
        "configurations": _configurations(about),
        "host": {"kernel": about.kernel, "python": about.python},
        "hits": len(hits),
        "inconclusive": sum(look.verdict is Verdict.INCONCLUSIVE for look in sinks.values()),
        "requests": account.requests,
        "served": account.served,
        "canaries": account.canaries,
        "unseen": dict(sorted(account.unseen.items())),
        "unseen_in": list(account.unseen_in),
        "faults": list(account.faults),
        "refused_by_level": list(account.unserved),
        "sinks": [_sink(look) for look in sinks.values()],
        "findings": _findings(hits),
        "memory": _copies(account.copies if looked else None),
        "memory_at_completion": _copies(account.at_completion if looked else None),
        "enforced": enforced(about.enforced),
        "mutants": _mutants(kills),
    }


def _configurations(about: Circumstances) -> list[Json]:
    told: list[Json] = []
    for n, (source, level) in enumerate(about.configurations):
        salt, digest = about.digests[n] if about.digests else (None, None)
        told.append({"source": source, "level": level, "salt": salt, "sha256": digest})
    return told


def _copies(found: Copies | None) -> Json:
    """Null where nobody has looked, as with a running instance."""
    return {"prompt": found.prompt, "answer": found.answer} if found is not None else {"prompt": None, "answer": None}


def outcome(account: Account, kills: Kills | None, *, live: bool = False) -> str:
    """A hit, a broken promise, a canary that never travelled, nothing served, or a mutant that survives: fail.

    A running instance may be looked at without anything being served; then a place is left open.
    """
    looks = account.sinks.values()
    if (
        any(look.verdict is Verdict.HIT for look in looks)
        or account.faults
        or account.unseen
        or not (account.served or live)
        or (kills is not None and kills.survived)
    ):
        return FAIL
    return INCONCLUSIVE if any(look.verdict is Verdict.INCONCLUSIVE for look in looks) else PASS


def enforced(all_of_them: Iterable[Enforcement]) -> dict[str, Json]:
    """What holds every worker: the worst state of each mechanism; `unknown` where no worker has told."""
    states = [each.states for each in all_of_them]
    return {
        mechanism.value: next(
            (
                found.value
                for found in (State.REFUSED, State.ABSENT, State.ENFORCED)
                if any(each.get(mechanism) is found for each in states)
            ),
            "unknown",
        )
        for mechanism in Mechanism
    }


def _sink(look: Looked) -> dict[str, Json]:
    return {
        "sink": look.sink.value,
        "scanned": look.scanned,
        "hits": len(look.hits),
        "verdict": look.verdict.value,
        "reasons": list(look.reasons),
        "notes": list(look.notes),
    }


def _findings(hits: Iterable[Hit]) -> list[Json]:
    """Alike ones counted together."""
    counted = Counter((hit.sink, hit.what, hit.where, hit.position, hit.case) for hit in hits)
    return [
        {
            "sink": sink.value,
            "what": what,
            "where": where,
            "position": position,
            "case": case,
            "times": times,
        }
        for (sink, what, where, position, case), times in counted.most_common(FINDINGS)
    ]


def _mutants(kills: Kills | None) -> dict[str, Json]:
    made = kills or Kills()
    return {
        "planted": len(made.kills),
        "caught": made.caught,
        "survived": [{"mutant": kill.mutant, "sink": kill.sink.value, "why": kill.why} for kill in made.survived],
        "impossible_here": list(made.impossible),
    }


def evidence_searched(account: Account, text: bytes) -> Looked:
    """The report is a sink itself."""
    found = any(search(text) for search in account.searches)
    hits = (Hit(Sink.EVIDENCE, "a canary in the report"),) if found else ()
    return Looked(Sink.EVIDENCE, len(text), hits)

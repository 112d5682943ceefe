"""Which class an upstream has, by what is known and when: tables with a clock that stands still."""

from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from tests.retention.surfaces import surface

from lethe.retention.classes import DAY, day, review_ends, standing
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Declared, Finding
from lethe.retention.surface import Evidence, EvidenceKind, ModelRule, Surface

U0, U2, U3, U4, U5, U6, U7 = (UpstreamClass[f"U{n}"] for n in (0, 2, 3, 4, 5, 6, 7))
NOW = day(date(2026, 11, 24)) + 3600
EVIDENCE = (
    Evidence(kind=EvidenceKind.CONTRACT, upstream_class=U4, contracts=("zdr",), because="signed"),
    Evidence(kind=EvidenceKind.ACCOUNT, upstream_class=U3, probe="p.account", because="its API says so"),
    Evidence(kind=EvidenceKind.MODEL, upstream_class=U2, probe="p.account", because="its API says so of the model"),
    Evidence(kind=EvidenceKind.ACCOUNT, upstream_class=U3, probe="p.needy", needs="exception", because="with that"),
    Evidence(kind=EvidenceKind.LOCAL_FLAGS, upstream_class=U0, probe="p.two", also=("p.three",), because="both", max_age=60),
    Evidence(kind=EvidenceKind.DECLARED, upstream_class=U5, because="a paid plan"),
)  # fmt: skip
KNOWN = surface(evidence=EVIDENCE, models=(ModelRule(models=("*-covered*",), upstream_class=U6, because="kept"),))
GENERIC = surface(provider="generic", upstream_class=U7)


class Up(Struct):
    name: str = "up"
    upstream_class: UpstreamClass = U7
    contract: Contract | None = None
    declared: Declared | None = None


def zdr(kind: str = "zdr", signed: float | None = NOW - DAY, expires: float = NOW + DAY) -> Contract:
    return Contract(kind=kind, signed=signed, expires=expires)


def said(probe: str, holds: bool = True, *models: str, **more: Any) -> Finding:
    times: dict[str, Any] = {"at": NOW - 30, "until": NOW + 600, "upstream": "up"} | more
    return Finding(probe=probe, holds=holds, reason="x", models=models, **times)


def told(kept: UpstreamClass) -> Declared:
    return Declared(upstream_class=kept, reason="we know")


# what is known, findings, class, until (seconds from now)
CASES: list[tuple[str, Up, tuple[Finding, ...], UpstreamClass]] = [
    ("nothing", Up(), (), U6),
    ("a contract", Up(contract=zdr()), (), U4),
    ("a contract of another kind", Up(contract=zdr("mam")), (), U6),
    ("a contract that ended now", Up(contract=zdr(expires=NOW)), (), U6),
    ("a contract that begins now", Up(contract=zdr(signed=NOW)), (), U4),
    ("a contract that begins soon", Up(contract=zdr(signed=NOW + 1)), (), U6),
    ("a contract without its day", Up(contract=zdr(signed=None)), (), U4),
    ("one that has ended", Up(contract=zdr(signed=None, expires=NOW)), (), U6),
    ("the account's proof", Up(), (said("p.account"),), U3),
    ("both", Up(contract=zdr()), (said("p.account"),), U3),
    ("a failed proof leaves the contract", Up(contract=zdr()), (said("p.account", False),), U4),
    ("failed", Up(), (said("p.account", False),), U6),
    ("of another upstream", Up(), (said("p.account", upstream="other"),), U6),
    ("of another probe", Up(), (said("p.other"),), U6),
    ("past its time", Up(), (said("p.account", until=NOW),), U6),
    ("too old for the row", Up(), (said("p.account", at=NOW - DAY),), U6),
    ("a newer failure", Up(), (said("p.account"), said("p.account", False, at=NOW - 1)), U6),
    ("a newer success", Up(), (said("p.account", False), said("p.account", at=NOW - 1)), U3),
    ("at once, the failure", Up(), (said("p.account"), said("p.account", False)), U6),
    ("the model's proof", Up(), (said("p.account", True, "m", "n"),), U2),
    ("another model's proof", Up(), (said("p.account", True, "n"),), U6),
    ("the account fails, the model holds", Up(), (said("p.account", False), said("p.account", True, "m")), U2),
    ("the account holds, the model fails", Up(), (said("p.account"), said("p.account", False, "m")), U6),
    ("a later failure of all", Up(), (said("p.account", False, at=NOW - 1), said("p.account", True, "m")), U6),
    ("needs a contract", Up(), (said("p.needy"),), U6),
    ("and has it", Up(contract=zdr("exception")), (said("p.needy"),), U3),
    ("and had it", Up(contract=zdr("exception", expires=NOW)), (said("p.needy"),), U6),
    ("one of two", Up(), (said("p.two"),), U6),
    ("two of two", Up(), (said("p.two"), said("p.three")), U0),
    ("two of two, one failed", Up(), (said("p.two"), said("p.three", False)), U6),
    ("two of two, one old", Up(), (said("p.two"), said("p.three", at=NOW - 60)), U6),
    ("declared as the row allows", Up(declared=told(U5)), (), U5),
    ("declared better than the row allows", Up(declared=told(U0)), (), U5),
    ("declared worse binds", Up(declared=told(U7)), (), U7),
    ("declared worse binds a contract, too", Up(declared=told(U6), contract=zdr()), (), U6),
]  # fmt: skip


@pytest.mark.parametrize(("up", "findings", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_of_a_known_surface(up: Up, findings: tuple[Finding, ...], expected: UpstreamClass) -> None:
    stands = standing(up, KNOWN, "m", findings, NOW)
    assert stands.upstream_class is expected
    assert stands.why


@pytest.mark.parametrize(("up", "findings"), [c[1:3] for c in CASES], ids=[c[0] for c in CASES])
def test_no_evidence_makes_a_covered_model_better(up: Up, findings: tuple[Finding, ...]) -> None:
    findings = (*findings, said("p.account", True, "x-covered-1"))
    plain = standing(up, KNOWN, "m", findings, NOW).upstream_class
    stands = standing(up, KNOWN, "X-Covered-1", findings, NOW)
    assert stands.upstream_class is max(U6, plain)


@pytest.mark.parametrize(("up", "findings"), [c[1:3] for c in CASES], ids=[c[0] for c in CASES])
def test_after_its_review_a_surface_promises_nothing(up: Up, findings: tuple[Finding, ...]) -> None:
    ends = review_ends(KNOWN)
    assert ends == day(date(2027, 2, 1))
    up = Up(up.name, up.upstream_class, up.contract and zdr(up.contract.kind, 0, ends + DAY), up.declared)
    later = tuple(said(f.probe, f.holds, *f.models, at=ends, until=ends + DAY) for f in findings)
    stands = standing(up, KNOWN, "m", later, ends)
    assert stands.upstream_class is U6
    assert "review of test.chat ended on 2027-01-31" in stands.why
    training = msgspec.structs.replace(KNOWN, upstream_class=U7)
    word = up.declared.upstream_class if up.declared else U7
    assert standing(up, training, "m", later, ends).upstream_class is max(U6, word)


UNTIL: list[tuple[Up, tuple[Finding, ...], float]] = [
    (Up(), (), review_ends(KNOWN)),
    (Up(contract=zdr(expires=NOW + 5)), (), NOW + 5),
    (Up(contract=zdr(expires=NOW + 900 * DAY)), (), review_ends(KNOWN)),
    (Up(), (said("p.account", until=NOW + 7),), NOW + 7),
    (Up(), (said("p.two"), said("p.three", at=NOW - 40)), NOW + 20),
    (Up(contract=zdr("exception", expires=NOW + 3)), (said("p.needy"),), NOW + 3),
]


@pytest.mark.parametrize(("up", "findings", "until"), UNTIL)
def test_until_when(up: Up, findings: tuple[Finding, ...], until: float) -> None:
    stands = standing(up, KNOWN, "m", findings, NOW)
    assert stands.until == until
    assert standing(up, KNOWN, "m", findings, until - 0.01) == stands
    assert standing(up, KNOWN, "m", findings, until).upstream_class > stands.upstream_class or until == review_ends(
        KNOWN
    )


OTHERS: list[tuple[Surface | None, Up, UpstreamClass]] = [
    (GENERIC, Up(), U7),
    (GENERIC, Up(upstream_class=U5), U5),  # on this machine
    (GENERIC, Up(upstream_class=U0, declared=told(U0)), U0),
    (GENERIC, Up(contract=zdr()), U7),
    (None, Up(), U7),
    (None, Up(upstream_class=U6), U6),
    (None, Up(upstream_class=U2, declared=told(U2)), U2),
]


@pytest.mark.parametrize(("known", "up", "expected"), OTHERS)
def test_of_servers_that_nobody_knows(known: Surface | None, up: Up, expected: UpstreamClass) -> None:
    assert standing(up, known, "m", (said("p.account"),), NOW).upstream_class is expected


def test_no_review_of_servers_that_nobody_knows_ends() -> None:
    """Only the operator's word stands behind their class, and that does not age."""
    up = Up(upstream_class=U4, declared=told(U4))
    stands = standing(up, GENERIC, "m", (), review_ends(GENERIC) + 900 * DAY)
    assert (stands.upstream_class, stands.until) == (U4, None)


def test_evidence_that_is_not_trusted_counts_nothing() -> None:
    row = Evidence(kind=EvidenceKind.RESPONSE, upstream_class=U2, probe="p.header", because="on every response")
    known, findings = surface(evidence=(row, EVIDENCE[0])), (said("p.header"),)
    up = Up(contract=zdr())
    assert standing(up, known, "m", findings, NOW).kind is EvidenceKind.RESPONSE
    silent = frozenset(EvidenceKind) - {EvidenceKind.RESPONSE}
    assert standing(up, known, "m", findings, NOW, trusted=silent).upstream_class is U4


def test_published_evidence_and_carve_outs() -> None:
    row = Evidence(kind=EvidenceKind.PUBLISHED, upstream_class=U5, because="for open models")
    stands = standing(Up(), surface(evidence=(row,), carve_outs=("csam",)), "m", (), NOW)
    assert (stands.upstream_class, stands.kind, stands.carve_outs) == (U5, EvidenceKind.PUBLISHED, ("csam",))

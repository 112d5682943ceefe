"""Every way to a better class that the register offers: it works with all that it asks for, and with nothing less."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from lethe.config import register
from lethe.ir.content import Dialect
from lethe.retention.classes import OURS, standing
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Declared, Finding
from lethe.retention.surface import PROBED, Evidence, EvidenceKind, Surface

# A day on which every review counts.
DAY = max(surface.reviewed for surface in register.all_surfaces()) + timedelta(days=1)
NOW = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp()
YEAR = timedelta(days=365).total_seconds()
MODEL = "anthropic.claude-sonnet-4-6"  # no row is about it


class Subject(Struct, frozen=True):
    name: str = "up"
    upstream_class: UpstreamClass = UpstreamClass.U7
    contract: Contract | None = None
    declared: Declared | None = None


def signed(kind: str) -> Contract:
    return Contract(kind=kind, signed=NOW - YEAR / 2, expires=NOW + YEAR / 2)


def finding(row: Evidence, probe: str) -> Finding:
    """Of a model where the row is about models; other probes tell of the account."""
    models = (MODEL,) if row.kind is EvidenceKind.MODEL and probe == row.probe else ()
    return Finding(upstream="up", probe=probe, holds=True, reason="", at=NOW - 5, until=NOW + 60, models=models)


def alone(surface: Surface, row: Evidence) -> Surface:
    return replace(surface, evidence=(row,))


def reached(surface: Surface, subject: Subject, findings: tuple[Finding, ...], now: float = NOW) -> UpstreamClass:
    return standing(subject, surface, MODEL, findings, now).upstream_class


def rows() -> Iterator[Any]:
    for surface in register.all_surfaces():
        for n, row in enumerate(surface.evidence):
            yield pytest.param(surface, row, id=f"{surface.id}-{n}-{row.kind.value}")


ROWS = list(rows())
BY_PROBE = [param for param in ROWS if param.values[1].kind in PROBED]
BY_CONTRACT = [param for param in ROWS if param.values[1].kind is EvidenceKind.CONTRACT]
DECLARED = [param for param in ROWS if param.values[1].kind is EvidenceKind.DECLARED]


@pytest.mark.parametrize(("surface", "row"), BY_PROBE)
def test_what_is_proven(surface: Surface, row: Evidence) -> None:
    only = alone(surface, row)
    subject = Subject(contract=signed(row.needs) if row.needs else None)
    proofs = tuple(finding(row, probe) for probe in (row.probe, *row.also))
    assert reached(only, subject, proofs) is row.upstream_class
    assert reached(only, subject, ()) is surface.upstream_class
    for n, proof in enumerate(proofs):
        others = proofs[:n] + proofs[n + 1 :]
        for worse in (
            (),
            (replace(proof, holds=False),),
            (replace(proof, until=NOW),),
            (replace(proof, at=NOW - row.max_age),),
            (replace(proof, at=NOW + 61, until=NOW + row.max_age),),  # the clock was set back since
            (replace(proof, upstream="another"),),
            (proof, replace(proof, holds=False, at=NOW - 1, models=())),
        ):
            assert reached(only, subject, (*others, *worse)) is surface.upstream_class, proof.probe
    if row.needs:
        assert reached(only, Subject(), proofs) is surface.upstream_class
        assert reached(only, Subject(contract=signed("another")), proofs) is surface.upstream_class
    if row.kind is EvidenceKind.MODEL:
        other = standing(subject, only, "another-model", proofs, NOW)
        assert other.upstream_class is surface.upstream_class


@pytest.mark.parametrize(("surface", "row"), BY_CONTRACT)
def test_what_is_signed(surface: Surface, row: Evidence) -> None:
    only = alone(surface, row)
    for kind in row.contracts:
        agreed = signed(kind)
        assert reached(only, Subject(contract=agreed), ()) is row.upstream_class
        assert reached(only, Subject(contract=replace(agreed, expires=NOW)), ()) is surface.upstream_class
        assert reached(only, Subject(contract=replace(agreed, signed=NOW + 1)), ()) is surface.upstream_class
    assert reached(only, Subject(contract=signed("another")), ()) is surface.upstream_class


@pytest.mark.parametrize(("surface", "row"), DECLARED)
def test_what_is_declared(surface: Surface, row: Evidence) -> None:
    only = alone(surface, row)
    for said in UpstreamClass:
        subject = Subject(declared=Declared(upstream_class=said, reason="so"))
        worse = max(said, row.upstream_class)
        assert reached(only, subject, ()) is (worse if worse <= surface.upstream_class else said)


@pytest.mark.parametrize(
    "surface", [s for s in register.all_surfaces() if s.provider not in OURS], ids=lambda surface: surface.id
)
def test_a_review_that_has_ended_counts_as_none(surface: Surface) -> None:
    ended = datetime(surface.expires.year, surface.expires.month, surface.expires.day, tzinfo=UTC) + timedelta(days=1)
    agreed = Contract(kind="zdr", signed=0, expires=NOW + 10 * YEAR)
    last = reached(surface, Subject(contract=agreed), (), ended.timestamp() - 1)
    assert last <= surface.upstream_class
    kept = max(UpstreamClass.U6, surface.upstream_class)
    assert reached(surface, Subject(contract=agreed), (), ended.timestamp()) is kept


def proven(surface: Surface, model: str) -> UpstreamClass:
    """The class of a model for which everything is proven and signed."""
    proofs = tuple(
        replace(finding(row, probe), models=(model,) if row.kind is EvidenceKind.MODEL else ())
        for row in surface.evidence
        for probe in (row.probe, *row.also)
    )
    return standing(Subject(contract=signed("zdr")), surface, model, proofs, NOW).upstream_class


SERVING_CLAUDE = [
    surface
    for surface in register.all_surfaces()
    if surface.provider in ("anthropic", "azure", "bedrock", "vertex", "openrouter", "vercel", "cloudflare", "generic")
    and surface.dialect is not Dialect.GEMINI
    and "embeddings" not in surface.endpoint
]


@pytest.mark.parametrize("surface", SERVING_CLAUDE, ids=lambda surface: surface.id)
def test_no_evidence_makes_a_covered_model_better(surface: Surface) -> None:
    for model in ("claude-fable-5-1", "anthropic/Claude-Mythos-5", "us.anthropic.claude-fable-5-v1:0"):
        assert proven(surface, model) >= UpstreamClass.U6


@pytest.mark.parametrize("endpoint", ["messages", "count_tokens"])
@pytest.mark.parametrize(
    ("model", "tells"), [("claude-opus-5-5", True), ("prod-claude-haiku-4-5", True), ("prod", False), ("claude", False)]
)
def test_a_deployment_tells_its_model_by_its_name(endpoint: str, model: str, *, tells: bool) -> None:
    (surface,) = (s for s in register.all_surfaces() if s.id == f"azure.{endpoint}")
    assert proven(surface, model) is (UpstreamClass.U4 if tells else UpstreamClass.U6)
    assert proven(surface, "") is UpstreamClass.U4  # what is told at the start is about no model


@pytest.mark.parametrize("kind", ["zdr", "abuse-monitoring-exception"])
def test_a_contract_says_nothing_of_what_vertex_caches(kind: str) -> None:
    """Caches of Gemini's prompts are on durable storage since October 2026, unless the project has none."""
    for surface in register.all_surfaces():
        if surface.id in ("vertex.generate", "vertex.generate_tokens", "vertex.chat"):
            assert reached(surface, Subject(contract=signed(kind)), ()) is UpstreamClass.U6


ARN = "arn:aws:bedrock:us-east-1:123456789012"


@pytest.mark.parametrize(
    ("model", "tells"),
    [
        ("us.anthropic.claude-sonnet-4-6", True),
        (f"{ARN}:inference-profile/us.anthropic.claude-sonnet-4-6", True),
        (f"{ARN}:application-inference-profile/abc", False),
        (f"{ARN}:provisioned-model/abc", False),
        (f"{ARN}:prompt-router/abc", False),
        (f"{ARN}:default-prompt-router/anthropic.claude:1", False),
        (f"{ARN}:imported-model/abc", True),
        ("a1b2c3d4e5f6", False),  # a profile by its id alone
        ("my-throughput", False),
    ],
)
@pytest.mark.parametrize("endpoint", ["converse", "converse_tokens", "invoke", "invoke_tokens"])
def test_a_name_that_may_hide_a_covered_model_is_taken_for_one(endpoint: str, model: str, *, tells: bool) -> None:
    (surface,) = (s for s in register.all_surfaces() if s.id == f"bedrock.{endpoint}")
    proofs = tuple(
        replace(finding(row, probe), models=()) for row in surface.evidence for probe in (row.probe, *row.also)
    )
    best = standing(Subject(contract=signed("zdr")), surface, model, proofs, NOW)
    assert (best.upstream_class is UpstreamClass.U3) is tells
    assert tells or best.upstream_class is UpstreamClass.U6

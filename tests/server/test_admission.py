"""Standings are kept for a while, by what the register and the probes say, never by a name that a caller sends."""

from msgspec.structs import replace
from tests.retention.surfaces import surface

from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.guard import CALLER
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Finding
from lethe.retention.surface import Evidence, EvidenceKind, ModelRule
from lethe.server.admission import Admission
from lethe.server.pseudonyms import pseudonyms

U2, U4, U6, U7 = UpstreamClass.U2, UpstreamClass.U4, UpstreamClass.U6, UpstreamClass.U7
NOW = 1_795_000_000.0
KNOWN = surface(
    evidence=(
        Evidence(kind=EvidenceKind.RESPONSE, upstream_class=U2, probe="p.header", because="always"),
        Evidence(kind=EvidenceKind.MODEL, upstream_class=U2, probe="p.model", because="of the model"),
        Evidence(kind=EvidenceKind.CONTRACT, upstream_class=U4, contracts=("zdr",), because="signed"),
    ),
    models=(ModelRule(models=("bad-*",), upstream_class=U7, because="kept"),),
)
UP = Upstream(
    name="up", dialect=Dialect.OPENAI_CHAT, base_url="http://127.0.0.1:1", auth=Auth.NONE, upstream_class=U7,
    surfaces=(KNOWN,),
)  # fmt: skip


def found(probe: str, *models: str, at: float = NOW) -> Finding:
    return Finding(upstream="up", probe=probe, holds=True, reason="x", at=at, until=at + 500, models=models)


def kept(admission: Admission, model: str = "m", now: float = NOW, **more: bool) -> UpstreamClass:
    return admission.standing(0, Endpoint.CHAT, model, now, **more).upstream_class


def test_endpoints_and_models_differ() -> None:
    admission = Admission([UP])
    admission.learn([found("p.model", "good")])
    assert [kept(admission, model) for model in ("m", "good", "bad-1", "m")] == [U6, U2, U7, U6]
    assert admission.standing(0, Endpoint.EMBEDDINGS, "m", NOW).upstream_class is U7
    assert admission.guard(0, Endpoint.EMBEDDINGS) is None
    assert admission.surface(0, Endpoint.CHAT) is KNOWN


def test_names_of_models_are_not_kept() -> None:
    admission = Admission([UP])
    for n in range(1000):
        kept(admission, f"CANARY-{n}")
    assert "CANARY" not in str(admission._kept)
    assert len(admission._kept) == 1


def test_it_falls_when_its_evidence_ends_and_begins_within_a_minute() -> None:
    admission = Admission([replace(UP, contract=Contract(kind="zdr", signed=NOW + 30, expires=NOW + 100))])
    assert [kept(admission, now=NOW + s) for s in (0, 29, 60, 99, 99.9, 100, 101)] == [U6, U6, U4, U4, U4, U6, U6]


def test_it_falls_when_the_clock_is_set_back_before_its_evidence() -> None:
    admission = Admission([replace(UP, contract=Contract(kind="zdr", signed=NOW - 10, expires=NOW + 100))])
    assert [kept(admission, now=NOW + s) for s in (0, -20, -4000, 0)] == [U4, U6, U6, U4]
    proven = Admission([UP])
    proven.learn([found("p.header")])
    assert [kept(proven, now=NOW + s) for s in (1, -3600, 2)] == [U2, U6, U2]


def test_what_is_learnt_counts_at_once() -> None:
    admission = Admission([UP])
    assert kept(admission) is U6
    admission.learn([found("p.header")])
    assert (kept(admission), kept(admission, attested=False)) == (U2, U6)
    admission.learn([])
    assert kept(admission) is U6


def test_what_did_not_attest_needs_a_new_finding() -> None:
    admission = Admission([UP, replace(UP, name="other")])
    admission.learn([found("p.header"), found("p.model", "m")])
    admission.unproven(0, NOW + 10)
    assert (kept(admission, "x"), kept(admission, "m")) == (U6, U2)  # the other probe still holds
    admission.learn([found("p.header", at=NOW + 10)])
    assert kept(admission, "x", NOW + 11) is U6
    admission.learn([found("p.header", at=NOW + 11)])
    assert kept(admission, "x", NOW + 12) is U2


def test_what_is_kept_stays_small() -> None:
    admission = Admission([UP])
    admission.learn([found("p.model", *(f"m{n}-{k}" for k in range(10))) for n in range(10)])
    for n in range(5000):
        admission.standing(0, Endpoint.CHAT, f"m{n % 10}-{n % 7}", NOW + n / 1000)
    assert len(admission._kept) <= 256


def test_pseudonyms() -> None:
    one, two, other = pseudonyms(b"k", "up", 0), pseudonyms(b"k", "down", 0), pseudonyms(b"K", "up", 0)
    names = {one("anna"), two("anna"), other("anna"), one("Anna"), one("\ud800")}
    assert len(names) == 5
    assert one("anna") == one("anna") == pseudonyms(b"k", "up", 1)("anna")
    assert len({pseudonyms(b"k", "up", caller)(CALLER) for caller in (0, 1, 1)}) == 2
    assert all(name.startswith("lethe-") and len(name) == 38 and "anna" not in name for name in names)


def test_rows_that_concern_a_configured_name_are_kept_by_it() -> None:
    admission = Admission([UP], ["bad-1"])
    for _ in range(2):
        assert [kept(admission, model) for model in ("m", "bad-1", "bad-2")] == [U6, U7, U7]
    assert [name for _, name in admission._rules] == ["bad-1"]

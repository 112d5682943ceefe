"""What the posture says, what it keeps to itself, and what a reader makes of it."""

import json
import os
import subprocess
import sys
from datetime import date
from typing import Any

import msgspec
import pytest

import lethe
from lethe.config.load import parse_settings
from lethe.config.register import surfaces_for
from lethe.config.settings import Settings
from lethe.evidence.posture import AHEAD, VALID, Posture, Running, configuration_digest, document, posture, read
from lethe.evidence.signing import PayloadType, Signer, Verdict
from lethe.evidence.verification import Verification
from lethe.ir.content import Dialect
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.retention.standing import Contract, Finding
from lethe.retention.surface import EvidenceKind

NOW = 1_795_564_800.0  # 2026-11-25 00:00 UTC
SIGNER = Signer.ephemeral()
CONFIG = """
[retention]
level = "B"
accept_classes = ["U6"]
accept_unenforced = ["landlock-net"]
[upstreams.anthropic]
api_key = "env:CANARY_VARIABLE"
[upstreams.here]
dialect = "openai-chat"
base_url = "http://canary-host.internal:8080/canary-path"
class = "U5"
reason = "canary reason"
[[routes]]
model = "canary-glob-*"
to = ["here/canary-model"]
level = "A1"
[[keys]]
name = "canary-caller"
hash = "sha256:%s"
""" % ("0" * 64)


def settings(text: str = CONFIG, contract: Contract | None = None) -> Settings:
    made = parse_settings(text, "lethe.toml", embedded_available=False, today=date(2026, 11, 25))
    upstreams = list(made.plan.upstreams)
    known = surfaces_for("anthropic", "api.anthropic.com", Dialect.ANTHROPIC, loopback=False)
    upstreams[0] = msgspec.structs.replace(upstreams[0], surfaces=known, contract=contract)
    return msgspec.structs.replace(made, plan=msgspec.structs.replace(made.plan, upstreams=tuple(upstreams)))


def running(**more: Any) -> Running:
    return Running(**{"salt": b"s" * 16, "now": NOW, **more})


def signed(statement: Posture, signer: Signer = SIGNER) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(signer.sign(document(statement), PayloadType.POSTURE)))
    return made


def test_it_says_levels_counts_and_what_was_put_up_with() -> None:
    said = posture(settings(), running())
    assert (said.version, said.level, said.levels) == (lethe.__version__, Level.B, (Level.A1, Level.B))
    assert (said.routes, said.keys) == (1, 1)
    assert said.accepted.unenforced == ("landlock-net",)
    assert said.accepted.classes == ("U6",)
    assert (said.issued, said.expires) == ("2026-11-25T00:00:00Z", "2026-11-25T00:15:00Z")
    assert [upstream.name for upstream in said.upstreams] == ["anthropic", "here"]


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ("", "nowhere"),
        ("[limits]\nconcurrent = 3\n", "process"),
        ('[limits]\nconcurrent = 3\nstore = "redis://canary-store"\n', "store"),
        ('[limits]\nstore = "redis://canary-store"\n', "nowhere"),
        ('limits = { concurrent = 3 }\n[limits]\nstore = "redis://canary-store"\n', "store"),
    ],
)
def test_it_says_where_requests_are_counted(more: str, counted: str) -> None:
    made = settings(CONFIG.replace('level = "A1"', 'level = "A2"') + more)
    assert posture(made, running()).counted == counted


def test_it_says_nothing_that_only_the_operator_should_know() -> None:
    text = json.dumps(document(posture(settings(), running()))).lower()
    assert "canary" not in text
    assert "0" * 64 not in text
    assert "8080" not in text


def test_it_says_what_holds_each_worker() -> None:
    states = dict.fromkeys(Mechanism, State.ENFORCED) | {Mechanism.NO_SWAP: State.REFUSED}
    said = posture(settings(), running(enforcement=(Enforcement(states), Enforcement(states))))
    assert said.workers == (states, states)


def test_a_class_rests_on_what_is_in_force_now() -> None:
    contract = Contract(kind="zdr", signed=NOW - 1000.0, expires=NOW + 1000.0)
    before = posture(settings(contract=contract), running()).upstreams[0].surfaces[0]
    after = posture(settings(contract=contract), running(now=NOW + 2000.0)).upstreams[0].surfaces[0]
    assert (before.endpoint, before.surface, before.upstream_class) == ("messages", "anthropic.messages", "U4")
    assert (before.evidence, before.since, before.until) == (
        EvidenceKind.CONTRACT,
        "2026-11-24T23:43:20Z",
        "2026-11-25T00:16:40Z",
    )
    assert before.carve_outs
    assert before.exceptions
    assert after.upstream_class == "U6"
    assert after.evidence is EvidenceKind.PUBLISHED


def test_it_does_not_say_when_a_contract_was_signed_if_nobody_told() -> None:
    contract = Contract(kind="zdr", signed=None, expires=NOW + 1000.0)
    said = posture(settings(contract=contract), running()).upstreams[0].surfaces[0]
    assert (said.evidence, said.since, said.until) == (EvidenceKind.CONTRACT, None, "2026-11-25T00:16:40Z")


def test_of_a_server_that_nobody_knows_it_claims_no_evidence() -> None:
    local = '[upstreams.a]\ndialect = "openai-chat"\nbase_url = "http://127.0.0.1:1/v1"\n'
    elsewhere = '[upstreams.b]\ndialect = "openai-chat"\nbase_url = "https://b.example/v1"\n'
    made = parse_settings(local + elsewhere, "lethe.toml", embedded_available=False, today=date(2026, 11, 25))
    for upstream, kept in zip(posture(made, running()).upstreams, ("U5", "U7"), strict=True):
        for each in upstream.surfaces:
            assert (each.upstream_class, each.evidence) == (kept, EvidenceKind.NONE)
            assert (each.since, each.until, each.review_expires) == (None, None, None)


def test_a_finding_counts_for_its_upstream() -> None:
    made = parse_settings(
        '[upstreams.openai]\napi_key = "env:X"', "lethe.toml", embedded_available=False, today=date(2026, 11, 25)
    )
    known = surfaces_for("openai", "api.openai.com", Dialect.OPENAI_CHAT, loopback=False)
    upstream = msgspec.structs.replace(made.plan.upstreams[0], surfaces=known)
    made = msgspec.structs.replace(made, plan=msgspec.structs.replace(made.plan, upstreams=(upstream,)))
    finding = Finding(
        upstream="openai", probe="openai.data_retention", holds=True, reason="ok", at=NOW - 5.0, until=NOW + 5.0
    )
    for found, expected in (((finding,), "U3"), ((msgspec.structs.replace(finding, upstream="other"),), "U6")):
        said = posture(made, running(findings=found)).upstreams[0]
        assert {each.upstream_class for each in said.surfaces if each.surface == "openai.chat"} == {expected}


def test_who_has_the_file_and_the_salt_can_compute_the_digest() -> None:
    said = posture(settings(), running()).configuration
    salt = bytes.fromhex(said.salt)
    assert configuration_digest(settings(), salt).hex() == said.sha256
    assert configuration_digest(settings(), b"t" * 16).hex() != said.sha256
    for old, new in (
        ("canary-host", "other-host"),
        ("0" * 64, "1" * 64),
        ("CANARY_VARIABLE", "OTHER"),
        ('["U6"]', "[]"),
    ):
        assert configuration_digest(settings(CONFIG.replace(old, new)), salt).hex() != said.sha256


def test_processes_that_hash_in_another_way_compute_the_same_digest() -> None:
    program = (
        "import datetime, sys\n"
        "from lethe.config.load import parse_settings\n"
        "from lethe.evidence.posture import configuration_digest\n"
        "day = datetime.date(2026, 11, 25)\n"
        "made = parse_settings(sys.argv[1], 'lethe.toml', embedded_available=False, today=day)\n"
        "print(configuration_digest(made, b'').hex())\n"
    )
    presets = ("anthropic", "openai", "gemini", "groq", "openrouter", "ollama")
    text = "".join(f"[upstreams.{preset}]\n" for preset in presets)
    digests = {
        subprocess.run(
            [sys.executable, "-c", program, text],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_keys_by_reference_are_in_the_digest() -> None:
    referred = CONFIG.replace('hash = "sha256:' + "0" * 64 + '"', 'key = "env:CALLER"')
    assert referred != CONFIG
    assert configuration_digest(settings(referred), b"") != configuration_digest(settings(), b"")


def test_the_digest_does_not_change_with_the_day() -> None:
    text = '[upstreams.anthropic.contract]\nkind = "zdr"\nsigned = 2026-03-01\nexpires = 2027-03-01\ndocument = "D"'
    days = (date(2026, 11, 25), date(2027, 2, 20))
    made = [parse_settings(text, "lethe.toml", embedded_available=False, today=day) for day in days]
    assert configuration_digest(made[0], b"") == configuration_digest(made[1], b"")


# A reader


def test_a_reader_trusts_the_key_that_it_knows() -> None:
    statement = posture(settings(), running())
    reading = read(signed(statement), SIGNER.public_key, NOW + 1.0)
    assert (reading.verdict, reading.stale, reading.statement) == (Verdict.TRUSTED, False, statement)
    assert (reading.key_id, reading.ephemeral) == (SIGNER.key_id, True)
    assert read(signed(statement), None, NOW).verdict is Verdict.UNTRUSTED
    kept = read(signed(statement, Signer.from_secret(SIGNER.pem())), None, NOW)
    assert not kept.ephemeral


@pytest.mark.parametrize(
    ("at", "stale"), [(-AHEAD - 1, True), (-AHEAD, False), (0.0, False), (VALID - 1, False), (VALID, True)]
)
def test_it_is_of_one_time(at: float, stale: bool) -> None:
    assert read(signed(posture(settings(), running())), None, NOW + at).stale is stale


def test_a_changed_one_says_nothing() -> None:
    changed = signed(posture(settings(), running())) | {"level": "A1"}
    reading = read(changed, SIGNER.public_key, NOW)
    assert (reading.verdict, reading.statement) == (Verdict.BAD, None)


CLOSED: dict[str, dict[str, Any]] = {
    "another schema": {"schema": "lethe.posture/2"},
    "one more member": {"more": 1},
    "a level that is none": {"level": "D"},
    "a time that is none": {"expires": "tomorrow"},
    "a text that moves the cursor": {"version": "0.1\x1b[2Jsigned and trusted"},
    "a text of two lines": {"configuration": {"salt": "aa", "sha256": "aa\nsigned and trusted"}},
    "an impossible time": {"expires": "2026-13-41T25:00:00Z"},
}


@pytest.mark.parametrize("change", CLOSED.values(), ids=CLOSED)
def test_the_schema_is_closed(change: dict[str, Any]) -> None:
    made = document(posture(settings(), running())) | change
    reading = read(SIGNER.sign(made, PayloadType.POSTURE), SIGNER.public_key, NOW)
    assert reading.statement is None


def test_a_verification_is_told() -> None:
    told = Verification(sha256="ab", signature=Verdict.TRUSTED, outcome="pass")
    said = signed(posture(settings(), running(verification=told)))
    assert said["verification"] == {
        "sha256": "ab",
        "signature": "signed and trusted",
        "outcome": "pass",
        "form": None,
        "finished": None,
        "version": None,
        "this_configuration": None,
    }

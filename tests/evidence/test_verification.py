"""What the posture says of a report, and that nothing else of the file gets through."""

import hashlib
import json
from typing import Any

import pytest

from lethe.evidence.canonical import Json
from lethe.evidence.signing import PayloadType, Signer, Verdict
from lethe.evidence.verification import MOST, Verification, summarised

SIGNER = Signer.ephemeral()
REPORT: dict[str, Json] = {
    "outcome": "pass",
    "form": "full",
    "finished": "2026-11-24T22:00:00Z",
    "version": "0.1.0",
    "hits": [{"canary": "canary-1"}],
}


def digest_of(salt: bytes) -> bytes:
    return hashlib.sha256(salt + b"this configuration").digest()


def subject(salt: bytes, what: bytes) -> dict[str, Json]:
    return {"source": "canary.toml", "salt": salt.hex(), "sha256": hashlib.sha256(salt + what).hexdigest()}


THIS, OTHER = subject(b"1" * 16, b"this configuration"), subject(b"2" * 16, b"another")


def report(**changes: Any) -> bytes:
    return json.dumps(SIGNER.sign({**REPORT, **changes}, PayloadType.VERIFICATION)).encode()


def test_a_report_by_the_same_key() -> None:
    content = report()
    assert summarised(content, SIGNER.public_key, digest_of) == Verification(
        sha256=hashlib.sha256(content).hexdigest(),
        signature=Verdict.TRUSTED,
        outcome="pass",
        form="full",
        finished="2026-11-24T22:00:00Z",
        version="0.1.0",
    )


def test_a_report_by_another_key_is_not_trusted() -> None:
    for trusted in (Signer.ephemeral().public_key, None):
        told = summarised(report(), trusted, digest_of)
        assert (told.signature, told.outcome) == (Verdict.UNTRUSTED, "pass")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        report().replace(b"pass", b"fail"),
        json.dumps(REPORT).encode(),
        json.dumps(SIGNER.sign(REPORT, PayloadType.POSTURE)).encode(),
    ],
    ids=["empty", "text", "list", "bytes", "nested", "changed", "unsigned", "of another kind"],
)
def test_what_is_no_signed_report_has_no_outcome(content: bytes) -> None:
    told = summarised(content, SIGNER.public_key, digest_of)
    assert (told.signature, told.outcome, told.finished, told.version) == (Verdict.BAD, None, None, None)
    assert told.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["outcome", "form", "finished", "version"])
@pytest.mark.parametrize(
    "value",
    [
        *("canary words", "", 7, None, ["pass"], "2026-11-24T22:00:00Z canary", "0.1 canary"),
        *("2026-99-99T99:99:99Z", "2026-11-24T22:00:0\N{ARABIC-INDIC DIGIT ZERO}Z"),
    ],
)
def test_no_other_text_gets_through(name: str, value: Any) -> None:
    told = summarised(report(**{name: value}), SIGNER.public_key, digest_of)
    assert told.signature is Verdict.TRUSTED
    assert getattr(told, name) is None


SUBJECTS: dict[str, tuple[Any, bool | None]] = {
    "this": ([THIS], True),
    "one of several": ([OTHER, THIS], True),
    "another": ([OTHER], False),
    "none": ([], None),
    "not said": ([{"source": "x"}], None),
    "no list": ({"salt": "x"}, None),
    "too many": ([THIS] * (MOST + 1), None),
    "a salt that is none": ([{**THIS, "salt": "xyz"}], None),
    "a digest that is none": ([{**THIS, "sha256": 7}], False),
}


@pytest.mark.parametrize(("subjects", "this"), SUBJECTS.values(), ids=SUBJECTS)
def test_a_report_is_of_a_configuration(subjects: Any, this: bool | None) -> None:
    assert summarised(report(configurations=subjects), SIGNER.public_key, digest_of).this_configuration is this

"""What the posture says of a report, and that nothing else of the file gets through."""

import hashlib
import json
from typing import Any

import pytest

from lethe.evidence.canonical import Json
from lethe.evidence.signing import PayloadType, Signer, Verdict
from lethe.evidence.verification import Verification, summarised

SIGNER = Signer.ephemeral()
REPORT: dict[str, Json] = {
    "outcome": "pass",
    "form": "full",
    "finished": "2026-11-24T22:00:00Z",
    "version": "0.1.0",
    "hits": [{"canary": "canary-1"}],
}


def report(**changes: Any) -> bytes:
    return json.dumps(SIGNER.sign({**REPORT, **changes}, PayloadType.VERIFICATION)).encode()


def test_a_report_by_the_same_key() -> None:
    content = report()
    assert summarised(content, SIGNER.public_key) == Verification(
        sha256=hashlib.sha256(content).hexdigest(),
        signature=Verdict.TRUSTED,
        outcome="pass",
        form="full",
        finished="2026-11-24T22:00:00Z",
        version="0.1.0",
    )


def test_a_report_by_another_key_is_not_trusted() -> None:
    for trusted in (Signer.ephemeral().public_key, None):
        told = summarised(report(), trusted)
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
    told = summarised(content, SIGNER.public_key)
    assert (told.signature, told.outcome, told.finished, told.version) == (Verdict.BAD, None, None, None)
    assert told.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", ["outcome", "form", "finished", "version"])
@pytest.mark.parametrize("value", ["canary words", "", 7, None, ["pass"], "2026-11-24T22:00:00Z canary", "0.1 canary"])
def test_no_other_text_gets_through(name: str, value: Any) -> None:
    told = summarised(report(**{name: value}), SIGNER.public_key)
    assert told.signature is Verdict.TRUSTED
    assert getattr(told, name) is None

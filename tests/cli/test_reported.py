"""`lethe verify --check`: a report that somebody hands over."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lethe.cli.main import main
from lethe.evidence.signing import PayloadType, Signer
from lethe.verify.account import Account
from lethe.verify.report import Circumstances, document
from lethe.verify.sinks import Looked, Sink

ABOUT = Circumstances(
    form="quick",
    configurations=(("lethe.toml", "C"),),
    enforced=(),
    finished=0.0,
    seconds=1.0,
    kernel="Linux",
    python="3.11",
)


def report(outcome: str) -> dict[str, Any]:
    account = Account()
    account.served = account.requests = 1
    account.add([Looked(Sink.STDOUT, reasons=("blind",) if outcome == "inconclusive" else ())])
    if outcome == "fail":
        account.faults["some fault"] = None
    return document(account, None, ABOUT)


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    made = Signer.ephemeral()
    (tmp_path / "key.pub").write_text(made.public_pem())
    return made


def checked(folder: Path, signed: dict[str, Any], *more: str) -> int:
    (folder / "report.json").write_bytes(msgspec.json.encode(signed))
    return main(["verify", "--check", str(folder / "report.json"), *more])


@pytest.mark.parametrize(("outcome", "status"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_a_trusted_report_ends_as_it_ended(
    tmp_path: Path, signer: Signer, outcome: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = signer.sign(report(outcome), PayloadType.VERIFICATION)
    assert checked(tmp_path, signed, "--public-key", str(tmp_path / "key.pub")) == status
    said = capsys.readouterr()
    assert "verified (quick): lethe.toml at level C" in said.out
    assert f"signed and trusted: by a key that ended with its process ({signer.key_id})" in said.out + said.err


def _changed(signed: dict[str, Any]) -> dict[str, Any]:
    return {**signed, "hits": 7}


@pytest.mark.parametrize(
    ("change", "key", "told"),
    [
        (lambda signed: signed, None, (3, "signed, not trusted")),
        (_changed, "key.pub", (1, "it was changed after it was signed")),
        (_changed, None, (1, "it was changed after it was signed")),
        (lambda signed: signed, "other.pub", (1, "signed by another key")),
    ],
)
def test_what_is_not_to_be_relied_on_is_told(
    tmp_path: Path,
    signer: Signer,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    key: str | None,
    told: tuple[int, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, why = told
    (tmp_path / "other.pub").write_text(Signer.ephemeral().public_pem())
    signed = change(dict(signer.sign(report("pass"), PayloadType.VERIFICATION)))
    more = () if key is None else ("--public-key", str(tmp_path / key))
    assert checked(tmp_path, signed, *more) == status
    assert why in capsys.readouterr().err
    assert checked(tmp_path, signed, *more, "--json") == status
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("text", "why"), [(b"words", "is no report"), (b"{}", "it was changed after it was signed, or never signed")]
)
def test_what_is_no_report_is_told(tmp_path: Path, text: bytes, why: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_bytes(text)
    assert main(["verify", "--check", str(tmp_path / "report.json")]) == 1
    assert why in capsys.readouterr().err


def test_another_document_of_the_same_signer_is_no_report(
    tmp_path: Path, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = signer.sign({"outcome": "pass"}, PayloadType.VERIFICATION)
    assert checked(tmp_path, signed, "--public-key", str(tmp_path / "key.pub")) == 1
    assert "no report of a kind that this version knows" in capsys.readouterr().err
    assert checked(tmp_path, signer.sign(report("pass"), PayloadType.POSTURE)) == 1


@pytest.mark.parametrize("words", [["--public-key", "f"], ["--check", "f", "--quick"], ["--check", "f", "--live", "u"]])
def test_ways_to_call_it_that_make_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *words]) == 2
    assert capsys.readouterr().err

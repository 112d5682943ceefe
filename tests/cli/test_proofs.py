"""`lethe check` with proofs: what is configured, and what they prove now."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.upstream.probes.provers import KEY, PROVERS, plainly, serve

from lethe.cli.main import main
from lethe.upstream.fake import FakeThread

PROVER = PROVERS["openai.data_retention"]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeThread]:
    monkeypatch.setenv("ADMIN", KEY)
    with FakeThread() as server:
        serve(server, PROVER)
        yield server


@pytest.fixture
def config(desk: FakeThread, tmp_path: Path) -> str:
    path = tmp_path / "lethe.toml"
    path.write_text(
        "[upstreams.openai]\n[upstreams.openai.proof]\n"
        f'key = "env:ADMIN"\ntarget = "proj_abc"\nbase_url = "{desk.url}"\nevery = 600\n'
    )
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["check", *words])
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err
    return status, captured.out


def test_what_is_configured_is_shown(config: str, desk: FakeThread, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(capsys, "--config", config)
    assert status == 0
    assert "openai    openai.data_retention  env:ADMIN (yes)  600 s" in text
    _, report = run(capsys, "--config", config, "--json")
    (proof,) = json.loads(report)["proofs"]
    assert (proof["target"], proof["key"], proof["resolves"]) == ("proj_abc", "env:ADMIN", "yes")
    assert desk.requests == []


def test_a_key_that_is_not_there_is_told(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ADMIN")
    assert "env:ADMIN (no: the variable is not set)" in run(capsys, "--config", config)[1]


def test_proofs_are_asked_once(config: str, desk: FakeThread, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(capsys, "--config", config, "--proofs")
    assert (status, len(desk.requests)) == (0, 2)
    assert text.splitlines()[1].split() == ["openai", "openai.data_retention", "holds", "proven", "-"]


def test_one_that_fails_is_told_by_the_status(
    config: str, desk: FakeThread, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.answer(plainly(403, b'{"error":"canary-said"}'))
    status, text = run(capsys, "--config", config, "--proofs", "--json")
    assert status == 1
    assert json.loads(text) == {
        "ok": False,
        "proofs": [
            {
                "upstream": "openai",
                "probe": "openai.data_retention",
                "target": "proj_abc",
                "holds": False,
                "reason": "the key is refused",
                "models": [],
            }
        ],
    }


def test_without_a_proof_nothing_is_asked(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "lethe.toml"
    path.write_text("[upstreams.ollama]\n")
    status, text = run(capsys, "--config", str(path), "--proofs")
    assert (status, text) == (0, "no proof is configured ([upstreams.NAME.proof]), so nothing is asked\n")

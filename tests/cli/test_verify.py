"""`lethe verify`: what would fail at the end, or in the midst of it, is found out before the run."""

import signal
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from lethe.cli.main import main
from lethe.verify import run


@pytest.fixture(autouse=True)
def never_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def verify(*_: object, **__: object) -> NoReturn:
        raise AssertionError

    monkeypatch.setattr(run, "verify", verify)
    monkeypatch.chdir(tmp_path)
    for name in ("LETHE_CONFIG", "LETHE_TOML"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("out", [".", "nowhere/report.json", "x" * 300])
def test_a_report_that_cannot_be_written(out: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("verify", "--quick", "--out", out)) == 1
    assert capsys.readouterr() == ("", f"lethe verify: {out} cannot be written\n")


def test_a_key_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LETHE_TOML", '[retention]\nposture_key = "env:NO_KEY"\n[upstreams.ollama]\n')
    monkeypatch.delenv("NO_KEY", raising=False)
    assert main(("verify", "--quick")) == 1
    assert capsys.readouterr().err == (
        "lethe verify: the posture key cannot be used: env:NO_KEY: the variable is not set\n"
    )


def test_a_key_in_place_of_its_reference_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--live", "http://127.0.0.1:9", "--key", "sk-CANARY"]) == 2
    assert capsys.readouterr().err == "lethe verify: --key: no such scheme in this version (env:NAME or file:PATH)\n"


def test_a_machine_where_nothing_can_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "nowhere")])
    assert main(("verify", "--quick")) == 1
    assert capsys.readouterr().err == "lethe verify: it takes a folder for temporary files: TMPDIR, /tmp or /var/tmp\n"


def test_sigterm_interrupts_it_so_that_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[str] = []

    def verify(*_: object, **__: object) -> NoReturn:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            ends.append("cleaned up")
        raise AssertionError

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        monkeypatch.setattr(run, "verify", verify)
        assert main(("verify", "--quick")) == 130
        assert ends == ["cleaned up"]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)

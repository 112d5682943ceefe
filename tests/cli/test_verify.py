"""`lethe verify`: what could only fail at the end is found out before the run."""

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


@pytest.mark.parametrize("out", [".", "nowhere/report.json"])
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

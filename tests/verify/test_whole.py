"""`lethe verify` as people call it: the quick form here, the full one with all planted leaks in `make test-slow`."""

import gc
import json
import os
import shutil
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from lethe.cli.main import main
from lethe.config.settings import Settings
from lethe.evidence.signing import PayloadType, Verdict, verify
from lethe.retention.levels import Level
from lethe.verify.mutants.roster import MUTANTS, Moment, Mutant, impossible
from lethe.verify.run import verify as verified
from lethe.verify.sample import sample
from lethe.verify.sinks import Sink
from lethe.verify.stage import Clock

CLOCK = Clock(time.time, time.sleep, os.urandom)
SINKS = {sink.value for sink in Sink}
# Without strace one place cannot be looked at, and that is no pass.
STATUS = 0 if shutil.which("strace") else 3


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A folder without a configuration."""
    monkeypatch.delenv("LETHE_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)


def clean(report: Any) -> None:
    assert report["hits"] == 0, report["findings"]
    assert (report["faults"], report["unseen"]) == ([], {})
    assert report["memory"] == {"prompt": 0, "answer": 0}
    assert {each["sink"] for each in report["sinks"]} == SINKS
    assert report["served"] > 0
    assert report["canaries"] > 0


def test_nothing_is_kept_and_the_report_is_signed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    assert main(("verify", "--quick", "--json", "--out", str(tmp_path / "report.json"))) == STATUS
    told = capsys.readouterr().out
    report = json.loads(told)
    clean(report)
    assert [each["level"] for each in report["configurations"]] == ["B", "C"]
    assert verify(report, PayloadType.VERIFICATION, None) is Verdict.UNTRUSTED  # whole, by a key made for it
    assert report["signer"]["ephemeral"] is True
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["report.json", "temporary"]


def settings(level: Level) -> Settings:
    return sample(level, date(2026, 11, 1))


def planted(chosen: tuple[Mutant, ...]) -> Any:
    """With the quick form, at level C."""
    return verified(
        [("test", settings(Level.C))],
        CLOCK,
        lambda what, done, of: None,
        quick=True,
        mutants=settings(Level.C),
        chosen=chosen,
    )


@pytest.mark.slow
def test_a_mutant_that_survives_fails_the_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three leaks, of which one is looked for in the wrong place."""
    here = tuple(each for each in MUTANTS if each.moment is Moment.SUCCESS and not impossible(each))
    stdout = next(each for each in here if each.sink is Sink.STDOUT)
    header = next(each for each in here if each.sink is Sink.EGRESS)
    monkeypatch.setattr(Mutant, "sink", property(lambda m: Sink.FILES if m.id == header.id else m.plant.sink))
    report = planted((stdout, header))
    assert [each["mutant"] for each in report["mutants"]["survived"]] == [header.id]
    assert (report["mutants"]["planted"], report["mutants"]["caught"]) == (2, 1)
    assert report["outcome"] == "fail"


@pytest.mark.slow
def test_everything_and_every_planted_leak(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(("verify", "--mutants", "--json")) == STATUS
    report = json.loads(capsys.readouterr().out)
    clean(report)
    possible = [each for each in MUTANTS if impossible(each) is None]
    assert report["mutants"]["survived"] == []
    assert report["mutants"]["planted"] == report["mutants"]["caught"] == len(possible) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("level", [Level.A2, Level.B])
def test_a_configuration_of_ones_own(level: Level, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    contract = 'kind = "zdr"\nsigned = 2026-01-01\nexpires = 2099-01-01\n'
    (tmp_path / "lethe.toml").write_text(
        f'[retention]\nlevel = "{level}"\n'
        f'[upstreams.anthropic]\napi_key = "env:NOT_SET"\n[upstreams.anthropic.contract]\n{contract}'
        f'[upstreams.openai]\napi_key = "env:NOT_SET"\n[upstreams.openai.contract]\n{contract}'
        '[[routes]]\nmodel = "claude-*"\nto = ["anthropic"]\n[[routes]]\nmodel = "*"\nto = ["openai"]\n'
    )
    assert main(("verify", "--config", "lethe.toml", "--quick", "--json")) == STATUS
    clean(json.loads(capsys.readouterr().out))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # connections dropped as they stand
def test_an_interruption_ends_every_configuration_at_once() -> None:
    """Both are told at their next step."""
    steps: list[str] = []

    def interrupted(what: str, done: int, of: int) -> None:
        steps.append(what)
        raise KeyboardInterrupt

    levels = [("b", settings(Level.B)), ("c", settings(Level.C))]
    with pytest.raises(KeyboardInterrupt):
        verified(levels, CLOCK, interrupted, quick=True)
    assert set(steps) == {"requests"}  # the first step of many
    gc.collect()  # while their warnings are ignored

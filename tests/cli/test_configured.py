"""The configuration of a command: a file, the text in LETHE_TOML, or neither."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from lethe.cli import host, verify
from lethe.cli.configured import ENVIRONMENT, TEXT, load, source_of, text_at
from lethe.cli.main import main
from lethe.config.plan import Plan
from lethe.retention.levels import Level

CONFIG = '[retention]\nlevel = "B"\naccept_unenforced = ["landlock"]\n[upstreams.ollama]\n'
OTHER = "[upstreams.ollama]\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LETHE_CONFIG", TEXT):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def test_a_file_comes_before_the_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(TEXT, CONFIG)
    path = tmp_path / "lethe.toml"
    path.write_text(OTHER)
    assert (text_at(path), source_of(path), load(path).plan.level) == (OTHER, str(path), Level.C)


def test_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEXT, CONFIG)
    assert (text_at(None), source_of(None), load(None).plan.level) == (CONFIG, TEXT, Level.B)


def test_a_pipe_is_read_once() -> None:
    reader, writer = os.pipe()
    os.write(writer, CONFIG.encode())
    os.close(writer)
    try:
        assert main(["preflight", "systemd", "--config", f"/dev/fd/{reader}"]) == 0
    finally:
        os.close(reader)


@pytest.mark.parametrize("value", [None, ""])
def test_neither(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv(TEXT, value)
    assert (text_at(None), source_of(None)) == (None, ENVIRONMENT)


def test_the_host_is_checked_for_what_the_text_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Plan | None] = []

    def described(plan: Plan | None) -> dict[str, Any]:
        checked.append(plan)
        return {"ok": True}

    monkeypatch.setattr(host, "described", described)
    monkeypatch.setenv(TEXT, CONFIG)
    assert main(["check", "--host", "--json"]) == 0
    monkeypatch.delenv(TEXT)
    assert main(["check", "--host", "--json"]) == 0
    assert [plan and plan.accept_unenforced for plan in checked] == [("landlock",), None]


def test_what_is_verified_is_what_the_text_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TEXT, CONFIG)
    ((source, settings),) = verify._configured(Namespace(config=None))
    assert (source, settings.plan.level) == (TEXT, Level.B)

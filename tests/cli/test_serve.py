"""What `serve` hands to the supervisor, and what it refuses first."""

import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lethe.sandbox
from lethe.cli.main import main
from lethe.cli.output import UsageFault
from lethe.cli.serve import DRAIN_KNOB, PORT_KNOB, WORKERS_KNOB, Knob

KEYED = '[upstreams.ollama]\n[[keys]]\nname = "a"\nkey = "env:A"\n'
KEYLESS = "[upstreams.ollama]\n"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Namespace]:
    """Calls of a supervisor that loads once and ends."""
    calls: list[Namespace] = []

    def run(load: Any, **how: Any) -> int:
        calls.append(Namespace(settings=load(), **how))
        return 0

    double = ModuleType("lethe.sandbox.supervisor")
    double.run = run  # type: ignore[attr-defined] # a module made here
    monkeypatch.setitem(sys.modules, "lethe.sandbox.supervisor", double)
    monkeypatch.setattr(lethe.sandbox, "supervisor", double, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("LETHE_CONFIG", "LETHE_HOST", "LETHE_PORT", "LETHE_WORKERS", "LETHE_DRAIN", "PORT"):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_defaults(runs: list[Namespace]) -> None:
    Path("lethe.toml").write_text(KEYLESS)
    assert main(["serve"]) == 0
    (run,) = runs
    assert (run.host, run.port, run.workers, run.drain, run.watch) == ("127.0.0.1", 3456, 1, 10.0, Path("lethe.toml"))
    assert run.settings.plan.upstreams[0].name == "ollama"


def test_options_come_before_variables(runs: list[Namespace], monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.toml").write_text(KEYED)
    for name, value in {"LETHE_HOST": "::", "LETHE_PORT": "1", "PORT": "2", "LETHE_WORKERS": "3"}.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", "--config", "a.toml", "--port", "0", "--drain", "2.5"]) == 0
    (run,) = runs
    assert (run.host, run.port, run.workers, run.drain) == ("::", 0, 3, 2.5)


NUMBERS: list[tuple[Knob, str | None, dict[str, str], float | None]] = [
    (PORT_KNOB, None, {}, 3456),
    (PORT_KNOB, None, {"PORT": "8080"}, 8080),
    (PORT_KNOB, None, {"LETHE_PORT": "9", "PORT": "8080"}, 9),
    (PORT_KNOB, None, {"LETHE_PORT": ""}, 3456),
    (PORT_KNOB, "0", {"LETHE_PORT": "9"}, 0),
    (PORT_KNOB, "65536", {}, None),
    (PORT_KNOB, "-1", {}, None),
    (PORT_KNOB, "1.5", {}, None),
    (PORT_KNOB, "http", {}, None),
    (PORT_KNOB, "", {}, None),
    (WORKERS_KNOB, "0", {}, None),
    (DRAIN_KNOB, "0.5", {}, 0.5),
    (DRAIN_KNOB, "nan", {}, None),
    (DRAIN_KNOB, "inf", {}, None),
]


@pytest.mark.parametrize(("knob", "given", "environ", "expected"), NUMBERS)
def test_numbers(knob: Knob, given: str | None, environ: dict[str, str], expected: float | None) -> None:
    if expected is None:
        with pytest.raises(UsageFault, match=knob.option):
            knob.value(given, environ)
    else:
        assert knob.value(given, environ) == expected


def test_a_bad_variable_is_named(
    runs: list[Namespace], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "http")
    assert main(["serve"]) == 2
    assert capsys.readouterr().err == "lethe serve: PORT must be a number from 0 to 65535\n"
    assert runs == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com"])
def test_without_keys_only_this_machine_may_call(
    host: str, runs: list[Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("lethe.toml").write_text(KEYLESS)
    assert main(["serve", "--host", host]) == 1
    said = capsys.readouterr().err
    assert said.startswith("lethe.toml: keys: there are none")
    assert said.count("\n") == 1
    assert runs == []
    Path("lethe.toml").write_text(KEYED)
    assert main(["serve", "--host", host]) == 0

"""What `lethe check --host` says of hosts that have everything, or not."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.sandbox.messages import PLAN

from lethe.cli import host
from lethe.cli.main import main
from lethe.config.plan import Plan
from lethe.retention.enforcement import Enforcement, Mechanism, State
from lethe.retention.levels import Level
from lethe.sandbox.lockin.attempts import Result
from lethe.sandbox.lockin.examination import ExaminationFailed
from lethe.sandbox.lockin.host import Host
from lethe.sandbox.lockin.trial import Outcome

KERNEL = host.Kernel("6.18.1", "x86_64")
ENVIRON = {"LANG": "C", "HOME": "/canary-1", "HTTPS_PROXY": "http://canary-2", "OTEL_TRACES_EXPORTER": "canary-3"}
BY = (Mechanism.SECCOMP, Mechanism.LANDLOCK)


def outcome(*absent: Mechanism, results: tuple[Result, ...] = ()) -> Outcome:
    states = dict.fromkeys(Mechanism, State.ENFORCED) | dict.fromkeys(absent, State.ABSENT)
    usual = (Result("create a file", BY, "EPERM"), Result("read a file", (), None))
    return Outcome(Host(7, True, "x86_64"), Enforcement(states), results or usual)


def plan(level: Level, *accepted: str) -> Plan:
    return msgspec.structs.replace(PLAN, level=level, routes=(), accept_unenforced=accepted)


def report(found: Outcome, given: Plan | None = None) -> dict[str, Any]:
    made = host.report(found, given, ENVIRON, KERNEL)
    json.dumps(made)
    assert "canary" not in host.readable(made) + json.dumps(made)
    return made


def test_a_host_that_has_everything() -> None:
    made = report(outcome(), plan(Level.A1))
    assert (made["ok"], made["why"], made["level"]) == (True, None, "A1")
    assert made["levels"] == ["A1", "A2", "B", "C"]
    text = host.readable(made)
    assert "this host can serve: A1 A2 B C; configured: A1" in text
    assert ["create", "a", "file", "EPERM"] in [line.split() for line in text.splitlines()]
    assert "workers get none of these 3 variables: HOME, HTTPS_PROXY, OTEL_TRACES_EXPORTER\n" in text
    assert "of them would have acted: HTTPS_PROXY, OTEL_TRACES_EXPORTER\n" in text


@pytest.mark.parametrize(
    ("absent", "given", "levels", "why"),
    [
        ((Mechanism.LANDLOCK,), plan(Level.B), ["C"], "level B needs what this host does not enforce: landlock "),
        ((Mechanism.LANDLOCK,), plan(Level.B, "landlock"), ["A1", "A2", "B", "C"], None),
        ((Mechanism.LANDLOCK,), plan(Level.C), ["C"], None),
        ((Mechanism.LANDLOCK,), None, ["C"], None),
        (
            (Mechanism.NO_SWAP,),
            plan(Level.A1),
            ["A2", "B", "C"],
            "level A1 needs what this host does not enforce: no-swap ",
        ),
        ((Mechanism.NO_SWAP,), plan(Level.A2), ["A2", "B", "C"], None),
    ],
)
def test_a_host_that_lacks_something(
    absent: tuple[Mechanism, ...], given: Plan | None, levels: list[str], why: str | None
) -> None:
    made = report(outcome(*absent), given)
    assert made["levels"] == levels
    assert made["ok"] is (why is None)
    assert (made["why"] or "").startswith(why or "")
    (state,) = [each["state"] for each in made["mechanisms"] if each["name"] == absent[0]]
    assert state == "absent"


@pytest.mark.parametrize(
    "result",
    [Result("create a file", BY, None), Result("create a file", BY, "ENOENT"), Result("read a file", (), "EPERM")],
)
def test_a_host_that_does_not_do_as_it_says(result: Result) -> None:
    made = report(outcome(results=(result,)), plan(Level.C))
    assert (made["ok"], made["levels"]) == (False, [])
    assert made["why"] == f"not as the kernel claims: {result.name}"
    assert "NOT AS CLAIMED" in host.readable(made)


def test_what_serve_refuses_to_start_with() -> None:
    made = host.report(outcome(), plan(Level.C), ENVIRON | {"LD_PRELOAD": "/canary.so"}, KERNEL)
    assert (made["ok"], made["preloaded"]) == (False, ["LD_PRELOAD"])
    text = host.readable(made)
    assert text.endswith("\nlethe: lethe serve refuses to start with LD_PRELOAD")
    assert "canary" not in text


def test_unix_sockets_that_an_upstream_opens_are_told() -> None:
    given = plan(Level.B)
    engine = msgspec.structs.replace(given.upstreams[0], base_url="unix:/run/engine.sock")
    local = msgspec.structs.replace(given, upstreams=(engine,))
    for each, said in ((given, False), (local, True)):
        details = {found["name"]: found["detail"] for found in report(outcome(), each)["mechanisms"]}
        assert details["seccomp"].endswith("no unix sockets but for what is configured to have one") is said


def test_nothing_is_expected_of_what_is_absent() -> None:
    result = Result("create a file", BY, None)
    assert report(outcome(*BY, results=(result,)), plan(Level.C))["ok"] is True
    assert report(outcome(BY[0], results=(result,)), plan(Level.C))["ok"] is False


def test_this_host(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LETHE_CONFIG", raising=False)
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "canary"))
    assert main(["check", "--host", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in made["mechanisms"]} == set(Mechanism)
    assert "C" in made["levels"]
    assert all(each["as_claimed"] for each in made["tried"])
    assert len(made["tried"]) > 50
    assert "SSLKEYLOGFILE" in made["environment"]["would_have_acted"]
    assert list(tmp_path.iterdir()) == []


def test_levels_that_cannot_be_served_are_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "lethe.toml").write_text('[retention]\nlevel = "B"\n[upstreams.anthropic]\n')
    monkeypatch.setattr(host, "examine", lambda: outcome(Mechanism.SECCOMP))
    assert main(["check", "--host", "--config", str(tmp_path / "lethe.toml")]) == 1
    assert 'retention.accept_unenforced = ["seccomp"]' in capsys.readouterr().out


def test_an_examination_that_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> Outcome:
        raise ExaminationFailed("did not report")

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LETHE_CONFIG", raising=False)
    monkeypatch.setattr(host, "examine", fail)
    assert main(["check", "--host"]) == 1
    assert "did not report" in capsys.readouterr().err

"""What `lethe preflight` answers: one target, all of them, for people and for programs, and when it says no."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lethe.cli import preflight as command
from lethe.cli.main import main
from lethe.deploy.need import Need
from lethe.deploy.platform import Measure, names, platform, platforms
from lethe.deploy.preflight import Verdict, examined

STRICT = """[retention]
level = "B"
accept_classes = ["U6"]
[server]
heartbeat = 45
max_body = "64MiB"
[upstreams.anthropic]
api_key = "env:ANTHROPIC_API_KEY"
[[keys]]
name = "ci"
key = "env:CI_KEY"
"""
FINDING = {"check", "need", "limit", "verdict", "change", "source"}
TARGET = {
    "target", "title", "verdict", "retention", "residency", "front", "operated", "rank", "because", "unconfirmed", "findings",
}  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LETHE_CONFIG", "LETHE_TOML", "LETHE_DRAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["preflight", *words]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


def parsed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    return json.loads(said(capsys, *words, "--json", status=status))


def found(report: Any, check: str, target: str | None = None) -> Any:
    (one,) = [each for each in report["targets"] if target in (None, each["target"])]
    (finding,) = [finding for finding in one["findings"] if finding["check"] == check]
    return finding


@pytest.mark.parametrize("name", names())
def test_what_a_target_s_answer_says(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text, on = said(capsys, name), platform(name)
    flat = " ".join(text.split())
    for answer in (f"what retention means here: {on.retention}", f"where data stays: {on.residency}",
                   f"in front of it: {on.front}", f"who runs what: {on.operated}", *on.unconfirmed):  # fmt: skip
        assert " ".join(answer.split()) in flat
    limits = [limit.source for limit in on.limits.values()]
    for source in (*limits, *(place.source for place in on.places)):
        assert f"{source.url} (read {source.read.isoformat()}, {source.confidence})" in text
    assert "longest stream " in text
    for place in on.places:
        assert f"kept by: {place.name}" in text


@pytest.mark.parametrize("words", [(), ("--level", "B"), *((name, "--level", "B") for name in names())])
def test_nothing_is_wider_than_a_screen(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    status = main(["preflight", *words])
    assert status in (0, 1)
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) >= 120 and "https://" not in line] == []


def test_all_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    head, *lines = said(capsys, "--level", "B").splitlines()
    assert head.split()[:5] == ["target", "verdict", "pass", "warn", "fail"]
    verdicts = {line.split()[0]: line.split()[1] for line in lines if line and not line.startswith(" ")}
    assert [name for name in verdicts if name in names()] == list(names()), "the best first"
    assert (verdicts["cloud-run"], verdicts["systemd"]) == ("fail", "warn")
    last = lines[-1]
    assert last.startswith("these do for level B: ")
    fits = last.partition(": ")[2].split(", ")
    assert fits == [name for name in names() if verdicts[name] != "fail"]
    assert " 60 min " in next(line for line in lines if line.startswith("cloud-run"))
    assert " not known " in next(line for line in lines if line.startswith("container-apps"))


def test_none_that_does(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    short = replace(platform("cloud-run"), limits={Measure.TOTAL: platform("cloud-run").limits[Measure.TOTAL]})
    monkeypatch.setattr(command, "platforms", lambda: (short,))
    assert said(capsys, "--max-stream", "2h", status=1).endswith("these do for level C: none\n")


def test_all_but_one_fail_and_the_status_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys, "--max-stream", "2h")
    assert found(report, "longest stream", "cloud-run")["verdict"] == "fail"
    assert found(report, "longest stream", "systemd")["verdict"] == "pass"


STATUS = [
    (("cloud-run",), 0),
    (("cloud-run", "--max-stream", "60m"), 0),
    (("cloud-run", "--max-stream", "61m"), 1),
    (("cloud-run", "--drain", "8"), 0),
    (("cloud-run", "--drain", "9"), 1),
    (("cloud-run", "--level", "B"), 1),
    (("cloud-run", "--region", "europe-west4"), 0),
    (("cloud-run", "--region", "europe-west4", "--region", "mars"), 1),
    (("systemd", "--level", "A1"), 0),
    (("systemd", "--region", "my cellar"), 0),
    ((), 0),
]


@pytest.mark.parametrize(("words", "status"), STATUS)
def test_the_status_says_whether_it_fits(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int
) -> None:
    said(capsys, *words, status=status)
    parsed(capsys, *words, status=status)


def test_what_fails_comes_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(
        capsys, "cloud-run", "--level", "B", "--max-stream", "2h", "--drain", "30", "--region", "mars", status=1
    )
    flat = " ".join(text.split())
    for change in (
        "fail: longest stream: streams end after 60 min: ask for less, or choose a platform without this limit",
        "fail: drain in the notice before the end: drain for 8 seconds (--drain)",
        'fail: enforcement: say that you accept it: retention.accept_unenforced = ["landlock", "landlock-net"]',
        "fail: region: no region of that name here: ",
    ):
        assert change in flat


USAGE = [
    (("heroku",), "lethe preflight: no such target (one of cloud-run, "),
    (("cloudrun",), "lethe preflight: no such target (did you mean cloud-run?)\n"),
    (("cloud-run", "--max-stream", "1 day"), "lethe preflight: --max-stream is not a duration: write 90s, 30m or 1h\n"),
    (("cloud-run", "--drain", "soon"), "lethe preflight: --drain must be a number from 0 to 3600\n"),
    (("cloud-run", "--drain", "-1"), "lethe preflight: --drain must be a number from 0 to 3600\n"),
]


@pytest.mark.parametrize(("words", "text"), USAGE)
def test_called_in_a_wrong_way(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str) -> None:
    assert said(capsys, *words, status=2).startswith(text)
    report = parsed(capsys, *words, status=2)
    assert report["ok"] is False
    assert set(report) == {"ok", "error"}


def test_no_such_level(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["preflight", "--level", "D"])
    assert ended.value.code == 2
    assert "--level" in capsys.readouterr().err


# Programs


def test_the_shape_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys, "--max-stream", "90s", "--region", "eu-central-1")
    assert set(report) == {"need", "targets"}
    assert report["need"]["max_stream"] == 90
    assert report["need"]["regions"] == ["eu-central-1"]
    assert [each["target"] for each in report["targets"]] == list(names())
    for each in report["targets"]:
        assert set(each) == TARGET
        assert {key for finding in each["findings"] for key in finding} == FINDING
        verdicts = [finding["verdict"] for finding in each["findings"]]
        assert each["verdict"] == max(verdicts, key=[v.name.lower() for v in Verdict].index)
    source = found(report, "longest stream", "cloud-run")["source"]
    assert set(source) == {"url", "read", "confidence"}
    assert source["read"] == "2025-08-25"


def test_a_target_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    (only,) = parsed(capsys, "fargate")["targets"]
    assert only["target"] == "fargate"
    assert len(only["findings"]) == len(examined(platform("fargate"), Need(drain=110)))


def test_each_target_is_held_to_the_drain_of_its_files(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys)
    for on in platforms():
        if Measure.SIGTERM in on.limits:
            shown = found(report, "drain in the notice before the end", on.id)["need"]
            assert shown.split()[0] == f"{on.drain:g}", on.id


# Configurations


@pytest.mark.parametrize("way", ["--config", "LETHE_CONFIG", "LETHE_TOML", "lethe.toml"])
def test_the_configuration_s_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    words: list[str] = []
    path = tmp_path / ("lethe.toml" if way == "lethe.toml" else "other.toml")
    if way == "LETHE_TOML":
        monkeypatch.setenv("LETHE_TOML", STRICT)
    else:
        path.write_text(STRICT)
    if way == "LETHE_CONFIG":
        monkeypatch.setenv("LETHE_CONFIG", str(path))
    if way == "--config":
        words = ["--config", str(path)]
    report = parsed(capsys, "cloud-run", *words, status=1)
    need = report["need"]
    assert (need["level"], need["heartbeat"], need["max_body"]) == ("B", 45, 64 * 2**20)
    assert found(report, "request body")["verdict"] == "fail"
    assert found(report, "enforcement")["verdict"] == "fail"
    assert found(parsed(capsys, "systemd", *words), "heartbeat in the idle timeout")["verdict"] == "warn"


def test_a_level_that_is_asked_for_is_at_least(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lethe.toml").write_text(STRICT)
    assert parsed(capsys, "systemd", "--level", "C")["need"]["level"] == "B"
    assert parsed(capsys, "systemd", "--level", "A1", status=0)["need"]["level"] == "A1"


def test_no_configuration_needs_no_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed(capsys, "systemd")["need"]["level"] == "C"


def test_a_configuration_with_mistakes(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lethe.toml").write_text('[retention]\nlevel = "CANARY_z"\n')
    text = said(capsys, "cloud-run", status=1)
    assert text.startswith("lethe.toml: ")
    assert "CANARY" not in text
    report = parsed(capsys, "cloud-run", status=1)
    assert (report["ok"], report["source"]) == (False, "lethe.toml")
    assert said(capsys, "--config", "absent.toml", status=1).startswith("absent.toml: cannot be read: ")


def test_what_is_not_a_configuration_in_the_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETHE_TOML", "CANARY_z = [")
    text = said(capsys, status=1)
    assert text.startswith("LETHE_TOML: line 1: ")
    assert "CANARY" not in text


def test_the_shape_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    _, _, section = page.partition("## On a platform\n")
    section = section.partition("\n## ")[0]
    named = {*TARGET, *FINDING, *Need.__struct_fields__, *(verdict.name.lower() for verdict in Verdict)}
    assert [name for name in sorted(named) if f"`{name}`" not in section] == []

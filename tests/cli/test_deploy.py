"""What `lethe deploy` writes, says and refuses; the files themselves are judged in `tests/deploy`."""

import json
from pathlib import Path
from typing import Any

import pytest

from lethe.cli.main import main
from lethe.deploy.deployment import STARTER
from lethe.deploy.folder import MARK
from lethe.deploy.target import TARGETS

OWN = [name for name in TARGETS if name != "cloudflare-gateway"]  # there nothing of ours runs
IMAGE = "registry.example/lethe@sha256:" + "1" * 64
STRICT = STARTER.replace('level = "C"', 'level = "B"\naccept_classes = ["U6"]')
KEYLESS = '[upstreams.anthropic]\napi_key = "env:ANTHROPIC_API_KEY"\n'


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("LETHE_CONFIG", "LETHE_TOML", "LETHE_DRAIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-CANARY-anthropic")
    monkeypatch.setenv("LETHE_CLIENT_KEY", "sk-CANARY-client")
    monkeypatch.chdir(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["deploy", *words]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


def parsed(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> Any:
    return json.loads(said(capsys, *words, "--json", status=status))


def held(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("target", OWN)
def test_a_folder_that_is_the_same_again(capsys: pytest.CaptureFixture[str], tmp_path: Path, target: str) -> None:
    first = parsed(capsys, target, "--out", "out", "--image", IMAGE)
    assert set(first) == {"target", "folder", "files", "changed"}
    assert (first["target"], first["folder"]) == (target, "out")
    assert first["changed"] == first["files"]
    files = held(tmp_path / "out")
    assert sorted(files) == sorted([*first["files"], MARK])
    assert {"README.md"} < set(files)
    assert any(IMAGE.encode() in text for name, text in files.items()) or target == "systemd"
    assert not any(b"CANARY" in text for text in files.values()), "what the variables hold is written nowhere"
    again = parsed(capsys, target, "--out", "out", "--image", IMAGE)
    assert (again["files"], again["changed"]) == (first["files"], [])
    assert held(tmp_path / "out") == files
    text = said(capsys, target, "--out", "out", "--name", "other", "--image", IMAGE)
    assert text.startswith(f"out: {len(files) - 1} files, ")
    assert text.endswith("of them new or changed; next: out/README.md\n")


def test_where_it_writes_when_nobody_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert said(capsys, "systemd").startswith("lethe-systemd: ")
    assert (tmp_path / "lethe-systemd" / "README.md").is_file()


@pytest.mark.parametrize("way", ["--config", "LETHE_CONFIG", "LETHE_TOML", "lethe.toml", "none"])
def test_the_configuration_that_is_deployed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    text = STARTER.replace("clients", "my-clients")
    words: list[str] = []
    path = tmp_path / ("lethe.toml" if way == "lethe.toml" else "other.toml")
    if way == "LETHE_TOML":
        monkeypatch.setenv("LETHE_TOML", text)
    elif way != "none":
        path.write_text(text)
    if way == "LETHE_CONFIG":
        monkeypatch.setenv("LETHE_CONFIG", str(path))
    if way == "--config":
        words = ["--config", str(path)]
    said(capsys, "systemd", "--out", "out", *words)
    assert (tmp_path / "out" / "lethe.toml").read_text() == (STARTER if way == "none" else text)


REFUSED = [
    (("cloud-run", "--max-stream", "2h"), STARTER, "this does not fit Google Cloud Run: longest stream: streams end after"),
    (("cloud-run",), STRICT, "retention.accept_unenforced = [\"landlock\", \"landlock-net\"]"),
    (("cloud-run",), STARTER + '[server]\nmax_body = "64MiB"\n', "request body: set server.max_body"),
    (("systemd",), STARTER + "[server]\nheartbeat = 60\n", "set server.heartbeat below"),
    (("cloud-run", "--region", "mars"), STARTER, "region: no region of that name here"),
    (("cloud-run",), KEYLESS, "keys: there are none"),
    (("cloud-run",), "CANARY_z = [", "lethe.toml: line 1: is not TOML"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "config", "text"), REFUSED)
def test_what_does_not_fit_is_not_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], config: str, text: str
) -> None:
    (tmp_path / "lethe.toml").write_text(config)
    answer = said(capsys, *words, "--out", "out", status=1)
    assert text in answer
    assert "CANARY" not in answer
    assert not (tmp_path / "out").exists()
    assert parsed(capsys, *words, "--out", "out", status=1)["ok"] is False


def test_what_is_refused_names_the_command_that_shows_all(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "cloud-run", "--max-stream", "2h", status=1)
    assert text.startswith("lethe deploy: this does not fit Google Cloud Run: ")
    assert text.endswith("(lethe preflight cloud-run shows all)\n")


USAGE = [
    (("heroku",), "lethe deploy: no such target (one of "),
    (("systmd",), "lethe deploy: no such target (did you mean systemd?)\n"),
    (("systemd", "--max-stream", "long"), "lethe deploy: --max-stream is not a duration: write 90s, 30m or 1h\n"),
]


@pytest.mark.parametrize(("words", "text"), USAGE)
def test_called_in_a_wrong_way(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], text: str
) -> None:
    assert said(capsys, *words, "--out", "out", status=2).startswith(text)
    assert not (tmp_path / "out").exists()


def test_what_others_put_there_stays(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "README.md").write_text("theirs")
    text = said(capsys, "systemd", "--out", "out", status=1)
    assert text == "lethe deploy: README.md is there and was not written by lethe deploy: choose another folder\n"
    assert held(out) == {"README.md": b"theirs"}


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    assert said(capsys, "systemd", "--out", "out", status=1) == "lethe deploy: cannot write to out: Not a directory\n"

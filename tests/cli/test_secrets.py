"""`lethe check --secrets`: each is got once, and nothing of it is shown."""

import json
import time
from pathlib import Path

import pytest

from lethe.cli import secrets
from lethe.cli.main import main
from lethe.credentials.issued import Issued
from lethe.credentials.static import Unresolved
from lethe.sandbox import fetching

CONFIG = """
[upstreams.a]
dialect = "anthropic"
base_url = "http://127.0.0.1:1"
api_key = "aws:prod"
region = "eu-west-1"
[upstreams.b]
dialect = "openai-chat"
base_url = "http://127.0.0.1:2/v1"
api_key = "env:FAKE_KEY"
[upstreams.c]
dialect = "openai-chat"
base_url = "http://127.0.0.1:3/v1"
api_key = "env:FAKE_KEY"
[[routes]]
model = "*"
to = ["a", "b", "c"]
[[keys]]
name = "k"
key = "aws-sm:caller"
"""
LIVES: dict[str, float | None] = {"aws:prod": 3600, "aws-sm:caller": None}


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    def fetch(reference: str) -> Issued:
        if reference not in LIVES:
            raise Unresolved(reference, "AWS refuses to give it")
        lives = LIVES[reference]
        return Issued("CANARY_x", None if lives is None else time.time() + lives)

    monkeypatch.setattr(secrets, "fetch", fetch)
    monkeypatch.setattr(fetching, "hush", lambda: None)
    monkeypatch.setenv("FAKE_KEY", "CANARY_z")
    path = tmp_path / "lethe.toml"
    path.write_text(CONFIG)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = main(["check", "--secrets", *words])
    captured = capsys.readouterr()
    assert "CANARY" not in captured.out + captured.err
    return status, captured.out


def test_each_is_got_once(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, text = run(capsys, "--config", config)
    assert status == 0
    assert [line.split("  ")[0] for line in text.splitlines()] == [
        "secret",
        "aws:prod",
        "env:FAKE_KEY",
        "aws-sm:caller",
    ]
    assert "60 min" in text
    assert "upstream b, upstream c" in text


def test_one_that_cannot_be_had(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FAKE_KEY")
    monkeypatch.delitem(LIVES, "aws:prod")
    status, text = run(capsys, "--config", config, "--json")
    report = json.loads(text)
    assert (status, report["ok"]) == (1, False)
    assert [(each["secret"], each["had"], each["reason"]) for each in report["secrets"]] == [
        ("aws:prod", False, "AWS refuses to give it"),
        ("env:FAKE_KEY", False, "the variable is not set"),
        ("aws-sm:caller", True, ""),
    ]


def test_where_none_is_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "lethe.toml"
    path.write_text('[upstreams.a]\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:1"\n')
    assert run(capsys, "--config", str(path)) == (0, secrets.NONE + "\n")


def test_the_password_of_the_store_of_limits(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(config).open("a") as file:
        file.write(
            '[limits]\nconcurrent = 1\nstore = "redis://127.0.0.1:6379/0"\nstore_password = "env:STORE_PASSWORD"\n'
        )
    status, out = run(capsys, "--config", config, "--json")
    (told,) = [each for each in json.loads(out)["secrets"] if each["secret"] == "env:STORE_PASSWORD"]
    assert (status, told["for"], told["had"]) == (1, ["the store of limits"], False)
    monkeypatch.setenv("STORE_PASSWORD", "CANARY_p")
    assert run(capsys, "--config", config)[0] == 0

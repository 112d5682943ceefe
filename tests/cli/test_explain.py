"""Why a request goes where it goes, and what would be lost, without a word of it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lethe.cli.main import main

CONFIG = """
[upstreams.anthropic]
[upstreams.local]
dialect = "openai-chat"
base_url = "http://127.0.0.1:8080/v1"
[[routes]]
model = "claude-*"
to = ["local/gemma", "anthropic"]
[[routes]]
model = "loose"
to = ["local"]
losses = "allow"
[[routes]]
model = "strict"
to = ["local"]
"""
CANARY = "canary-7f3a"
PLAIN = {"model": "claude-x", "max_tokens": 5, "messages": [{"role": "user", "content": CANARY}]}
FOREIGN = {
    **PLAIN,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "search_result", "source": CANARY, "title": CANARY, "content": []},
                {"type": "container_upload", "file_id": CANARY},
            ],
        }
    ],
}


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LETHE_CONFIG", raising=False)
    Path("lethe.toml").write_text(CONFIG)


def explained(capsys: pytest.CaptureFixture[str], *words: str, body: Any = None, status: int = 0) -> Any:
    if body is not None:
        Path("body.json").write_text(body if isinstance(body, str) else json.dumps(body))
        words = (*words, "--request", "body.json")
    assert main(["explain", *words, "--json"]) == status
    report = capsys.readouterr().out
    assert main(["explain", *words]) == status
    said = capsys.readouterr()
    assert CANARY not in report + said.out + said.err
    return json.loads(report)


def ways(report: Any) -> list[tuple[str, str, str, str]]:
    return [(a["upstream"], a["model"], a["way"], a["verdict"]) for a in report["attempts"]]


def test_a_route(capsys: pytest.CaptureFixture[str]) -> None:
    report = explained(capsys, "claude-x")
    assert report["rule"] == 'routes[0], model = "claude-*", to local/gemma, anthropic'
    assert ways(report) == [
        ("local", "gemma", "translated", "asked"),
        ("anthropic", "claude-x", "pass-through", "asked"),
    ]
    report = explained(capsys, "claude-x", "--dialect", "openai-chat")
    assert [a["way"] for a in report["attempts"]] == ["pass-through", "translated"]


def test_the_level_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    refusals = [a["verdict"] for a in explained(capsys, "claude-x", "--level", "B")["attempts"]]
    assert refusals == ["asked", "refused: class U6 is refused at level B, which accepts up to U5"]
    assert explained(capsys, "claude-x", "--level", "A1", status=1)["ok"] is False


def test_no_route(capsys: pytest.CaptureFixture[str]) -> None:
    assert ways(explained(capsys, "local/x/y:z")) == [("local", "x/y:z", "translated", "asked")]
    report = explained(capsys, "unheard-of", status=1)
    assert report["refused"].startswith("no route and no upstream serves this model")


def test_a_request_brings_its_model(capsys: pytest.CaptureFixture[str]) -> None:
    report = explained(capsys, body={**PLAIN, "top_k": 4})
    assert report["model"] == "claude-x"
    assert [loss["severity"] for loss in report["attempts"][0]["losses"]] == ["hint"]
    assert report["attempts"][1]["losses"] == []


def test_a_dropped_feature_is_refused_unless_the_route_allows_it(capsys: pytest.CaptureFixture[str]) -> None:
    strict = explained(capsys, "strict", body=FOREIGN, status=1)["attempts"][0]
    assert strict["verdict"] == "refused: 400 translation_loss"
    dropped = [loss["path"] for loss in strict["losses"] if loss["severity"] == "dropped"]
    assert dropped == ["$.messages[0].content[0]", "$.messages[0].content[1]"]
    assert explained(capsys, "loose", body=FOREIGN)["attempts"][0]["verdict"] == "asked"


def test_the_class_with_its_evidence_and_what_the_guard_does(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = explained(capsys, "claude-x", "--level", "A2", status=1)["attempts"]
    assert first["standing"]["why"] == "on this machine; its flags are not verified"
    stands = second["standing"]
    assert (stands["class"], stands["evidence"], stands["surface"]) == ("U6", "published_default", "anthropic.messages")
    assert stands["until"] == stands["review_ends"]
    assert [row["by"] for row in stands["better_by"]] == ["contract zdr"]
    rows = {row["path"]: (row["action"], row["to"]) for row in second["guard"]}
    assert rows["$.metadata.user_id"] == ("pseudonym", None)
    assert rows["$.**.cache_control.ttl"] == ("replace", "5m")
    assert rows["$.mcp_servers"] == ("refuse", None)
    assert main(["explain", "claude-x", "--level", "A2"]) == 1
    said = capsys.readouterr().out
    assert 'replace to "5m": $.cache_control.ttl, $.**.cache_control.ttl' in said
    assert "class U6 by published_default, until 20" in said
    assert "class U5 by assumption, until further notice: on this machine; its flags are not verified" in said
    assert "register: generic.chat\n" in said
    assert "days left)" in said


FIELDS = [
    ("user_id", "B", ["$.metadata.user_id"], ""),
    ("max_tokens", "B", [], "max_tokens: known, and passes"),
    ("frobnicate", "B", [], "frobnicate: unknown: refused"),
    ("frobnicate", "C", [], "frobnicate: unknown: passes at level C"),
]


@pytest.mark.parametrize(("field", "level", "paths", "said"), FIELDS)
def test_one_field(field: str, level: str, paths: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    attempt = explained(capsys, "claude-x", "--level", level, "--field", field)["attempts"][1]
    assert ([row["path"] for row in attempt["guard"]], attempt["field"]) == (paths, said)


def test_a_request_that_the_guard_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    body = {**PLAIN, "mcp_servers": [{"url": CANARY}], CANARY: 1, "tools": [{"type": CANARY, "name": "x"}]}
    Path("lethe.toml").write_text('[upstreams.x]\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"')
    attempts = explained(capsys, "--level", "B", body=body, status=1)["attempts"]
    assert attempts[0]["verdict"] == "refused: 400 retention_refused: $, $.mcp_servers, $.tools[0].type"


BAD = [
    ("{", "the request would be refused: 400 invalid_request"),
    (json.dumps({**PLAIN, "thread": {"type": "create"}}), "thread_unsupported_request"),
    (json.dumps({"messages": []}), "name a model"),
]


@pytest.mark.parametrize(("body", "error"), BAD)
def test_requests_that_go_nowhere(body: str, error: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = explained(capsys, body=body, status=2 if error == "name a model" else 1)
    assert error in report["error"]


def test_files_that_cannot_be_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["explain", "claude-x", "--request", "nowhere"]) == 1
    assert "cannot be read: No such file" in capsys.readouterr().err
    Path("lethe.toml").write_text('[server]\nmax_body = "1KiB"\n' + CONFIG)
    Path("body.json").write_bytes(b" " * 1025)
    assert main(["explain", "claude-x", "--request", "body.json"]) == 1
    assert "larger than server.max_body, 1024 bytes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(json.dumps(PLAIN).encode())))
    assert main(["explain", "--request", "-"]) == 0


def test_a_wrong_level_is_told_the_right_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["explain", "claude-x", "--level", "A9"])
    said = capsys.readouterr().err
    assert "'A2'" in said
    assert "Level." not in said

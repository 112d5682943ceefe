"""What people and programs read of the register."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lethe.cli import register as command
from lethe.cli.main import main
from lethe.config.register import all_surfaces

SURFACES = {surface.id: surface for surface in all_surfaces()}
CHAT = SURFACES["openai.chat"]


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test processes that run beside each other are told of one."""
    monkeypatch.delenv("COLUMNS", raising=False)


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(["register", *words]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


def parsed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(said(capsys, *words, "--json"))


def test_the_whole_register(capsys: pytest.CaptureFixture[str]) -> None:
    head, *lines = said(capsys).splitlines()
    assert head.split("  ")[0] == "surface"
    assert [line.split()[0] for line in lines] == list(SURFACES)
    (line,) = [line for line in lines if line.startswith("openai.chat ")]
    for part in ("U6", "U3 account, U4 contract", CHAT.expires.isoformat(), CHAT.sources[0].read.isoformat(),
                 "https://developers.openai.com/api/docs/guides/your-data", "csam_hits_kept"):  # fmt: skip
        assert part in line


def test_a_provider(capsys: pytest.CaptureFixture[str]) -> None:
    _, *lines = said(capsys, "anthropic").splitlines()
    assert [line.split()[0] for line in lines] == ["anthropic.count_tokens", "anthropic.messages"]


@pytest.mark.parametrize("width", [80, 120, 400])
def test_the_whole_register_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = said(capsys).splitlines()
    assert max(map(len, lines)) <= width
    assert set(SURFACES) <= {line.split()[0] for line in lines if line}
    assert lines[0].split("  ")[0] == "surface"
    assert ("read" in lines[0].split(), "source" in lines[0].split()) == (width >= 120, width >= 400)
    assert ("not shown: " in lines[-1]) is (width < 400)


@pytest.mark.parametrize("surface", ["openrouter.chat", "openai.responses", "groq.chat"])
def test_a_surface_fits_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, surface: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = said(capsys, surface)
    assert max(map(len, text.splitlines())) <= 80
    told = " ".join(text.split())
    assert all(row.path in told and row.because in told and row.instead in told for row in SURFACES[surface].fields)


def test_rows_that_are_treated_alike_stand_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = said(capsys, "openrouter.chat").splitlines()
    at = next(n for n, line in enumerate(lines) if line.endswith(" trace"))
    assert lines[at].split() == [*["strip"] * 4, "trace"]
    assert [line.strip() for line in lines[at + 1 : at + 5]] == [
        *("metadata", "session_id", "debug"),
        "(goes to observability and rankings)",
    ]


BETTER = [
    ("bedrock.chat", "U2 by bedrock.data_retention and bedrock.invocation_logging"),
    ("vertex.generate", "U3 by vertex.cache_config with contract abuse-monitoring-exception"),
    ("azure.chat", "U4 by contract zdr or contract modified-abuse-monitoring"),
    ("fireworks.chat", "U5 by published default"),
    ("groq.chat", "U5 by your word"),
    ("vllm.chat", "U0 by vllm.flags"),
]


@pytest.mark.parametrize(("surface", "text"), BETTER)
def test_what_lifts_the_class(capsys: pytest.CaptureFixture[str], surface: str, text: str) -> None:
    assert f"better: {text}: " in said(capsys, surface)


def test_a_surface(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "openai.responses")
    lines = text.splitlines()
    assert lines[0] == "openai.responses: OpenAI Responses"
    assert "class U6: keeps abuse-monitoring logs up to 30 days" in lines
    assert [line.split()[:5] for line in lines if line.startswith("store ")] == [["store", *["force"] * 4]]
    (row,) = [line for line in lines if line.startswith("prompt ")]
    assert row.split()[:5] == ["prompt", "refuse", "refuse", "refuse", "allow"]
    assert "a prompt that the provider stores" in row
    assert row.endswith("send the prompt itself")
    assert "tools[].type = web_search*" in text
    assert "prompt_cache_options for gpt-5.6* | gpt-5.7*" in text
    assert "fields without a row: model, input" in text
    assert "tools without a row: function, custom" in text
    assert "content parts without a row: input_text" in text
    assert "beta tokens without a row: " in said(capsys, "anthropic.messages")


def test_headers_models_and_refusals_of_a_surface(capsys: pytest.CaptureFixture[str]) -> None:
    cloudflare = said(capsys, "cloudflare.chat")
    assert "header cf-aig-collect-log: false (no log entry)" in cloudflare
    assert "model but for openai/* | anthropic/*" in cloudflare
    assert "models *claude-fable*, *claude-mythos*: U6: a Covered Model" in said(capsys, "anthropic.messages")
    assert "refused at A2: retention is undefined" in said(capsys, "deepseek.chat")


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys)
    assert [surface["id"] for surface in report] == list(SURFACES)
    (chat,) = parsed(capsys, "openai.chat")
    assert (chat["upstream_class"], chat["dialect"]) == ("U6", "openai-chat")
    assert (chat["reviewed"], chat["expires"]) == (CHAT.reviewed.isoformat(), CHAT.expires.isoformat())
    assert chat["days_left"] == (CHAT.expires - datetime.now(UTC).date()).days
    assert [row["upstream_class"] for row in chat["evidence"]] == ["U3", "U4"]
    store = next(row for row in chat["fields"] if row["path"] == "store")
    assert store["actions"] == dict.fromkeys(("A1", "A2", "B", "C"), "force")
    assert (store["value"], store["lowers"]) == (False, None)
    assert {row["lowers"] for row in chat["fields"]} == {None, "U6"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("anthropc", "did you mean anthropic?"),
        ("openai.chats", "did you mean openai.chat?"),
        ("zzz", "lethe register names all"),
        ("../openai", ""),
        ("openai.*", ""),
    ],
)
def test_an_unknown_name_is_one_line(capsys: pytest.CaptureFixture[str], name: str, hint: str) -> None:
    text = said(capsys, name, status=2)
    assert text.startswith("lethe register: no such provider or surface (")
    assert text.count("\n") == 1
    assert hint in text


@pytest.mark.parametrize(
    ("today", "text"),
    [
        (CHAT.reviewed, "90 days"),
        (CHAT.expires, "0 days"),
        (CHAT.expires + timedelta(days=1), "ended"),
    ],
)
def test_what_is_left_of_a_review(today: date, text: str) -> None:
    assert command._left(CHAT, today) == text

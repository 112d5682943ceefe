"""The real Claude Code, headless, through Lethe: a turn with a tool call, to every upstream."""

import json
import mmap
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from tests.clients.conftest import ASKING, Way
from tests.clients.npm import environment, install, run
from tests.e2e.served import lethe

from lethe.config.register import all_surfaces
from lethe.ir.content import Dialect
from lethe.upstream.fake import FakeThread, Recorded, Script
from lethe.upstream.fake.model import Model
from lethe.upstream.fake.said import Called, Said, say

FOLDER = Path(__file__).parent / "claude_code"
LIMIT = 90.0  # seconds; a turn takes two
BILLING = "x-anthropic-billing-header"
TURNS = {
    Dialect.ANTHROPIC: "messages",
    Dialect.OPENAI_CHAT: "messages",
    Dialect.OPENAI_RESPONSES: "input",
    Dialect.GEMINI: "contents",
    Dialect.CONVERSE: "messages",
}
SEALED = "c2VhbGVkIHRob3VnaHQ="
COMMAND = "echo tool-said-$((6 * 7)) | tee ran.txt"
QUIET = {  # nothing but the model is asked
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "DISABLE_TELEMETRY": "1",
    "IS_SANDBOX": "1",
    # Whatever asks for another host anyway meets a closed port.
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(scope="session")
def claude() -> Path:
    return next((install(FOLDER) / "@anthropic-ai").glob("claude-code-*/claude"))


def turn(claude: Path, way: Way, folder: Path, *options: str, **environ: str) -> dict[str, Any]:
    """One headless turn in an empty folder; what Claude Code reports about it."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    settings = environment(home, ANTHROPIC_BASE_URL=way.url, ANTHROPIC_AUTH_TOKEN="caller-key", **QUIET, **environ)
    command = [str(claude), "-p", "run the command", "--model", way.model, "--output-format", "json", *options]
    done = run(command, work, settings, LIMIT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def agent(way: Way) -> Model:
    arguments = json.dumps({"command": COMMAND, "description": "Say something"})
    return Model(way.dialect, tool="Bash", arguments=arguments, marker="the-end")


def statuses(way: Way) -> list[int]:
    """Of Lethe's answers to bodies of a size that only a whole Claude Code sends."""
    return [event["status"] for event in way.lethe.events if event["request_bytes"] > 40_000]


def test_a_turn_with_a_tool_call(any_way: Way, claude: Path, tmp_path: Path) -> None:
    way = any_way
    before = len(statuses(way))
    way.answer(agent(way))
    report = turn(claude, way, tmp_path, "--allowedTools", "Bash")
    assert (tmp_path / "work" / "ran.txt").read_text() == "tool-said-42\n"
    assert (report["is_error"], report["num_turns"]) == (False, 2)
    assert report["result"].startswith("the-end tool-said-42")
    assert report["usage"]["output_tokens"] == 14
    first, second = way.asked
    assert len(second.json()[TURNS[way.dialect]]) > len(first.json()[TURNS[way.dialect]])
    way.lethe.until(lambda: len(statuses(way)) >= before + 2)
    assert statuses(way)[before:] == [200, 200]
    match way.name:
        case "anthropic":
            passed_through(first)
        case "invoke":
            invoked(first)
        case "openai-responses":
            to_responses(first, second)
        case "openai-chat":
            translated(first, second)
        case _:
            assert BILLING not in first.body.decode()
            assert first.header("anthropic-beta") is None
            assert second.body.count(b"tool-said-42") >= 1


def passed_through(first: Recorded) -> None:
    body = first.json()
    assert body["system"][0]["text"].startswith(BILLING)
    assert {"context_management", "metadata", "output_config", "thinking"} <= body.keys()
    assert len((first.header("anthropic-beta") or "").split(",")) >= 5
    assert first.query == "beta=true"


def invoked(first: Recorded) -> None:
    """The beta tokens stand in the body there."""
    body = first.json()
    assert {"context_management", "output_config", "thinking"} <= body.keys()
    assert not {"model", "stream"} & body.keys()
    assert len(body["anthropic_beta"]) >= 1
    assert first.header("anthropic-beta") is None
    assert (first.header("authorization") or "").startswith("AWS4-HMAC-SHA256 Credential=AKIDFAKE/")


def to_responses(first: Recorded, second: Recorded) -> None:
    body = first.json()
    assert BILLING not in first.body.decode()
    assert (body["stream"], body["store"]) == (True, False)
    assert "Bash" in [tool["name"] for tool in body["tools"]]
    results = [item for item in second.json()["input"] if item["type"] == "function_call_output"]
    assert [(item["call_id"], "tool-said-42" in str(item["output"])) for item in results] == [("toolu_fake_1", True)]


def translated(first: Recorded, second: Recorded) -> None:
    body = first.json()
    assert BILLING not in first.body.decode()
    assert body["stream"] is True
    assert "Bash" in [tool["function"]["name"] for tool in body["tools"]]
    assert body["messages"][0]["role"] in {"system", "developer"}
    results = [message for message in second.json()["messages"] if message["role"] == "tool"]
    assert [(result["tool_call_id"], "tool-said-42" in str(result["content"])) for result in results] == [
        ("toolu_fake_1", True)
    ]
    assert first.header("anthropic-beta") is None


def test_signed_thoughts_go_back_to_whoever_signed_them(any_way: Way, claude: Path, tmp_path: Path) -> None:
    way = any_way
    arguments = json.dumps({"command": COMMAND, "description": "Say something"})
    # It drops the thoughts of answers by another model than it asks. What is translated says what was asked.
    answering = way.model if way.dialect is Dialect.ANTHROPIC else "the-one-that-answered"
    thought = Said(thinking="where?", sealed=SEALED, calls=(Called("toolu_1", "Bash", arguments),), model=answering)
    thinks = way.saying(thought)
    done = way.saying(say("the-end"))
    plain = agent(way)

    def answer(request: Recorded) -> Script:
        if request.method != "POST" or not request.path.endswith(ASKING):
            return plain(request)
        return done(request) if b"tool-said-42" in request.body else thinks(request)

    way.answer(answer)
    report = turn(claude, way, tmp_path, "--allowedTools", "Bash")
    assert (report["is_error"], report["result"]) == (False, "the-end")
    second = way.asked[-1].body.decode()
    if way.dialect is Dialect.OPENAI_CHAT:
        assert SEALED not in second
    else:
        assert f'"{SEALED}"' in second


def test_overloaded_once_is_retried(way: Way, claude: Path, tmp_path: Path) -> None:
    model = agent(way)
    fail = [way.error(529, "Overloaded", ("retry-after", "0"))]

    def answer(request: Recorded) -> Script:
        return fail.pop() if fail and request.method == "POST" else model(request)

    way.answer(answer)
    report = turn(claude, way, tmp_path, "--bare", "--tools", "")
    assert (report["is_error"], report["result"].split()[0]) == (False, "the-end")
    assert len(way.asked) == 2


class Guarded(Struct, frozen=True, eq=False):
    """A way at a level, to an upstream that counts as Anthropic under a contract."""

    way: Way
    level: str


@pytest.fixture(params=["B", "A2"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    contract = [
        "[upstreams.claude.contract]",
        'kind = "zdr"',
        f"expires = {datetime.now(UTC).date() + timedelta(days=30)}",
    ]
    with FakeThread() as fake:
        config = "\n".join(
            [
                '[retention]', f'level = "{request.param}"', 'accept_unenforced = ["landlock", "landlock-net"]',
                '[upstreams.claude]', 'provider = "anthropic"', 'dialect = "anthropic"', f'base_url = "{fake.url}"',
                'api_key = "env:FAKE_KEY"', *contract,
            ]
        )  # fmt: skip
        folder = tmp_path / "lethe"
        folder.mkdir()
        with lethe(folder, config) as served:
            yield Guarded(Way(Dialect.ANTHROPIC, fake, served), request.param)


def test_a_turn_where_something_is_promised(guarded: Guarded, claude: Path, tmp_path: Path) -> None:
    """Nothing that Claude Code sends is refused under a contract; its ids go out under other names."""
    way = guarded.way
    way.answer(agent(way))
    report = turn(claude, way, tmp_path, "--allowedTools", "Bash")
    assert (report["is_error"], report["num_turns"]) == (False, 2)
    assert report["result"].startswith("the-end tool-said-42")
    assert way.lethe.stdout == []
    first, second = way.asked
    passed_through(first)
    users = {request.json()["metadata"]["user_id"] for request in (first, second)}
    assert {user[:6] for user in users} == {"lethe-"}
    assert all(user.isascii() and len(user) == 38 for user in users)
    cached = first.body.decode().count('"ttl":"1h"')
    assert cached == 0 or guarded.level == "B"
    assert first.header("x-claude-code-session-id") is None
    assert "claude-cli" not in str(first.headers)


def test_what_it_sends_behind_flags_where_something_is_promised(guarded: Guarded, claude: Path, tmp_path: Path) -> None:
    way = guarded.way
    way.answer(Model(way.dialect, tool="none", arguments="{}", marker="the-end"))
    hint = json.dumps({"context_hint": {"enabled": True}})
    flags = "context-hint-2026-04-09,cache-keepalive-2026-09-03"
    assert turn(claude, way, tmp_path, ANTHROPIC_BETAS=flags, CLAUDE_CODE_EXTRA_BODY=hint)["result"] == "the-end"
    (asked,) = way.asked
    passed_through(asked)
    assert "context_hint" not in asked.json()
    assert not set(flags.split(",")) & set((asked.header("anthropic-beta") or "").split(","))


def test_without_experimental_betas(guarded: Guarded, claude: Path, tmp_path: Path) -> None:
    """What the pages advise where an upstream or the register does not know a beta yet."""
    way = guarded.way
    way.answer(agent(way))
    report = turn(claude, way, tmp_path, "--allowedTools", "Bash", CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS="1")
    assert report["result"].startswith("the-end tool-said-42")
    plain = {"claude-code-20250219", "interleaved-thinking-2025-05-14", "effort-2025-11-24"}
    for asked in way.asked:
        assert set((asked.header("anthropic-beta") or "").split(",")) <= plain
        assert not {"context_management", "safeguards"} & asked.json().keys()


ELSEWHERE = {  # tokens that no request has which goes to another host than its vendor's, or that is one of Messages
    "ccr-byoc-2025-07-29", "environments-2025-11-01", "mcp-servers-2025-12-04", "program-use-case-ids-2026-09-17",
    "tool-provenance-2026-10-26", "web-search-results-only-2026-11-15",
}  # fmt: skip


def test_the_register_speaks_of_every_token_that_it_has(claude: Path) -> None:
    """A new version with a token that nobody has judged fails here, before it fails at somebody's."""
    with claude.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as code:
        found = {match[1].decode() for match in re.finditer(rb'\("[a-z_]+","([a-z0-9-]+-20\d\d-\d\d-\d\d)"\)', code)}
    (surface,) = (each for each in all_surfaces() if each.id == "anthropic.messages")
    assert len(found) > 40
    assert found - {*surface.known.betas, *(rule.token for rule in surface.betas)} == ELSEWHERE


def test_its_auto_mode_where_something_is_promised(guarded: Guarded, claude: Path, tmp_path: Path) -> None:
    """The check of tool calls that it asks the provider for arrives together with its beta token."""
    way = guarded.way
    way.answer(Model(way.dialect, tool="none", arguments="{}", marker="the-end"))
    assert turn(claude, way, tmp_path, "--permission-mode", "auto")["result"] == "the-end"
    (asked,) = way.asked
    assert [check["type"] for check in asked.json()["safeguards"]] == ["dangerous_tool_use"]
    assert "dangerous-tool-use-" in (asked.header("anthropic-beta") or "")

"""The real Codex, headless, through Lethe: a turn with a shell call, to an upstream of each dialect."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Way
from tests.clients.npm import environment, install, run
from tests.e2e.served import lethe, route

from lethe.ir.content import Dialect
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.model import CALL_ID, Model

FOLDER = Path(__file__).parent / "codex"
LIMIT = 60.0  # seconds; a turn takes one
COMMAND = "echo tool-said-$((6 * 7)) | tee ran.txt"
# Its own sandbox needs rights that a container does not give. Searching is a tool that OpenAI alone runs.
CONFIG = """
model = "{model}"
model_provider = "lethe"
web_search = "disabled"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[model_providers.lethe]
name = "Lethe"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "LETHE_KEY"
http_headers = {{ "x-lethe-level" = "{level}" }}
"""


@pytest.fixture(scope="session")
def codex() -> Path:
    return next((install(FOLDER) / "@openai").glob("codex-*/vendor/*/bin/codex"))


def turn(codex: Path, way: Way, folder: Path, level: str = "C", model: str = "") -> list[dict[str, Any]]:
    """One headless turn in an empty folder; the events that Codex reports."""
    done = run_with(codex, folder, CONFIG.format(model=model or way.model, url=way.url, level=level))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return told(done)


def run_with(codex: Path, folder: Path, config: str) -> "subprocess.CompletedProcess[str]":
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(config)
    # Whatever asks for another host meets a closed port.
    closed = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    settings = environment(home, CODEX_HOME=str(home), LETHE_KEY="caller-key", **closed)
    return run([str(codex), "exec", "--skip-git-repo-check", "--json", "run the command"], work, settings, LIMIT)


def told(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


SOL = "gpt-6-sol"  # for which Codex declares its tools within the conversation
MODELS = {Dialect.ANTHROPIC: "claude-*", Dialect.OPENAI_CHAT: "gpt-*", Dialect.OPENAI_RESPONSES: "codex-*"}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Dialect, Way]]:
    """Upstreams on this machine that are good enough for A2."""
    with FakeThread() as first, FakeThread() as second, FakeThread() as third:
        fakes = {Dialect.ANTHROPIC: first, Dialect.OPENAI_CHAT: second, Dialect.OPENAI_RESPONSES: third}
        config = ['[retention]\naccept_classes = ["U5"]\n']
        for dialect, fake in fakes.items():
            base = fake.url if dialect is Dialect.ANTHROPIC else f"{fake.url}/v1"
            config.append(f'[upstreams.{dialect}]\ndialect = "{dialect}"\nbase_url = "{base}"\n')
            config.append(route(MODELS[dialect], str(dialect)))
        config.insert(1, route(SOL, str(Dialect.OPENAI_RESPONSES)))
        with lethe(tmp_path_factory.mktemp("strict"), "\n".join(config)) as served:
            yield {dialect: Way(dialect, fake, served) for dialect, fake in fakes.items()}


def test_a_turn_with_a_tool_call(any_way: Way, codex: Path, tmp_path: Path) -> None:
    complete(any_way, codex, tmp_path, "C")


@pytest.mark.parametrize("dialect", list(MODELS))
@pytest.mark.parametrize("level", ["B", "A2"])
def test_a_turn_at_a_strict_level(
    strict: dict[Dialect, Way], codex: Path, tmp_path: Path, level: str, dialect: Dialect
) -> None:
    strict[dialect].fake.forget()
    complete(strict[dialect], codex, tmp_path, level)


@pytest.mark.parametrize("level", ["B", "A2"])
def test_tools_within_the_conversation_at_a_strict_level(
    strict: dict[Dialect, Way], codex: Path, tmp_path: Path, level: str
) -> None:
    way = strict[Dialect.OPENAI_RESPONSES]
    way.fake.forget()
    way.answer(Model(way.dialect, tool="none", arguments="{}", marker="the-end"))
    assert turn(codex, way, tmp_path, level, SOL)[-1]["type"] == "turn.completed"
    (asked,) = [request for request in way.fake.requests if request.method == "POST"]
    assert "additional_tools" in [item["type"] for item in asked.json()["input"]]


@pytest.mark.parametrize("level", ["B", "A2"])
def test_its_own_search_is_refused_with_the_setting_that_ends_it(
    strict: dict[Dialect, Way], codex: Path, tmp_path: Path, level: str
) -> None:
    way, off = strict[Dialect.OPENAI_RESPONSES], 'web_search = "disabled"'
    way.fake.forget()
    config = CONFIG.format(model=way.model, url=way.url, level=level).replace(f"{off}\n", "")
    failed = told(run_with(codex, tmp_path, config))[-1]
    assert failed["type"] == "turn.failed"
    assert off in json.loads(failed["error"]["message"])["error"]["message"]
    assert [request for request in way.fake.requests if request.method == "POST"] == []


def complete(way: Way, codex: Path, tmp_path: Path, level: str) -> None:
    way.answer(Model(way.dialect, tool="exec_command", arguments=json.dumps({"cmd": COMMAND}), marker="the-end"))
    events = turn(codex, way, tmp_path, level)
    assert (tmp_path / "work" / "ran.txt").read_text() == "tool-said-42\n"
    said = [e["item"]["text"] for e in events if e.get("item", {}).get("type") == "agent_message"]
    assert len(said) == 1
    assert said[0].startswith("the-end")
    assert "tool-said-42" in said[0]
    assert events[-1]["type"] == "turn.completed"
    assert (events[-1]["usage"]["input_tokens"], events[-1]["usage"]["output_tokens"]) == (32, 14)
    first, second = [request for request in way.fake.requests if request.method == "POST"]
    assert CALL_ID in second.body.decode() or way.dialect is Dialect.GEMINI  # which gives calls no ids
    if way.dialect is Dialect.OPENAI_RESPONSES:
        body = first.json()
        assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
        assert body.get("prompt_cache_key", "lethe-").startswith("lethe-")  # at A2 there is none
    assert b"installation_id" not in first.body
    assert "codex" not in str([value for name, value in first.headers if name != "host"])


def test_a_tool_of_a_group_finds_back(any_way: Way, codex: Path, tmp_path: Path) -> None:
    """Its helpers are tools in a group, which only OpenAI has; an id of none is answered by Codex itself."""
    way = any_way
    if way.dialect is Dialect.OPENAI_RESPONSES:
        pytest.skip("the group passes as it is")
    arguments = json.dumps({"target": "00000000-0000-7000-8000-000000000000"})
    way.answer(Model(way.dialect, tool="multi_agent_v1__close_agent", arguments=arguments, marker="the-end"))
    events = turn(codex, way, tmp_path)
    assert events[-1]["type"] == "turn.completed"
    (said,) = [e["item"]["text"] for e in events if e.get("item", {}).get("type") == "agent_message"]
    assert "unsupported" not in said
    assert "agent with id" in said

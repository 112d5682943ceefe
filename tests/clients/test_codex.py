"""The real Codex, headless, through Lethe: a turn with a shell call, to an upstream of each dialect."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Way
from tests.clients.npm import environment, install, run

from lethe.ir.content import Dialect
from lethe.upstream.fake.model import CALL_ID, Model

FOLDER = Path(__file__).parent / "codex"
LIMIT = 60.0  # seconds; a turn takes one
COMMAND = "echo tool-said-$((6 * 7)) | tee ran.txt"
# Its own sandbox needs rights that a container does not give. Searching and helpers are tools of OpenAI's alone.
CONFIG = """
model = "{model}"
model_provider = "lethe"
web_search = "disabled"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[agents]
enabled = false

[model_providers.lethe]
name = "Lethe"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "LETHE_KEY"
"""


@pytest.fixture(scope="session")
def codex() -> Path:
    return next((install(FOLDER) / "@openai").glob("codex-*/vendor/*/bin/codex"))


def turn(codex: Path, way: Way, folder: Path) -> list[dict[str, Any]]:
    """One headless turn in an empty folder; the events that Codex reports."""
    home, work = folder / "home", folder / "work"
    home.mkdir()
    work.mkdir()
    (home / "config.toml").write_text(CONFIG.format(model=way.model, url=way.url))
    # Whatever asks for another host meets a closed port.
    closed = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    settings = environment(home, CODEX_HOME=str(home), LETHE_KEY="caller-key", **closed)
    done = run([str(codex), "exec", "--skip-git-repo-check", "--json", "run the command"], work, settings, LIMIT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_a_turn_with_a_tool_call(every_way: Way, codex: Path, tmp_path: Path) -> None:
    way = every_way
    way.answer(Model(way.dialect, tool="exec_command", arguments=json.dumps({"cmd": COMMAND}), marker="the-end"))
    events = turn(codex, way, tmp_path)
    assert (tmp_path / "work" / "ran.txt").read_text() == "tool-said-42\n"
    said = [e["item"]["text"] for e in events if e.get("item", {}).get("type") == "agent_message"]
    assert len(said) == 1
    assert said[0].startswith("the-end")
    assert "tool-said-42" in said[0]
    assert events[-1]["type"] == "turn.completed"
    assert (events[-1]["usage"]["input_tokens"], events[-1]["usage"]["output_tokens"]) == (32, 14)
    first, second = [request for request in way.fake.requests if request.method == "POST"]
    assert CALL_ID in second.body.decode()
    if way.dialect is Dialect.OPENAI_RESPONSES:
        body = first.json()
        assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
        assert body["prompt_cache_key"].startswith("lethe-")
    assert b"installation_id" not in first.body
    assert "codex" not in str([value for name, value in first.headers if name != "host"])

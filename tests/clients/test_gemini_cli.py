"""The real Gemini CLI, headless, through Lethe: a turn with a shell call, to every upstream."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import Way
from tests.clients.npm import environment, install, node, run

from lethe.ir.content import Dialect
from lethe.upstream.fake.model import Model

FOLDER = Path(__file__).parent / "gemini_cli"
LIMIT = 90.0  # seconds; a turn takes four
COMMAND = "printf 'tool-said-%d\\n' 0x2A | tee ran.txt"  # it refuses to run substitutions
SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
}


@pytest.fixture(scope="session")
def cli() -> Path:
    return install(FOLDER) / "@google" / "gemini-cli" / "bundle" / "gemini.js"


def turn(cli: Path, way: Way, folder: Path) -> dict[str, Any]:
    """One headless turn in an empty folder; what Gemini CLI reports about it."""
    home, work = folder / "home", folder / "work"
    (home / ".gemini").mkdir(parents=True)
    work.mkdir()
    (home / ".gemini" / "settings.json").write_text(json.dumps(SETTINGS))
    settings = environment(
        home,
        GOOGLE_GEMINI_BASE_URL=way.url,
        GEMINI_API_KEY="caller-key",
        GEMINI_CLI_TRUST_WORKSPACE="true",
        # Whatever asks for another host meets a closed port.
        HTTPS_PROXY="http://127.0.0.1:9",
        NO_PROXY="127.0.0.1",
    )
    program, _ = node()
    command = [program, str(cli), "-m", way.model, "--yolo", "--output-format", "json", "-p", "run the command"]
    done = run(command, work, settings, LIMIT)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_a_turn_with_a_tool_call(any_way: Way, cli: Path, tmp_path: Path) -> None:
    way = any_way
    arguments = json.dumps({"command": COMMAND, "description": "Say something"})
    way.answer(Model(way.dialect, tool="run_shell_command", arguments=arguments, marker="the-end"))
    report = turn(cli, way, tmp_path)
    assert (tmp_path / "work" / "ran.txt").read_text() == "tool-said-42\n"
    assert report["response"].startswith("the-end")
    assert "tool-said-42" in report["response"]
    assert report["stats"]["tools"]["byName"]["run_shell_command"]["success"] == 1
    first, second = way.asked
    counted = [model["tokens"] for model in report["stats"]["models"].values()]
    assert [(tokens["prompt"], tokens["candidates"], tokens["cached"]) for tokens in counted] == [(32, 14, 10)]
    if way.dialect is Dialect.GEMINI:
        passed_through(first.json(), second.json())
    assert "gemini-cli" not in str([value for name, value in first.headers if name != "host"]).lower()
    assert len(second.body) > len(first.body)


def passed_through(first: dict[str, Any], second: dict[str, Any]) -> None:
    """With the thought's signature on the call, as it came."""
    assert {"contents", "generationConfig", "systemInstruction", "tools"} <= first.keys()
    calls = [part for content in second["contents"] for part in content["parts"] if "functionCall" in part]
    assert [part["thoughtSignature"] for part in calls] == ["c2lnbmF0dXJl"]

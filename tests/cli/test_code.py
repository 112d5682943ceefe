"""`lethe code` becomes Claude Code with the right environment, or says in one line why not."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lethe.cli.code import answers, environment
from lethe.cli.main import main
from lethe.cli.output import UsageFault

URL = "http://127.0.0.1:3456"


@pytest.fixture
def server() -> Iterator[str]:
    """Something that is alive."""

    class Alive(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Alive) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


ENVIRONMENTS: list[tuple[dict[str, str], str | None, dict[str, str]]] = [
    ({}, None, {"ANTHROPIC_AUTH_TOKEN": "none"}),
    ({"ANTHROPIC_API_KEY": "own"}, None, {"ANTHROPIC_API_KEY": "own"}),
    ({"ANTHROPIC_AUTH_TOKEN": "own"}, None, {"ANTHROPIC_AUTH_TOKEN": "own"}),
    ({"K": "key", "ANTHROPIC_API_KEY": "own"}, "K", {"K": "key", "ANTHROPIC_AUTH_TOKEN": "key"}),
]


@pytest.mark.parametrize(("ours", "key_env", "expected"), ENVIRONMENTS)
def test_environments(ours: dict[str, str], key_env: str | None, expected: dict[str, str]) -> None:
    assert environment(URL, key_env, ours) == {**expected, "ANTHROPIC_BASE_URL": URL}


def test_a_key_that_is_not_there() -> None:
    with pytest.raises(UsageFault, match="not set"):
        environment(URL, "K", {})


def test_it_prints_what_a_shell_needs_and_no_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-canary")
    monkeypatch.setenv("LETHE_PORT", "8080")
    assert main(["code", "--print-env", "--key-env", "MY_KEY"]) == 0
    assert (
        capsys.readouterr().out
        == 'export ANTHROPIC_BASE_URL=http://127.0.0.1:8080\nexport ANTHROPIC_AUTH_TOKEN="$MY_KEY"\n'
    )
    assert main(["code", "--print-env", "--json", "--url", "https://h/p/"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ANTHROPIC_BASE_URL": "https://h/p", "ANTHROPIC_AUTH_TOKEN": "none"}
    assert main(["code", "--print-env", "--key-env", "X;rm"]) == 2
    assert main(["code", "--print-env", "--url", "h;rm"]) == 2
    shell = subprocess.run(
        ["/bin/sh", "-c", f'eval "$({sys.executable} -m lethe.cli.main code --print-env --key-env MY_KEY)"; echo "$ANTHROPIC_AUTH_TOKEN"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert shell.stdout == "sk-canary\n"


def test_is_it_alive(server: str) -> None:
    assert answers(server)
    assert not answers(server + "/elsewhere")
    assert not answers("http://127.0.0.1:9")


def test_without_claude_or_a_server_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["code"]) == 1
    assert "npm install -g @anthropic-ai/claude-code" in capsys.readouterr().err
    fake_claude(tmp_path)
    assert main(["code", "--url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err == "lethe code: nothing answers at http://127.0.0.1:9; start it with: lethe serve\n"


def test_it_becomes_claude(server: str, tmp_path: Path) -> None:
    fake_claude(tmp_path)
    words = ["--url", server, "--key-env", "K", "-p", "a question", "--", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "lethe.cli.main", "code", *words],
        env={**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "K": "key"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (7, "")
    assert ended.stdout.splitlines() == [server, "key", "-p", "a question", "--json"]


def fake_claude(folder: Path) -> None:
    program = folder / "claude"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$ANTHROPIC_BASE_URL" "$ANTHROPIC_AUTH_TOKEN" "$@"\nexit 7\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)

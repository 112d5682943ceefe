"""Requests full of canaries to a real worker, whose memory is searched for them afterwards."""

import http.client
import json
import secrets
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import trustme
from msgspec import Struct
from tests.e2e.served import route, upstream
from tests.memory.scan import Found, search
from tests.sandbox.rig import PATIENCE, WORKER, Daemon, daemon

from lethe.ir.content import Dialect
from lethe.upstream.fake import FakeThread, Script
from lethe.upstream.fake.replies import document, stream
from lethe.upstream.fake.said import Called, Said
from lethe.upstream.fake.script import Cut, Hang, Head, Send, Step
from lethe.verify.voices import VOICES, voice
from lethe.wire.framing import Framing

AUTHORITY = trustme.CA()
ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI, CONVERSE, INVOKED = Dialect.GEMINI, Dialect.CONVERSE, "invoked"
CALLERS = (ANTHROPIC, CHAT, RESPONSES, GEMINI)
UPSTREAMS = (*CALLERS, CONVERSE, INVOKED)
BEDROCK = ('provider = "bedrock"', 'region = "eu-west-1"', 'auth = "aws"')
AWS = {"AWS_ACCESS_KEY_ID": "AKIDFAKE", "AWS_SECRET_ACCESS_KEY": "fake-secret", "AWS_EC2_METADATA_DISABLED": "true"}
JSON = {"content-type": "application/json"}
SHORT, MIDDLE, LONG = 1, 60, 600  # how often a text is repeated: bodies of about 1 KB, 100 KB and 1 MB
SETTLED = 5.0  # seconds after which nothing may be left


class Tags:
    """What every canary of a run begins with: one for what is asked, another for what is answered."""

    def __init__(self) -> None:
        self.prompt = "ZP" + secrets.token_hex(5)
        self.answer = "ZA" + secrets.token_hex(5)


class Case(Struct, frozen=True, kw_only=True):
    """One request. `ending` is what becomes of its answer."""

    caller: Dialect = ANTHROPIC
    upstream: str = ANTHROPIC
    stream: bool = False
    size: int = SHORT
    ending: str = "whole"  # whole, error, cut, garbage, cancel, refused

    def __str__(self) -> str:
        how = "stream" if self.stream else "whole"
        return f"{self.caller}>{self.upstream} {how} x{self.size} {self.ending}"


def text(tag: str, position: str, size: int) -> str:
    """A text that says where it stood; the larger, the more canaries."""
    return " ".join(f"{tag}-{position}-{n} lorem ipsum dolor" for n in range(size * 40 if size > 1 else 3))


def path(case: Case, tag: str) -> str:
    """Where it is asked; Gemini's callers say the model there, and whether to stream."""
    if case.caller != GEMINI:
        return {ANTHROPIC: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses"}[case.caller]
    method = "streamGenerateContent?alt=sse" if case.stream else "generateContent"
    return f"/v1beta/models/{case.upstream}/{tag}-model:{method}"


def question(case: Case, tag: str) -> dict[str, Any]:
    """Canaries in every position of a body."""
    said = text(tag, "user", case.size)
    arguments = {f"{tag}-key": f"{tag}-argument é", f"{tag}-a-key-of-more-than-thirty-two-bytes": [1, {"n": tag}]}
    schema = {"type": "object", "properties": {f"{tag}-prop": {"type": "string", "enum": [f"{tag}-enum"]}}}
    model = f"{case.upstream}/{tag}-model"
    if case.caller == ANTHROPIC:
        return {
            "model": model,
            "max_tokens": 99,
            "stream": case.stream,
            "system": f"{tag}-system \u2028 \U0001f600",
            "metadata": {"user_id": f"{tag}-metadata"},
            "stop_sequences": [f"{tag}-stop"],
            "tools": [{"name": f"{tag}-tool", "description": f"{tag}-described ☃", "input_schema": schema}],
            "messages": [
                {"role": "user", "content": said},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": f"{tag}-id", "name": f"{tag}-tool", "input": arguments}],
                },
                {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": f"{tag}-id", "content": f"{tag}-result"}],
                },
            ],
        }
    if case.caller == GEMINI:
        tool = {"name": f"{tag}-tool", "description": f"{tag}-described ☃", "parametersJsonSchema": schema}
        called = {"functionCall": {"id": f"{tag}-id", "name": f"{tag}-tool", "args": arguments}}
        result = {"id": f"{tag}-id", "name": f"{tag}-tool", "response": {"result": f"{tag}-result"}}
        return {
            "systemInstruction": {"parts": [{"text": f"{tag}-system ☃ \U0001f600"}]},
            "generationConfig": {"stopSequences": [f"{tag}-stop"]},
            "tools": [{"functionDeclarations": [tool]}],
            "contents": [
                {"role": "user", "parts": [{"text": said}]},
                {"role": "model", "parts": [called]},
                {"role": "user", "parts": [{"functionResponse": result}]},
            ],
        }
    if case.caller == RESPONSES:
        return {
            "model": model,
            "stream": case.stream,
            "instructions": f"{tag}-system ☃ \U0001f600",
            "user": f"{tag}-metadata",
            "tools": [{"type": "function", "name": f"{tag}-tool", "parameters": schema}],
            "input": [
                {"role": "user", "content": said},
                {
                    "type": "function_call",
                    "call_id": f"{tag}-id",
                    "name": f"{tag}-tool",
                    "arguments": json.dumps(arguments),
                },
                {"type": "function_call_output", "call_id": f"{tag}-id", "output": f"{tag}-result"},
            ],
        }
    function = {"name": f"{tag}-tool", "arguments": json.dumps(arguments)}
    return {
        "model": model,
        "stream": case.stream,
        "user": f"{tag}-metadata",
        "stop": [f"{tag}-stop"],
        "tools": [{"type": "function", "function": {"name": f"{tag}-tool", "parameters": schema}}],
        "messages": [
            {"role": "system", "content": f"{tag}-system ☃ \U0001f600"},
            {"role": "user", "content": said},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"{tag}-id", "type": "function", "function": function}],
            },
            {"role": "tool", "tool_call_id": f"{tag}-id", "content": f"{tag}-result"},
        ],
    }


def answer(case: Case, tag: str) -> Script:
    """Canaries in every position of an answer; header and error body too."""
    speaks = voice(ANTHROPIC, Framing.INVOKED) if case.upstream == INVOKED else VOICES[Dialect(case.upstream)]
    said = Said(
        text=tuple(text(tag, "text", case.size).split(" lorem ipsum")),
        thinking=f"{tag}-thinking",
        sealed=f"{tag}-sealed",
        calls=(Called(f"{tag}-call", f"{tag}-tool", json.dumps({f"{tag}-key": f"{tag}-arguments"})),),
        id=f"{tag}-message",
        model=f"{tag}-model",
    )
    opened = Head(200, (("content-type", speaks.kind),))
    whole, frames = document(speaks.whole(said)), stream(speaks.frames(said), opened=opened)
    steps = list(frames if case.stream else whole)
    header = ("x-request-id", f"{tag}-header")
    match case.ending:
        case "error":
            return list(speaks.error(429, f"{tag}-refused", header))
        case "garbage":
            return [Head(200, (header, ("content-type", "application/json"))), Send(f"<{tag}-garbage".encode())]
        case "cut":
            return [*_first_half(steps), Cut()]
        case "cancel":
            return [*(_first_half(steps) if case.stream else ()), Hang()]
        case _:
            return [Head(s.status, (*s.headers, header)) if isinstance(s, Head) else s for s in steps]


def _first_half(steps: list[Step]) -> list[Step]:
    *before, last = steps[: len(steps) // 2 + 1]
    return [*before, Send(last.data[: len(last.data) // 2]) if isinstance(last, Send) else last]


class Caller:
    """Connections to Lethe that stay open, as clients' do."""

    def __init__(self, url: str) -> None:
        self._where = urlsplit(url)
        self._context = ssl.create_default_context()
        AUTHORITY.configure_trust(self._context)
        self._connections: list[http.client.HTTPConnection] = []

    def connect(self) -> http.client.HTTPConnection:
        port = self._where.port
        if self._where.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                "localhost", port, timeout=PATIENCE, context=self._context
            )
        else:
            made = http.client.HTTPConnection(self._where.hostname or "", port, timeout=PATIENCE)
        self._connections.append(made)
        return made

    def ask(self, case: Case, tags: Tags, over: http.client.HTTPConnection | None = None) -> int:
        """One request and its answer, or as much of that as the case wants. Returns the status."""
        connection = over or self.connect()
        headers = {
            **JSON,
            "x-canary": f"{tags.prompt}-header",
            "x-api-key": f"{tags.prompt}-x-api-key",
            "cookie": f"{tags.prompt}-cookie",
        }
        target = path(case, tags.prompt)
        if case.ending == "refused":
            target += f"{'&' if '?' in target else '?'}q={tags.prompt}-query"
        connection.request("POST", target, json.dumps(question(case, tags.prompt)), headers)
        if case.ending == "cancel" and not case.stream:
            time.sleep(0.2)
            connection.close()
            return 0
        reply = connection.getresponse()
        if case.ending == "cancel":
            reply.readline()
            connection.close()
            reply.close()
            return 0
        try:
            reply.read()
        except http.client.IncompleteRead:
            connection.close()
        return reply.status

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


class Rig:
    """A running Lethe with one worker, between scripted upstreams and callers."""

    def __init__(self, lethe: Daemon, fakes: dict[str, FakeThread]) -> None:
        self.lethe = lethe
        self.fakes = fakes
        self.tags = Tags()
        self.caller = Caller(lethe.url.replace("127.0.0.1", "localhost") if "https" in lethe.url else lethe.url)
        (self.pid,) = lethe.running(WORKER)

    def ask(self, case: Case, *, over: http.client.HTTPConnection | None = None) -> int:
        """Asks and answers one case with the canaries of this rig."""
        self.fakes[case.upstream].answer(answer(case, self.tags.answer))
        return self.caller.ask(case, self.tags, over)

    def arrived(self) -> bool:
        """Has anything of a prompt been seen by an upstream? Else nothing is proven."""
        tag = self.tags.prompt.encode()
        return any(tag in request.body for fake in self.fakes.values() for request in fake.requests)

    @contextmanager
    def open_stream(self) -> Iterator[None]:
        """A stream that does not end while this lasts: its question and the answer so far are being worked on."""
        case = Case(stream=True, ending="cancel")
        self.fakes[case.upstream].answer(answer(case, self.tags.answer))
        connection = self.caller.connect()
        connection.request("POST", path(case, self.tags.prompt), json.dumps(question(case, self.tags.prompt)), JSON)
        reply = connection.getresponse()
        try:
            reply.readline()
            yield
        finally:
            connection.close()
            reply.close()

    def found(self) -> list[Found]:
        """Of both, now."""
        return [*search(self.pid, self.tags.prompt), *search(self.pid, self.tags.answer)]

    def left(self, after: float = SETTLED) -> list[Found]:
        """What is found when so many seconds have passed."""
        time.sleep(after)
        return self.found()


def _place(name: str, url: str, *lines: str) -> str:
    """The table of an upstream; what AWS serves is asked with a signature."""
    if name not in (CONVERSE, INVOKED):
        return upstream(name, name, url, *lines)
    table = upstream(name, ANTHROPIC if name == INVOKED else name, url, *BEDROCK, *lines)
    return table.replace('api_key = "env:FAKE_KEY"\n', "")


@contextmanager
def rig(folder: Path, *, tls: bool = False, callers_tls: bool = False, more: str = "") -> Iterator[Rig]:
    """`tls`: towards upstreams."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = AUTHORITY.issue_cert("localhost", "127.0.0.1")
    issued.configure_cert(context)
    AUTHORITY.cert_pem.write_to_path(str(folder / "ca.pem"))
    issued.private_key_pem.write_to_path(str(folder / "key.pem"))
    for n, blob in enumerate(issued.cert_chain_pems):
        blob.write_to_path(str(folder / "cert.pem"), append=n > 0)
    with ExitStack() as stack:
        fakes = {name: stack.enter_context(FakeThread(tls=context if tls else None)) for name in UPSTREAMS}
        trust = (f'ca_file = "{folder / "ca.pem"}"',) if tls else ()
        listener = f'tls_cert = "{folder / "cert.pem"}"\ntls_key = "{folder / "key.pem"}"\n' if callers_tls else ""
        config = "".join(
            [
                "[server]\n" + listener if listener else "",
                *(_place(name, fake.url, *trust) for name, fake in fakes.items()),
                *(route(f"{name}/*", name, lines=('losses = "allow"',)) for name in fakes),
                more,
            ]
        )
        with daemon(folder, config, environ=AWS) as lethe:
            lethe.until("listening on ")
            made = Rig(lethe, fakes)
            try:
                yield made
            finally:
                made.caller.close()

"""One data plane in this process, between scripted upstreams and a client that shows every byte."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from lethe.config.plan import Plan
from lethe.config.register import surfaces_for
from lethe.ir.content import Dialect
from lethe.ledger.events import RequestEvent
from lethe.ledger.pages import Page
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Timeouts, Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Route, Target
from lethe.server.serving import Serving
from lethe.upstream.fake import Fake, Head, Script, Send, openai_responses
from lethe.upstream.fake.said import Said

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
PATH = {ANTHROPIC: "/v1/messages", CHAT: "/v1/chat/completions", RESPONSES: "/v1/responses"}
SSE = (("content-type", "text/event-stream"),)


class Events:
    """A recorder that keeps events, for the test to look at."""

    def __init__(self) -> None:
        self.seen: list[RequestEvent] = []
        self._changed = asyncio.Event()

    def record(self, event: RequestEvent) -> None:
        self.seen.append(event)
        self._changed.set()

    async def one(self) -> RequestEvent:
        """The only event so far, once it is there."""
        async with asyncio.timeout(5):
            while not self.seen:
                await self._changed.wait()
        assert len(self.seen) == 1
        return self.seen[0]


class Reply(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, bytes in and out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        head = {"host": "localhost", "content-length": str(len(body)), **(headers or {})}
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items() if v)]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = raw.rstrip().split("\r\n")
        return int(first.split()[1]), dict(line.split(": ", 1) for line in rest)

    async def chunk(self) -> bytes:
        """One chunk of a chunked body; b"" at its end."""
        size = int(await self.reader.readuntil(b"\r\n"), 16)
        data = await self.reader.readexactly(size + 2)
        return data[:-2]

    async def body(self, headers: dict[str, str]) -> bytes:
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        parts: list[bytes] = []
        while part := await self.chunk():
            parts.append(part)
        return b"".join(parts)

    async def reply(self) -> Reply:
        async with asyncio.timeout(10):
            status, headers = await self.head()
            return Reply(status, headers, await self.body(headers))

    def abort(self) -> None:
        self.writer.transport.abort()


class Rig:
    """`upstreams` are fakes by name; the plan is `plan`."""

    def __init__(self, serving: Serving, port: int, events: Events, plan: Plan, around: "Around") -> None:
        self.serving, self.port, self.events, self.plan, self.around = serving, port, events, plan, around
        self._clients: list[Client] = []

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**24))
        self._clients.append(client)
        return client

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Reply:
        client = await self.client()
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        client.send(method, target, raw, {k.replace("_", "-"): v for k, v in headers.items()})
        return await client.reply()

    def close(self) -> None:
        for client in self._clients:
            client.abort()


def upstream(name: str, fake: Fake | str, dialect: Dialect, **changes: Any) -> Upstream:
    """An upstream at a fake; `base_url` as the vendor's SDK takes it."""
    url = fake if isinstance(fake, str) else fake.url
    made = Upstream(
        name=name,
        dialect=dialect,
        base_url=url + ("" if dialect is ANTHROPIC else "/v1"),
        auth=Auth.X_API_KEY if dialect is ANTHROPIC else Auth.BEARER,
        upstream_class=UpstreamClass.U5,
        credential=f"env:{name.upper()}",
        timeouts=Timeouts(connect=2, first_byte=5, idle=5),
        surfaces=surfaces_for("", "127.0.0.1", dialect, loopback=True),
    )
    return msgspec.structs.replace(made, **changes)


@asynccontextmanager
async def serving(
    upstreams: Sequence[Upstream],
    routes: Sequence[Route] = (),
    clock: Callable[[], float] = time.time,
    **changes: Any,
) -> AsyncIterator[Rig]:
    every = (Route(model="*", to=tuple(Target(n) for n in range(len(upstreams)))),)
    plan = Plan(level=Level.C, upstreams=tuple(upstreams), routes=tuple(routes) or every)
    plan = msgspec.structs.replace(plan, **changes)
    listener = socket.create_server(("127.0.0.1", 0))
    events = Events()
    around = Around(events)
    credentials = {u.credential: secret(u) for u in upstreams if u.credential}
    credentials |= {u.gateway: f"gateway-{u.name}" for u in upstreams if u.gateway}
    served = Serving(plan, credentials, listener, around, clock)
    await served.start()
    rig = Rig(served, listener.getsockname()[1], events, plan, around)
    try:
        yield rig
    finally:
        rig.close()
        await served.drain(0.0)


def secret(upstream: Upstream) -> str:
    """Of a scripted upstream; keys that sign where it is asked as AWS is."""
    text = f"secret-{upstream.name}"
    return msgspec.json.encode(Keys(key_id="ASIA", secret=text)).decode() if upstream.auth is Auth.AWS else text


FAULTS: list[BaseException] = []


class Around:
    """What the worker's process is otherwise. A fault of ours fails the test that sees it (conftest looks here)."""

    def __init__(self, events: Events) -> None:
        self.record = events.record
        self.levels = frozenset(Level)
        self.unattested: list[int] = []

    async def page(self, page: Page) -> bytes:
        return f"lethe_{page} 1\n".encode()

    def fault(self, error: BaseException) -> None:
        FAULTS.append(error)

    def unproven(self, upstream: int) -> None:
        self.unattested.append(upstream)


# Bodies and scripts


def request(dialect: Dialect, *, stream: bool = False, **more: Any) -> dict[str, Any]:
    said = [{"role": "user", "content": "hello"}]
    body: dict[str, Any] = {"model": "m", "input" if dialect is RESPONSES else "messages": said, **more}
    if dialect is ANTHROPIC:
        body["max_tokens"] = 100
    if stream:
        body["stream"] = True
    return body


SAID = Said(text=("good ", "day"), model="m", id="resp_1", input=10, cached=5, output=3)
ANSWER: dict[Dialect, dict[str, Any]] = {
    ANTHROPIC: {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "good day"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 3},
    },
    CHAT: {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "good day"}, "finish_reason": "stop"},
        ],
        "usage": {
            "prompt_tokens": 15,
            "completion_tokens": 3,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
    },
}

ANSWER[RESPONSES] = openai_responses.response(SAID)


def sse(event: dict[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def frames(dialect: Dialect, words: Sequence[str] = ("good ", "day")) -> list[bytes]:
    """A whole stream, one frame each."""
    if dialect is RESPONSES:
        return openai_responses.frames(msgspec.structs.replace(SAID, text=tuple(words)))
    if dialect is ANTHROPIC:
        usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 1}
        message = {**ANSWER[ANTHROPIC], "content": [], "stop_reason": None, "usage": usage}
        return [
            sse({"type": "message_start", "message": message}),
            sse({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            *(
                sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}})
                for w in words
            ),
            sse({"type": "content_block_stop", "index": 0}),
            sse(
                {
                    "type": "message_delta",
                    "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                    "usage": {"output_tokens": 3},
                }
            ),
            sse({"type": "message_stop"}),
        ]

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    usage_chunk = {**chunk({}), "choices": [], "usage": ANSWER[CHAT]["usage"]}
    events = [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": w}) for w in words),
        chunk({}, "stop"),
        usage_chunk,
    ]
    return [*(sse(e) for e in events), b"data: [DONE]\n\n"]


def begun(dialect: Dialect) -> list[bytes]:
    """A stream up to its first words."""
    every = frames(dialect)
    return every[: 1 + next(n for n, frame in enumerate(every) if b"good " in frame)]


def whole(dialect: Dialect, **headers: str) -> Script:
    return json_answer(200, ANSWER[dialect], **headers)


def json_answer(status: int, body: Any, **headers: str) -> Script:
    raw = json.dumps(body).encode()
    named = tuple((k.replace("_", "-"), v) for k, v in headers.items())
    return [
        Head(status, (("content-type", "application/json"), ("content-length", str(len(raw))), *named)),
        Send(raw),
    ]


def streamed(dialect: Dialect, words: Sequence[str] = ("good ", "day")) -> Script:
    return [Head(200, SSE), *(Send(frame) for frame in frames(dialect, words))]


def error_body(dialect: Dialect, kind: str, message: str) -> dict[str, Any]:
    if dialect is ANTHROPIC:
        return {"type": "error", "error": {"type": kind, "message": message}}
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def error_in(reply: Reply, dialect: Dialect) -> dict[str, Any]:
    """The error object of an answer in the caller's dialect."""
    body = reply.json()
    if dialect is ANTHROPIC:
        assert body["type"] == "error"
    error: dict[str, Any] = body["error"]
    assert isinstance(error["message"], str)
    assert isinstance(error["type"], str)
    return error


def data_of(raw: bytes) -> list[Any]:
    """The JSON of every frame."""
    lines = [line for block in raw.split(b"\n\n") for line in block.split(b"\n")]
    return [json.loads(line[6:]) for line in lines if line.startswith(b"data: ") and line != b"data: [DONE]"]

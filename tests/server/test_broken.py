"""Answers that are broken, from every upstream to every caller: a typed error of the caller's dialect, and no content."""

import asyncio
import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    SAID,
    SSE,
    Reply,
    Rig,
    data_of,
    request,
    serving,
    upstream,
)

from lethe.dialects.codec import CODECS
from lethe.ir.content import Dialect
from lethe.ledger.codes import index_of
from lethe.ledger.events import Outcome
from lethe.providers.upstream import Upstream
from lethe.upstream.fake import Close, Fake, Head, Script, Send, Until
from lethe.upstream.fake.model import WIRES
from lethe.wire.eventstream import encode_event, encode_message

GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE
CALLERS = list(CODECS)
TEXT = [ANTHROPIC, CHAT, RESPONSES, GEMINI]  # whose streams are server-sent events
TO_TEXT = [(caller, source) for caller in CALLERS for source in TEXT if caller is not source]
TRANSLATED = [*TO_TEXT, *((caller, CONVERSE) for caller in CALLERS)]
AWS = (("content-type", "application/vnd.amazon.eventstream"),)
WORDS = ("good ", "day")
CANARY = b"CANARY_garbage"
MALFORMED, CUT = "upstream_malformed_reply", "upstream_stream_cut"


def pair(case: tuple[Dialect, Dialect]) -> str:
    return f"{case[0]}<-{case[1]}"


def at(fake: Fake, speaks: Dialect) -> Upstream:
    return upstream("up", fake, speaks, base_url=fake.url + ("/v1" if speaks in (CHAT, RESPONSES) else ""))


def frames(source: Dialect) -> list[bytes]:
    made: list[bytes] = WIRES[source].frames(SAID)
    return made


def begun(source: Dialect) -> list[bytes]:
    """A stream up to its first words."""
    every = frames(source)
    return every[: 1 + next(n for n, frame in enumerate(every) if b"good " in frame)]


def opened(source: Dialect) -> Head:
    return Head(200, AWS if source is CONVERSE else SSE)


def asked(caller: Dialect, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """Path and body."""
    if caller is GEMINI:
        path = "/v1beta/models/m:" + ("streamGenerateContent?alt=sse" if stream else "generateContent")
        return path, {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    return PATH[caller], request(caller, stream=stream)


async def ask(rig: Rig, caller: Dialect, *, stream: bool) -> Reply:
    return await rig.ask("POST", *asked(caller, stream=stream))


async def ask_and_see(rig: Rig, caller: Dialect, seen: asyncio.Event) -> Reply:
    """A streamed answer; `seen` is set when the first words of it are there."""
    client = await rig.client()
    path, body = asked(caller, stream=True)
    client.send("POST", path, json.dumps(body).encode())
    async with asyncio.timeout(20):
        status, headers = await client.head()
        first = b""
        while b"good " not in first:
            first += await client.chunk()
        seen.set()
        return Reply(status, headers, first + await client.body(headers))


def said(reply: Reply, caller: Dialect) -> str:
    """The text of a streamed answer."""
    match caller:
        case Dialect.ANTHROPIC:
            return "".join(
                e["delta"].get("text", "") for e in data_of(reply.body) if e["type"] == "content_block_delta"
            )
        case Dialect.OPENAI_CHAT:
            choices = [c for e in data_of(reply.body) for c in e["choices"]]
            return "".join(c["delta"].get("content") or "" for c in choices)
        case Dialect.OPENAI_RESPONSES:
            return "".join(e["delta"] for e in data_of(reply.body) if e["type"] == "response.output_text.delta")
        case _:
            parts = [p for e in data_of(reply.body) for p in e["candidates"][0]["content"]["parts"]]
            return "".join(p.get("text", "") for p in parts)


def message_of(body: Any, caller: Dialect) -> str:
    """Of an error in the caller's dialect."""
    if caller is ANTHROPIC:
        assert body["type"] == "error"
    error = body.get("error", body)
    assert isinstance(error["message"], str)
    return str(error["message"])


def last_error(reply: Reply, caller: Dialect) -> str:
    """What the stream's last event says."""
    return message_of(data_of(reply.body)[-1], caller)


# Whole answers in odd bytes: they are read nevertheless.
Bytes = Callable[[list[bytes]], Sequence[bytes]]
ODD: dict[str, Bytes] = {
    "a byte order mark": lambda every: [b"\xef\xbb\xbf", *every],
    "CR LF": lambda every: [frame.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for frame in every],
    "CR": lambda every: [frame.replace(b"\r\n", b"\n").replace(b"\n", b"\r") for frame in every],
    "byte by byte": lambda every: [bytes((byte,)) for byte in b"".join(every)],
    "all at once": lambda every: [b"".join(every)],
    "blank lines and comments": lambda every: [b"\n\n: " + CANARY + b"\n\n" + frame for frame in every],
    "ids and retries": lambda every: [b"id: 1\nretry: 10\n" + frame for frame in every],
    "its end twice": lambda every: [*every, every[-1]],
    "all of it twice": lambda every: [*every, *every],
    "events after its end": lambda every: [*every, b"data: {" + CANARY + b"\n\n"],
    "no blank line at its end": lambda every: [*every[:-1], every[-1].rstrip(b"\r\n")],
}
# Gemini marks no end: what follows it belongs to the answer.
ENDLESS = {"its end twice", "all of it twice", "events after its end"}


@pytest.mark.parametrize("case", TO_TEXT, ids=pair)
@pytest.mark.parametrize("name", ODD)
async def test_odd_streams_are_read(name: str, case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    if source is GEMINI and name in ENDLESS:
        return
    async with Fake() as fake, serving([at(fake, source)]) as rig:
        fake.answer([opened(source), *map(Send, ODD[name](frames(source)))])
        reply = await ask(rig, caller, stream=True)
        assert (reply.status, said(reply, caller)) == (200, "good day")
        assert CANARY not in reply.body
        assert (await rig.events.one()).outcome is Outcome.OK


# What breaks a stream that has begun, and what the caller is told.
BREAKS: dict[str, tuple[bytes, str]] = {
    "no JSON": (b'data: {"' + CANARY + b"\n\n", MALFORMED),
    "a number": (b"data: 5\n\n", MALFORMED),
    "a string": (b'data: "' + CANARY + b'"\n\n', MALFORMED),
    "HTML": (b"data: <html>" + CANARY + b"\n\n", MALFORMED),
    "a nest": (b"data: " + b"[" * 100_000 + b"\n\n", MALFORMED),
    "an event of 9 MB": (b"data: " + CANARY * (9 * 1024 * 1024 // len(CANARY)), MALFORMED),
    "an end within an event": (b'data: {"ty', CUT),
    "nothing more": (b"", CUT),
}


@pytest.mark.parametrize("case", TO_TEXT, ids=pair)
@pytest.mark.parametrize("name", BREAKS)
async def test_a_stream_that_breaks(name: str, case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    bad, code = BREAKS[name]
    if name == "an end within an event":
        code = MALFORMED  # at the end of a stream an event needs no blank line
    async with Fake() as fake, serving([at(fake, source)]) as rig:
        seen = asyncio.Event()
        fake.answer([opened(source), *map(Send, begun(source)), Until(seen), *([Send(bad)] if bad else [])])
        reply = await ask_and_see(rig, caller, seen)
        assert reply.status == 200
        assert b"good " in reply.body
        assert "upstream" in last_error(reply, caller)
        assert CANARY not in reply.body
        event = await rig.events.one()
        assert (event.outcome, event.error) == (Outcome.STREAM_FAILED, index_of(code))


def spoilt(frame: bytes, at: int) -> bytes:
    """One bit of a byte flipped."""
    place = at % len(frame)
    return frame[:place] + bytes((frame[place] ^ 1,)) + frame[place + 1 :]


EVENT = encode_event("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"' + CANARY + b'"}}')
AWS_BREAKS: dict[str, tuple[bytes, str]] = {
    "a wrong checksum of a message": (spoilt(EVENT, -1), MALFORMED),
    "a wrong checksum of a length": (spoilt(EVENT, 9), MALFORMED),
    "a wrong length": (spoilt(EVENT, 0), MALFORMED),
    "a wrong payload": (spoilt(EVENT, -10), MALFORMED),
    "half a message": (EVENT[:-9], CUT),
    "half a length": (EVENT[:5], CUT),
    "a message of no kind": (encode_message({":message-type": "other"}, CANARY), MALFORMED),
    "an event without a type": (encode_message({":message-type": "event"}, CANARY), MALFORMED),
    "a payload that is no JSON": (encode_event("contentBlockDelta", b"{" + CANARY), MALFORMED),
    "a payload that is no text": (encode_event("contentBlockDelta", b'"\xff' + CANARY), MALFORMED),
    "a payload that is no object": (encode_event("contentBlockDelta", b"[]"), MALFORMED),
    "server-sent events": (b"data: " + CANARY + b"\n\n" * 9, MALFORMED),
    "nothing more": (b"", CUT),
}


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", AWS_BREAKS)
async def test_a_stream_of_messages_that_breaks(name: str, caller: Dialect) -> None:
    bad, code = AWS_BREAKS[name]
    async with Fake() as fake, serving([at(fake, CONVERSE)]) as rig:
        seen = asyncio.Event()
        fake.answer([opened(CONVERSE), *map(Send, begun(CONVERSE)), Until(seen), *([Send(bad)] if bad else [])])
        reply = await ask_and_see(rig, caller, seen)
        assert reply.status == 200
        assert "upstream" in last_error(reply, caller)
        assert CANARY not in reply.body
        event = await rig.events.one()
        assert (event.outcome, event.error) == (Outcome.STREAM_FAILED, index_of(code))


def sized(data: bytes, *headers: tuple[str, str], length: int | None = None, status: int = 200) -> Script:
    return [Head(status, (("content-length", str(len(data) if length is None else length)), *headers)), Send(data)]


JSON = ("content-type", "application/json")
PACKED = gzip.compress(b'{"x":"' + CANARY + b'"}')
# What is no answer at all: a whole body, whether a stream was asked for or not.
NO_ANSWERS: dict[str, tuple[Script, str]] = {
    "nothing, said to be events": ([Head(200, SSE)], MALFORMED),
    "nothing, said to be messages": ([Head(200, AWS)], MALFORMED),
    "nothing, said to be JSON": (sized(b"", JSON), MALFORMED),
    "HTML, said to be JSON": (sized(b"<html>" + CANARY, JSON), MALFORMED),
    "half of a JSON text": (sized(b'{"id":"' + CANARY, JSON), MALFORMED),
    "JSON of another API": (sized(b'{"x":"' + CANARY + b'"}', JSON), MALFORMED),
    "a list": (sized(b'["' + CANARY + b'"]', JSON), MALFORMED),
    "a nest": (sized(b"[" * 100_000, JSON), MALFORMED),
    "no UTF-8": (sized(b'{"id":"\xff' + CANARY + b'"}', JSON), MALFORMED),
    "gzip": (sized(PACKED, JSON, ("content-encoding", "gzip")), MALFORMED),
    "gzip that says nothing of it": (sized(PACKED, JSON), MALFORMED),
    "br": (sized(b"\x0b\x02\x80" + CANARY, JSON, ("content-encoding", "br")), MALFORMED),
    "events in gzip": ([Head(200, (*SSE, ("content-encoding", "gzip"))), Send(PACKED)], MALFORMED),
    "events in br": ([Head(200, (*SSE, ("content-encoding", "br"))), Send(b"\x0b\x02\x80")], MALFORMED),
    "a length that is too long": ([*sized(b'{"id":"' + CANARY, JSON, length=1000), Close()], CUT),
    "a length that is too short": (sized(b'{"id":"' + CANARY, JSON, length=5), MALFORMED),
}


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
@pytest.mark.parametrize("case", TRANSLATED, ids=pair)
@pytest.mark.parametrize("name", NO_ANSWERS)
async def test_what_is_no_answer(name: str, case: tuple[Dialect, Dialect], stream: bool) -> None:
    caller, source = case
    script, code = NO_ANSWERS[name]
    async with Fake() as fake, serving([at(fake, source)]) as rig:
        fake.answer(script)
        reply = await ask(rig, caller, stream=stream)
        assert reply.status == 502
        assert "upstream" in message_of(reply.json(), caller)
        assert CANARY not in reply.body
        assert "content-encoding" not in reply.headers
        event = await rig.events.one()
        assert (event.outcome, event.error, event.status) == (Outcome.UPSTREAM_ERROR, index_of(code), 502)


# Error bodies that nobody can read: the status counts.
ERRORS: dict[str, tuple[bytes, tuple[tuple[str, str], ...]]] = {
    "nothing": (b"", ()),
    "gzip": (PACKED, (("content-encoding", "gzip"),)),
    "br": (b"\x0b\x02\x80" + CANARY, (("content-encoding", "br"),)),
    "half of a JSON text": (b'{"error":{"message":"' + CANARY, ()),
    "a nest": (b'{"error":' * 50_000, ()),
    "no UTF-8": (b'{"error":{"message":"\xff' + CANARY + b'"}}', ()),
    "a list": (b'["' + CANARY + b'"]', ()),
    "other types": (b'{"error":{"message":5,"type":[],"code":{},"param":7,"status":[],"details":3}}', ()),
}


@pytest.mark.parametrize("case", TRANSLATED, ids=pair)
@pytest.mark.parametrize("name", ERRORS)
async def test_errors_that_nobody_can_read(name: str, case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    body, headers = ERRORS[name]
    async with Fake() as fake, serving([at(fake, source)]) as rig:
        fake.answer(sized(body, JSON, *headers, status=429))
        reply = await ask(rig, caller, stream=True)
        assert reply.status == 429
        assert message_of(reply.json(), caller)
        assert CANARY not in reply.body
        assert "content-encoding" not in reply.headers


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_body_nested_too_deeply_is_the_callers_fault(caller: Dialect) -> None:
    source = CHAT if caller is ANTHROPIC else ANTHROPIC
    deep = msgspec.Raw(b"[" * 950 + b"]" * 950)
    more = {"role": "user", "content": [{"type": "text", "text": "x", "x": deep}]}
    async with Fake() as fake, serving([at(fake, source)]) as rig:
        if caller is GEMINI:
            body = {"contents": [{"role": "user", "parts": [{"text": "x", "x": deep}]}]}
            reply = await rig.ask("POST", "/v1beta/models/m:generateContent", msgspec.json.encode(body))
        else:
            name = "input" if caller is RESPONSES else "messages"
            reply = await rig.ask("POST", PATH[caller], msgspec.json.encode({**request(caller), name: [more]}))
        assert reply.status == 400
        assert message_of(reply.json(), caller)
        assert not fake.requests

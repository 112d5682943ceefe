"""Scripts that every dialect needs: documents, streams, and the ways they go wrong."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lethe.upstream.fake.script import Cut, Hang, Head, Script, Send, Wait

EVENTS = ("content-type", "text/event-stream; charset=utf-8")
REQUEST_IDS = (("request-id", "req_fake_1"), ("x-request-id", "req_fake_1"))  # Anthropic's name and OpenAI's
OPENED = Head(200, (EVENTS, ("cache-control", "no-cache"), *REQUEST_IDS))


def document(body: Any, status: int = 200, *headers: tuple[str, str]) -> Script:
    """A JSON body."""
    return content("application/json", msgspec.json.encode(body), status, *headers)


def content(kind: str, data: bytes, status: int = 200, *headers: tuple[str, str]) -> Script:
    """A body of any content type."""
    sized = (("content-type", kind), ("content-length", str(len(data))))
    return Head(status, (*sized, *REQUEST_IDS, *headers)), Send(data)


def stream(parts: Sequence[bytes], *, every: float = 0.0, opened: Head = OPENED) -> Script:
    """Events, each part in a chunk of its own, `every` seconds apart."""
    paced = ((Wait(every), Send(part)) if every else (Send(part),) for part in parts)
    return (opened, *(step for pair in paced for step in pair))


def broken(parts: Sequence[bytes], last: bytes, opened: Head = OPENED) -> Script:
    """The first half of a stream, and then `last`: an error event."""
    return opened, *map(Send, parts[: len(parts) // 2]), Send(last)


def cut(parts: Sequence[bytes], opened: Head = OPENED) -> Script:
    """A stream whose connection is reset in the middle of an event, half-way through."""
    half = len(parts) // 2
    # The pause lets the peer read what was sent: a reset may discard what it has not read yet.
    return opened, *map(Send, parts[:half]), Send(parts[half][: len(parts[half]) // 2]), Wait(0.05), Cut()


def stalled(parts: Sequence[bytes], opened: Head = OPENED) -> Script:
    """The first half of a stream, and then silence."""
    return opened, *map(Send, parts[: len(parts) // 2]), Hang()


def silent() -> Script:
    """Not even a status line."""
    return (Hang(),)


def html(status: int = 502) -> Script:
    """What a load balancer says."""
    page = b"<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
    return content("text/html", page, status)


def not_json(status: int = 200) -> Script:
    """A body that its content type does not keep the promise of."""
    return content("application/json", b'{"id": "fake-1", "choices": [', status)

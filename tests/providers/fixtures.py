"""What each provider is asked and answers, a JSON file each.

sources   where its shape was read
asked     stanzas of a configuration, with the URL, headers and fields of what goes out
answers   by dialect: a reply, a stream, an error, and oddities; with what the hub has to make of each
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from lethe.dialects.codec import UPSTREAM_CODECS
from lethe.dialects.passage import FRAMES
from lethe.ir.content import Dialect, Refusal, Text, Thinking, ToolCall
from lethe.ir.grammar import fold
from lethe.ir.response import Response
from lethe.wire.eventstream import encode_event
from lethe.wire.framing import Framing

FOLDER = Path(__file__).parent.parent / "fixtures" / "providers"


class Asking(Struct, forbid_unknown_fields=True):
    """`stanza` stands in [upstreams.up] beside the provider; `body` is a part of what goes out, `absent` is not in it."""

    url: str
    stanza: str = ""
    stream: str = ""  # the URL of a stream, where it is another
    model: str = "some-model"
    headers: dict[str, str] = {}
    body: dict[str, Any] = {}
    absent: tuple[str, ...] = ()


class Gives(Struct, forbid_unknown_fields=True):
    """`usage`: input, cache_read, cache_write, output, reasoning. `calls`: id, name, arguments."""

    text: str = ""
    thinking: str = ""
    refusal: str = ""
    calls: tuple[tuple[str, str, str], ...] = ()
    stop: str = "end_turn"
    usage: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)


class Fails(Struct, forbid_unknown_fields=True):
    status: int = 0
    body: Any = None
    kind: str = ""
    message: str = ""
    code: str | None = None


class Oddity(Struct, forbid_unknown_fields=True):
    """One of `reply`, `stream` or `error`."""

    why: str
    reply: dict[str, Any] | None = None
    stream: list[Any] | None = None
    gives: Gives | None = None
    fails: Fails | None = None


class Answers(Struct, forbid_unknown_fields=True):
    """`stream` is a list of events: objects, texts for what is no JSON object, and for AWS `[type, object]`."""

    reply: dict[str, Any]
    gives: Gives
    stream: list[Any]
    streams: Gives | None = None  # where a stream tells more or less than a reply
    error: Fails | None = None
    odd: tuple[Oddity, ...] = ()


class Fixture(Struct, forbid_unknown_fields=True):
    sources: tuple[str, ...]
    asked: tuple[Asking, ...]
    answers: dict[Dialect, Answers]


def load(name: str) -> Fixture:
    return msgspec.json.decode((FOLDER / f"{name}.json").read_bytes(), type=Fixture)


def raw(stream: list[Any], framing: Framing = Framing.SSE) -> bytes:
    """The bytes that the provider sends."""
    made = b""
    for event in stream:
        match event, framing:
            case [str(kind), data], Framing.EVENT_STREAM:
                made += encode_event(kind, json.dumps(data).encode())
            case dict(), Framing.INVOKED:
                inside = b64encode(json.dumps(event).encode()).decode()
                made += encode_event("chunk", json.dumps({"bytes": inside}).encode())
            case str(), _:
                made += (event if event.startswith(":") else f"data: {event}").encode() + b"\n\n"
            case {"type": str(kind)}, _:
                made += f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode()
            case _:
                made += f"data: {json.dumps(event)}\n\n".encode()
    return made


def folded(dialect: Dialect, body: bytes, framing: Framing = Framing.SSE) -> Response:
    """What the hub makes of a stream's bytes."""
    codec, reader = UPSTREAM_CODECS[dialect], FRAMES[framing]()
    decoder = codec.stream_decoder()
    events = [event for frame in reader.feed(body) for event in decoder.feed(frame)]
    events += [event for frame in reader.finish() for event in decoder.feed(frame)]
    return fold([*events, *decoder.finish()], codec.join_deltas)


def given(response: Response) -> Gives:
    """The same in the words of a fixture."""
    usage = response.finish.usage
    return Gives(
        text="".join(block.text for block in response.content if isinstance(block, Text)),
        thinking="".join(block.text for block in response.content if isinstance(block, Thinking)),
        refusal="".join(block.text for block in response.content if isinstance(block, Refusal)),
        calls=tuple(
            (block.id, block.name, block.arguments) for block in response.content if isinstance(block, ToolCall)
        ),
        stop=str(response.finish.reason),
        usage=(usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning),
    )

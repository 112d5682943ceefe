"""Fixtures of the dialects, and the canaries in them: strings that say CANARY, each in one place only."""

import copy
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lethe.dialects.codec import StreamDecoder
from lethe.dialects.leftovers import shown
from lethe.ir.content import JsonObject
from lethe.ir.events import Event
from lethe.wire.sse import FrameDecoder

FIXTURES = Path(__file__).parent.parent / "fixtures"
CANARY = "CANARY"
_NAME = re.compile(r"[^.\[\]]+(?![^\[]*\])")


def load(name: str) -> JsonObject:
    """A JSON fixture, fresh for each caller."""
    body = json.loads((FIXTURES / name).read_text(encoding="utf-8"))
    assert isinstance(body, dict)
    return body


def stream(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def names(folder: str, suffix: str) -> list[str]:
    return sorted(path.stem for path in (FIXTURES / folder).glob(f"*{suffix}"))


def decoded(decoder: StreamDecoder, *chunks: bytes) -> list[Event]:
    """The events of a whole stream, however it was cut."""
    frames = FrameDecoder()
    events = [event for chunk in chunks for frame in frames.feed(chunk) for event in decoder.feed(frame)]
    events += [event for frame in frames.finish() for event in decoder.feed(frame)]
    return events + list(decoder.finish())


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def canaries(node: Any, path: str = "$") -> Iterator[tuple[str, str]]:
    """Where in a JSON value or a model turned into one each canary stands."""
    match node:
        case dict():
            for name, value in node.items():
                yield from canaries(value, f"{path}.{name}")
        case list() | tuple():
            for i, value in enumerate(node):
                yield from canaries(value, f"{path}[{i}]")
        case str() if CANARY in node:
            yield path, node


def with_field(body: JsonObject, **fields: Any) -> JsonObject:
    return {**copy.deepcopy(body), **fields}


def under(path: str, lost: str) -> bool:
    """Leftovers are reported as if they stood on their node, by names that some API knows."""
    node, _, left = path.partition(".extras.fields")
    path = node + _NAME.sub(lambda found: shown(found[0]), left)
    return path == lost or path.startswith((f"{lost}.", f"{lost}["))

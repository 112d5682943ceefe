"""ConverseStream events in, the hub's events out (botocore 1.44.8, bedrock-runtime, ConverseStreamOutput)."""

from base64 import b64decode, b64encode
from collections.abc import Generator, Iterator
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from lethe.dialects.converse.blocks import citation, seal
from lethe.dialects.converse.errors import decode_exception
from lethe.dialects.converse.overlay import OURS
from lethe.dialects.converse.response import ENDING, FIELDS, decode_finish
from lethe.errors import MalformedReply, ReplyTooLarge
from lethe.ir.content import JsonObject, Opaque, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    OpaqueDelta,
    SignatureDelta,
    Start,
    TextDelta,
    ThinkingDelta,
)
from lethe.providers.bedrock import EXCEPTION
from lethe.wire import lenient
from lethe.wire.eventstream import ERROR
from lethe.wire.sse import Frame

MAX_SEALED = 8 * 1024 * 1024  # of redacted thinking, which the hub wants whole
SMALLEST = 256  # what an empty piece counts
NO_ARGUMENTS = "{}"

_Kind: TypeAlias = Literal["text", "thinking", "redacted", "call", "opaque"]


class _Words(Struct):
    text: str


class _Delta(Struct):
    delta: _Words
    contentBlockIndex: int  # noqa: N815 - the API's name


_TEXT = msgspec.json.Decoder(_Delta)


class _Open(Struct):
    """A block that is not closed yet; `index` is the hub's."""

    index: int
    kind: _Kind
    said: bool = False
    sealed: list[str] = []


class StreamDecoder:
    """Text and thinking have no start of their own: a block begins with its first delta, or where its kind changes."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}  # by the API's index
        self._next = 0
        self._started = self._ended = False
        self._stop: JsonObject | None = None
        self._metadata: JsonObject = {}
        self._sealed = 0  # what redacted thinking has been held so far

    def feed(self, frame: Frame) -> Iterator[Event]:
        """Raises MalformedReply, ReplyTooLarge."""
        if self._ended:
            return
        if frame.event == "contentBlockDelta":
            event = self._more_text(frame.data)
            if event is not None:
                yield event
                return
        try:
            data = lenient.decode(frame.data)
        except ValueError:
            raise MalformedReply from None
        if not isinstance(data, dict):
            raise MalformedReply
        yield from self._decode(frame.event or "", data)

    def finish(self) -> Iterator[Event]:
        """The stream has ended: an answer that said why it stops is whole, also without its metadata."""
        if self._stop is not None and not self._ended:
            yield from self._finish()

    def _more_text(self, data: str) -> Event | None:
        """The fast way for nearly every frame: more of a text that is open."""
        try:
            frame = _TEXT.decode(data)
        except lenient.UNREADABLE:
            return None
        block = self._open.get(frame.contentBlockIndex)
        return TextDelta(block.index, frame.delta.text) if block is not None and block.kind == "text" else None

    def _decode(self, kind: str, data: JsonObject) -> Iterator[Event]:
        match kind:
            case "messageStart":
                yield from self._start()
            case "contentBlockStart":
                yield from self._block_start(_index(data), _object(data, "start"))
            case "contentBlockDelta":
                yield from self._delta(_index(data), _object(data, "delta"))
            case "contentBlockStop":
                yield from self._close(_index(data))
            case "messageStop":
                yield from self._start()
                self._stop = data
            case "metadata":
                yield from self._start()
                self._metadata = data
                if self._stop is not None:
                    yield from self._finish()
            case _ if kind == ERROR or kind.endswith(EXCEPTION):
                self._ended = True
                yield decode_exception(kind, data)
            case _:
                pass  # an event that we do not know says nothing that we could pass on

    def _start(self) -> Iterator[Event]:
        if not self._started:
            self._started = True
            yield Start(id="", model="")

    def _finish(self) -> Iterator[Event]:
        self._ended = True
        for number in list(self._open):
            yield from self._close(number)
        stop = self._stop or {}
        ending = {name: self._metadata[name] for name in ENDING if self._metadata.get(name) is not None}
        yield decode_finish(stop.get("stopReason"), stop.get(FIELDS), self._metadata.get("usage"), ending)

    def _block_start(self, number: int, start: JsonObject) -> Iterator[Event]:
        match start:
            case {"toolUse": {"toolUseId": str(id), "name": str(name), **rest}} if "type" not in rest:
                yield from self._begin(number, "call", ToolCall(id=id, name=name, arguments=""))
            case {"toolUse": dict()} | {"toolResult": dict()} | {"image": dict()}:
                yield from self._begin(number, "opaque", Opaque(dialect=OURS, data=start))
            case _:
                pass  # begins with its first delta

    def _delta(self, number: int, delta: JsonObject) -> Iterator[Event]:
        match delta:
            case {"text": str(text)}:
                block = yield from self._within(number, "text", Text(text=""))
                yield TextDelta(block.index, text)
            case {"toolUse": {"input": str(json)}} if (call := self._call(number)) is not None:
                call.said |= bool(json)
                yield ArgumentsDelta(call.index, json)
            case {"reasoningContent": {"text": str(text)}}:
                block = yield from self._within(number, "thinking", Thinking(text=""))
                yield ThinkingDelta(block.index, text)
            case {"reasoningContent": {"signature": str(sealed)}}:
                block = yield from self._within(number, "thinking", Thinking(text=""))
                if sealed:
                    yield SignatureDelta(block.index, seal(sealed))
            case {"reasoningContent": {"redactedContent": str(sealed)}}:
                yield from self._redacted(number, sealed)
            case {"citation": dict(cited)}:
                block = yield from self._within(number, "text", Text(text=""))
                yield CitationDelta(block.index, citation(cited))
            case {"toolUse": _} if number not in self._open:
                raise MalformedReply("the upstream's stream has arguments of a call that has not begun")
            case _:
                block = yield from self._within(number, "opaque", Opaque(dialect=OURS, data={}))
                yield OpaqueDelta(block.index, delta)

    def _call(self, number: int) -> _Open | None:
        block = self._open.get(number)
        return block if block is not None and block.kind == "call" else None

    def _within(self, number: int, kind: _Kind, empty: Text | Thinking | Opaque) -> Generator[Event, None, _Open]:
        """The open block of this kind, which begins here if there is none."""
        block = self._open.get(number)
        if block is None or block.kind != kind:
            yield from self._begin(number, kind, empty)
            block = self._open[number]
        return block

    def _begin(self, number: int, kind: _Kind, block: Text | Thinking | ToolCall | Opaque) -> Iterator[Event]:
        yield from self._start()
        yield from self._close(number)
        opened = self._open[number] = _Open(self._next, kind)
        self._next += 1
        yield BlockStart(opened.index, block)

    def _redacted(self, number: int, sealed: str) -> Iterator[Event]:
        """Held until its end."""
        block = self._open.get(number)
        if block is None or block.kind != "redacted":
            yield from self._start()
            yield from self._close(number)
            block = self._open[number] = _Open(self._next, "redacted")
            self._next += 1
        block.sealed.append(sealed)
        self._sealed += len(sealed) + SMALLEST
        if self._sealed > MAX_SEALED:
            raise ReplyTooLarge

    def _close(self, number: int) -> Iterator[Event]:
        block = self._open.pop(number, None)
        if block is None:
            return  # a text without any words
        if block.kind == "redacted":
            yield BlockStart(block.index, Thinking(text="", signature=seal(_joined(block.sealed)), redacted=True))
        if block.kind == "call" and not block.said:
            yield ArgumentsDelta(block.index, NO_ARGUMENTS)
        yield BlockStop(block.index)


def _joined(parts: list[str]) -> str:
    """One base64 text of several."""
    if len(parts) == 1:
        return parts[0]
    try:
        return b64encode(b"".join(b64decode(part, validate=True) for part in parts)).decode()
    except ValueError:
        raise MalformedReply from None


def _index(data: JsonObject) -> int:
    value = data.get("contentBlockIndex")
    return value if isinstance(value, int) else 0


def _object(data: JsonObject, name: str) -> JsonObject:
    value = data.get(name)
    if not isinstance(value, dict):
        raise MalformedReply
    return value

"""Messages streams, read (anthropic 2.13.0 types, RawMessageStreamEvent and its beta twin)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from lethe.dialects.anthropic.blocks import OURS, decode_block
from lethe.dialects.anthropic.errors import decode_error_object
from lethe.dialects.anthropic.response import DELTA_EVENT_FIELDS, decode_finish, said
from lethe.dialects.anthropic.usage import decode_usage
from lethe.dialects.carrier import unwrap
from lethe.dialects.leftovers import kept
from lethe.errors import InvalidRequest, MalformedReply, ReplyTooLarge
from lethe.ir.content import JsonObject, Opaque, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    OpaqueDelta,
    Ping,
    SignatureDelta,
    Start,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import unfold_block
from lethe.wire import lenient
from lethe.wire.fields import Fields
from lethe.wire.sse import Frame


class _Text(msgspec.Struct, tag="text_delta", tag_field="type"):
    text: str


class _Thinking(msgspec.Struct, tag="thinking_delta", tag_field="type"):
    thinking: str


class _Json(msgspec.Struct, tag="input_json_delta", tag_field="type"):
    partial_json: str


class _Signature(msgspec.Struct, tag="signature_delta", tag_field="type"):
    signature: str


class _Delta(msgspec.Struct):
    index: int
    delta: _Text | _Thinking | _Json | _Signature


_DELTA = msgspec.json.Decoder(_Delta)
MAX_WAITING = 64 * 1024 * 1024


class StreamDecoder:
    """Frames of an upstream's stream in, events out. Raises MalformedReply on a frame that is none of the API's."""

    def __init__(self) -> None:
        self._usage: JsonObject = {}
        self._ending: JsonObject = {}
        self._reason: str | None = None
        self._sequence: str | None = None
        self._opaque: set[int] = set()
        self._awaited: dict[int, str] = {}  # open tool calls without arguments yet: what their start held
        self._waiting = 0  # characters of all that have been so
        self._ended = False

    def feed(self, frame: Frame) -> Iterator[Event]:
        """Raises MalformedReply."""
        if self._ended:
            return
        if frame.event == "content_block_delta":
            event = self._known_delta(frame.data)
            if event is not None:
                yield event
                return
        try:
            yield from self._decode(lenient.decode(frame.data))
        except (ValueError, InvalidRequest):
            raise MalformedReply("the upstream's stream holds an event that its API does not have") from None

    def finish(self) -> Iterator[Event]:
        """Nothing is held back, and message_stop is explicit: without it the stream was cut."""
        yield from ()

    def _known_delta(self, data: str) -> Event | None:
        """The fast way for nearly every frame; None for whatever it does not fit."""
        try:
            frame = _DELTA.decode(data)
        except lenient.UNREADABLE:
            return None
        index, delta = frame.index, frame.delta
        if index in self._opaque:
            return None
        if isinstance(delta, _Text):
            return TextDelta(index, delta.text)
        if isinstance(delta, _Json):
            if delta.partial_json:
                self._awaited.pop(index, None)
            return ArgumentsDelta(index, delta.partial_json)
        if isinstance(delta, _Thinking):
            return ThinkingDelta(index, delta.thinking)
        return SignatureDelta(index, unwrap(delta.signature, OURS)) if delta.signature else None

    def _decode(self, data: Any) -> Iterator[Event]:
        f = Fields(data)
        kind = f.require("type", str)
        match kind:
            case "message_start":
                yield self._start(Fields(f.raw("message"), "$.message"))
            case "content_block_start":
                yield from self._block_start(f.require("index", int), Fields(f.raw("content_block"), "$.content_block"))
            case "content_block_delta":
                yield from self._delta(f.require("index", int), f.require("delta", dict))
            case "content_block_stop":
                index = f.require("index", int)
                if (arguments := self._awaited.pop(index, None)) is not None:
                    yield ArgumentsDelta(index, arguments)
                yield BlockStop(index)
            case "message_delta":
                self._end(Fields(f.raw("delta"), "$.delta"), f)
            case "message_stop":
                self._ended = True
                yield decode_finish(self._reason, self._sequence, self._usage, self._ending)
            case "error":
                self._ended = True
                yield decode_error_object({"type": kind, "error": f.require("error", dict)})
            case "ping":
                yield Ping()
            case _:
                pass  # "new event types may be added": the vendor asks clients to ignore them

    def _start(self, message: Fields) -> Start:
        for settled in ("type", "role", "content", "stop_reason", "stop_sequence"):
            message.raw(settled)
        self._merge_usage(message.take("usage", dict, {}))
        return Start(
            id=message.take("id", str, ""),
            model=message.take("model", str, ""),
            usage=decode_usage(self._usage),
            extras=said(message),
        )

    def _block_start(self, index: int, f: Fields) -> Iterator[Event]:
        block = decode_block(f)
        if isinstance(block, Opaque):
            self._opaque.add(index)
        if isinstance(block, ToolCall):
            # the API starts every call with an empty object; servers that send it whole send no deltas
            self._awaited[index] = block.arguments
            self._waiting += len(block.arguments)
            if self._waiting > MAX_WAITING:
                raise ReplyTooLarge
            yield BlockStart(index, msgspec.structs.replace(block, arguments=""))
        else:
            yield from unfold_block(index, block)

    def _delta(self, index: int, delta: JsonObject) -> Iterator[Event]:
        match delta:
            case _ if index in self._opaque:
                yield OpaqueDelta(index, delta)
            case {"type": "text_delta", "text": str(text)}:
                yield TextDelta(index, text)
            case {"type": "input_json_delta", "partial_json": str(json)}:
                if json:
                    self._awaited.pop(index, None)
                yield ArgumentsDelta(index, json)
            case {"type": "thinking_delta", "thinking": str(text)}:
                yield ThinkingDelta(index, text)
            case {"type": "signature_delta", "signature": str(sealed)}:
                if sealed:
                    yield SignatureDelta(index, unwrap(sealed, OURS))
            case {"type": "citations_delta", "citation": dict(citation)}:
                yield CitationDelta(index, citation)
            case {"type": "text_delta" | "input_json_delta" | "thinking_delta" | "signature_delta" | "citations_delta"}:
                raise InvalidRequest("$.delta", "is not of its type's shape")
            case _:
                yield OpaqueDelta(index, delta)

    def _end(self, delta: Fields, event: Fields) -> None:
        self._reason = delta.take("stop_reason", str, self._reason or "") or None
        self._sequence = delta.take("stop_sequence", str) or self._sequence
        self._merge_usage(event.take("usage", dict, {}))
        delta.raw("usage")  # stands beside; among the leftovers this name is for counters without a counterpart
        left = said(delta)
        self._ending |= left.fields if left else {}
        self._ending |= {name: v for name in DELTA_EVENT_FIELDS if (v := event.raw(name)) is not None}
        kept(self._ending)

    def _merge_usage(self, usage: JsonObject) -> None:
        """Counts are cumulative; a later event leaves out, or nulls, what has not changed."""
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        kept(self._usage)


def join_deltas(block: Opaque, deltas: tuple[JsonObject, ...]) -> Opaque:
    """An Opaque block and its deltas as the buffered API would send it; deltas of unknown types stay beside it."""
    data, unknown, json = dict(block.data), [], ""
    for delta in deltas:
        match delta:
            case {"type": "input_json_delta", "partial_json": str(part)}:
                json += part
            case {"type": "compaction_delta", **fields}:
                data |= {name: value for name, value in fields.items() if value is not None}
            case _:
                unknown.append(delta)
    if json:
        try:
            data["input"] = lenient.decode(json)
        except ValueError:
            data["input"] = {"_unparsed": json}
    if unknown:
        data["deltas"] = unknown
    return msgspec.structs.replace(block, data=data)

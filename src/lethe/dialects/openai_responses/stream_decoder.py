"""Responses events in, the hub's events out (openai 3.57.0 types, ResponseStreamEvent)."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from lethe.dialects.freetext import CLOSING, CUSTOM, OPENING, escaped
from lethe.dialects.openai_responses.errors import decode_error_object
from lethe.dialects.openai_responses.items import decode_call
from lethe.dialects.openai_responses.overlay import OURS, own
from lethe.dialects.openai_responses.parts import SPOKEN
from lethe.dialects.openai_responses.reasoning import PARAGRAPH, decode_reasoning
from lethe.dialects.openai_responses.response import apart, left_of, stop_reason
from lethe.dialects.openai_responses.usage import decode_usage
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import Opaque, Refusal, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    Event,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    Start,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import unfold_block
from lethe.wire import lenient
from lethe.wire.fields import Fields
from lethe.wire.sse import Frame

DONE = "[DONE]"
_CALLS = ("function_call", "custom_tool_call")
MAX_HELD, SMALLEST = 8 * 1024 * 1024, 256
_ENDS = ("response.completed", "response.incomplete", "response.done")


class _Open(Struct):
    """A block that is not closed yet."""

    index: int
    custom: bool = False
    said: bool = False  # has anything of it come?


class StreamDecoder:
    """Blocks are known by their item and their part of it; an item without parts is one block."""

    def __init__(self) -> None:
        self._started = self._ended = False
        self._next = 0
        self._open: dict[tuple[int, int], _Open] = {}
        self._called = False
        self._thinking: dict[int, Thinking] = {}  # reasoning items of which nothing has been said yet
        self._held = 0  # characters of their ids

    def feed(self, frame: Frame) -> Iterator[Event]:  # noqa: C901, PLR0912 - one flat match
        """Raises MalformedReply, at the latest while it is iterated."""
        if self._ended or frame.data == DONE:
            return
        try:
            event = lenient.decode(frame.data)
        except ValueError:
            raise MalformedReply from None
        if not isinstance(event, dict):
            raise MalformedReply
        kind = event.get("type") or frame.event
        match kind:
            case "response.output_text.delta" | "response.refusal.delta":
                yield from self._text(event, Text if kind == "response.output_text.delta" else Refusal)
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                yield from self._arguments(event)
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                yield from self._thought(_string(event, "delta"), event)
            case "response.reasoning_summary_part.added" if event.get("summary_index"):
                yield from self._thought(PARAGRAPH, event)
            case "response.output_item.added":
                yield from self._item_added(event)
            case "response.output_item.done":
                yield from self._item_done(event)
            case "response.content_part.done" if (block := self._open.pop(_part(event), None)) is not None:
                yield BlockStop(block.index)
            case "response.created" | "response.in_progress" | "response.queued":
                yield from self._start(event)
            case "response.failed" | "error":
                self._ended = True
                yield decode_error_object(event.get("response") if kind == "response.failed" else event)
            case _ if kind in _ENDS:
                yield from self._finish(event)
            case _:
                pass  # the done events repeat what was said; others tell of progress

    def finish(self) -> Iterator[Event]:
        """A stream that does not say how it ended has not."""
        return iter(())

    def _start(self, event: dict[str, Any]) -> Iterator[Event]:
        if self._started:
            return
        self._started = True
        response = _object(event, "response")
        yield Start(
            id=_string(response, "id"),
            model=_string(response, "model"),
            usage=decode_usage(response.get("usage")),
            extras=left_of(response),
        )

    def _finish(self, event: dict[str, Any]) -> Iterator[Event]:
        yield from self._start(event)
        self._ended = True
        for block in self._open.values():
            yield BlockStop(block.index)
        self._open.clear()
        response = _object(event, "response")
        reason, word = stop_reason(response, called=self._called)
        yield Finish(reason=reason, raw_reason=word, usage=decode_usage(response.get("usage")))

    def _begin(self, at: tuple[int, int], block: Text | Refusal | Thinking | ToolCall) -> Iterator[Event]:
        opened = self._open[at] = _Open(self._next)
        self._next += 1
        yield BlockStart(opened.index, block)

    def _text(self, event: dict[str, Any], kind: type[Text] | type[Refusal]) -> Iterator[Event]:
        at = _part(event)
        if at not in self._open:
            yield from self._begin(at, kind(text=""))
        index = self._open[at].index
        if text := _string(event, "delta"):
            yield TextDelta(index, text)
        logprobs = event.get("logprobs")
        if isinstance(logprobs, list) and logprobs and kind is Text:
            yield LogprobsDelta(index, tuple(token for token in logprobs if isinstance(token, dict)))

    def _thought(self, text: str, event: dict[str, Any]) -> Iterator[Event]:
        at = (_number(event, "output_index"), -1)
        if at not in self._open:
            yield from self._begin(at, self._thinking.pop(at[0], Thinking(text="")))
        self._open[at].said = True
        if text:
            yield ThinkingDelta(self._open[at].index, text)

    def _arguments(self, event: dict[str, Any]) -> Iterator[Event]:
        block = self._open.get((_number(event, "output_index"), -1))
        if block is None:
            raise MalformedReply("the upstream's stream has arguments of a call that has not begun")
        block.said = True
        if text := _string(event, "delta"):
            yield ArgumentsDelta(block.index, escaped(text) if block.custom else text)

    def _item_added(self, event: dict[str, Any]) -> Iterator[Event]:
        item, at = _object(event, "item"), (_number(event, "output_index"), -1)
        match item.get("type"):
            case "reasoning":
                rest = {"id": item["id"]} if isinstance(item.get("id"), str) else {}
                self._thinking[at[0]] = decode_reasoning(Fields(rest))
                self._held += len(rest.get("id", "")) + SMALLEST
                if self._held > MAX_HELD:
                    raise MalformedReply("the upstream's stream begins too many thoughts")
            case kind if kind in _CALLS:
                call = _call({**item, "arguments": "", "input": ""})
                custom = own(call.extras).get("type") == CUSTOM
                yield from self._begin(at, msgspec.structs.replace(call, arguments=""))
                self._open[at].custom, self._called = custom, True
                if custom:
                    yield ArgumentsDelta(self._open[at].index, OPENING)
            case _:
                pass  # a message begins with its first part; what we do not know is taken when it is whole

    def _item_done(self, event: dict[str, Any]) -> Iterator[Event]:
        item, number = _object(event, "item"), _number(event, "output_index")
        kind, block = item.get("type"), self._open.pop((number, -1), None)
        self._thinking.pop(number, None)
        if kind == "message":
            for at in [at for at in self._open if at[0] == number]:
                yield BlockStop(self._open.pop(at).index)
            yield from self._unread(item)
        elif kind == "reasoning":
            yield from self._reasoning_done(item, block)
        elif kind in _CALLS:
            yield from self._call_done(item, block)
        else:
            yield from self._opaque(Opaque(dialect=OURS, data=item))

    def _unread(self, message: dict[str, Any]) -> Iterator[Event]:
        """Its parts of which no event that we know has told."""
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, dict) and part.get("type") not in SPOKEN:
                yield from self._opaque(apart(part, message.get("id")))

    def _opaque(self, block: Opaque) -> Iterator[Event]:
        yield BlockStart(self._next, block)
        yield BlockStop(self._next)
        self._next += 1

    def _reasoning_done(self, item: dict[str, Any], block: _Open | None) -> Iterator[Event]:
        """Its seal comes at the end; what nothing was said of comes whole."""
        try:
            whole = decode_reasoning(Fields({k: v for k, v in item.items() if k not in ("type", "status")}))
        except InvalidRequest:
            raise MalformedReply from None
        if block is None:
            yield from unfold_block(self._next, whole)
            yield BlockStop(self._next)
            self._next += 1
            return
        if whole.signature is not None:
            yield SignatureDelta(block.index, whole.signature)
        yield BlockStop(block.index)

    def _call_done(self, item: dict[str, Any], block: _Open | None) -> Iterator[Event]:
        call = _call(item)
        if block is None:
            self._called = True
            yield BlockStart(self._next, msgspec.structs.replace(call, arguments=""))
            yield ArgumentsDelta(self._next, call.arguments)
            yield BlockStop(self._next)
            self._next += 1
            return
        if not block.said:
            whole = _string(item, "input" if block.custom else "arguments")
            if whole:
                yield ArgumentsDelta(block.index, escaped(whole) if block.custom else whole)
        if block.custom:
            yield ArgumentsDelta(block.index, CLOSING)
        yield BlockStop(block.index)


def _call(item: dict[str, Any]) -> ToolCall:
    """A call without the id and status of its item."""
    rest = {name: value for name, value in item.items() if name not in ("id", "status")}
    try:
        f = Fields(rest)
        kind = f.require("type", str)
        if kind == "function_call":
            f.raw("input")
        else:
            f.raw("arguments")
        return decode_call(f, kind)
    except InvalidRequest:
        raise MalformedReply from None


def _part(event: dict[str, Any]) -> tuple[int, int]:
    return _number(event, "output_index"), _number(event, "content_index")


def _number(event: dict[str, Any], name: str) -> int:
    value = event.get(name)
    return value if isinstance(value, int) else 0


def _string(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    return value if isinstance(value, str) else ""


def _object(event: dict[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    if not isinstance(value, dict):
        raise MalformedReply
    return value

"""The hub's events in, frames of a Responses stream out (openai 3.57.0 types, ResponseStreamEvent).

The API repeats everything: each part ends with its whole text, the stream with the whole answer. So an answer is held
here for as long as it is being streamed, within the bound that replies have anyway.
"""

from collections.abc import Iterator
from typing import Any, assert_never

from msgspec import Struct

from lethe.dialects.carrier import wrap
from lethe.dialects.freetext import free_text
from lethe.dialects.openai_responses.errors import encode_error_event
from lethe.dialects.openai_responses.namespaces import called
from lethe.dialects.openai_responses.overlay import OURS, overlaid, without
from lethe.dialects.openai_responses.parts import encode_logprobs
from lethe.dialects.openai_responses.reasoning import SUMMARY, rest_of
from lethe.dialects.openai_responses.response import Envelope, report_finish
from lethe.dialects.reply import ReplyContext
from lethe.errors import ReplyTooLarge
from lethe.ir.content import ContentBlock, JsonObject, Opaque, Refusal, Text, Thinking, ToolCall
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Event,
    Failure,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    Ping,
    SignatureDelta,
    Start,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.loss import Losses
from lethe.wire import lenient
from lethe.wire.sse import format_frame

KEEP_ALIVE = b": keep-alive\n\n"
MAX_HELD = 64 * 1024 * 1024  # characters of one answer
AS_OBJECTS = 4  # what JSON counts that is held as objects
_json = lenient.encode


class _Item(Struct):
    """An output item that is being said."""

    number: int  # its output_index
    block: ContentBlock
    item: JsonObject
    text: list[str]
    logprobs: list[JsonObject]
    head: bytes = b""  # a delta's frame up to its text
    tail: bytes = b""
    custom: bool = False
    parted: bool = False  # has a summary begun?


class StreamEncoder:
    """One item a block. Every event has a number."""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._envelope = Envelope(context, "", "", None)
        self._sequence = 0
        self._output: list[JsonObject] = []
        self._open: dict[int, _Item] = {}
        self._held = 0

    def encode(self, event: Event) -> Iterator[bytes]:  # noqa: C901, PLR0912 - one flat match
        """Raises ReplyTooLarge."""
        match event:
            case TextDelta(index=index, text=text) | ArgumentsDelta(index=index, json=text):
                yield from self._delta(index, text)
            case ThinkingDelta(index=index, text=text):
                yield from self._thought(index, text)
            case BlockStart(index=index, block=block):
                yield from self._begin(index, block)
            case BlockStop(index=index):
                if (item := self._open.pop(index, None)) is not None:
                    yield from self._end(item)
            case SignatureDelta(index=index, signature=signature):
                if (item := self._open.get(index)) is not None:
                    self._hold(len(signature.value))
                    item.item["encrypted_content"] = wrap(signature, OURS)
            case LogprobsDelta(index=index, tokens=tokens):
                if (item := self._open.get(index)) is not None:
                    self._hold(AS_OBJECTS * len(_json(tokens)))
                    item.logprobs += encode_logprobs(tokens)
            case CitationDelta(index=index):
                self._losses.degraded(f"$.content[{index}].citations", "citations")
            case Start():
                yield from self._start(event)
            case Finish():
                yield from self._finish(event)
            case Failure():
                yield encode_error_event(event)
            case Ping():
                yield KEEP_ALIVE
            case OpaqueDelta():
                pass  # a block that is not of this dialect was reported when it began
            case _:
                assert_never(event)

    def _frame(self, kind: str, **fields: Any) -> bytes:
        body = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return format_frame(_json(body), kind)

    def _start(self, event: Start) -> Iterator[bytes]:
        self._envelope = Envelope(self._context, event.id, event.model, event.extras)
        begun = overlaid(self._envelope.response("in_progress", []), self._envelope.extras, "$", self._losses)
        yield self._frame("response.created", response=begun)
        yield self._frame("response.in_progress", response=begun)

    def _begin(self, index: int, block: ContentBlock) -> Iterator[bytes]:
        number, path, extras = len(self._output), f"$.content[{index}]", block.extras
        match block:
            case Text() | Refusal():
                head: JsonObject = {"type": "message", "id": self._envelope.item_id("msg", number), "role": "assistant"}
                item = {**head, "status": "in_progress", "content": []}
            case Thinking():
                item = {"type": "reasoning", "id": self._envelope.item_id("rs", number), "summary": []}
                item = overlaid(item, rest_of(block), path, self._losses)
                if block.signature is not None:
                    item["encrypted_content"] = wrap(block.signature, OURS)
            case ToolCall(id=id, name=name):
                custom, extras = name in self._context.custom_tools, without(extras, "type")
                own_id = self._envelope.item_id("ctc" if custom else "fc", number)
                head = {"id": own_id, "status": "in_progress", "call_id": id, **called(name, self._context.namespaces)}
                kind = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
                item = overlaid({"type": kind[0], **head, kind[1]: ""}, extras, path, self._losses)
            case Opaque(dialect=dialect, data=data) if dialect is OURS:
                item = data
            case _:
                self._losses.dropped(path, "block without a counterpart")
                return
        self._output.append(item)
        opened = self._open[index] = _Item(number, block, item, [], [])
        added = self._frame("response.output_item.added", output_index=number, item=item)
        self._hold(len(added))
        yield added
        yield from self._prepare(opened)

    def _prepare(self, opened: _Item) -> Iterator[bytes]:
        """What a delta's frame looks like."""
        match opened.block:
            case Text() | Refusal() as block:
                if not isinstance(block, Opaque):
                    overlaid({}, block.extras, f"$.content[{opened.number}]", self._losses)
                name = "output_text" if isinstance(block, Text) else "refusal"
                part = {"type": name, **({"text": "", "annotations": []} if name == "output_text" else {"refusal": ""})}
                where = {"item_id": opened.item["id"], "output_index": opened.number, "content_index": 0}
                yield self._frame("response.content_part.added", **where, part=part)
                self._template(
                    opened, f"response.{name}.delta", where, {"logprobs": []} if name == "output_text" else {}
                )
            case ToolCall(name=name):
                opened.custom = name in self._context.custom_tools
                where = {"item_id": opened.item["id"], "output_index": opened.number}
                self._template(opened, "response.function_call_arguments.delta", where, {})
            case Thinking():
                where = {"item_id": opened.item["id"], "output_index": opened.number, "summary_index": 0}
                self._template(opened, "response.reasoning_summary_text.delta", where, {})
            case _:
                pass

    @staticmethod
    def _template(opened: _Item, kind: str, where: JsonObject, more: JsonObject) -> None:
        inner = _json({"type": kind, **where, **more})[:-1]
        opened.head = b"event: " + kind.encode() + b"\ndata: " + inner + b',"sequence_number":'
        opened.tail = b',"delta":'

    def _delta(self, index: int, text: str) -> Iterator[bytes]:
        item = self._open.get(index)
        if item is None:
            return
        self._hold(len(text))
        item.text.append(text)
        if not item.custom:  # the text of a custom call has to be unwrapped first
            yield b"%b%d%b%b}\n\n" % (item.head, self._sequence, item.tail, _json(text))
            self._sequence += 1

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held > MAX_HELD:
            raise ReplyTooLarge

    def _thought(self, index: int, text: str) -> Iterator[bytes]:
        item = self._open.get(index)
        if item is not None and not item.parted:
            item.parted = True
            yield self._frame(
                "response.reasoning_summary_part.added", **_summary(item), part={"type": SUMMARY, "text": ""}
            )
        yield from self._delta(index, text)

    def _end(self, item: _Item) -> Iterator[bytes]:
        text = "".join(item.text)
        match item.block:
            case Text():
                part = {"type": "output_text", "text": text, "annotations": [], "logprobs": item.logprobs}
                yield from self._end_part(
                    item, "response.output_text.done", {"text": text, "logprobs": item.logprobs}, part
                )
            case Refusal():
                part = {"type": "refusal", "refusal": text}
                yield from self._end_part(item, "response.refusal.done", {"refusal": text}, part)
            case Thinking() if item.parted:
                part = {"type": SUMMARY, "text": text}
                item.item["summary"] = [part]
                yield self._frame("response.reasoning_summary_text.done", **_summary(item), text=text)
                yield self._frame("response.reasoning_summary_part.done", **_summary(item), part=part)
            case ToolCall():
                yield from self._end_call(item, text)
            case _:
                pass
        if "status" in item.item:
            item.item["status"] = "completed"
        yield self._frame("response.output_item.done", output_index=item.number, item=item.item)

    def _end_part(self, item: _Item, kind: str, said: JsonObject, part: JsonObject) -> Iterator[bytes]:
        where = {"item_id": item.item["id"], "output_index": item.number, "content_index": 0}
        item.item["content"] = [part]
        yield self._frame(kind, **where, **said)
        yield self._frame("response.content_part.done", **where, part=part)

    def _end_call(self, item: _Item, text: str) -> Iterator[bytes]:
        where = {"item_id": item.item["id"], "output_index": item.number}
        if not item.custom:
            item.item["arguments"] = text
            yield self._frame("response.function_call_arguments.done", **where, arguments=text)
            return
        item.item["input"] = said = free_text(text)
        yield self._frame("response.custom_tool_call_input.delta", **where, delta=said)
        yield self._frame("response.custom_tool_call_input.done", **where, input=said)

    def _finish(self, event: Finish) -> Iterator[bytes]:
        report_finish(event, self._losses)
        whole = self._envelope.response("completed", self._output, event)
        whole = overlaid(whole, self._envelope.extras, "$", Losses())  # its losses were reported at the start
        kind = "response.incomplete" if whole["status"] == "incomplete" else "response.completed"
        yield self._frame(kind, response=whole)


def _summary(item: _Item) -> JsonObject:
    return {"item_id": item.item["id"], "output_index": item.number, "summary_index": 0}

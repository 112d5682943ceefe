"""Events in, the bytes of chat chunks out (openai 3.57.0 types, ChatCompletionChunk)."""

from collections.abc import Iterator
from typing import TypeAlias, assert_never

from lethe.dialects.openai_chat.errors import encode_error_event
from lethe.dialects.openai_chat.messages import CALL
from lethe.dialects.openai_chat.overlay import from_slot, overlaid, own, without
from lethe.dialects.openai_chat.reasoning import DETAIL, encode_detail
from lethe.dialects.openai_chat.response import FINISH_REASONS, report_finish
from lethe.dialects.openai_chat.usage import encode_usage
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import ContentBlock, JsonObject, Opaque, Refusal, Signature, Text, Thinking, ToolCall
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
DONE = b"data: [DONE]\n\n"
_END = b'},"finish_reason":null}]}\n\n'
_json = lenient.encode
_Rarer: TypeAlias = (
    Start
    | BlockStart
    | SignatureDelta
    | LogprobsDelta
    | CitationDelta
    | OpaqueDelta
    | BlockStop
    | Finish
    | Failure
    | Ping
)


class StreamEncoder:
    """A stream has one message; blocks of text are joined, as its clients do with deltas."""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._head: JsonObject = {}
        self._delta = b""  # a chunk up to the inside of its delta
        self._calls: dict[int, int] = {}  # block index -> tool_calls[].index
        self._refusals: set[int] = set()
        self._thoughts: dict[int, int] = {}  # block index -> which thought it is

    def encode(self, event: Event) -> Iterator[bytes]:
        match event:
            case TextDelta(index, text):
                name = b'"refusal":' if index in self._refusals else b'"content":'
                return iter((self._delta + name + _json(text) + _END,))
            case ThinkingDelta(_, text):
                return iter((self._delta + b'"reasoning_content":' + _json(text) + _END,))
            case ArgumentsDelta(index, arguments):
                n = self._calls[index]
                return iter(
                    (
                        self._delta
                        + b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (n, _json(arguments))
                        + _END,
                    )
                )
            case _:
                return self._encode(event)

    def _encode(self, event: _Rarer) -> Iterator[bytes]:
        match event:
            case Start():
                yield self._start(event)
            case BlockStart(index, block):
                yield from self._open(index, block)
            case SignatureDelta(index, signature):
                yield self._chunk({"reasoning_details": [self._seal(index, signature)]})
            case LogprobsDelta(_, tokens):
                choice = {
                    "index": 0,
                    "delta": {},
                    "logprobs": {"content": tokens, "refusal": None},
                    "finish_reason": None,
                }
                yield self._frame(choices=[choice])
            case CitationDelta(index):
                self._losses.degraded(f"$.content[{index}].citations", "citations")
            case Finish():
                yield from self._finish(event)
            case Failure():
                yield encode_error_event(event)
            case Ping():
                yield KEEP_ALIVE
            case BlockStop() | OpaqueDelta():
                pass  # chunks have no block ends; an opaque block was reported when it began
            case _:
                assert_never(event)

    def _start(self, event: Start) -> bytes:
        created = own(event.extras).get("created", self._context.created)
        self._head = overlaid(
            {
                "id": event.id or self._context.id,
                "object": "chat.completion.chunk",
                "created": created,
                "model": event.model,
            },
            without(event.extras, "created"),
            "$",
            self._losses,
        )
        self._delta = b"data: " + _json(self._head)[:-1] + b',"choices":[{"index":0,"delta":{'
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _open(self, index: int, block: ContentBlock) -> Iterator[bytes]:
        path = f"$.content[{index}]"
        match block:
            case Text() | Refusal():
                if isinstance(block, Refusal):
                    self._refusals.add(index)
                overlaid({}, block.extras, path, self._losses)
            case Thinking():
                self._thoughts[index] = len(self._thoughts)
                entry = overlaid(encode_detail(block), without(block.extras, "field"), path, self._losses)
                if block.signature:
                    yield self._chunk({"reasoning_details": [{"index": self._thoughts[index], **entry}]})
            case ToolCall(id=id, name=name):
                n = self._calls[index] = len(self._calls)
                function = {"name": name, "arguments": ""}
                call: JsonObject = {"index": n, "id": id, "type": "function", "function": function}
                yield self._chunk({"tool_calls": [overlaid(call, block.extras, path, self._losses)]})
            case Opaque() if custom := from_slot(block, CALL):
                n = self._calls[index] = len(self._calls)
                yield self._chunk({"tool_calls": [{"index": n, **custom}]})
            case Opaque() if detail := from_slot(block, DETAIL):
                yield self._chunk({"reasoning_details": [detail]})
            case _:
                self._losses.dropped(path, "block without a counterpart")

    def _seal(self, index: int, signature: Signature) -> JsonObject:
        """The text has gone out as `reasoning_content`; a client that echoes both lets us join them again."""
        return {"index": self._thoughts.get(index, 0), **encode_detail(Thinking(text="", signature=signature))}

    def _finish(self, event: Finish) -> Iterator[bytes]:
        report_finish(event, self._losses)
        marks = dict(own(event.extras))
        delta = marks.pop("message", {})
        yield self._frame(
            choices=[{"index": 0, "delta": delta, "finish_reason": FINISH_REASONS[event.reason], **marks}]
        )
        if self._context.include_usage:
            yield self._frame(choices=[], usage=encode_usage(event.usage))
        yield DONE

    def _chunk(self, delta: JsonObject) -> bytes:
        return self._delta + _json(delta)[1:-1] + _END

    def _frame(self, **fields: object) -> bytes:
        return format_frame(_json({**self._head, **fields}))

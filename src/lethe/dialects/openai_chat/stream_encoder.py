"""Events in, the bytes of chat chunks out (openai 3.57.0 types, ChatCompletionChunk)."""

from collections.abc import Iterator
from typing import TypeAlias, assert_never

from msgspec import Struct

from lethe.dialects.freetext import CUSTOM, free_text
from lethe.dialects.openai_chat.errors import encode_error_event
from lethe.dialects.openai_chat.messages import CALL, encode_call
from lethe.dialects.openai_chat.overlay import from_slot, overlaid, own, without
from lethe.dialects.openai_chat.reasoning import DETAIL, encode_detail
from lethe.dialects.openai_chat.response import FINISH_REASONS, report_finish
from lethe.dialects.openai_chat.usage import encode_usage
from lethe.dialects.reply import ReplyContext
from lethe.errors import ReplyTooLarge
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
MAX_HELD = 64 * 1024 * 1024  # characters of one answer's calls of custom tools
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


class _Held(Struct):
    """A call of a custom tool: its `tool_calls[].index`, and what has come of its arguments."""

    number: int
    parts: list[str]


class StreamEncoder:
    """A stream has one message; blocks of text are joined, as its clients do with deltas."""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._head: JsonObject = {}
        self._delta = b""  # a chunk up to the inside of its delta
        self._calls: dict[int, int] = {}  # block index -> tool_calls[].index
        self._held: dict[int, _Held] = {}  # calls of custom tools
        self._size = self._called = 0
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
                if (n := self._calls.get(index)) is None:
                    return self._hold(index, arguments)
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
            case BlockStop(index):
                if (held := self._held.pop(index, None)) is not None:
                    text = free_text("".join(held.parts))
                    yield self._chunk({"tool_calls": [{"index": held.number, CUSTOM: {"input": text}}]})
            case OpaqueDelta():
                pass  # an opaque block was reported when it began
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
            case ToolCall(name=name):
                custom = name in self._context.custom_tools or own(block.extras).get("type") == CUSTOM
                call = encode_call(block, path, self._losses, custom=custom)
                if custom:
                    self._held[index] = _Held(self._called, [])
                else:
                    self._calls[index] = self._called
                yield self._chunk({"tool_calls": [{"index": self._called, **call}]})
                self._called += 1
            case Opaque() if unknown := from_slot(block, CALL):
                yield self._chunk({"tool_calls": [{"index": self._called, **unknown}]})
                self._called += 1
            case Opaque() if detail := from_slot(block, DETAIL):
                yield self._chunk({"reasoning_details": [detail]})
            case _:
                self._losses.dropped(path, "block without a counterpart")

    def _hold(self, index: int, arguments: str) -> Iterator[bytes]:
        """The text of a custom call has to be unwrapped first. Raises ReplyTooLarge."""
        self._size += len(arguments)
        if self._size > MAX_HELD:
            raise ReplyTooLarge
        self._held[index].parts.append(arguments)
        return iter(())

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

"""The hub's events in, frames of chunks out (google-genai 3.6.1, `_api_client.py`: data only, and no terminator).

Calls are whole in one chunk, so their arguments are held until they are; thoughts that others have sealed as well, as
they ride in the seal.
"""

from collections.abc import Iterator
from typing import assert_never

from msgspec import Struct
from msgspec.structs import replace

from lethe.dialects.gemini.errors import encode_error_event
from lethe.dialects.gemini.logprobs import encode_logprobs
from lethe.dialects.gemini.overlay import overlaid
from lethe.dialects.gemini.response import Seat, encode_block, encode_ending
from lethe.dialects.gemini.seals import SIGNATURE, carried, is_foreign, is_own
from lethe.dialects.reply import ReplyContext
from lethe.errors import ReplyTooLarge
from lethe.ir.content import ContentBlock, JsonObject, Refusal, Text, Thinking, ToolCall
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
from lethe.wire.sse import MAX_FRAME, format_frame

# google-genai takes any line that is no data for the start of an error, comments too; blank ones it passes over.
KEEP_ALIVE = b"\n\n"
_encode = lenient.encode


class _Held(Struct):
    """A block that is being said."""

    block: ContentBlock
    text: list[str]


class StreamEncoder:
    """One part a delta of text; every other block is a part."""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._seat = Seat()
        self._open: dict[int, _Held] = {}
        self._head: JsonObject = {"responseId": context.id}
        self._first: JsonObject = {}  # what only the first chunk says
        self._tail = b""
        self._refused = False
        self._size = 0  # characters of all that has been held

    def encode(self, event: Event) -> Iterator[bytes]:  # noqa: C901, PLR0912 - one flat match
        """Raises ReplyTooLarge."""
        match event:
            case TextDelta(index=index, text=text):
                if index in self._open:
                    yield self._text(text, b"")
            case ThinkingDelta(index=index, text=text):
                if (held := self._open.get(index)) is not None:
                    self._hold(held, text)
                    yield self._text(text, b',"thought":true')
            case ArgumentsDelta(index=index, json=text):
                if (held := self._open.get(index)) is not None:
                    self._hold(held, text)
            case SignatureDelta(index=index, signature=signature):
                held = self._open.get(index)
                if held is not None and isinstance(held.block, Thinking):
                    held.block = replace(held.block, signature=signature)
            case BlockStart(index=index, block=block):
                yield from self._begin(index, block)
            case BlockStop(index=index):
                if (held := self._open.pop(index, None)) is not None:
                    yield from self._end(held, f"$.content[{index}]")
            case LogprobsDelta(tokens=tokens):
                yield self._chunk([], logprobsResult=encode_logprobs(tokens))
            case CitationDelta(index=index):
                self._losses.degraded(f"$.content[{index}].citations", "citations")
            case Start():
                self._start(event)
            case Finish():
                yield from self._finish(event)
            case Failure():
                yield encode_error_event(event)
            case Ping():
                yield KEEP_ALIVE
            case OpaqueDelta():
                pass  # this API's parts come whole; a block of another dialect was reported when it began
            case _:
                assert_never(event)

    def _start(self, event: Start) -> None:
        head = {"modelVersion": event.model, "responseId": event.id or self._context.id}
        self._head = head
        self._first = overlaid({}, event.extras, "$", self._losses)
        self._tail = b'],"role":"model"},"index":0}],' + _encode(head)[1:]

    def _hold(self, held: _Held, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_FRAME:
            raise ReplyTooLarge
        held.text.append(text)

    def _text(self, text: str, marks: bytes) -> bytes:
        """The fast way for nearly every frame; what a thought's seal stands on comes after it."""
        if self._first or (self._seat.held is not None and not marks):
            part: JsonObject = {"text": text, **({"thought": True} if marks else {})}
            return self._chunk([part if marks else self._seat.on(part)])
        return b'data: {"candidates":[{"content":{"parts":[{"text":%b%b}%b\n\n' % (_encode(text), marks, self._tail)

    def _chunk(self, parts: list[JsonObject], **fields: JsonObject) -> bytes:
        candidate = {"content": {"parts": parts or [{"text": ""}], "role": "model"}, "index": 0, **fields}
        return self._frame({"candidates": [candidate]})

    def _frame(self, body: JsonObject) -> bytes:
        first, self._first = self._first, {}
        return format_frame(_encode({**body, **self._head, **first}))

    def _begin(self, index: int, block: ContentBlock) -> Iterator[bytes]:
        path = f"$.content[{index}]"
        match block:
            case Thinking():
                if rest := self._seat.rest():
                    yield self._chunk(rest)
                overlaid({}, block.extras, path, self._losses)
                self._open[index] = _Held(block, [])
            case Text() | Refusal():
                self._refused = self._refused or isinstance(block, Refusal)
                overlaid({}, block.extras, path, self._losses)
                self._open[index] = _Held(block, [])
            case ToolCall():
                self._open[index] = _Held(block, [])
            case _:
                if parts := encode_block(block, self._seat, path, self._losses):
                    yield self._chunk(parts)

    def _end(self, held: _Held, path: str) -> Iterator[bytes]:
        match held.block:
            case ToolCall() as call:
                whole = replace(call, arguments=call.arguments + "".join(held.text))
                yield self._chunk(encode_block(whole, self._seat, path, self._losses))
            case Thinking() as thinking:
                thought = replace(thinking, text=thinking.text + "".join(held.text))
                if is_own(thought) or is_foreign(thought):
                    self._seat.held = carried(thought)
                elif thought.signature is not None:
                    yield self._chunk([{"text": "", "thought": True, SIGNATURE: thought.signature.value}])
            case _:
                pass

    def _finish(self, event: Finish) -> Iterator[bytes]:
        ending = encode_ending(event, self._seat.rest(), self._losses, refused=self._refused)
        yield self._frame(ending)

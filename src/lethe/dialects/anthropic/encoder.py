"""Messages streams, written: what the official SDKs' accumulators read (anthropic 2.13.0, `lib/streaming`)."""

from collections.abc import Iterator
from typing import Any, assert_never

from lethe.dialects.anthropic.blocks import OURS
from lethe.dialects.anthropic.errors import encode_error_event
from lethe.dialects.anthropic.response import DELTA_EVENT_FIELDS, encode_said, stop_reason
from lethe.dialects.anthropic.usage import encode_usage
from lethe.dialects.carrier import wrap
from lethe.dialects.leftovers import merged
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import JsonObject, Opaque, Refusal
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

KEEP_ALIVE = b'event: ping\ndata: {"type": "ping"}\n\n'
_DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b","%b":%b}}\n\n'
)
_encode = lenient.encode


class StreamEncoder:
    """Events in, frames out. Blocks that have no place here are left out, so the wire numbers its own."""

    def __init__(self, context: ReplyContext, losses: Losses) -> None:
        self._context = context
        self._losses = losses
        self._indices: dict[int, int] = {}  # of open blocks: ours by theirs
        self._own: set[int] = set()  # blocks that are Opaque of this dialect
        self._next = 0
        self._refused = False
        self._logprobs_lost = False

    def encode(self, event: Event) -> Iterator[bytes]:
        match event:
            case TextDelta() | ArgumentsDelta() | ThinkingDelta() | SignatureDelta() | CitationDelta():
                ours = self._indices.get(event.index)
                if ours is not None:
                    yield _DELTA % (ours, *_delta(event))
            case OpaqueDelta(index=index, data=data):
                yield from self._opaque_delta(index, data)
            case LogprobsDelta(index=index):
                self._lose_logprobs(index)
            case BlockStart():
                yield from self._block_start(event)
            case BlockStop(index=index):
                if (ours := self._indices.pop(index, None)) is not None:
                    yield _frame("content_block_stop", index=ours)
            case Start():
                yield _frame("message_start", message=self._message(event))
            case Finish():
                yield self._message_delta(event)
                yield _frame("message_stop")
            case Failure():
                yield encode_error_event(event)
            case Ping():
                yield KEEP_ALIVE
            case _:
                assert_never(event)

    def _opaque_delta(self, index: int, data: JsonObject) -> Iterator[bytes]:
        ours = self._indices.get(index)
        if ours is not None and index in self._own:
            yield _frame("content_block_delta", index=ours, delta=data)
        elif ours is not None:
            self._losses.dropped(f"$.content[{index}]", "delta of another API")

    def _lose_logprobs(self, index: int) -> None:
        if not self._logprobs_lost:
            self._losses.hint(f"$.content[{index}].logprobs", "logprobs")
            self._logprobs_lost = True

    def _block_start(self, event: BlockStart) -> Iterator[bytes]:
        encoded = encode_said(event.block, f"$.content[{event.index}]", self._losses)
        if encoded is None:
            return
        self._refused = self._refused or isinstance(event.block, Refusal)
        if isinstance(event.block, Opaque):
            self._own.add(event.index)
        self._indices[event.index] = self._next
        yield _frame("content_block_start", index=self._next, content_block=encoded)
        self._next += 1

    def _message(self, start: Start) -> JsonObject:
        message: JsonObject = {
            "id": start.id or self._context.id,
            "type": "message",
            "role": "assistant",
            "model": start.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(start.usage),
        }
        return merged(message, start.extras, OURS, "$", self._losses)

    def _message_delta(self, finish: Finish) -> bytes:
        """Leftovers of the end stand inside `delta`, but for those that the API puts beside it."""
        fields = merged({}, finish.extras, OURS, "$.finish", self._losses)
        usage = {**encode_usage(finish.usage), **fields.pop("usage", {})}
        beside = {name: fields.pop(name) for name in DELTA_EVENT_FIELDS if name in fields}
        reason = stop_reason(finish, refused=self._refused)
        delta = {"stop_reason": reason, "stop_sequence": finish.stop_sequence, **fields}
        return _frame("message_delta", delta=delta, usage=usage, **beside)


def _frame(kind: str, **fields: Any) -> bytes:
    return format_frame(_encode({"type": kind, **fields}), kind)


def _delta(
    event: TextDelta | ArgumentsDelta | ThinkingDelta | SignatureDelta | CitationDelta,
) -> tuple[bytes, bytes, bytes]:
    """Type, name and JSON of what a delta adds."""
    match event:
        case TextDelta(text=text):
            return b"text_delta", b"text", _encode(text)
        case ArgumentsDelta(json=json):
            return b"input_json_delta", b"partial_json", _encode(json)
        case ThinkingDelta(text=text):
            return b"thinking_delta", b"thinking", _encode(text)
        case SignatureDelta(signature=signature):
            return b"signature_delta", b"signature", _encode(wrap(signature, OURS))
        case CitationDelta(citation=citation):
            return b"citations_delta", b"citation", _encode(citation)
        case _:
            assert_never(event)

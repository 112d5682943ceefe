"""Chat chunks in, events out. Chunks have no block boundaries; this decoder supplies them.

Wire facts: openai 3.57.0 types, ChatCompletionChunk; reasoning fields as in `reasoning`.
"""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from lethe.dialects.leftovers import kept
from lethe.dialects.openai_chat.errors import decode_error_object
from lethe.dialects.openai_chat.overlay import OURS
from lethe.dialects.openai_chat.parts import thought_of
from lethe.dialects.openai_chat.reasoning import NAMES, decode_detail
from lethe.dialects.openai_chat.response import stop_reason
from lethe.dialects.openai_chat.stream_calls import CallAssembler
from lethe.dialects.openai_chat.usage import decode_usage
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import ContentBlock, Extras, JsonObject, Refusal, Text, Thinking
from lethe.ir.events import (
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
from lethe.ir.usage import Usage
from lethe.wire import lenient
from lethe.wire.fields import Fields
from lethe.wire.sse import Frame

DONE = "[DONE]"
MAX_LEFT = 1000  # leftover items kept of a stream

Kind: TypeAlias = Literal["", "text", "refusal", "thinking"]
_BLOCKS: dict[Kind, ContentBlock] = {"text": Text(text=""), "refusal": Refusal(text=""), "thinking": Thinking(text="")}
_CHUNK_FIELDS = frozenset({"id", "object", "model", "choices", "usage", "obfuscation"})
# Some repeat the whole `message` beside its last delta.
_CHOICE_FIELDS = frozenset({"index", "delta", "finish_reason", "logprobs", "error", "message"})
_DELTA_FIELDS = frozenset({"role", "content", "refusal", "tool_calls", "function_call", "reasoning_details", *NAMES})


class _PlainDelta(Struct, forbid_unknown_fields=True, gc=False):
    content: str | None = None
    reasoning_content: str | None = None
    role: Any = None
    refusal: None = None
    tool_calls: None = None


class _PlainChoice(Struct, forbid_unknown_fields=True, gc=False):
    delta: _PlainDelta
    index: int = 0
    finish_reason: None = None
    logprobs: None = None
    native_finish_reason: None = None


class _PlainChunk(Struct, forbid_unknown_fields=True, gc=False):
    """The shape of nearly every chunk; whatever has more to say does not fit, and is read field by field."""

    choices: tuple[_PlainChoice]
    id: Any = None
    object: Any = None
    created: Any = None
    model: Any = None
    provider: Any = None
    service_tier: Any = None
    system_fingerprint: Any = None
    obfuscation: Any = None
    usage: None = None


_plain = msgspec.json.Decoder(_PlainChunk).decode


class StreamDecoder:
    def __init__(self) -> None:
        self._started = self._ended = False
        self._next = 0
        self._open: Kind = ""
        self._index = -1  # of the open block
        self._sealed = False  # has the open thinking block its signature?
        self._detail: Any = None  # the `index` of the reasoning detail that is open
        self._calls = CallAssembler()
        self._word: str | None = None
        self._usage = Usage()
        self._left: JsonObject = {}

    def feed(self, frame: Frame) -> Iterator[Event]:
        """Raises MalformedReply, at the latest while it is iterated."""
        data = frame.data
        if self._open:
            try:
                choice = _plain(data).choices[0]
            except lenient.UNREADABLE:
                return self._feed(data)
            text, thought = choice.delta.content, choice.delta.reasoning_content
            if text and self._open == "text" and not thought and choice.index == 0:
                return iter((TextDelta(self._index, text),))
            if thought and self._open == "thinking" and not (text or self._sealed or choice.index):
                return iter((ThinkingDelta(self._index, thought),))
        return self._feed(data)

    def finish(self) -> Iterator[Event]:
        """An upstream that said why it stopped has finished, with or without [DONE]."""
        if self._started and not self._ended and self._word is not None:
            yield from self._end()

    def _feed(self, data: str) -> Iterator[Event]:
        if self._ended:
            return
        if data == DONE:
            if self._started:
                yield from self._end()
            return
        try:
            chunk = lenient.decode(data)
        except ValueError:
            raise MalformedReply from None
        if not isinstance(chunk, dict):
            raise MalformedReply
        choice = _first_choice(chunk)
        if chunk.get("error") or choice.get("error"):
            self._ended, self._open = True, ""
            yield decode_error_object(chunk if chunk.get("error") else choice)
            return
        if isinstance(usage := chunk.get("usage"), dict):
            self._usage = decode_usage(usage)
        if choice:
            yield from self._start(chunk)
            yield from self._feed_choice(choice)

    def _start(self, chunk: JsonObject) -> Iterator[Event]:
        """The first chunk with a choice; Azure sends its filter results before, without id or model."""
        if self._started:
            return
        self._started = True
        id, model = str(chunk.get("id") or ""), str(chunk.get("model") or "")
        self._calls.reply_id = id
        left = {name: value for name, value in chunk.items() if name not in _CHUNK_FIELDS}
        yield Start(id=id, model=model, usage=self._usage, extras=Extras(OURS, left) if left else None)

    def _end(self) -> Iterator[Event]:
        self._ended = True
        yield from self._close()
        reason = stop_reason(self._word, called=bool(self._calls))
        extras = Extras(OURS, self._left) if self._left else None
        yield Finish(reason=reason, raw_reason=self._word, usage=self._usage, extras=extras)

    def _feed_choice(self, choice: JsonObject) -> Iterator[Event]:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            yield from self._feed_delta(delta)
            self._keep(
                self._left.setdefault("message", {}) if delta.keys() - _DELTA_FIELDS else {}, delta, _DELTA_FIELDS
            )
        if isinstance(logprobs := choice.get("logprobs"), dict):
            yield from self._feed_logprobs(logprobs)
        self._keep(self._left, choice, _CHOICE_FIELDS)
        if isinstance(word := choice.get("finish_reason"), str):
            self._word = word
            yield from self._close()

    def _feed_delta(self, delta: JsonObject) -> Iterator[Event]:
        details = delta.get("reasoning_details")
        if isinstance(details, list) and details:
            for detail in details:
                yield from self._feed_detail(detail)
        elif thought := next((t for name in NAMES if (t := _text(delta, name))), ""):
            yield from self._enter("thinking")
            yield ThinkingDelta(self._index, thought)
        content = delta.get("content")
        for part in content if isinstance(content, list) else ({"type": "text", "text": content},):
            yield from self._feed_part(part)
        if text := _text(delta, "refusal"):
            yield from self._enter("refusal")
            yield TextDelta(self._index, text)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            yield from self._feed_call(call)
        if isinstance(function := delta.get("function_call"), dict):  # the older form, one call at most
            yield from self._feed_call({"index": -1, "function": function})

    def _feed_part(self, part: Any) -> Iterator[Event]:
        """Of a content that is a list, as Mistral's is while it thinks."""
        if not isinstance(part, dict):
            raise MalformedReply
        if thought := thought_of(part.get("thinking")):
            yield from self._enter("thinking")
            yield ThinkingDelta(self._index, thought)
        if text := _text(part, "text"):
            yield from self._enter("text")
            yield TextDelta(self._index, text)

    def _feed_call(self, call: Any) -> Iterator[Event]:
        if not isinstance(call, dict):
            raise MalformedReply
        if self._calls.opens(call):
            yield from self._leave()
        for event in self._calls.feed(call, self._next):
            if isinstance(event, BlockStart):
                self._next += 1
            yield event

    def _feed_detail(self, value: Any) -> Iterator[Event]:
        """An entry of `reasoning_details`: more text, a signature for the text before, or a sealed block."""
        try:
            block = decode_detail(Fields(value))
        except InvalidRequest:
            raise MalformedReply from None
        if not isinstance(block, Thinking) or block.redacted:
            yield from self._close()
            yield BlockStart(self._next, block)
            yield BlockStop(self._next)
            self._next += 1
            return
        number = value.get("index")
        if self._open == "thinking" and (self._detail not in (None, number) and number is not None):
            yield from self._leave()
        yield from self._enter("thinking", msgspec.structs.replace(block, text="", signature=None))
        self._detail = number if number is not None else self._detail
        if block.text:
            yield ThinkingDelta(self._index, block.text)
        if block.signature:
            yield SignatureDelta(self._index, block.signature)
            self._sealed = True

    def _feed_logprobs(self, logprobs: JsonObject) -> Iterator[Event]:
        tokens = logprobs.get("content")
        if isinstance(tokens, list) and tokens and self._open == "text":
            yield LogprobsDelta(self._index, tuple(t for t in tokens if isinstance(t, dict)))
        if refused := logprobs.get("refusal"):
            self._keep(self._left.setdefault("logprobs", {}), {"refusal": refused}, frozenset())

    def _enter(self, kind: Kind, block: ContentBlock | None = None) -> Iterator[Event]:
        """Open the block that this delta belongs to, unless it is."""
        if self._open == kind and not self._sealed:
            return
        yield from self._close()
        self._open, self._index = kind, self._next
        self._next += 1
        yield BlockStart(self._index, block or _BLOCKS[kind])

    def _leave(self) -> Iterator[Event]:
        """Close the open block; calls stay open."""
        if self._open:
            yield BlockStop(self._index)
        self._open, self._index, self._sealed, self._detail = "", -1, False, None

    def _close(self) -> Iterator[Event]:
        yield from self._leave()
        for event in self._calls.close(self._next):
            if isinstance(event, BlockStart):
                self._next += 1
            yield event

    @staticmethod
    def _keep(left: JsonObject, fields: JsonObject, known: frozenset[str]) -> None:
        """Leftovers: lists grow, of anything else the first value stays."""
        for name in fields.keys() - known:
            value, held = fields[name], left.get(name)
            if isinstance(held, list) and isinstance(value, list) and value and len(held) < MAX_LEFT:
                left[name] = [*held, *value][:MAX_LEFT]
            elif held is None and value is not None:
                left[name] = value
            else:
                continue
            kept(left)


def _first_choice(chunk: JsonObject) -> JsonObject:
    """Choices beyond the first were never asked for."""
    choices = chunk.get("choices")
    found = (c for c in choices if isinstance(c, dict) and not c.get("index")) if isinstance(choices, list) else ()
    return next(iter(found), {})


def _text(fields: JsonObject, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""

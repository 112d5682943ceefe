"""Chunks of an answer in, the hub's events out (google-genai 3.6.1 types, GenerateContentResponse).

Nothing marks the end but a finish reason, and counts may come with it or after it, so an answer finishes when its
stream does. A buffered answer is a stream of one chunk.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from lethe.dialects.gemini.calls import decode_call, id_in_reply
from lethe.dialects.gemini.errors import decode_error_object
from lethe.dialects.gemini.finish import UNSPECIFIED, stop_reason
from lethe.dialects.gemini.logprobs import decode_logprobs
from lethe.dialects.gemini.overlay import OURS, leftovers
from lethe.dialects.gemini.parts import decode_other, decode_text, take_seal
from lethe.dialects.gemini.proto import child, message, several
from lethe.dialects.gemini.seals import is_own, joins
from lethe.dialects.gemini.usage import decode_usage, leftover_usage
from lethe.dialects.leftovers import kept
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import ContentBlock, Extras, JsonObject, Text, Thinking
from lethe.ir.events import (
    BlockStart,
    BlockStop,
    Event,
    Finish,
    LogprobsDelta,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import unfold_block
from lethe.ir.usage import Usage
from lethe.wire import lenient
from lethe.wire.fields import Fields
from lethe.wire.lenient import UNREADABLE
from lethe.wire.sse import Frame


class _Part(Struct, forbid_unknown_fields=True):
    text: str
    thought: bool = False


class _Content(Struct, forbid_unknown_fields=True):
    parts: tuple[_Part]
    role: str = ""


class _Candidate(Struct, forbid_unknown_fields=True):
    content: _Content
    index: int = 0


class _Chunk(Struct, forbid_unknown_fields=True, rename="camel"):
    candidates: tuple[_Candidate]
    usage_metadata: msgspec.Raw = msgspec.Raw()
    model_version: str = ""
    response_id: str = ""


_PLAIN = msgspec.json.Decoder(_Chunk)
_NOT = "the upstream's stream holds a chunk that its API does not have"


class StreamDecoder:
    """Text and thoughts go on until something else comes; every other part is a block of its own."""

    def __init__(self) -> None:
        self._started = self._failed = self._called = False
        self._id = ""
        self._next = 0
        self._open: Text | Thinking | None = None  # empty; its number is the one before the next
        self._reason: str | None = None
        self._blocked = False
        self._usage = Usage()
        self._counted = msgspec.Raw()  # later counts than those, not read yet
        self._ending: JsonObject = {}

    def feed(self, frame: Frame) -> Iterator[Event]:
        """Raises MalformedReply, at the latest while it is iterated."""
        if self._failed:
            return
        if self._open is not None and (event := self._plain(frame.data)) is not None:
            yield event
            return
        try:
            yield from self.chunk(lenient.decode(frame.data))
        except (ValueError, InvalidRequest):
            raise MalformedReply(_NOT) from None

    def _plain(self, data: str) -> Event | None:
        """The fast way for nearly every frame: more of what is open; None for whatever it does not fit."""
        try:
            chunk = _PLAIN.decode(data)
        except UNREADABLE:
            return None
        part = chunk.candidates[0].content.parts[0]
        if not part.text or part.thought is not isinstance(self._open, Thinking):
            return None
        self._counted = chunk.usage_metadata or self._counted
        return ThinkingDelta(self._next - 1, part.text) if part.thought else TextDelta(self._next - 1, part.text)

    def chunk(self, data: Any) -> Iterator[Event]:
        """One decoded chunk. Raises InvalidRequest, MalformedReply."""
        if isinstance(data, list) or (isinstance(data, dict) and "error" in data):
            self._failed = True
            yield decode_error_object(data)
            return
        f = message(data, "$")
        candidates, usage = several(f, "candidates"), f.raw("usageMetadata")
        if usage is not None:
            self._usage, self._counted = decode_usage(usage), msgspec.Raw()
            if left := leftover_usage(usage):
                self._ending["usageMetadata"] = left
        yield from self._start(f)
        for candidate in candidates[:1]:
            yield from self._candidate(candidate)

    def finish(self) -> Iterator[Event]:
        """The upstream's stream has ended. No Finish if it never said why."""
        if self._failed or not self._started or self._reason is None:
            return
        yield from self._close()
        if self._counted:
            self._usage = decode_usage(lenient.decode(self._counted))
        yield Finish(
            reason=StopReason.REFUSAL if self._blocked else stop_reason(self._reason, called=self._called),
            raw_reason=self._reason,
            usage=self._usage,
            extras=Extras(OURS, self._ending) if self._ending else None,
        )

    def _start(self, f: Fields) -> Iterator[Event]:
        """What the first chunk says of the answer. A refused question has no candidates."""
        id, model = f.take("responseId", str, ""), f.take("modelVersion", str, "")
        feedback = f.peek("promptFeedback")
        blocked = feedback.get("blockReason") if isinstance(feedback, dict) else None
        if isinstance(blocked, str):
            self._reason, self._blocked = blocked, True
        if not self._started:
            self._started, self._id = True, id
            yield Start(id=id, model=model, usage=self._usage, extras=leftovers(f))

    def _candidate(self, f: Fields) -> Iterator[Event]:
        content, tokens = child(f, "content"), decode_logprobs(f.raw("logprobsResult"))
        f.raw("index")
        for part in several(content, "parts") if content is not None else ():
            yield from self._part(part)
        if tokens and isinstance(self._open, Text):
            yield LogprobsDelta(self._next - 1, tokens)
        reason = f.take("finishReason", str)
        if reason is not None and reason != UNSPECIFIED:
            self._reason = reason
        left = leftovers(f)
        if left is not None:
            self._ending = kept(self._ending | left.fields)

    def _part(self, f: Fields) -> Iterator[Event]:
        if isinstance(f.peek("text"), str):
            blocks = decode_text(f)
            if isinstance(self._open, Text) and is_own(blocks[0] if blocks else self._open):
                blocks = blocks[::-1]  # the open text goes on, and its seal comes after it
            for block in blocks:
                yield from self._said(block)
        elif isinstance(call := f.peek("functionCall"), dict):
            if "partialArgs" in call or "willContinue" in call:
                raise MalformedReply("the upstream's stream holds a call in pieces, which nobody asked for")
            for sealed in take_seal(f):
                yield from self._whole(sealed)
            yield from self._whole(decode_call(f, id_in_reply(self._id, self._next, call)))
            self._called = True
        else:
            for other in decode_other(f):
                yield from self._whole(other)

    def _said(self, block: ContentBlock) -> Iterator[Event]:
        """Text or a thought, which may go on; a seal that came before or after it."""
        match block:
            case Thinking(redacted=False) if not joins(self._open, block):
                yield from self._go_on(block)
                if block.text:
                    yield ThinkingDelta(self._next - 1, block.text)
                if block.signature is not None:
                    yield SignatureDelta(self._next - 1, block.signature)
                    yield from self._close()
            case Text(text=text):
                yield from self._go_on(block)
                yield TextDelta(self._next - 1, text)
            case _:
                yield from self._whole(block)

    def _go_on(self, block: Text | Thinking) -> Iterator[Event]:
        """Into the open block, if it is of that kind and nothing else is said of the new one."""
        if type(self._open) is type(block) and block.extras is None:
            return
        yield from self._close()
        empty = (
            Text(text="", extras=block.extras) if isinstance(block, Text) else Thinking(text="", extras=block.extras)
        )
        self._open = empty
        yield BlockStart(self._next, empty)
        self._next += 1

    def _whole(self, block: ContentBlock) -> Iterator[Event]:
        """A block of its own; the seal of a thought that has just been shown goes on that."""
        if isinstance(block, Thinking) and block.signature is not None and joins(self._open, block):
            yield SignatureDelta(self._next - 1, block.signature)
            yield from self._close()
            return
        yield from self._close()
        yield from unfold_block(self._next, block)
        yield BlockStop(self._next)
        self._next += 1

    def _close(self) -> Iterator[Event]:
        if self._open is not None:
            self._open = None
            yield BlockStop(self._next - 1)

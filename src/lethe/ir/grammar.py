"""The grammar of events (see `events`): a checker, the fold of a stream into a reply, and its inverse."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias, assert_never

import msgspec

from lethe.errors import MalformedReply, StreamCut, UpstreamFailed
from lethe.ir.content import (
    ContentBlock,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.events import (
    ArgumentsDelta,
    BlockStart,
    BlockStop,
    CitationDelta,
    Delta,
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
from lethe.ir.response import Response
from lethe.ir.usage import Usage

# Which blocks a delta may add to. An OpaqueDelta may stand in any: the block may be known and the delta new.
BLOCKS: dict[type[Delta], tuple[type[ContentBlock], ...]] = {
    TextDelta: (Text, Refusal),
    CitationDelta: (Text,),
    LogprobsDelta: (Text, Refusal),
    ThinkingDelta: (Thinking,),
    SignatureDelta: (Thinking,),
    ArgumentsDelta: (ToolCall,),
    OpaqueDelta: (Text, Refusal, Thinking, Media, ToolCall, ToolResult, Opaque),
}

# How a dialect puts an Opaque block and its deltas together.
Join: TypeAlias = Callable[[Opaque, tuple[JsonObject, ...]], Opaque]


class StreamFailed(UpstreamFailed):
    """An upstream's answer holds an error, although its status was 200. `failure` is content: for the caller only."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


MAX_BLOCKS = 10_000  # of one answer: whoever follows it keeps something of each


class Grammar:
    """Watches one stream; usable on a live one, as it keeps no content."""

    __slots__ = ("_open", "_seen", "ended", "started")

    def __init__(self) -> None:
        self.started = False
        self.ended = False  # by a Finish or a Failure
        self._open: dict[int, type[ContentBlock]] = {}
        self._seen: set[int] = set()

    def admit(self, event: Event) -> None:
        """Raises MalformedReply if the event may not stand here."""
        if self.ended:
            raise MalformedReply("the upstream's stream goes on after its end")
        match event:
            case (
                TextDelta()
                | ArgumentsDelta()
                | ThinkingDelta()
                | SignatureDelta()
                | CitationDelta()
                | LogprobsDelta()
                | OpaqueDelta()
            ):  # first, as nearly all are
                if self._open.get(event.index) not in BLOCKS[type(event)]:
                    raise MalformedReply("the upstream's stream has a delta that does not fit its block")
            case Failure():
                self.ended = True
            case Ping():
                pass
            case Start():
                self._require(not self.started, "a second start")
                self.started = True
            case _ if not self.started:
                raise MalformedReply("the upstream's stream has content before its start")
            case BlockStart(index=index, block=block):
                self._require(index not in self._seen, "a block that begins twice")
                self._require(len(self._seen) < MAX_BLOCKS, "too many blocks")
                self._open[index] = type(block)
                self._seen.add(index)
            case BlockStop(index=index):
                self._require(self._open.pop(index, None) is not None, "the end of a block that is not open")
            case Finish():
                self._require(not self._open, "an end inside a block")
                self.ended = True
            case _:
                assert_never(event)

    def _require(self, condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
        if not condition:
            raise MalformedReply(f"the upstream's stream has {otherwise}")


def appended(block: Opaque, deltas: tuple[JsonObject, ...]) -> Opaque:
    """Keep deltas beside the block: for dialects that say no better."""
    return Opaque(dialect=block.dialect, data={**block.data, "deltas": list(deltas)}, cache=block.cache)


def fold(events: Iterable[Event], join: Join = appended) -> Response:
    """The buffered reply that a stream amounts to.

    Raises StreamFailed on a Failure, StreamCut without a Finish, MalformedReply where the grammar is broken.
    """
    folded = Fold(join)
    for event in events:
        folded.add(event)
    return folded.response()


class Fold:
    """`fold`, event by event."""

    __slots__ = ("_blocks", "_finish", "_grammar", "_join", "_start")

    def __init__(self, join: Join = appended) -> None:
        self._grammar = Grammar()
        self._join = join
        self._start: Start | None = None
        self._finish: Finish | None = None
        self._blocks: dict[int, _Growing] = {}  # in order of their start

    def add(self, event: Event) -> None:
        """Raises StreamFailed, MalformedReply."""
        self._grammar.admit(event)
        match event:
            case Start():
                self._start = event
            case BlockStart(index=index, block=block):
                self._blocks[index] = _Growing(block)
            case BlockStop() | Ping():
                pass
            case Finish():
                self._finish = event
            case Failure():
                raise StreamFailed(event)
            case _:
                self._blocks[event.index].deltas.append(event)

    def response(self) -> Response:
        """Raises StreamCut if the stream has not finished."""
        if self._start is None or self._finish is None:
            raise StreamCut
        return Response(
            id=self._start.id,
            model=self._start.model,
            content=tuple(block.whole(self._join) for block in self._blocks.values()),
            finish=self._finish,
            extras=self._start.extras,
        )


class _Growing:
    __slots__ = ("block", "deltas")

    def __init__(self, block: ContentBlock) -> None:
        self.block = block
        self.deltas: list[Delta] = []

    def whole(self, join: Join) -> ContentBlock:
        block = self.block
        match block:
            case Text():
                return msgspec.structs.replace(
                    block,
                    text=block.text + self._text(),
                    citations=block.citations + tuple(d.citation for d in self.deltas if isinstance(d, CitationDelta)),
                    logprobs=block.logprobs + self._logprobs(),
                )
            case Refusal():
                return msgspec.structs.replace(block, text=block.text + self._text())
            case Thinking():
                seal = block.signature
                for delta in self.deltas:
                    seal = delta.signature if isinstance(delta, SignatureDelta) else seal
                return msgspec.structs.replace(block, text=block.text + self._text(), signature=seal)
            case ToolCall():
                more = "".join(d.json for d in self.deltas if isinstance(d, ArgumentsDelta))
                return msgspec.structs.replace(block, arguments=block.arguments + more)
            case Opaque():
                deltas = tuple(d.data for d in self.deltas if isinstance(d, OpaqueDelta))
                return join(block, deltas) if deltas else block
            case Media() | ToolResult():
                return block
            case _:
                assert_never(block)

    def _text(self) -> str:
        return "".join(d.text for d in self.deltas if isinstance(d, TextDelta | ThinkingDelta))

    def _logprobs(self) -> tuple[JsonObject, ...]:
        return tuple(token for d in self.deltas if isinstance(d, LogprobsDelta) for token in d.tokens)


def unfold(response: Response) -> Iterator[Event]:
    """A buffered reply as a stream: `fold(unfold(r)) == r`."""
    usage = response.finish.usage
    yield Start(
        id=response.id,
        model=response.model,
        usage=Usage(input=usage.input, cache_read=usage.cache_read, cache_write=usage.cache_write),
        extras=response.extras,
    )
    for index, block in enumerate(response.content):
        yield from unfold_block(index, block)
        yield BlockStop(index)
    yield response.finish


def unfold_block(index: int, block: ContentBlock) -> Iterator[Event]:
    """A block's start and the deltas that fill it, without its stop."""
    match block:
        case Text():
            yield BlockStart(index, msgspec.structs.replace(block, text="", citations=(), logprobs=()))
            yield from _text_deltas(index, block)
        case Refusal(text=text):
            yield BlockStart(index, msgspec.structs.replace(block, text=""))
            if text:
                yield TextDelta(index, text)
        case Thinking(redacted=False, text=text, signature=signature):
            yield BlockStart(index, msgspec.structs.replace(block, text="", signature=None))
            if text:
                yield ThinkingDelta(index, text)
            if signature is not None:
                yield SignatureDelta(index, signature)
        case ToolCall(arguments=arguments):
            yield BlockStart(index, msgspec.structs.replace(block, arguments=""))
            if arguments:
                yield ArgumentsDelta(index, arguments)
        case Thinking() | Media() | ToolResult() | Opaque():
            yield BlockStart(index, block)
        case _:
            assert_never(block)


def _text_deltas(index: int, block: Text) -> Iterator[Event]:
    if block.text:
        yield TextDelta(index, block.text)
    for citation in block.citations:
        yield CitationDelta(index, citation)
    if block.logprobs:
        yield LogprobsDelta(index, block.logprobs)

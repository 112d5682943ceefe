"""The grammar of events; folding a stream and unfolding a reply are inverse."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lethe.errors import ErrorKind, MalformedReply, StreamCut
from lethe.ir.content import (
    CacheHint,
    ContentBlock,
    Dialect,
    Extras,
    Media,
    Opaque,
    Refusal,
    Signature,
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
    Event,
    Failure,
    Finish,
    LogprobsDelta,
    OpaqueDelta,
    Ping,
    SignatureDelta,
    Start,
    StopReason,
    TextDelta,
    ThinkingDelta,
)
from lethe.ir.grammar import Grammar, StreamFailed, fold, unfold
from lethe.ir.response import Response
from lethe.ir.usage import Usage

START = Start(id="r", model="m")
END = Finish(reason=StopReason.END_TURN)
FAILURE = Failure(kind=ErrorKind.OVERLOADED, message="CANARY")
TEXT, CALL = Text(text=""), ToolCall(id="c", name="f", arguments="")
THOUGHT = Thinking(text="")
SEAL = Signature(Dialect.GEMINI, "s")
NATIVE = Opaque(dialect=Dialect.ANTHROPIC, data={"type": "x"})

GOOD: list[list[Event]] = [
    [START, END],
    [Ping(), START, Ping(), END],
    [START, BlockStart(0, TEXT), TextDelta(0, "a"), Ping(), TextDelta(0, "b"), BlockStop(0), END],
    [
        START,
        BlockStart(3, TEXT),
        BlockStart(1, CALL),
        ArgumentsDelta(1, "{"),
        TextDelta(3, "a"),
        BlockStop(3),
        ArgumentsDelta(1, "}"),
        BlockStop(1),
        END,
    ],
    [START, BlockStart(0, THOUGHT), ThinkingDelta(0, "a"), SignatureDelta(0, SEAL), BlockStop(0), END],
    [START, BlockStart(0, Refusal(text="")), TextDelta(0, "no"), LogprobsDelta(0, ({},)), BlockStop(0), END],
    [START, BlockStart(0, NATIVE), OpaqueDelta(0, {}), BlockStop(0), END],
    [START, BlockStart(0, TEXT), OpaqueDelta(0, {}), CitationDelta(0, {}), BlockStop(0), END],
    [FAILURE],
    [START, BlockStart(0, TEXT), FAILURE],
]
BAD: list[list[Event]] = [
    [END],
    [TextDelta(0, "CANARY")],
    [BlockStart(0, TEXT)],
    [START, START],
    [START, TextDelta(0, "CANARY")],
    [START, BlockStop(0)],
    [START, BlockStart(0, TEXT), BlockStart(0, TEXT)],
    [START, BlockStart(0, TEXT), BlockStop(0), BlockStart(0, TEXT)],
    [START, BlockStart(0, TEXT), BlockStop(0), TextDelta(0, "CANARY")],
    [START, BlockStart(0, TEXT), BlockStop(0), BlockStop(0)],
    [START, BlockStart(0, TEXT), END],
    [START, BlockStart(0, CALL), TextDelta(0, "CANARY")],
    [START, BlockStart(0, TEXT), ArgumentsDelta(0, "CANARY")],
    [START, BlockStart(0, TEXT), ThinkingDelta(0, "CANARY")],
    [START, BlockStart(0, CALL), SignatureDelta(0, SEAL)],
    [START, BlockStart(0, THOUGHT), CitationDelta(0, {})],
    [START, BlockStart(0, CALL), LogprobsDelta(0, ())],
    [START, END, Ping()],
    [START, END, END],
    [FAILURE, START],
]


@pytest.mark.parametrize("events", GOOD)
def test_what_may_stand(events: list[Event]) -> None:
    grammar = Grammar()
    for event in events:
        assert not grammar.ended
        grammar.admit(event)
    assert grammar.ended


@pytest.mark.parametrize("events", BAD)
def test_what_may_not_stand(events: list[Event]) -> None:
    grammar = Grammar()
    for event in events[:-1]:
        grammar.admit(event)
    with pytest.raises(MalformedReply) as caught:
        grammar.admit(events[-1])
    assert "CANARY" not in repr(caught.value)


def test_a_failure_is_raised_and_not_quoted() -> None:
    with pytest.raises(StreamFailed) as caught:
        fold([START, FAILURE])
    assert caught.value.failure is FAILURE
    assert "CANARY" not in f"{caught.value!s} {caught.value!r}"


@pytest.mark.parametrize("events", [[], [START], [START, BlockStart(0, TEXT), TextDelta(0, "a"), BlockStop(0)]])
def test_a_stream_without_an_end_is_cut(events: list[Event]) -> None:
    with pytest.raises(StreamCut):
        fold(events)


def test_overlapping_blocks_fold_in_the_order_of_their_start() -> None:
    folded = fold(GOOD[3])
    assert folded.content == (Text(text="a"), ToolCall(id="c", name="f", arguments="{}"))


def test_the_last_signature_holds() -> None:
    later = Signature(Dialect.GEMINI, "later")
    events: list[Event] = [
        START,
        BlockStart(0, THOUGHT),
        SignatureDelta(0, SEAL),
        SignatureDelta(0, later),
        BlockStop(0),
        END,
    ]
    assert fold(events).content == (Thinking(text="", signature=later),)


def test_deltas_of_an_opaque_block_are_joined_as_its_dialect_says() -> None:
    events: list[Event] = [
        START,
        BlockStart(0, NATIVE),
        OpaqueDelta(0, {"a": 1}),
        OpaqueDelta(0, {"b": 2}),
        BlockStop(0),
        END,
    ]
    assert fold(events).content == (Opaque(dialect=NATIVE.dialect, data={"type": "x", "deltas": [{"a": 1}, {"b": 2}]}),)
    joined = fold(events, lambda block, deltas: Opaque(dialect=block.dialect, data={"n": len(deltas)}))
    assert joined.content == (Opaque(dialect=NATIVE.dialect, data={"n": 2}),)


text = st.text(max_size=5)
objects = st.dictionaries(text, text, max_size=2)
extras = st.none() | st.builds(Extras, st.sampled_from(Dialect), objects)
signatures = st.builds(Signature, st.sampled_from(Dialect), text)
usages = st.builds(Usage, input=st.integers(0, 9), cache_read=st.integers(0, 9), output=st.integers(0, 9))
blocks: st.SearchStrategy[ContentBlock] = st.one_of(
    st.builds(
        Text,
        text=text,
        citations=st.lists(objects, max_size=2).map(tuple),
        logprobs=st.lists(objects, max_size=2).map(tuple),
        cache=st.none() | st.just(CacheHint()),
        extras=extras,
    ),
    st.builds(Refusal, text=text, extras=extras),
    st.builds(Thinking, text=text, signature=st.none() | signatures, extras=extras),
    st.builds(Thinking, text=st.just(""), signature=signatures, redacted=st.just(True)),
    st.builds(Media, kind=st.just("image"), data=text),
    st.builds(ToolCall, id=text, name=text, arguments=text, extras=extras),
    st.builds(ToolResult, call_id=text, content=st.just((Text(text="t"),))),
    st.builds(Opaque, dialect=st.sampled_from(Dialect), data=objects),
)
replies = st.builds(
    Response,
    id=text,
    model=text,
    content=st.lists(blocks, max_size=4).map(tuple),
    finish=st.builds(Finish, reason=st.sampled_from(StopReason), raw_reason=st.none() | text, usage=usages),
    extras=extras,
)


EMPTY = (TEXT, Refusal(text=""), THOUGHT, CALL)  # blocks of which nothing was said


@given(replies)
@example(Response(id="r", model="m", content=EMPTY, finish=END))
def test_folding_what_was_unfolded_gives_the_reply_back(reply: Response) -> None:
    events = list(unfold(reply))
    grammar = Grammar()
    for event in events:
        grammar.admit(event)
        if isinstance(event, BlockStart) and isinstance(event.block, Text | Refusal):
            assert event.block.text == ""
    assert grammar.ended
    assert fold(events) == reply

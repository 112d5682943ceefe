"""Thought signatures: on which part they stand, and how the seals of others ride there."""

import base64

import pytest
from tests.dialects.cases import decoded

from lethe.dialects import gemini
from lethe.dialects.gemini.seals import SIGNATURE, UNSIGNED, carried, is_own, seal, seated
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import ContentBlock, Dialect, JsonObject, Media, Signature, Text, Thinking, ToolCall
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import fold, unfold
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Turn
from lethe.ir.response import Response

GEMINI, ANTHROPIC = Dialect.GEMINI, Dialect.ANTHROPIC
CONTEXT = ReplyContext(id="ours", created=1)
TEXT, IMAGE = Text(text="t"), Media(kind="image", media_type="image/png", data="AAAA")


def own(value: str) -> Thinking:
    return Thinking(text="", signature=Signature(GEMINI, value), redacted=True)


def foreign(text: str = "so", value: str = "s", *, redacted: bool = False) -> Thinking:
    return Thinking(text="" if redacted else text, signature=Signature(ANTHROPIC, value), redacted=redacted)


def call(number: int) -> ToolCall:
    return ToolCall(id=f"c{number}", name="f", arguments="{}")


# (blocks of a turn, which of its seals stands on which block)
SEATS: list[tuple[list[ContentBlock], dict[int, int]]] = [
    ([own("a"), call(1), call(2)], {1: 0}),
    ([own("a"), call(1), own("b"), call(2)], {1: 0, 3: 2}),
    ([own("a"), own("b"), call(1), call(2)], {2: 0, 3: 1}),  # as Chat has them
    ([own("a"), TEXT, call(1)], {2: 0}),  # likewise
    ([own("a"), TEXT, own("b"), call(1)], {1: 0, 3: 2}),
    ([TEXT, own("a")], {}),
    ([own("a"), TEXT], {1: 0}),
    ([own("a"), IMAGE], {1: 0}),
    ([own("a"), own("b"), TEXT], {2: 1}),
    ([own("a"), Thinking(text="x"), TEXT], {}),
    ([foreign(redacted=True), call(1)], {}),
    ([TEXT, call(1)], {}),
]


@pytest.mark.parametrize(("blocks", "seats"), SEATS)
def test_which_block_a_seal_stands_on(blocks: list[ContentBlock], seats: dict[int, int]) -> None:
    assert seated(blocks) == seats


def parts(*blocks: ContentBlock, model: str = "gemini-3-pro") -> tuple[list[JsonObject], Losses]:
    """Of a model's turn in the history."""
    request = Request(model=model, turns=(Turn(role="assistant", content=blocks),))
    body = gemini.encode_request(request, losses := Losses())
    return body["contents"][0]["parts"] if body["contents"] else [], losses


def test_every_seal_of_the_apis_own_goes_back() -> None:
    said, losses = parts(own("a"), TEXT, own("b"), call(1), call(2), own("c"))
    assert [part.get(SIGNATURE) for part in said] == ["a", "b", None, "c"]
    assert said[3] == {"text": "", SIGNATURE: "c"}
    assert losses == []


@pytest.mark.parametrize(
    ("model", "signature"), [("gemini-3-pro", UNSIGNED), ("gemini-flash-latest", UNSIGNED), ("gemini-2.5-pro", None)]
)
def test_the_first_call_of_others_is_signed_where_the_model_insists(model: str, signature: str | None) -> None:
    said, _ = parts(TEXT, call(1), call(2), model=model)
    assert [part.get(SIGNATURE) for part in said] == [None, signature, None]


def test_the_word_that_stands_for_a_signature_is_base64() -> None:
    assert len(base64.urlsafe_b64decode(UNSIGNED)) == 24


def test_thinking_of_others_stays_behind() -> None:
    said, losses = parts(foreign(), foreign(redacted=True), Thinking(text="shown"), Thinking(text=""), TEXT)
    assert said == [{"text": "shown", "thought": True}, {"text": "t"}]
    assert [(loss.severity, loss.path) for loss in losses] == [
        ("degraded", "$.turns[0].content[0]"),
        ("degraded", "$.turns[0].content[1]"),
    ]


def test_a_thought_keeps_its_own_signature() -> None:
    said, losses = parts(Thinking(text="so", signature=Signature(GEMINI, "s")), TEXT)
    assert said[0] == {"text": "so", "thought": True, SIGNATURE: "s"}
    assert losses == []


# Seals of others


@pytest.mark.parametrize("block", [foreign(), foreign("", "s"), foreign(redacted=True), foreign("\ud83d half")])
def test_a_seal_of_others_rides_in_base64_with_its_thought(block: Thinking) -> None:
    value = carried(block)
    assert value is not None
    base64.b64decode(value, validate=True)
    assert seal(value) == block
    # the SDK reads bytes, and writes them in the alphabet for URLs
    assert seal(base64.urlsafe_b64encode(base64.b64decode(value)).decode().rstrip("=")) == block


@pytest.mark.parametrize("value", ["c2ln", "no base64!", "é", base64.b64encode(b"lethe:{").decode(), base64.b64encode(b'lethe:["x","s","t",false]').decode()])  # fmt: skip
def test_whatever_else_is_the_apis_own(value: str) -> None:
    assert is_own(seal(value))
    assert carried(seal(value)) == value


def test_nothing_rides_where_nothing_is_sealed() -> None:
    assert carried(Thinking(text="so")) is None


def answered(*blocks: ContentBlock) -> list[JsonObject]:
    """The parts of an answer to a caller of this API."""
    response = Response(id="r", model="m", content=blocks, finish=Finish(reason=StopReason.TOOL_USE))
    said: list[JsonObject] = gemini.encode_response(response, CONTEXT, Losses())["candidates"][0]["content"]["parts"]
    return said


def echoed(*said: JsonObject) -> list[ContentBlock]:
    """The blocks of a request that holds these parts in its history."""
    contents = [{"role": "model", "parts": list(said)}]
    return list(gemini.decode_request({"model": "m", "contents": contents}).turns[0].content)


ANSWERS: list[list[ContentBlock]] = [
    [foreign(), call(1)],
    [foreign(), TEXT, call(1)],
    [foreign(redacted=True), call(1)],
    [foreign(), foreign("then", "s2"), call(1)],
    [foreign(), foreign(redacted=True), call(1)],
    [TEXT, foreign()],
    [Thinking(text="shown"), TEXT],
    [foreign(), IMAGE],
]


@pytest.mark.parametrize("blocks", ANSWERS)
def test_a_caller_echoes_what_others_sealed(blocks: list[ContentBlock]) -> None:
    assert echoed(*answered(*blocks)) == blocks


@pytest.mark.parametrize("blocks", ANSWERS)
def test_so_does_another_lethe_in_front(blocks: list[ContentBlock]) -> None:
    response = Response(id="r", model="m", content=tuple(blocks), finish=Finish(reason=StopReason.TOOL_USE))
    encoder = gemini.stream_encoder(CONTEXT, Losses())
    data = b"".join(piece for event in unfold(response) for piece in encoder.encode(event))
    assert list(fold(decoded(gemini.stream_decoder(), data)).content) == blocks
    assert list(gemini.decode_response(gemini.encode_response(response, CONTEXT, Losses())).content) == blocks


@pytest.mark.parametrize("blocks", [blocks for blocks in ANSWERS if blocks[0] != Thinking(text="shown")])
def test_also_a_caller_that_drops_thoughts(blocks: list[ContentBlock]) -> None:
    """As gemini-cli does."""
    kept = [part for part in answered(*blocks) if not part.get("thought")]
    assert echoed(*kept) == blocks

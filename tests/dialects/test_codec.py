"""What holds across dialects: nothing is lost silently, and what comes out is valid where it goes."""

import json
import re
from typing import Any

import msgspec
import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import TypeAdapter
from tests.dialects.cases import FIXTURES, canaries, cut, decoded, load, under

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.dialects.codec import CODECS, Codec
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import Dialect, JsonObject, Refusal, Text, Thinking, ToolCall
from lethe.ir.events import Event, Finish, StopReason
from lethe.ir.grammar import Grammar, fold, unfold
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import Request
from lethe.ir.response import Response

ANTHROPIC, CHAT, RESPONSES = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
GEMINI = Dialect.GEMINI
CONTEXT = ReplyContext(id="ours", created=1)
FOLDERS = {ANTHROPIC: "anthropic", CHAT: "openai_chat", RESPONSES: "openai_responses", GEMINI: "gemini"}
WORD = re.compile(r"CANARY\w*")


def _requests() -> list[tuple[Dialect, str]]:
    """Every request among the fixtures."""
    found = [(ANTHROPIC, "translation/anthropic.json"), (ANTHROPIC, "translation/claude_code.json")]
    for dialect, folder in FOLDERS.items():
        paths = sorted((FIXTURES / folder).rglob("*.json"))
        names = [str(path.relative_to(FIXTURES)) for path in paths]
        found += [(dialect, name) for name in names if {"messages", "input", "contents"} & _any(name).keys()]
    return found


def _any(name: str) -> Any:
    return json.loads((FIXTURES / name).read_text(encoding="utf-8"))


def _streams() -> list[tuple[Dialect, str]]:
    paths = ((d, p) for d, folder in FOLDERS.items() for p in sorted((FIXTURES / folder).rglob("*.sse")))
    return [(d, str(p.relative_to(FIXTURES))) for d, p in paths]


REQUESTS = _requests()
STREAMS = _streams()
CROSSINGS = [(d, name, target) for d, name in REQUESTS for target in CODECS if target is not d]


def translated(source: Dialect, name: str, target: Dialect) -> tuple[Request, JsonObject, Losses]:
    request, losses = CODECS[source].decode_request(_any(name)), Losses()
    return request, CODECS[target].encode_request(request, losses), losses


def words(value: Any) -> set[str]:
    return set(WORD.findall(json.dumps(value)))


# Requests


@pytest.mark.parametrize(("dialect", "name"), REQUESTS)
def test_a_request_comes_back_in_its_own_dialect(dialect: Dialect, name: str) -> None:
    """In a normal form (a string is a list of one text, and the like), which then stays."""
    codec, losses = CODECS[dialect], Losses()
    request = codec.decode_request(_any(name))
    again = codec.encode_request(request, losses)
    assert losses == [] or dialect is ANTHROPIC
    assert codec.encode_request(codec.decode_request(again), Losses()) == again
    assert words(again) >= words(_any(name)) - ({"CANARY_foreign_thought"} if losses else set())


@pytest.mark.parametrize(("dialect", "name"), REQUESTS)
def test_decoding_keeps_every_canary(dialect: Dialect, name: str) -> None:
    body = _any(name)
    assert words(body) - words(msgspec.to_builtins(CODECS[dialect].decode_request(body))) == set()


@pytest.mark.parametrize(("source", "name", "target"), CROSSINGS)
def test_no_loss_is_silent(source: Dialect, name: str, target: Dialect) -> None:
    """Whatever is in the model and not on the wire lies at or under the path of a loss."""
    request, body, losses = translated(source, name, target)
    kept = words(body)
    silent = [
        path
        for path, text in canaries(msgspec.to_builtins(request))
        if not set(WORD.findall(text)) <= kept and not any(under(path, loss.path) for loss in losses)
    ]
    assert silent == []


@pytest.mark.parametrize(("source", "name", "target"), CROSSINGS)
def test_losses_name_paths_of_the_model_and_quote_nothing(source: Dialect, name: str, target: Dialect) -> None:
    _, _, losses = translated(source, name, target)
    assert not [loss for loss in losses if "CANARY" in loss.path + loss.feature]
    assert all(re.fullmatch(r"\$(\.[\w*-]+|\[\d+\])+", loss.path) for loss in losses)


@pytest.mark.parametrize("target", [t for t in CODECS if t is not ANTHROPIC])
def test_claude_code_is_not_refused(target: Dialect) -> None:
    request, body, losses = translated(ANTHROPIC, "translation/claude_code.json", target)
    assert [loss for loss in losses if loss.severity is Severity.DROPPED] == []
    unsealed = {"$.turns[2].content[0]"} if target is RESPONSES else set()  # thinking that OpenAI did not seal
    degraded = {loss.path for loss in losses if loss.severity is Severity.DEGRADED}
    # Gemini has a word for errors, and none for system turns
    assert degraded == ({"$.turns[1]"} if target is GEMINI else {"$.turns[3].content[1].is_error"}) | unsealed
    assert is_attribution(request.system[0])
    assert "billing-header" not in json.dumps(body)


_STREAMING = TypeAdapter(CompletionCreateParamsStreaming)
_BUFFERED = TypeAdapter(CompletionCreateParamsNonStreaming)


@pytest.mark.parametrize(("source", "name"), [(d, n) for d, n, target in CROSSINGS if target is CHAT])
def test_what_goes_to_chat_is_a_chat_request(source: Dialect, name: str) -> None:
    _, body, _ = translated(source, name, CHAT)
    adapter = _STREAMING if body.get("stream") else _BUFFERED
    adapter.validate_python(body)
    _every_call_is_answered(body["messages"])


def _every_call_is_answered(messages: list[JsonObject]) -> None:
    """OpenAI demands the results of an assistant's calls directly after it."""
    open_calls: set[str] = set()
    for message in messages:
        if message["role"] == "tool":
            open_calls.remove(message["tool_call_id"])
        else:
            assert open_calls == set()
            open_calls = {call["id"] for call in message.get("tool_calls", [])}


@pytest.mark.parametrize(("source", "name"), [(d, n) for d, n, target in CROSSINGS if target is CHAT])
def test_there_and_back_is_stable(source: Dialect, name: str) -> None:
    """What crossed once crosses back without any loss of text, tools or order."""
    _, body, _ = translated(source, name, CHAT)
    request = CODECS[CHAT].decode_request(body)
    back = CODECS[source].encode_request(request, losses := Losses())
    again = CODECS[CHAT].encode_request(CODECS[source].decode_request(back), Losses())
    assert _said(again["messages"]) == _said(body["messages"])
    assert [loss for loss in losses if loss.severity is Severity.DROPPED] == []


def _said(messages: list[JsonObject]) -> list[tuple[str, Any, set[str]]]:
    """Who said what; without messages of which nothing crossed."""
    said = [(m["role"], m.get("tool_calls"), words([m["content"], m.get("refusal")])) for m in messages]
    return [each for each in said if each[1] or each[2]]


# Replies


def events_of(dialect: Dialect, name: str) -> list[Event]:
    return decoded(CODECS[dialect].stream_decoder(), (FIXTURES / name).read_bytes())


def finished(events: list[Event]) -> bool:
    return bool(events) and isinstance(events[-1], Finish)


@pytest.mark.parametrize(("dialect", "name"), STREAMS)
def test_the_grammar_holds(dialect: Dialect, name: str) -> None:
    grammar = Grammar()
    for event in events_of(dialect, name):
        grammar.admit(event)


@given(st.sampled_from(STREAMS), st.lists(st.integers(0, 20_000), max_size=8))
def test_cuts_change_nothing(case: tuple[Dialect, str], places: list[int]) -> None:
    dialect, name = case
    pieces = cut((FIXTURES / name).read_bytes(), places)
    assert decoded(CODECS[dialect].stream_decoder(), *pieces) == events_of(dialect, name)


REPLIES = [(d, name, target) for d, name in STREAMS if finished(events_of(d, name)) for target in CODECS]


def streamed(target: Codec, events: list[Event]) -> bytes:
    encoder = target.stream_encoder(CONTEXT, Losses())
    return b"".join(data for event in events for data in encoder.encode(event))


@pytest.mark.parametrize(("source", "name", "target"), REPLIES)
def test_a_stream_and_its_fold_say_the_same_in_every_dialect(source: Dialect, name: str, target: Dialect) -> None:
    events, codec = events_of(source, name), CODECS[target]
    response = fold(events)
    through_stream = fold(decoded(codec.stream_decoder(), streamed(codec, events)))
    through_fold = codec.decode_response(codec.encode_response(response, CONTEXT, Losses()))
    unfolded = fold(decoded(codec.stream_decoder(), streamed(codec, list(unfold(response)))))
    assert gist(through_stream) == gist(through_fold) == gist(unfolded)


def gist(response: Response) -> list[Any]:
    """What a caller sees: text, thinking, calls, reason, tokens; texts are joined, as chat does."""
    texts = "".join(b.text for b in response.content if isinstance(b, Text))
    thoughts = "".join(b.text for b in response.content if isinstance(b, Thinking))
    calls = [(b.id, b.name, json.dumps(_parsed(b.arguments))) for b in response.content if isinstance(b, ToolCall)]
    return [texts, thoughts, calls, response.finish.reason, response.finish.usage]


def _parsed(arguments: str) -> Any:
    """Buffered Anthropic replies hold arguments as objects, so spacing may differ."""
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return arguments


@pytest.mark.parametrize(("source", "name", "target"), [r for r in REPLIES if r[0] is not r[2]])
def test_a_reply_survives_there_and_back(source: Dialect, name: str, target: Dialect) -> None:
    """As a caller of another dialect echoes it: text, calls, reason, usage and seals are the upstream's own."""
    response, mine, theirs = fold(events_of(source, name)), CODECS[source], CODECS[target]
    there = theirs.decode_response(theirs.encode_response(response, CONTEXT, losses := Losses()))
    back = mine.decode_response(mine.encode_response(there, CONTEXT, Losses()))
    expected, actual = gist(response), gist(back)
    if response.finish.reason in (
        StopReason.STOP_SEQUENCE,
        StopReason.PAUSE,
        StopReason.CONTEXT_WINDOW,
        StopReason.OTHER,
    ):
        expected[3] = actual[3]  # chat has no word for these
    if any(loss.severity is Severity.DROPPED for loss in losses):
        expected[3] = actual[3]  # a call that has no counterpart is no reason to stop
    if target is GEMINI:
        usage = expected[4]  # what was written to a cache is a part of the prompt
        expected[4] = msgspec.structs.replace(usage, input=usage.input + usage.cache_write, cache_write=0)
    if any(isinstance(b, Refusal) for b in response.content) and target in (ANTHROPIC, GEMINI):
        expected[0], expected[3] = actual[0], StopReason.REFUSAL
    assert actual == expected
    assert seals(back) == seals(response)


def seals(response: Response) -> list[str]:
    return [b.signature.value for b in response.content if isinstance(b, Thinking) and b.signature]


_EVENT: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


@pytest.mark.parametrize(("source", "name"), [(d, n) for d, n, target in REPLIES if d is not CHAT and target is CHAT])
def test_what_goes_to_a_chat_caller_is_valid_by_the_official_types(source: Dialect, name: str) -> None:
    events = events_of(source, name)
    ChatCompletion.model_validate(CODECS[CHAT].encode_response(fold(events), CONTEXT, Losses()))
    *chunks, done = payloads(streamed(CODECS[CHAT], events))
    assert done == "[DONE]"
    for chunk in chunks:
        ChatCompletionChunk.model_validate_json(chunk)


@pytest.mark.parametrize(
    ("source", "name"), [(d, n) for d, n, target in REPLIES if d is not ANTHROPIC and target is ANTHROPIC]
)
def test_what_goes_to_an_anthropic_caller_is_valid_by_the_official_types(source: Dialect, name: str) -> None:
    events = events_of(source, name)
    Message.model_validate(CODECS[ANTHROPIC].encode_response(fold(events), CONTEXT, Losses()))
    for event in payloads(streamed(CODECS[ANTHROPIC], events)):
        _EVENT.validate_json(event)


def payloads(data: bytes) -> list[str]:
    return [line.removeprefix("data: ") for line in data.decode().split("\n") if line.startswith("data: ")]


@pytest.mark.parametrize(("source", "target"), [(a, b) for a in CODECS for b in CODECS])
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 429, 500, 503, 504, 529])
def test_errors_cross(source: Dialect, target: Dialect, status: int) -> None:
    """An upstream's words reach the caller, and mean the same there."""
    failure = CODECS[source].decode_error(status, b"")
    wire = CODECS[source].encode_error(
        msgspec.structs.replace(failure, message="prompt is too long", code="c", param="p")
    )
    crossed = CODECS[target].encode_error(CODECS[source].decode_error(status, wire))
    again = CODECS[target].decode_error(status, crossed)
    assert (again.kind, again.message, again.code) == (failure.kind, "prompt is too long", "c")


def test_fixtures_are_found() -> None:
    assert {dialect for dialect, _ in REQUESTS} == {dialect for dialect, _ in STREAMS} == set(CODECS)
    assert len(load("translation/claude_code.json")["tools"]) > 20

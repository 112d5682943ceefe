"""Replies, buffered and streamed: fixtures of botocore's shapes, and what the hub makes of them."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import cut, load, names
from tests.dialects.converse import judge

from lethe.dialects import converse
from lethe.dialects.converse.stream_decoder import MAX_SEALED
from lethe.errors import ErrorKind, MalformedReply, ReplyTooLarge, StreamCut
from lethe.ir.content import Dialect, Extras, JsonObject, Opaque, Signature, Text, Thinking, ToolCall
from lethe.ir.events import BlockStart, Event, Failure, Finish, StopReason
from lethe.ir.grammar import Grammar, StreamFailed, fold
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.wire.eventstream import EventFrames, encode_error, encode_event, encode_exception
from lethe.wire.sse import Frame

OURS = Dialect.CONVERSE
CASES = names("converse/replies", ".json")
FOLDED = [name for name in CASES if "reply" in load(f"converse/replies/{name}.json")]


def raw(events: list[Any]) -> bytes:
    return b"".join(encode_event(kind, json.dumps(payload).encode()) for kind, payload in events)


def decoded(*chunks: bytes) -> list[Event]:
    frames, decoder = EventFrames(), converse.stream_decoder()
    found = [event for chunk in chunks for frame in frames.feed(chunk) for event in decoder.feed(frame)]
    found += [event for frame in frames.finish() for event in decoder.feed(frame)]
    return found + list(decoder.finish())


def events_of(name: str) -> list[Event]:
    return decoded(raw(load(f"converse/replies/{name}.json")["events"]))


@pytest.mark.parametrize("name", CASES)
def test_fixtures_are_what_botocore_knows(name: str) -> None:
    case = load(f"converse/replies/{name}.json")
    for kind, payload in case["events"]:
        judge.event(kind, payload)
    if "reply" in case:
        judge.reply(case["reply"])


@pytest.mark.parametrize("name", CASES)
def test_the_grammar_holds(name: str) -> None:
    grammar = Grammar()
    for event in events_of(name):
        grammar.admit(event)
    assert grammar.ended


def spaced(response: Response) -> Response:
    """Arguments without the spaces that only a stream keeps."""

    def plain(block: Any) -> Any:
        if isinstance(block, ToolCall):
            return ToolCall(id=block.id, name=block.name, arguments=json.dumps(json.loads(block.arguments)))
        return block

    content = tuple(map(plain, response.content))
    return Response(id=response.id, model=response.model, content=content, finish=response.finish)


@pytest.mark.parametrize("name", FOLDED)
def test_a_stream_says_what_its_reply_says(name: str) -> None:
    reply = load(f"converse/replies/{name}.json")["reply"]
    assert spaced(fold(events_of(name))) == spaced(converse.decode_response(reply))


@given(st.sampled_from(CASES), st.lists(st.integers(0, 20_000), max_size=8))
def test_cuts_change_nothing(name: str, places: list[int]) -> None:
    data = raw(load(f"converse/replies/{name}.json")["events"])
    assert decoded(*cut(data, places)) == events_of(name)


def sealed(value: str) -> Signature:
    return Signature(OURS, value)


LOOKING = ToolCall(id="tooluse_a1", name="get_weather", arguments='{"city":"CANARY_paris"}')
CONTENT: list[tuple[str, list[Any]]] = [
    ("text", [Text(text="CANARY_hello wörld 🌍")]),
    ("tools", [Text(text="CANARY_looking"), LOOKING, ToolCall(id="tooluse_b2", name="get_time", arguments="{}")]),
    (
        "thinking",
        [
            Thinking(text="CANARY_which one", signature=sealed("EqQBCkgIC_CANARY_sealed==")),
            Thinking(text="", signature=sealed("Q0FOQVJZ"), redacted=True),
            Text(text="CANARY_that one"),
        ],
    ),
    ("unsealed", [Thinking(text="CANARY_hm"), Text(text="CANARY_yes")]),
    ("nothing", []),
]


@pytest.mark.parametrize(("name", "content"), CONTENT, ids=[name for name, _ in CONTENT])
def test_content(name: str, content: list[Any]) -> None:
    response = converse.decode_response(load(f"converse/replies/{name}.json")["reply"])
    assert list(response.content) == content
    assert (response.id, response.model) == ("", "")


METRICS = {"metrics": {"latencyMs": 321}}
FINISHES: list[tuple[str, Finish]] = [
    ("text", Finish(reason=StopReason.END_TURN, raw_reason="end_turn", usage=Usage(input=12, output=7))),
    (
        "cached",
        Finish(
            reason=StopReason.MAX_TOKENS,
            raw_reason="max_tokens",
            usage=Usage(input=4, cache_read=1522, cache_write=100, output=282),
            extras=Extras(
                OURS,
                {
                    "performanceConfig": {"latency": "standard"},
                    "serviceTier": {"type": "default"},
                    "cacheDetails": [{"ttl": "1h", "inputTokens": 60}, {"ttl": "5m", "inputTokens": 40}],
                },
            ),
        ),
    ),
    ("tools", Finish(reason=StopReason.TOOL_USE, raw_reason="tool_use", usage=Usage(input=50, output=40))),
    (
        "stop_sequence",
        Finish(
            reason=StopReason.STOP_SEQUENCE,
            raw_reason="stop_sequence",
            stop_sequence="END",
            usage=Usage(input=5, output=6),
        ),
    ),
    (
        "guardrail",
        Finish(
            reason=StopReason.REFUSAL,
            raw_reason="guardrail_intervened",
            usage=Usage(input=9),
            extras=Extras(OURS, {"trace": {"guardrail": {"actionReason": "CANARY_reason"}}}),
        ),
    ),
    (
        "window",
        Finish(
            reason=StopReason.CONTEXT_WINDOW,
            raw_reason="model_context_window_exceeded",
            usage=Usage(input=9, output=1),
            extras=Extras(OURS, {"additionalModelResponseFields": {"CANARY_own": 1}}),
        ),
    ),
]


@pytest.mark.parametrize(("name", "finish"), FINISHES, ids=[name for name, _ in FINISHES])
def test_how_an_answer_ends(name: str, finish: Finish) -> None:
    found = converse.decode_response(load(f"converse/replies/{name}.json")["reply"]).finish
    assert found.extras is not None
    left = {name: value for name, value in found.extras.fields.items() if name != "metrics"}
    assert found.extras.fields["metrics"] == METRICS["metrics"]
    assert left == (finish.extras.fields if finish.extras else {})
    assert [found.reason, found.raw_reason, found.stop_sequence, found.usage] == [
        finish.reason,
        finish.raw_reason,
        finish.stop_sequence,
        finish.usage,
    ]


def test_every_word_for_the_end_is_known() -> None:
    from lethe.dialects.converse.response import STOP_REASONS

    assert set(STOP_REASONS) == set(judge.service().shape_for("StopReason").enum)


def test_citations_are_in_the_hubs_shape() -> None:
    """Which is Anthropic's."""
    from anthropic.types import TextBlock

    (first, second) = converse.decode_response(load("converse/replies/citations.json")["reply"]).content
    assert isinstance(first, Text)
    assert isinstance(second, Text)
    assert second.citations == ()
    block = TextBlock.model_validate(
        {"type": "text", "text": first.text, "citations": list(first.citations)}, strict=True
    )
    assert [c.type for c in block.citations or ()] == [
        "char_location",
        "page_location",
        "content_block_location",
        "search_result_location",
        "web_search_result_location",
    ]
    kept = json.dumps(first.citations)
    assert all(word in kept for word in ("CANARY_title", "CANARY_cited", "CANARY_source", "CANARY_web"))


def test_arguments_cut_off_stay_as_they_are() -> None:
    (call,) = fold(events_of("truncated")).content
    assert call == ToolCall(id="tooluse_a1", name="write", arguments='{"path": "CANARY_a')


def test_what_the_provider_ran_stays_whole() -> None:
    call, result, image, answer = fold(events_of("server_tool"), converse.join_deltas).content
    assert isinstance(call, Opaque)
    assert call.data["toolUse"]["name"] == "nova_grounding"
    assert call.data["deltas"] == [{"toolUse": {"input": '{"q": "CANARY_q"}'}}]
    assert isinstance(result, Opaque)
    assert result.data["deltas"] == [{"toolResult": [{"text": "CANARY_found"}]}]
    assert isinstance(image, Opaque)
    assert answer == Text(text="CANARY_answer")
    body = {"toolUse": {"toolUseId": "s", "name": "n", "input": {}, "type": "server_tool_use"}}
    assert block(body) == Opaque(dialect=OURS, data=body)


def block(data: JsonObject) -> Any:
    reply = load("converse/replies/text.json")["reply"]
    reply["output"]["message"]["content"] = [data]
    (found,) = converse.decode_response(reply).content
    return found


def test_arguments_that_are_no_object() -> None:
    """As models say them that are bad at JSON."""
    said = {"toolUseId": "a", "name": "n"}
    assert block({"toolUse": {**said, "input": "{broken"}}).arguments == "{broken"
    assert block({"toolUse": {**said, "input": [1]}}).arguments == "[1]"


# Events of a stream that goes another way, and what comes of them.
def words(*texts: str, number: int = 0) -> list[Any]:
    return [["contentBlockDelta", {"contentBlockIndex": number, "delta": {"text": text}}] for text in texts]


def delta(number: int, said: JsonObject) -> list[Any]:
    return ["contentBlockDelta", {"contentBlockIndex": number, "delta": said}]


STOPPED = ["messageStop", {"stopReason": "end_turn"}]
COUNTED = ["metadata", {"usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}, "metrics": {"latencyMs": 1}}]
THOUGHT = delta(0, {"reasoningContent": {"text": "t"}})


def test_a_block_ends_where_its_kind_changes() -> None:
    """Some models give their thinking and their words one index."""
    stream = [["messageStart", {"role": "assistant"}], THOUGHT, *words("a", "b"), ["contentBlockStop", {"contentBlockIndex": 0}], STOPPED, COUNTED]  # fmt: skip
    assert fold(decoded(raw(stream))).content == (Thinking(text="t"), Text(text="ab"))


def test_blocks_that_nobody_closed_are_closed_at_the_end() -> None:
    assert fold(decoded(raw([*words("a"), *words("b", number=1), STOPPED, COUNTED]))).content == (
        Text(text="a"),
        Text(text="b"),
    )


@pytest.mark.parametrize("first", [STOPPED, COUNTED])
def test_an_answer_of_nothing_begins_and_ends(first: Any) -> None:
    second = COUNTED if first is STOPPED else STOPPED
    response = fold(decoded(raw([first, second])))
    assert (response.content, response.finish.usage) == ((), Usage(input=1, output=2))


def test_an_answer_without_its_counts_is_whole() -> None:
    assert fold(decoded(raw([*words("a"), STOPPED]))).finish == Finish(
        reason=StopReason.END_TURN, raw_reason="end_turn"
    )


def test_an_answer_without_its_end_is_not() -> None:
    with pytest.raises(StreamCut):
        fold(decoded(raw([*words("a"), COUNTED])))


def test_sealed_thinking_in_pieces_is_put_together() -> None:
    pieces = [delta(0, {"reasoningContent": {"redactedContent": part}}) for part in ("YWI=", "Yw==")]
    (thought,) = fold(decoded(raw([*pieces, STOPPED, COUNTED]))).content
    assert thought == Thinking(text="", signature=sealed("YWJj"), redacted=True)
    with pytest.raises(MalformedReply):
        decoded(raw([delta(0, {"reasoningContent": {"redactedContent": "!"}}), pieces[0], STOPPED, COUNTED]))


def test_sealed_thinking_is_held_within_bounds() -> None:
    piece = raw([delta(0, {"reasoningContent": {"redactedContent": "A" * (MAX_SEALED // 2)}})])
    with pytest.raises(ReplyTooLarge):
        decoded(piece, piece, piece)


def test_a_seal_without_words() -> None:
    signed = delta(0, {"reasoningContent": {"signature": "s"}})
    empty = delta(1, {"reasoningContent": {"signature": ""}})
    response = fold(decoded(raw([signed, empty, STOPPED, COUNTED])))
    assert response.content == (Thinking(text="", signature=sealed("s")), Thinking(text=""))


def test_deltas_of_unknown_kinds_are_kept_apart() -> None:
    response = fold(decoded(raw([delta(0, {"new": {"x": 1}}), *words("a", number=1), STOPPED, COUNTED])))
    assert response.content == (Opaque(dialect=OURS, data={"deltas": [{"new": {"x": 1}}]}), Text(text="a"))


def test_what_is_unknown_or_late_says_nothing() -> None:
    stream = [["initial-response", {}], ["contentBlockStart", {"contentBlockIndex": 0, "start": {"new": {}}}], *words("a"), ["somethingNew", {}], STOPPED, COUNTED, COUNTED, *words("late")]  # fmt: skip
    assert fold(decoded(raw(stream))).content == (Text(text="a"),)


MALFORMED: list[tuple[str, Any]] = [
    ("contentBlockDelta", "no JSON"),
    ("contentBlockDelta", []),
    ("contentBlockDelta", {"contentBlockIndex": 0}),
    ("contentBlockStart", {"contentBlockIndex": 0, "start": 1}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}),
]


@pytest.mark.parametrize(("kind", "payload"), MALFORMED)
def test_what_is_malformed(kind: str, payload: Any) -> None:
    data = payload if isinstance(payload, str) else json.dumps(payload)
    with pytest.raises(MalformedReply):
        list(converse.stream_decoder().feed(Frame(data, kind)))


# Exception, its payload, what it means.
EXCEPTIONS: list[tuple[str, JsonObject, ErrorKind, str | None]] = [
    ("throttlingException", {"message": "CANARY_slow"}, ErrorKind.RATE_LIMIT, None),
    ("serviceUnavailableException", {"message": "CANARY_busy"}, ErrorKind.OVERLOADED, None),
    ("internalServerException", {"Message": "CANARY_oops"}, ErrorKind.API, None),
    ("modelTimeoutException", {"message": "CANARY_late"}, ErrorKind.TIMEOUT, None),
    ("validationException", {"message": "CANARY_wrong"}, ErrorKind.INVALID_REQUEST, None),
    (
        "validationException",
        {"message": "CANARY Input is too long for requested model."},
        ErrorKind.INVALID_REQUEST,
        "context_length_exceeded",
    ),
    ("modelStreamErrorException", {"message": "CANARY_model", "originalStatusCode": 529}, ErrorKind.OVERLOADED, None),
    ("modelStreamErrorException", {"message": "CANARY_model", "originalStatusCode": 500}, ErrorKind.API, None),
    ("somethingNewException", {"message": "CANARY_new"}, ErrorKind.API, None),
]


@pytest.mark.parametrize(("name", "payload", "kind", "code"), EXCEPTIONS)
def test_exceptions(name: str, payload: JsonObject, kind: ErrorKind, code: str | None) -> None:
    *_, failure = decoded(
        raw(words("a")), encode_exception(name, json.dumps(payload).encode()), raw([STOPPED, COUNTED])
    )
    assert failure == Failure(kind=kind, message=payload.get("message") or payload["Message"], code=code)


def test_every_exception_of_the_api_is_known() -> None:
    from lethe.providers.bedrock import EXCEPTIONS as KNOWN

    shape = judge.service().shape_for("ConverseStreamOutput")
    invoked = judge.service().shape_for("ResponseStream")
    said = {name for each in (shape, invoked) for name in each.members if name.endswith("Exception")}
    assert said == set(KNOWN)


def test_an_error_without_a_type() -> None:
    (failure,) = decoded(encode_error("InternalFailure", "CANARY_x"))
    assert failure == Failure(kind=ErrorKind.API, message="CANARY_x")


# Status, body, what it means.
ERRORS: list[tuple[int, bytes, ErrorKind, str | None]] = [
    (400, b'{"message": "CANARY_wrong"}', ErrorKind.INVALID_REQUEST, None),
    (400, b'{"message": "CANARY The model returned the following errors: prompt is too long: 9 tokens > 8 maximum"}', ErrorKind.INVALID_REQUEST, "context_length_exceeded"),
    (400, b'{"message": "CANARY: input length and `max_tokens` exceed context limit: 9 + 9 > 8"}', ErrorKind.INVALID_REQUEST, "context_length_exceeded"),
    (401, b'{"message": "CANARY_who"}', ErrorKind.AUTHENTICATION, None),
    (403, b'{"Message": "CANARY_not"}', ErrorKind.PERMISSION, None),
    (404, b'{"message": "CANARY_none"}', ErrorKind.NOT_FOUND, None),
    (408, b'{"message": "CANARY_late"}', ErrorKind.TIMEOUT, None),
    (418, b'{"message": "CANARY_tea"}', ErrorKind.INVALID_REQUEST, None),
    (424, b'{"message": "CANARY_model"}', ErrorKind.API, None),
    (429, b'{"message": "CANARY_slow prompt is too long"}', ErrorKind.RATE_LIMIT, None),
    (500, b'{"message": "CANARY_oops"}', ErrorKind.API, None),
    (503, b'{"message": "CANARY_busy"}', ErrorKind.OVERLOADED, None),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code"), ERRORS)
def test_errors(status: int, body: bytes, kind: ErrorKind, code: str | None) -> None:
    failure = converse.decode_error(status, body)
    assert (failure.kind, failure.code) == (kind, code)
    assert "CANARY" in failure.message


@pytest.mark.parametrize("body", [b"", b"<html>CANARY</html>", b'["CANARY"]', b'{"message": 1}', b"[" * 3000])
def test_errors_that_nobody_can_read(body: bytes) -> None:
    assert converse.decode_error(502, body) == Failure(
        kind=ErrorKind.API, message="the upstream answered with an error (502)"
    )


def test_an_error_under_a_status_of_success() -> None:
    with pytest.raises(StreamFailed) as caught:
        converse.decode_response({"message": "CANARY_x"})
    assert caught.value.failure.message == "CANARY_x"
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize("body", [{}, {"output": {}}, {"output": {"message": {"content": "x"}}}, {"output": 1}])
def test_what_is_no_reply(body: JsonObject) -> None:
    with pytest.raises(MalformedReply):
        converse.decode_response(body)


def test_blocks_that_are_none_are_passed_over() -> None:
    reply = load("converse/replies/text.json")["reply"]
    reply["output"]["message"]["content"] = [1, {"text": ""}, {"text": "x"}]
    reply["stopReason"], reply["usage"] = None, {"inputTokens": -1, "outputTokens": True}
    response = converse.decode_response(reply)
    assert response.content == (Text(text="x"),)
    assert (response.finish.reason, response.finish.raw_reason, response.finish.usage) == (
        StopReason.OTHER,
        None,
        Usage(),
    )


def test_fields_of_the_models_own_are_left_over() -> None:
    reply = load("converse/replies/stop_sequence.json")["reply"]
    reply["additionalModelResponseFields"] = {"delta": {"stop_sequence": "END", "x": 1}, "y": 2}
    finish = converse.decode_response(reply).finish
    assert finish.stop_sequence == "END"
    assert finish.extras is not None
    assert finish.extras.fields["additionalModelResponseFields"] == {"delta": {"x": 1}, "y": 2}


def test_usage_of_whole_bodies() -> None:
    body = json.dumps(load("converse/replies/cached.json")["reply"]).encode()
    assert converse.buffered_usage(body) == Usage(input=4, cache_read=1522, cache_write=100, output=282)
    assert converse.buffered_usage(b"{}") is None
    assert converse.buffered_usage(b"no JSON") is None
    assert converse.streamed_usage(b"", b"") is None


@given(st.lists(st.sampled_from([e for name in CASES for e in load(f"converse/replies/{name}.json")["events"]]), max_size=12))  # fmt: skip
def test_any_order_of_events_keeps_the_grammar_or_is_malformed(stream: list[Any]) -> None:
    grammar = Grammar()
    try:
        for event in decoded(raw(stream)):
            grammar.admit(event)
    except MalformedReply:
        pass


def test_indices_are_the_hubs_own() -> None:
    stream = itertools.chain(words("a", number=7), words("b", number=3), [STOPPED, COUNTED])
    assert [e.index for e in decoded(raw(list(stream))) if isinstance(e, BlockStart)] == [0, 1]

"""Replies, whole and streamed: the stream that they are read from, and what the SDK makes of what is written."""

import json
from typing import Any

import httpx2  # the HTTP client of the SDK
import msgspec
import pytest
from google import genai
from google.genai import errors, types
from tests.dialects.cases import FIXTURES, decoded, load, names
from tests.dialects.judges import REPLIES

from lethe.dialects import gemini
from lethe.dialects.gemini.finish import NAMES, STOP_REASONS, finish_reason, stop_reason
from lethe.dialects.gemini.logprobs import decode_logprobs, encode_logprobs
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind, MalformedReply, ReplyTooLarge
from lethe.ir.content import (
    ContentBlock,
    Dialect,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Signature,
    Text,
    Thinking,
    ToolCall,
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
    Start,
    StopReason,
    TextDelta,
)
from lethe.ir.grammar import StreamFailed, fold, unfold
from lethe.ir.loss import Losses
from lethe.ir.response import Response
from lethe.ir.usage import Usage
from lethe.wire.sse import Frame

GEMINI, ANTHROPIC, CHAT = Dialect.GEMINI, Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
CONTEXT = ReplyContext(id="ours", created=1)
COUNTS = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
CALL = {"functionCall": {"name": "f", "args": {"a": 1}}}


def reply(*parts: JsonObject, reason: str | None = "STOP", **fields: Any) -> JsonObject:
    candidate = {"content": {"parts": list(parts), "role": "model"}, **({"finishReason": reason} if reason else {})}
    candidate |= {name: fields.pop(name) for name in ("logprobsResult", "safetyRatings", "index") if name in fields}
    return {"candidates": [candidate], "usageMetadata": COUNTS, "modelVersion": "m", "responseId": "r", **fields}


def read(*parts: JsonObject, **fields: Any) -> Response:
    return gemini.decode_response(reply(*parts, **fields))


def seal(value: str) -> Thinking:
    return Thinking(text="", signature=Signature(GEMINI, value), redacted=True)


# Reading

CONTENT: list[tuple[list[JsonObject], list[ContentBlock]]] = [
    ([{"text": "a"}, {"text": "b"}], [Text(text="ab")]),
    ([{"text": "so", "thought": True}, {"text": "a"}], [Thinking(text="so"), Text(text="a")]),
    ([CALL], [ToolCall(id="call_of_r_0", name="f", arguments='{"a":1}')]),
    ([{**CALL, "thoughtSignature": "c2Vs"}, CALL], [seal("c2Vs"), ToolCall(id="call_of_r_1", name="f", arguments='{"a":1}'), ToolCall(id="call_of_r_2", name="f", arguments='{"a":1}')]),
    ([{"functionCall": {"id": "x", "name": "f"}}], [ToolCall(id="x", name="f", arguments="{}")]),
    ([{"text": "a", "thoughtSignature": "c2Vs"}, {"text": "b"}], [seal("c2Vs"), Text(text="ab")]),
    ([{"text": "a"}, {"text": "b", "thoughtSignature": "c2Vs"}], [Text(text="ab"), seal("c2Vs")]),
    ([{"text": "a"}, {"text": "", "thoughtSignature": "c2Vs"}], [Text(text="a"), seal("c2Vs")]),
    ([{"text": "so", "thought": True, "thoughtSignature": "c2Vs"}, {"text": "a"}], [Thinking(text="so", signature=Signature(GEMINI, "c2Vs")), Text(text="a")]),
    ([{"text": "a"}, {"text": "b", "partMetadata": {"k": 1}}], [Text(text="a"), Text(text="b", extras=Extras(GEMINI, {"partMetadata": {"k": 1}}))]),
    ([{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}], [Media(kind="image", media_type="image/png", data="AAAA")]),
    ([{"executableCode": {"code": "1"}}], [Opaque(dialect=GEMINI, data={"executableCode": {"code": "1"}})]),
    ([{"text": ""}], []),
    ([], []),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "blocks"), CONTENT)
def test_content(parts: list[JsonObject], blocks: list[ContentBlock]) -> None:
    response = read(*parts)
    assert list(response.content) == blocks
    assert (response.id, response.model, response.finish.usage) == ("r", "m", Usage(input=3, output=2))


@pytest.mark.parametrize(("parts", "blocks"), CONTENT)
def test_a_stream_of_the_same_parts_says_the_same(parts: list[JsonObject], blocks: list[ContentBlock]) -> None:
    chunks = [reply(part, reason=None) for part in parts] + [reply()]
    data = b"".join(b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n" for chunk in chunks)
    assert list(fold(decoded(gemini.stream_decoder(), data)).content) == blocks


ENDS: list[tuple[JsonObject, StopReason, str]] = [
    (reply({"text": "a"}), StopReason.END_TURN, "STOP"),
    (reply(CALL), StopReason.TOOL_USE, "STOP"),
    (reply(CALL, reason="MAX_TOKENS"), StopReason.MAX_TOKENS, "MAX_TOKENS"),
    (reply(reason="SAFETY"), StopReason.REFUSAL, "SAFETY"),
    (reply(reason="MALFORMED_FUNCTION_CALL"), StopReason.OTHER, "MALFORMED_FUNCTION_CALL"),
    (reply(reason="NOVEL"), StopReason.OTHER, "NOVEL"),
    ({"promptFeedback": {"blockReason": "OTHER"}}, StopReason.REFUSAL, "OTHER"),
    ({"candidates": [], "promptFeedback": {"blockReason": "SAFETY"}}, StopReason.REFUSAL, "SAFETY"),
    (reply(promptFeedback={"safetyRatings": []}), StopReason.END_TURN, "STOP"),
]


@pytest.mark.parametrize(("body", "reason", "word"), ENDS)
def test_why_it_ended(body: JsonObject, reason: StopReason, word: str) -> None:
    finish = gemini.decode_response(body).finish
    assert (finish.reason, finish.raw_reason) == (reason, word)


def test_every_reason_of_the_sdk_is_one_of_ours_or_none() -> None:
    known = {reason.value for reason in types.FinishReason}
    assert set(STOP_REASONS) | set(NAMES.values()) <= known
    unnamed = known - set(STOP_REASONS)
    assert {stop_reason(word, called=False) for word in unnamed} == {StopReason.OTHER}
    assert set(NAMES) == set(StopReason)


@pytest.mark.parametrize(
    ("reason", "raw", "refused", "word"),
    [
        (StopReason.REFUSAL, "SPII", False, "SPII"),
        (StopReason.REFUSAL, "content_filter", False, "SAFETY"),
        (StopReason.END_TURN, None, True, "SAFETY"),
        (StopReason.TOOL_USE, "STOP", False, "STOP"),
        (StopReason.CONTEXT_WINDOW, "model_context_window_exceeded", False, "MAX_TOKENS"),
        (StopReason.OTHER, "NOVEL", False, "OTHER"),
    ],
)
def test_the_word_for_it(reason: StopReason, raw: str | None, refused: bool, word: str) -> None:
    assert finish_reason(Finish(reason=reason, raw_reason=raw), refused=refused) == word


def test_leftovers_are_kept_where_they_were() -> None:
    ratings, details = [{"category": "c"}], [{"modality": "TEXT", "tokenCount": 3}]
    usage = {**COUNTS, "promptTokensDetails": details}
    body = reply({"text": "a"}, safetyRatings=ratings, usageMetadata=usage, createTime="2026-01-01T00:00:00Z")
    response = gemini.decode_response(body)
    assert response.extras == Extras(GEMINI, {"createTime": "2026-01-01T00:00:00Z"})
    assert response.finish.extras == Extras(GEMINI, {"usageMetadata": {"promptTokensDetails": details}, "safetyRatings": ratings})  # fmt: skip
    again = gemini.encode_response(response, CONTEXT, losses := Losses())
    again["candidates"][0].pop("index")
    assert again == body
    assert losses == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"candidates": []},
        reply({"text": "a"}, reason=None),
        reply({"text": "a"}, reason="FINISH_REASON_UNSPECIFIED"),
        {"candidates": "x"},
        {"candidates": [1]},
        reply({"text": 1, "thought": True}, reason="STOP", responseId=7),
        reply({"functionCall": {"name": 1}}),
    ],
)
def test_what_is_no_reply(body: JsonObject) -> None:
    with pytest.raises(MalformedReply):
        gemini.decode_response(body)


@pytest.mark.parametrize(
    "body", [{"error": {"code": 503, "message": "busy", "status": "UNAVAILABLE"}}, {"error": "busy", "candidates": []}]
)
def test_an_error_under_a_status_of_success(body: JsonObject) -> None:
    with pytest.raises(StreamFailed) as caught:
        gemini.decode_response(body)
    assert caught.value.failure.message == "busy"


def test_ids_where_the_reply_has_none_are_of_what_is_called() -> None:
    first, same, other = (
        gemini.decode_response(reply({"functionCall": {"name": "f", "args": args}}, responseId="")).content[0]
        for args in ({"a": 1}, {"a": 1}, {"a": 2})
    )
    assert first == same
    assert isinstance(first, ToolCall)
    assert isinstance(other, ToolCall)
    assert first.id != other.id


# Streams, read


def feed(*chunks: Any) -> list[Event]:
    decoder = gemini.stream_decoder()
    events = [event for chunk in chunks for event in decoder.feed(Frame(json.dumps(chunk)))]
    return [*events, *decoder.finish()]


def test_nothing_marks_the_end_but_a_reason() -> None:
    assert not isinstance(feed(reply({"text": "a"}, reason=None))[-1], Finish)
    assert isinstance(feed(reply({"text": "a"}, reason=None), reply())[-1], Finish)
    assert feed() == []


def test_counts_may_come_after_the_end_and_in_plain_chunks() -> None:
    late = {"usageMetadata": {**COUNTS, "candidatesTokenCount": 9}}
    (*_, finish) = feed(reply({"text": "a"}, usageMetadata={}), late)
    assert isinstance(finish, Finish)
    assert finish.usage.output == 9
    plain = reply({"text": "b"}, reason=None, usageMetadata={**COUNTS, "candidatesTokenCount": 7})
    (*_, finish) = feed(reply({"text": "a"}, usageMetadata={}), plain)
    assert isinstance(finish, Finish)
    assert finish.usage.output == 7


def test_plain_chunks_and_others_are_read_alike() -> None:
    plain = [reply({"text": text, **({"thought": True} if text < "c" else {})}, reason=None) for text in "abcd"]
    odd = [{**chunk, "createTime": "x"} for chunk in plain]
    told = [[e for e in feed(*chunks, reply()) if not isinstance(e, Start)] for chunks in (plain, odd)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "data",
    [
        "not json",
        "7",
        '{"candidates": [{"content": {"parts": 1}}]}',
        '{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", "partialArgs": []}}]}}]}',
        "[" * 50_000,
    ],
)
def test_what_is_no_chunk(data: str) -> None:
    decoder = gemini.stream_decoder()
    with pytest.raises(MalformedReply):
        list(decoder.feed(Frame(data)))


def test_an_error_ends_it() -> None:
    events = feed(
        reply({"text": "a"}, reason=None), [{"error": {"code": 503, "message": "busy"}}], reply({"text": "b"})
    )
    assert isinstance(events[-1], Failure)
    assert events[-1].kind is ErrorKind.OVERLOADED


# Probabilities

RESULT = {
    "chosenCandidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -1.0}],
    "topCandidates": [
        {"candidates": [{"token": "c", "logProbability": -2.0}]},
        {"candidates": [{"token": "d", "logProbability": -3.0}]},
    ],
}
TOKENS = (
    {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "c", "logprob": -2.0}]},
    {"token": "b", "logprob": -1.0, "top_logprobs": [{"token": "d", "logprob": -3.0}]},
)


def test_probabilities_in_both_shapes() -> None:
    assert decode_logprobs(RESULT) == TOKENS
    assert encode_logprobs(TOKENS) == RESULT
    assert encode_logprobs([{"token": "a", "logprob": 0}]) == {
        "chosenCandidates": [{"token": "a", "logProbability": 0}]
    }
    assert decode_logprobs(7) == decode_logprobs({"chosenCandidates": 7}) == ()


def test_probabilities_belong_to_the_text() -> None:
    response = read({"text": "ab"}, logprobsResult=RESULT)
    assert response.content == (Text(text="ab", logprobs=TOKENS),)
    again = gemini.encode_response(response, CONTEXT, Losses())
    assert again["candidates"][0]["logprobsResult"] == RESULT
    REPLIES[GEMINI](again)
    assert read(CALL, logprobsResult=RESULT).content[0] == read(CALL).content[0]


# Writing

FINISH = Finish(reason=StopReason.END_TURN, usage=Usage(input=3, output=2))


def written(*blocks: ContentBlock, finish: Finish = FINISH, extras: Extras | None = None) -> tuple[JsonObject, Losses]:
    response = Response(id="", model="m", content=blocks, finish=finish, extras=extras)
    made = gemini.encode_response(response, CONTEXT, losses := Losses())
    REPLIES[GEMINI](made)
    return made, losses


def test_what_a_caller_gets() -> None:
    made, losses = written(Text(text="a"), ToolCall(id="toolu_1", name="f", arguments='{"a":1}'))
    assert made == {
        "candidates": [
            {
                "content": {
                    "parts": [{"text": "a"}, {"functionCall": {"id": "toolu_1", "name": "f", "args": {"a": 1}}}],
                    "role": "model",
                },
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": COUNTS,
        "modelVersion": "m",
        "responseId": "ours",
    }
    assert losses == []


LOST: list[tuple[list[ContentBlock], Finish, list[tuple[str, str]]]] = [
    ([Text(text="a", citations=({},))], FINISH, [("degraded", "$.content[0].citations")]),
    ([Opaque(dialect=ANTHROPIC, data={})], FINISH, [("dropped", "$.content[0]")]),
    ([Text(text="a", extras=Extras(CHAT, {"novel": 1}))], FINISH, [("dropped", "$.content[0].*")]),
    ([ToolCall(id="a", name="f", arguments="[")], FINISH, [("degraded", "$.content[0]")]),
    ([], Finish(reason=StopReason.STOP_SEQUENCE, stop_sequence="x"), [("hint", "$.finish.stop_sequence")]),
    ([], Finish(reason=StopReason.OTHER, extras=Extras(ANTHROPIC, {"usage": {}, "stop_details": 1})), [("degraded", "$.finish.stop_details")]),
]  # fmt: skip


@pytest.mark.parametrize(("blocks", "finish", "lost"), LOST)
def test_what_is_lost_on_the_way_to_a_caller(
    blocks: list[ContentBlock], finish: Finish, lost: list[tuple[str, str]]
) -> None:
    _, losses = written(*blocks, finish=finish)
    assert [(loss.severity, loss.path) for loss in losses] == lost
    response = Response(id="", model="m", content=tuple(blocks), finish=finish)
    _, streamed_losses = streamed(*unfold(response))
    assert [(loss.severity, loss.path) for loss in streamed_losses] == lost


def test_a_refusal_is_text_and_a_reason() -> None:
    made, _ = written(Refusal(text="no"), Refusal(text=""))
    assert made["candidates"][0]["content"]["parts"] == [{"text": "no"}]
    assert made["candidates"][0]["finishReason"] == "SAFETY"


# Streams, written


def streamed(*events: Event) -> tuple[list[JsonObject], Losses]:
    encoder = gemini.stream_encoder(CONTEXT, losses := Losses())
    frames = b"".join(data for event in events for data in encoder.encode(event))
    return [json.loads(line[6:]) for line in frames.decode().split("\n") if line.startswith("data: ")], losses


def parts(chunks: list[JsonObject]) -> list[JsonObject]:
    said = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    return [part for part in said if part != {"text": ""}]


ANSWERS = [blocks for _, blocks in CONTENT] + [
    [Thinking(text="so", signature=Signature(ANTHROPIC, "s")), Text(text="a"), ToolCall(id="x", name="f", arguments="{}")],
    [Thinking(text="", signature=Signature(ANTHROPIC, "s"), redacted=True), Thinking(text="so", signature=Signature(ANTHROPIC, "t"))],
    [Text(text="a", logprobs=TOKENS)],
]  # fmt: skip


@pytest.mark.parametrize("blocks", ANSWERS)
def test_a_stream_and_a_whole_answer_have_the_same_parts(blocks: list[ContentBlock]) -> None:
    response = Response(id="r", model="m", content=tuple(blocks), finish=FINISH)
    chunks, _ = streamed(*unfold(response))
    for chunk in chunks:
        REPLIES[GEMINI](chunk)
        assert (chunk["modelVersion"], chunk["responseId"]) == ("m", "r")
    whole = gemini.encode_response(response, CONTEXT, Losses())
    said, expected = parts(chunks), parts([whole])
    if any(isinstance(b, Thinking) and b.signature == Signature(GEMINI, "c2Vs") and not b.redacted for b in blocks):
        expected[:1] = [{"text": "so", "thought": True}, {"text": "", "thought": True, "thoughtSignature": "c2Vs"}]
    if any(b.extras for b in blocks):
        expected[-1].pop("partMetadata")  # not known while it is being said
    assert said == expected
    assert chunks[-1]["candidates"][0]["finishReason"] == "STOP"
    assert all("finishReason" not in chunk["candidates"][0] for chunk in chunks[:-1])


def test_a_call_is_whole_in_one_chunk_also_among_others() -> None:
    calls = [ToolCall(id=id, name="f", arguments="") for id in "ab"]
    pieces = [ArgumentsDelta(0, '{"x":'), ArgumentsDelta(1, "{}"), ArgumentsDelta(0, "1}"), ArgumentsDelta(7, "?")]
    begun = [BlockStart(0, calls[0]), BlockStart(1, calls[1])]
    chunks, losses = streamed(Start(id="r", model="m"), *begun, *pieces, BlockStop(1), BlockStop(0), FINISH)
    assert [part["functionCall"] for part in parts(chunks)] == [
        {"id": "b", "name": "f", "args": {}},
        {"id": "a", "name": "f", "args": {"x": 1}},
    ]
    assert losses == []


def test_arguments_have_a_bound() -> None:
    encoder = gemini.stream_encoder(CONTEXT, Losses())
    for event in (Start(id="r", model="m"), BlockStart(0, ToolCall(id="a", name="f", arguments=""))):
        list(encoder.encode(event))
    most = ArgumentsDelta(0, "x" * 8 * 1024 * 1024)
    assert list(encoder.encode(most)) == []
    with pytest.raises(ReplyTooLarge):
        list(encoder.encode(ArgumentsDelta(0, "x")))


def test_what_only_the_first_chunk_says() -> None:
    extras = Extras(GEMINI, {"createTime": "2026-01-01T00:00:00Z"})
    chunks, _ = streamed(
        Start(id="", model="m", extras=extras),
        BlockStart(0, Text(text="")),
        TextDelta(0, "a"),
        TextDelta(0, "b"),
        FINISH,
    )
    assert ["createTime" in chunk for chunk in chunks] == [True, False, False]
    assert chunks[0]["responseId"] == "ours"


def test_what_belongs_to_no_block_of_ours_is_left_out() -> None:
    begun: list[Event] = [Start(id="r", model="m"), BlockStart(0, Opaque(dialect=ANTHROPIC, data={}))]
    more: list[Event] = [OpaqueDelta(0, {}), TextDelta(5, "?"), CitationDelta(0, {}), BlockStop(0), BlockStop(3)]
    chunks, losses = streamed(*begun, *more, FINISH)
    assert parts(chunks) == []
    assert [loss.path for loss in losses] == ["$.content[0]", "$.content[0].citations"]


def test_probabilities_come_beside_the_text() -> None:
    begun: list[Event] = [
        Start(id="r", model="m"),
        BlockStart(0, Text(text="")),
        TextDelta(0, "ab"),
        LogprobsDelta(0, TOKENS),
    ]
    chunks, _ = streamed(*begun, BlockStop(0), FINISH)
    assert chunks[1]["candidates"][0]["logprobsResult"] == RESULT


# What Google's own client makes of it


def client(*pieces: bytes) -> genai.Client:
    """That reads these bytes, whatever it asks."""
    handler = httpx2.MockTransport(lambda _: httpx2.Response(200, content=iter(pieces)))
    return genai.Client(api_key="k", http_options=types.HttpOptions(httpx_client=httpx2.Client(transport=handler)))


def events() -> list[Event]:
    call = ToolCall(id="x", name="f", arguments='{"a": "\u2028"}')
    said = (Thinking(text="so", signature=Signature(ANTHROPIC, "s")), Text(text="a b"), call)
    return list(unfold(Response(id="r", model="m", content=said, finish=FINISH)))


def test_the_sdk_reads_a_stream_with_keep_alives_in_it() -> None:
    encoder = gemini.stream_encoder(CONTEXT, Losses())
    frames = [data for event in events() for data in encoder.encode(event)]
    ping = b"".join(encoder.encode(Ping()))
    assert ping == gemini.KEEP_ALIVE
    spaced = [piece for frame in frames for piece in (ping, frame)]
    chunks = list(client(*spaced).models.generate_content_stream(model="m", contents="q"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["a b"]
    assert [call.args for chunk in chunks for call in chunk.function_calls or ()] == [{"a": "\u2028"}]
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.total_token_count == 5


def test_a_comment_would_break_the_sdk() -> None:
    """Why a keep-alive is no comment here."""
    with pytest.raises(errors.UnknownApiResponseError):
        list(client(b": keep-alive\n\n").models.generate_content_stream(model="m", contents="q"))


def test_the_sdk_raises_what_ends_a_stream() -> None:
    encoder = gemini.stream_encoder(CONTEXT, Losses())
    begun = [data for event in events()[:3] for data in encoder.encode(event)]
    last = b"".join(encoder.encode(Failure(kind=ErrorKind.OVERLOADED, message="busy")))
    with pytest.raises(errors.ServerError, match="busy"):
        list(client(*begun, last).models.generate_content_stream(model="m", contents="q"))


def test_the_sdk_echoes_what_others_sealed() -> None:
    """A chat hands back every part, signatures in the alphabet for URLs."""
    whole, _ = written(*fold(events()).content, finish=Finish(reason=StopReason.TOOL_USE))
    answer = types.GenerateContentResponse.model_validate_json(json.dumps(whole))
    assert answer.candidates is not None
    content = answer.candidates[0].content
    assert content is not None
    echoed = json.loads(content.model_dump_json(by_alias=True, exclude_none=True))
    turn = gemini.decode_request({"model": "m", "contents": [echoed]}).turns[0]
    assert turn.content[0] == Thinking(text="so", signature=Signature(ANTHROPIC, "s"))
    assert [type(block) for block in turn.content] == [Thinking, Text, ToolCall]


@pytest.mark.parametrize("name", names("gemini/streams", ".sse"))
def test_fixtures_are_what_the_sdk_reads(name: str) -> None:
    data = (FIXTURES / "gemini" / "streams" / f"{name}.sse").read_bytes()
    for line in data.decode().split("\r\n"):
        if line.startswith("data: ") and '"error"' not in line:
            REPLIES[GEMINI](json.loads(line[6:]))


def test_fixtures_of_requests_are_there() -> None:
    assert {name: "contents" in load(f"gemini/requests/{name}.json") for name in names("gemini/requests", ".json")} == {
        "plain": True,
        "rich": True,
        "snake": True,
    }

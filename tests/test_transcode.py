"""Replies between dialects and within one: chunks of every size, faults where they hurt, whole replies of all kinds."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import FIXTURES, cut, decoded
from tests.dialects.test_codec import STREAMS

from lethe.dialects.codec import CODECS
from lethe.dialects.passage import Opening, Passthrough
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind, InvalidRequest, MalformedReply, StreamCut
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.events import Finish
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses, Severity
from lethe.ir.usage import Usage
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.transcode import (
    StreamTranscoder,
    decode_request,
    encode_request,
    is_stream,
    located,
    stream_of,
    translate_reply,
)

ANTHROPIC, CHAT = Dialect.ANTHROPIC, Dialect.OPENAI_CHAT
CONTEXT = ReplyContext(id="ours", created=1)
LONG, SHORT = "mcp__" + "a" * 80 + "__read_file", "mcp__" + "a" * 48 + "_5097860a07"
RENAMED = msgspec.structs.replace(CONTEXT, tool_names={SHORT: LONG})
USAGE = {"input_tokens": 10, "output_tokens": 3}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def chunk(delta: JsonObject, finish: str | None = None, **fields: Any) -> bytes:
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **fields}
    return b"data: %b\n\n" % json.dumps(body).encode()


START = event("message_start", message={"id": "m", "model": "m", "usage": USAGE})
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
DELTA = event("content_block_delta", index=0, delta={"type": "text_delta", "text": "good day"})
STOP = event("content_block_stop", index=0)
ERROR = event("error", error={"type": "overloaded_error", "message": "busy"})
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}) + event("message_stop")
ANSWER: JsonObject = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "good day"}],
    "stop_reason": "end_turn",
    "usage": USAGE,
}


def transcoder(source: Dialect, target: Dialect, context: ReplyContext = CONTEXT) -> StreamTranscoder:
    return StreamTranscoder(CODECS[source], CODECS[target], context, Losses())


def through(made: StreamTranscoder, *pieces: bytes) -> bytes:
    return b"".join(made.feed(piece) for piece in pieces) + made.finish()


# Streams

FINISHED = [
    (d, name, target)
    for d, name in STREAMS
    for target in CODECS
    if isinstance(decoded(CODECS[d].stream_decoder(), (FIXTURES / name).read_bytes())[-1], Finish)
]


@pytest.mark.parametrize(("source", "name", "target"), FINISHED)
def test_every_size_of_chunk_gives_the_same(source: Dialect, name: str, target: Dialect) -> None:
    raw = (FIXTURES / name).read_bytes()
    expected = through(whole := transcoder(source, target), raw)
    for size in (1, 2, 3, 5, 7, 11, 64, 333, 1024):
        made = transcoder(source, target)
        assert through(made, *(raw[at : at + size] for at in range(0, len(raw), size))) == expected
        assert (made.begun, made.ended, made.usage()) == (whole.begun, True, whole.usage())


@given(st.sampled_from(FINISHED), st.lists(st.integers(0, 20_000), max_size=8))
def test_cuts_change_nothing(case: tuple[Dialect, str, Dialect], places: list[int]) -> None:
    source, name, target = case
    raw = (FIXTURES / name).read_bytes()
    assert through(transcoder(source, target), *cut(raw, places)) == through(transcoder(source, target), raw)


def test_usage_is_what_the_stream_has_said_so_far() -> None:
    made = transcoder(ANTHROPIC, CHAT)
    assert made.usage() is None
    made.feed(START)
    assert made.usage() == Usage(input=10, output=3)
    made.feed(TEXT + DELTA + STOP + END)
    assert made.usage() == Usage(input=10, output=3)


OUT_OF_ORDER: list[tuple[str, bytes]] = [
    ("content before the start", TEXT),
    ("a second start", START + START),
    ("a delta without its block", START + DELTA),
    ("a block that begins twice", START + TEXT + STOP + TEXT),
    ("a block that ends twice", START + TEXT + STOP + STOP),
    ("an end inside a block", START + TEXT + END),
    ("text for a tool call", START + event("content_block_start", index=0, content_block={"type": "tool_use", "id": "a", "name": "f", "input": {}}) + DELTA),
    ("no JSON", b"data: {\n\n"),
]  # fmt: skip


@pytest.mark.parametrize("raw", [raw for _, raw in OUT_OF_ORDER], ids=[name for name, _ in OUT_OF_ORDER])
def test_a_stream_out_of_order_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedReply) as caught:
        transcoder(ANTHROPIC, CHAT).feed(raw)
    assert "good day" not in repr(caught.value)


def test_an_error_before_the_answer_is_raised() -> None:
    for opening in (b"", START, START + event("ping")):
        made = transcoder(ANTHROPIC, CHAT)
        made.feed(opening)
        with pytest.raises(StreamFailed) as caught:
            made.feed(ERROR)
        assert caught.value.failure.kind is ErrorKind.OVERLOADED
        assert "busy" not in repr(caught.value)


def test_an_error_within_the_answer_ends_the_stream() -> None:
    made = transcoder(ANTHROPIC, CHAT)
    out = through(made, START + TEXT + DELTA, ERROR, STOP + END)
    *_, last = out.removesuffix(b"\n\n").split(b"\n\n")
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"] == "busy"
    assert made.ended


def test_what_follows_the_end_is_ignored() -> None:
    made = transcoder(ANTHROPIC, CHAT)
    whole = through(made, START + TEXT + DELTA + STOP + END + START + DELTA)
    assert whole == through(transcoder(ANTHROPIC, CHAT), START + TEXT + DELTA + STOP + END)
    assert whole.endswith(b"data: [DONE]\n\n")
    assert made.feed(DELTA) == b""


@pytest.mark.parametrize("raw", [b"", START, START + TEXT + DELTA, START + TEXT + DELTA + STOP])
def test_a_stream_that_stops_short_is_cut(raw: bytes) -> None:
    with pytest.raises(StreamCut):
        through(transcoder(ANTHROPIC, CHAT), raw)


def test_a_last_event_without_its_blank_line_counts() -> None:
    raw = START + TEXT + DELTA + STOP + END
    assert through(transcoder(ANTHROPIC, CHAT), raw.rstrip()) == through(transcoder(ANTHROPIC, CHAT), raw)


def test_no_done_is_needed() -> None:
    out = through(transcoder(CHAT, ANTHROPIC), chunk({"content": "good day"}), chunk({}, "stop"))
    assert out.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')


def test_a_streamed_call_has_the_name_that_the_caller_gave() -> None:
    call = {"index": 0, "id": "a", "function": {"name": SHORT, "arguments": "{}"}}
    out = through(transcoder(CHAT, ANTHROPIC, RENAMED), chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))
    assert f'"name":"{LONG}"'.encode() in out
    assert SHORT.encode() not in out


@pytest.mark.parametrize("said", ["m", ""])
def test_a_stream_names_the_model_that_was_asked_for(said: str) -> None:
    named = msgspec.structs.replace(CONTEXT, model="alias")
    start = event("message_start", message={"id": "m", "model": said, "usage": USAGE})
    out = through(transcoder(ANTHROPIC, CHAT, named), start, TEXT, DELTA, STOP, END)
    chunks = [json.loads(line[6:]) for line in out.splitlines() if line.startswith(b"data: {")]
    assert {chunk["model"] for chunk in chunks} == {"alias"}


# Whole replies

CHAT_ANSWER: JsonObject = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "good day"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 3},
}


def asked(source: Dialect, target: Dialect, body: bytes, context: ReplyContext = CONTEXT) -> JsonObject:
    made: JsonObject = json.loads(translate_reply(CODECS[source], CODECS[target], body, context, Losses()).body)
    return made


def test_a_whole_reply_and_its_cost() -> None:
    body = json.dumps(ANSWER).encode()
    made = translate_reply(CODECS[ANTHROPIC], CODECS[CHAT], body, CONTEXT, Losses())
    assert made.usage == Usage(input=10, output=3)
    assert json.loads(made.body)["choices"][0]["message"]["content"] == "good day"


def test_a_whole_reply_names_the_model_that_was_asked_for() -> None:
    body, named = json.dumps(ANSWER).encode(), msgspec.structs.replace(CONTEXT, model="alias")
    assert (asked(ANTHROPIC, CHAT, body)["model"], asked(ANTHROPIC, CHAT, body, named)["model"]) == ("m", "alias")


@pytest.mark.parametrize("before", [b"", b"\r\n", b"\xef\xbb\xbf", b": busy\n\n", b"id: 1\n"])
def test_a_stream_where_a_whole_reply_was_asked_for_is_folded(before: bytes) -> None:
    body = json.dumps(ANSWER).encode()
    stream = before + START + TEXT + DELTA + STOP + END
    assert asked(ANTHROPIC, CHAT, stream) == asked(ANTHROPIC, CHAT, body)


def test_a_stream_without_done_is_folded() -> None:
    stream = chunk({"content": "good day"}) + chunk({}, "stop", usage=CHAT_ANSWER["usage"])
    assert asked(CHAT, ANTHROPIC, stream) == asked(CHAT, ANTHROPIC, json.dumps({**CHAT_ANSWER, "id": "c"}).encode())


@pytest.mark.parametrize(("body", "stream"), [(b"", False), (b"{}", False), (b" {}", False), (b"data", False), (b"data:", True)])  # fmt: skip
def test_is_stream(body: bytes, stream: bool) -> None:
    assert is_stream(body) is stream


FAULTY: list[tuple[Dialect, bytes, type[Exception]]] = [
    (ANTHROPIC, b"", MalformedReply),
    (ANTHROPIC, b"<html>", MalformedReply),
    (ANTHROPIC, b"[]", MalformedReply),
    (ANTHROPIC, b"{}", MalformedReply),
    (ANTHROPIC, b'{"a":' * 100_000, MalformedReply),
    (ANTHROPIC, START + TEXT + DELTA, StreamCut),
    (ANTHROPIC, START + TEXT + START, MalformedReply),
    (ANTHROPIC, START + ERROR, StreamFailed),
    (ANTHROPIC, b'{"type": "error", "error": {"type": "api_error", "message": "busy"}}', StreamFailed),
    (CHAT, b'{"error": {"message": "busy"}}', StreamFailed),
    (CHAT, b'{"choices": []}', MalformedReply),
    (CHAT, b'{"choices": [{"finish_reason": "stop"}]}', MalformedReply),
]


@pytest.mark.parametrize(("source", "body", "error"), FAULTY, ids=range(len(FAULTY)))
def test_what_is_no_reply_is_a_typed_error(source: Dialect, body: bytes, error: type[Exception]) -> None:
    for read in (translate_reply, stream_of):
        with pytest.raises(error) as caught:
            read(CODECS[source], CODECS[CHAT], body, CONTEXT, Losses())
        assert "busy" not in repr(caught.value)


@pytest.mark.parametrize("arguments", [None, "", "{}"])
def test_a_call_without_arguments(arguments: str | None) -> None:
    call = {"id": "a", "type": "function", "function": {"name": SHORT, "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    body = json.dumps({**CHAT_ANSWER, "choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    expected = {"type": "tool_use", "id": "a", "name": LONG, "input": {}}
    assert asked(CHAT, ANTHROPIC, body, RENAMED)["content"] == [expected]


def test_a_whole_reply_as_the_stream_that_was_asked_for() -> None:
    body = json.dumps(ANSWER).encode()
    made = stream_of(CODECS[ANTHROPIC], CODECS[CHAT], body, CONTEXT, Losses())
    assert made.usage == Usage(input=10, output=3)
    assert made.body == through(transcoder(ANTHROPIC, CHAT), START + TEXT + DELTA + STOP + END)


# Requests


def upstream(dialect: Dialect, provider: str = "") -> Upstream:
    return Upstream(
        name="u",
        provider=provider,
        dialect=dialect,
        base_url="http://localhost",
        auth=Auth.NONE,
        upstream_class=UpstreamClass.U5,
    )


def test_a_request_is_fitted_to_model_names_and_provider() -> None:
    thought = {"type": "thinking", "thinking": "x", "signature": ""}
    body = {
        "model": "claude",
        "max_tokens": 9,
        "tools": [{"name": LONG, "input_schema": {"type": "object"}}],
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": "y"}]},
        ],
    }
    losses = Losses()
    encoded = encode_request(CODECS[ANTHROPIC].decode_request(body), upstream(CHAT, "mistral"), "large", losses)
    sent = json.loads(encoded.body)
    assert (sent["model"], sent["max_tokens"], sent["tools"][0]["function"]["name"]) == ("large", 9, SHORT)
    assert sent["messages"][1] == {"role": "assistant", "content": "y"}
    assert "store" not in sent
    assert encoded.tool_names == {SHORT: LONG}
    assert [(loss.severity, loss.path) for loss in located(losses, ANTHROPIC, body)] == [
        (Severity.DEGRADED, "$.messages[1]"),
        (Severity.DEGRADED, "$.messages[1].content[0]"),
    ]


# Within one dialect


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_passing_through_changes_no_byte_and_reads_the_usage(size: int) -> None:
    raw = START + TEXT + DELTA + STOP + END
    pipe = Passthrough(CODECS[ANTHROPIC])
    assert not pipe.midway
    out = b"".join(pipe.feed(raw[at : at + size]) for at in range(0, len(raw), size)) + pipe.finish()
    assert out == raw
    if size > 1:  # the last three reads must hold the end
        assert pipe.usage() == Usage(input=10, output=3)


def test_usage_stands_at_the_ends_of_a_long_stream() -> None:
    pipe = Passthrough(CODECS[ANTHROPIC])
    for part in (START, TEXT, *[DELTA] * 1000, STOP, END):
        pipe.feed(part)
    assert pipe.usage() == Usage(input=10, output=3)


SAYS_ERROR = json.dumps({"error": {"message": "said"}, "type": "error", "note": "response.failed"})


@pytest.mark.parametrize("size", [40, 10_000])
def test_an_error_event_is_told_from_talk_of_one(size: int) -> None:
    said = event("content_block_delta", index=0, delta={"type": "text_delta", "text": SAYS_ERROR})
    for end, failed in ((STOP + END, False), (ERROR, True)):
        raw = START + TEXT + said + end
        pipe = Passthrough(CODECS[ANTHROPIC])
        for at in range(0, len(raw), size):
            pipe.feed(raw[at : at + size])
        assert pipe.failed is failed


def test_an_event_too_long_to_hold_back_is_midway() -> None:
    pipe = Passthrough(CODECS[ANTHROPIC])
    assert pipe.feed(b"data: " + b"x" * (1024 * 1024)) != b""
    assert pipe.midway


def test_an_opening_ends_where_content_begins() -> None:
    opening = Opening(CODECS[ANTHROPIC])
    assert [opening.feed(part) for part in (START, event("ping"), TEXT)] == [False, False, True]


def test_an_opening_raises_an_error_that_comes_first() -> None:
    opening = Opening(CODECS[ANTHROPIC])
    opening.feed(START)
    with pytest.raises(StreamFailed):
        opening.feed(ERROR)


@pytest.mark.parametrize("raw", [b"data: {\n\n", b": " + b"x" * 20_000])
def test_what_an_opening_cannot_read_counts_as_begun(raw: bytes) -> None:
    assert Opening(CODECS[ANTHROPIC]).feed(raw)


# Near the end of the stack: JSON that can be read, but, some calls further down, no longer be written.
DEPTHS = range(860, 1000, 3)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_requests_nested_too_deeply_are_the_callers_fault() -> None:
    faults = set()
    for depth in DEPTHS:
        call = b'{"type":"tool_use","id":"x","name":"f","input":{"a":%b}}' % nested(depth)
        body = b'{"model":"m","x":%b,"messages":[{"role":"assistant","content":[%b]}]}' % (nested(depth), call)
        try:
            request = decode_request(ANTHROPIC, msgspec.json.decode(body))
        except (InvalidRequest, RecursionError) as error:  # the test's own parser may give up first
            faults.add(type(error))
            continue
        try:
            encode_request(request, upstream(ANTHROPIC), "m", Losses())
        except InvalidRequest as error:
            faults.add(type(error))
    assert InvalidRequest in faults


def test_replies_nested_too_deeply_are_malformed() -> None:
    source, target = CODECS[CHAT], CODECS[CHAT]
    for work in (translate_reply, stream_of):
        faults = set()
        for depth in DEPTHS:
            body = b'{"choices":[{"message":{"content":"x"}}],"created":%b}' % nested(depth)
            try:
                work(source, target, body, CONTEXT, Losses())
            except MalformedReply as error:
                faults.add(type(error))
        assert faults, work


def test_streams_nested_too_deeply_are_malformed() -> None:
    for end in (b"\n\n", b""):  # in a read, or where the stream ends
        faults = set()
        for depth in DEPTHS:
            transcoder = StreamTranscoder(CODECS[CHAT], CODECS[CHAT], CONTEXT, Losses())
            data = b'data: {"id":"x","created":%b,"choices":[{"delta":{"content":"x"}}]}' % nested(depth)
            try:
                transcoder.feed(data + end)
                transcoder.finish()
            except (MalformedReply, StreamCut) as error:
                faults.add(type(error))
        assert MalformedReply in faults, end

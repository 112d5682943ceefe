"""Buffered replies: equal to the fold of their streams, and valid by the official types."""

import json
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion
from tests.dialects.cases import decoded, load, names, stream

from lethe.dialects.openai_chat import decode_response, encode_response, stream_decoder
from lethe.dialects.reply import ReplyContext
from lethe.errors import ErrorKind, MalformedReply
from lethe.ir.content import Dialect, Extras, JsonObject, Media, Opaque, Refusal, Signature, Text, Thinking, ToolCall
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed, fold
from lethe.ir.loss import Losses, Severity
from lethe.ir.response import Response
from lethe.ir.usage import Usage

CONTEXT = ReplyContext(id="chatcmpl-ours", created=1)
CASES = names("openai_chat/streams", ".json")


@pytest.mark.parametrize("name", CASES)
def test_the_fold_of_the_stream_is_the_buffered_reply(name: str) -> None:
    folded = fold(decoded(stream_decoder(), stream(f"openai_chat/streams/{name}.sse")))
    assert folded == decode_response(load(f"openai_chat/streams/{name}.json"))


@pytest.mark.parametrize("name", CASES)
def test_replies_come_back_whole(name: str) -> None:
    response, losses = decode_response(load(f"openai_chat/streams/{name}.json")), Losses()
    body = encode_response(response, CONTEXT, losses)
    assert losses == []
    assert our_words(decode_response(json.loads(json.dumps(body)))) == our_words(response)
    assert ChatCompletion.model_validate(body, strict=True).id == response.id


def our_words(response: Response) -> Response:
    """Without the upstream's own word for why it stopped: we say it as OpenAI does."""
    return msgspec.structs.replace(response, finish=msgspec.structs.replace(response.finish, raw_reason=None))


def test_a_reply_of_another_dialect() -> None:
    response = Response(
        id="",
        model="m",
        content=(
            Thinking(text="first", signature=Signature(Dialect.ANTHROPIC, "SEAL")),
            Thinking(text="", signature=Signature(Dialect.ANTHROPIC, "DATA"), redacted=True),
            Text(text="one ", citations=({"cited_text": "c"},), extras=Extras(Dialect.ANTHROPIC, {"novel": 1})),
            Text(text="two"),
            Refusal(text="no"),
            Media(kind="image", url="https://example.com/i.png"),
            Opaque(dialect=Dialect.ANTHROPIC, data={"type": "server_tool_use"}),
            ToolCall(id="t1", name="f", arguments='{"a":'),
        ),
        finish=Finish(
            reason=StopReason.STOP_SEQUENCE,
            stop_sequence="END",
            usage=Usage(input=1, cache_read=2, cache_write=3, output=4, reasoning=2),
            extras=Extras(Dialect.ANTHROPIC, {"other": 1}),
        ),
        extras=Extras(Dialect.ANTHROPIC, {"container": {}, "third": 1}),
    )
    losses = Losses()
    body = encode_response(response, CONTEXT, losses)
    assert body == {
        "id": "chatcmpl-ours",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "one two",
                    "refusal": "no",
                    "reasoning_content": "first",
                    "reasoning_details": [
                        {"type": "reasoning.text", "text": "first", "signature": "lethe:anthropic:SEAL"},
                        {"type": "reasoning.encrypted", "data": "lethe:anthropic:DATA"},
                    ],
                    "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 6,
            "completion_tokens": 4,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
    }
    assert {(loss.path, loss.severity) for loss in losses} == {
        ("$.content[2].citations", Severity.DEGRADED),
        ("$.content[2].*", Severity.DROPPED),
        ("$.content[5]", Severity.DROPPED),
        ("$.content[6]", Severity.DROPPED),
        ("$.finish.stop_sequence", Severity.HINT),
        ("$.finish.*", Severity.DROPPED),
        ("$.*", Severity.DROPPED),
    }


@pytest.mark.parametrize("reason", StopReason)
def test_every_stop_reason_has_a_word(reason: StopReason) -> None:
    response = Response(id="1", model="m", content=(Text(text="x"),), finish=Finish(reason=reason))
    ChatCompletion.model_validate(encode_response(response, CONTEXT, Losses()), strict=True)


MALFORMED: list[JsonObject] = [
    {},
    {"choices": []},
    {"choices": "secret"},
    {"choices": [{"index": 0}]},
    {"choices": [{"message": "secret"}]},
    {"choices": [{"message": {"content": 5}}]},
    {"choices": [{"message": {"tool_calls": ["secret"]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"arguments": "{}"}}]}}]},
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_replies_are_typed_and_not_quoted(body: JsonObject) -> None:
    with pytest.raises(MalformedReply) as caught:
        decode_response(body)
    assert "secret" not in str(caught.value)


def first(message: JsonObject, **choice: Any) -> Response:
    return decode_response(
        {
            "id": "r",
            "choices": [{"index": 1, "message": {"content": "other"}}, {"index": 0, "message": message, **choice}],
        }
    )


def test_of_several_choices_the_first_counts() -> None:
    assert first({"content": "mine"}).content == (Text(text="mine"),)


def test_unknown_finish_reasons_are_kept_as_they_came() -> None:
    finish = first({"content": "x"}, finish_reason="novel").finish
    assert (finish.reason, finish.raw_reason) == (StopReason.OTHER, "novel")


def test_probabilities_without_text_are_left_over() -> None:
    refused = first({"refusal": "no"}, logprobs={"content": None, "refusal": [{"token": "no"}]}).finish
    assert refused.extras == Extras(Dialect.OPENAI_CHAT, {"logprobs": {"refusal": [{"token": "no"}]}})
    silent = first({"content": None}, logprobs={"content": [{"token": "x"}]}).finish
    assert silent.extras == Extras(Dialect.OPENAI_CHAT, {"logprobs": {"content": [{"token": "x"}]}})


ERRORS: list[tuple[JsonObject, ErrorKind, str]] = [
    ({"choices": [{"message": {"content": "x"}}], "error": {"message": "secret"}}, ErrorKind.API, "secret"),
    ({"error": {"message": "secret", "code": 429}}, ErrorKind.RATE_LIMIT, "secret"),
    ({"error": {"message": "secret", "type": "insufficient_quota"}}, ErrorKind.BILLING, "secret"),
    ({"error": "secret"}, ErrorKind.API, "secret"),
    ({"choices": [{"message": {"content": "x"}, "error": {"message": "secret", "code": 503}}]}, ErrorKind.OVERLOADED, "secret"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind", "message"), ERRORS)
def test_an_error_under_a_status_of_success_is_one(body: JsonObject, kind: ErrorKind, message: str) -> None:
    with pytest.raises(StreamFailed) as caught:
        decode_response(body)
    assert (caught.value.failure.kind, caught.value.failure.message) == (kind, message)
    assert "secret" not in repr(caught.value)

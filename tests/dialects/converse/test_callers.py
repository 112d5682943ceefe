"""A Converse answer as each caller hears it: the same whole, streamed, and however its bytes are cut."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.cases import cut, decoded, load, names

from lethe import transcode
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.reply import ReplyContext
from lethe.errors import MalformedReply, StreamCut
from lethe.ir.content import Dialect, Text, Thinking, ToolCall
from lethe.ir.grammar import StreamFailed, fold
from lethe.ir.loss import Losses, Severity
from lethe.ir.response import Response
from lethe.transcode import StreamTranscoder
from lethe.wire.eventstream import encode_event, encode_exception
from lethe.wire.framing import Framing

OURS = UPSTREAM_CODECS[Dialect.CONVERSE]
CONTEXT = ReplyContext(id="ours", created=1, model="m-1", tool_names={"get_weather": "weather.get"})
CASES = [name for name in names("converse/replies", ".json") if "reply" in load(f"converse/replies/{name}.json")]
CALLERS = list(CODECS)


def raw(events: list[Any]) -> bytes:
    return b"".join(encode_event(kind, json.dumps(payload).encode()) for kind, payload in events)


def transcoded(caller: Dialect, *chunks: bytes) -> tuple[bytes, Losses]:
    losses = Losses()
    transcoder = StreamTranscoder(OURS, CODECS[caller], CONTEXT, losses, Framing.EVENT_STREAM)
    out = [transcoder.feed(chunk) for chunk in chunks]
    return b"".join((*out, transcoder.finish())), losses


def gist(response: Response) -> list[Any]:
    texts = "".join(block.text for block in response.content if isinstance(block, Text))
    thoughts = "".join(block.text for block in response.content if isinstance(block, Thinking))
    seals = [block.signature for block in response.content if isinstance(block, Thinking) and block.signature]
    calls = [(b.id, b.name, json.loads(b.arguments)) for b in response.content if isinstance(b, ToolCall)]
    return [response.model, texts, thoughts, seals, calls, response.finish.reason, response.finish.usage]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("name", CASES)
def test_an_answer_is_the_same_whole_and_streamed(name: str, caller: Dialect) -> None:
    case, codec = load(f"converse/replies/{name}.json"), CODECS[caller]
    data, losses = transcoded(caller, raw(case["events"]))
    streamed = fold(decoded(codec.stream_decoder(), data))
    buffered = transcode.translate_reply(OURS, codec, json.dumps(case["reply"]).encode(), CONTEXT, Losses())
    whole = codec.decode_response(json.loads(buffered.body))
    assert gist(streamed) == gist(whole)
    assert streamed.model == "m-1"
    assert [loss for loss in losses if loss.severity is Severity.DROPPED] == []
    if name == "tools":
        assert [block.name for block in whole.content if isinstance(block, ToolCall)] == ["weather.get", "get_time"]


@given(st.sampled_from(CASES), st.sampled_from(CALLERS), st.lists(st.integers(0, 20_000), max_size=8))
def test_cuts_change_nothing(name: str, caller: Dialect, places: list[int]) -> None:
    data = raw(load(f"converse/replies/{name}.json")["events"])
    assert transcoded(caller, *cut(data, places))[0] == transcoded(caller, data)[0]


BEGUN = load("converse/replies/text.json")["events"][:2]


@pytest.mark.parametrize("caller", CALLERS)
def test_an_exception_is_raised_before_any_words_and_told_after_them(caller: Dialect) -> None:
    end = encode_exception("throttlingException", b'{"message": "CANARY_slow"}')
    with pytest.raises(StreamFailed) as caught:
        transcoded(caller, raw(BEGUN[:1]), end)
    assert "CANARY" not in str(caught.value)
    assert b"CANARY_slow" in transcoded(caller, raw(BEGUN), end)[0]


@pytest.mark.parametrize("caller", CALLERS)
def test_what_breaks_off(caller: Dialect) -> None:
    data = raw(BEGUN)
    with pytest.raises(StreamCut):
        transcoded(caller, data)
    with pytest.raises(StreamCut):
        transcoded(caller, data[:-1])
    with pytest.raises(MalformedReply):
        transcoded(caller, data[:-1] + bytes([data[-1] ^ 1]))

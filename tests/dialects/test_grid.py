"""Every caller to every upstream and back, over whatever the hub can hold: the rest of the grid beside the goldens."""

import json
import re

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.dialects import golden, grid, judges
from tests.dialects.cases import canaries, cut, decoded, under
from tests.dialects.test_codec import gist
from tests.dialects.test_golden import words

from lethe import transcode
from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.errors import LetheError
from lethe.ir.content import Dialect, JsonObject, Refusal, Text, Thinking
from lethe.ir.grammar import fold
from lethe.ir.loss import Losses, Severity
from lethe.ir.response import Response
from lethe.providers.envelopes import PLAIN
from lethe.upstream.fake.rules import fault
from lethe.wire import lenient

WORD = re.compile(r"CANARY\w*")
PLACE = re.compile(r"\$(\.[\w*-]+|\[\d+\])+")
ANSWERS = [(source, target) for source in UPSTREAM_CODECS for target in CODECS if target is not source]
PAIRS = [(source, target) for source in CODECS for target in UPSTREAM_CODECS if target is not source]


def ids(pair: tuple[Dialect, Dialect]) -> str:
    return f"{pair[0]}-{pair[1]}"


@pytest.mark.parametrize("pair", PAIRS, ids=ids)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_requests(pair: tuple[Dialect, Dialect], data: st.DataObject) -> None:
    source, target = pair
    request = data.draw(grid.requests(source))
    body = as_asked(CODECS[source].encode_request(request, lost := Losses()))
    crosses(body, source, target, whole=not drops(lost))


def drops(losses: Losses) -> bool:
    return any(loss.severity is Severity.DROPPED for loss in losses)


def as_asked(body: JsonObject) -> JsonObject:
    """As it comes off the wire."""
    decoded: JsonObject = json.loads(json.dumps(body))
    return decoded


def crosses(body: JsonObject, source: Dialect, target: Dialect, *, whole: bool) -> None:
    """What goes upstream is valid there, and nothing is missing silently."""
    try:
        request, made, losses = golden.encoded(body, source, target)
    except LetheError:
        return
    judges.REQUESTS[target](made)
    if whole and fault(source, body) is None and not drops(losses):
        assert fault(target, made) is None
    said = [(path, set(WORD.findall(text))) for path, text in canaries(msgspec.to_builtins(request))]
    reported = set[str]().union(*(found for path, found in said if any(under(path, loss.path) for loss in losses)))
    kept = words(made)
    assert [path for path, found in said if not found <= kept | reported] == []
    for loss in transcode.located(losses, source, body):
        assert PLACE.fullmatch(loss.path)
        assert "CANARY" not in loss.path + loss.feature


# Replies


@pytest.mark.parametrize("pair", ANSWERS, ids=ids)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_replies(pair: tuple[Dialect, Dialect], data: st.DataObject) -> None:
    source, target = pair
    response = data.draw(grid.responses(source))
    cuts = data.draw(st.lists(st.integers(0, 5_000), max_size=6))
    comes_back(response, cuts, source, target)


def comes_back(response: Response, cuts: list[int], source: Dialect, target: Dialect) -> None:
    """What the caller gets is valid there, whole and streamed alike, however the stream was cut."""
    codec, context, losses = CODECS[target], golden.CONTEXT, Losses()
    buffered = transcode.translate_reply(UPSTREAM_CODECS[source], codec, grid.reply(response, source), context, losses)
    whole = lenient.decode(buffered.body)
    judges.REPLIES[target](whole)
    stream = grid.stream(response, source)
    written = translated(source, target, [stream])
    for name, event in golden.frames(written):
        judges.STREAMS[target](name, event)
    assert translated(source, target, cut(stream, cuts)) == written
    again = fold(decoded(codec.stream_decoder(), written))
    assert gist(again) == gist(codec.decode_response(whole))
    upstream = UPSTREAM_CODECS[source].decode_response(lenient.decode(grid.reply(response, source)))
    assert [loss.path for loss in losses if loss.severity is Severity.DROPPED] == []
    assert texts(again) == texts(upstream)
    assert again.finish.usage == buffered.usage == upstream.finish.usage


def translated(source: Dialect, target: Dialect, chunks: list[bytes]) -> bytes:
    transcoder = transcode.StreamTranscoder(
        UPSTREAM_CODECS[source], CODECS[target], golden.CONTEXT, Losses(), PLAIN[source].framing
    )
    return b"".join([*(transcoder.feed(chunk) for chunk in chunks), transcoder.finish()])


def texts(response: Response) -> tuple[str, str]:
    """What was said and thought; some callers know no refusal, and some join."""
    said = "".join(block.text for block in response.content if isinstance(block, Text | Refusal))
    thought = "".join(block.text for block in response.content if isinstance(block, Thinking))
    return said, thought.replace("\n\n", "")

"""The measured streams and requests are real ones: whole answers, and bodies of the size that the page names."""

import pytest

from bench.conversation import STREAMS, request_body
from bench.transcoder import pairs, reads, transcoded, translated
from lethe.dialects.codec import CODECS
from lethe.ir.content import Dialect


@pytest.mark.parametrize(("source", "target"), list(pairs()))
def test_streams_are_whole_answers(source: Dialect, target: Dialect) -> None:
    frames = STREAMS[source]
    assert 950 < len(frames) < 1050
    assert transcoded(source, target, frames) == transcoded(source, target, reads(frames, 16 * 1024))
    assert transcoded(source, target, frames).count(b"The function ") >= 900 // 7


@pytest.mark.parametrize("caller", CODECS)
def test_requests_are_of_a_megabyte(caller: Dialect) -> None:
    body = request_body(caller)
    assert 0.95e6 < len(body) < 1.05e6
    assert b"def step_94" in translated(caller, Dialect.CONVERSE, body)

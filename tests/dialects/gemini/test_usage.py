"""Token counts: disjoint here, totals with parts on the wire."""

from typing import Any

import msgspec
import pytest
from google.genai.types import GenerateContentResponseUsageMetadata

from lethe.dialects import gemini
from lethe.dialects.gemini.usage import decode_usage, encode_usage, leftover_usage
from lethe.ir.usage import Usage

COUNTS = {"promptTokenCount": 20, "cachedContentTokenCount": 8, "candidatesTokenCount": 6, "thoughtsTokenCount": 3}
READ = Usage(input=12, cache_read=8, output=9, reasoning=3)

COUNTERS: list[tuple[Any, Usage]] = [
    (COUNTS, READ),
    ({**COUNTS, "toolUsePromptTokenCount": 5}, Usage(input=17, cache_read=8, output=9, reasoning=3)),
    ({"promptTokenCount": 4, "cachedContentTokenCount": 9}, Usage(cache_read=4)),
    ({"promptTokenCount": -1, "candidatesTokenCount": "6"}, Usage()),
    ({}, Usage()),
    (None, Usage()),
]


@pytest.mark.parametrize(("counters", "usage"), COUNTERS)
def test_counters(counters: Any, usage: Usage) -> None:
    assert decode_usage(counters) == usage


@pytest.mark.parametrize(
    ("usage", "encoded"),
    [
        (READ, {**COUNTS, "totalTokenCount": 29}),
        (Usage(), {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0}),
        (Usage(input=1, cache_write=2), {"promptTokenCount": 3, "candidatesTokenCount": 0, "totalTokenCount": 3}),
    ],
)
def test_encoding(usage: Usage, encoded: dict[str, int]) -> None:
    assert encode_usage(usage) == encoded
    GenerateContentResponseUsageMetadata.model_validate(encoded)


def test_what_counters_do_not_say_is_left_over() -> None:
    details = [{"modality": "TEXT", "tokenCount": 20}]
    left = {**COUNTS, "promptTokensDetails": details, "cacheTokensDetails": [], "trafficType": None}
    assert leftover_usage(left) == {"promptTokensDetails": details}
    assert leftover_usage(None) == {}


BODY = msgspec.json.encode({"candidates": [{"content": {"parts": [{"text": '"usageMetadata": {'}]}}], "usageMetadata": COUNTS})  # fmt: skip

BUFFERED: list[tuple[bytes, Usage | None]] = [
    (BODY, READ),
    (b'{"usageMetadata": null}', None),
    (b"{}", None),
    (b"[]", None),
    (b"<html>", None),
    (b'{"usageMetadata": "\xff"}', None),
]


@pytest.mark.parametrize(("body", "usage"), BUFFERED)
def test_of_a_whole_answer(body: bytes, usage: Usage | None) -> None:
    assert gemini.buffered_usage(body) == usage


STREAMED: list[tuple[bytes, Usage | None]] = [
    (b'data: {"usageMetadata": {"promptTokenCount": 1}}\r\n\r\ndata: ' + BODY + b"\r\n\r\n", READ),
    (BODY[40:] + b"\n\n", READ),  # the tail may begin anywhere
    (b'data: {"usageMetadata": {"promptTokenCount": 1', None),
    (b'data: {"usageMetadata": 7}', None),
    (b'data: {"text": "\\"usageMetadata\\": {}"}', None),
    (b"", None),
]


@pytest.mark.parametrize(("tail", "usage"), STREAMED)
def test_of_a_streams_end(tail: bytes, usage: Usage | None) -> None:
    assert gemini.streamed_usage(b"", tail) == usage

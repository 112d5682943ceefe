"""Token counts: disjoint, clamped, and read from cut bytes without raising."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage
from tests.dialects.cases import names, stream

from lethe.dialects.openai_chat import buffered_usage, streamed_usage
from lethe.dialects.openai_chat.usage import decode_usage, encode_usage
from lethe.ir.usage import Usage

COUNTS: list[tuple[Any, Usage]] = [
    ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(input=10, output=5)),
    (
        {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
            "completion_tokens_details": {"reasoning_tokens": 2},
        },
        Usage(input=3, cache_read=4, cache_write=3, output=5, reasoning=2),
    ),
    (
        {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 99, "cache_write_tokens": 9}},
        Usage(cache_read=10),
    ),
    ({"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}, Usage(input=4, cache_read=6)),
    ({"prompt_tokens": 10, "cached_tokens": 6}, Usage(input=4, cache_read=6)),
    (
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        Usage(input=32, output=103, reasoning=94),
    ),
    ({"completion_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 9}}, Usage(output=3, reasoning=3)),
    (
        {
            "prompt_tokens": None,
            "completion_tokens": "5",
            "prompt_tokens_details": None,
            "completion_tokens_details": [],
        },
        Usage(),
    ),
    ({"prompt_tokens": -4, "completion_tokens": 1.5}, Usage()),
    (None, Usage()),
    ([], Usage()),
]


@pytest.mark.parametrize(("wire", "usage"), COUNTS)
def test_decode(wire: Any, usage: Usage) -> None:
    assert decode_usage(wire) == usage


@given(
    st.builds(
        lambda a, b, c, d, e: Usage(input=a, cache_read=b, cache_write=c, output=d + e, reasoning=e),
        *[st.integers(0, 1000)] * 5,
    )
)
def test_counts_come_back(usage: Usage) -> None:
    wire = encode_usage(usage)
    assert decode_usage(wire) == usage
    assert CompletionUsage.model_validate(wire, strict=True).total_tokens == usage.prompt + usage.output


def test_a_buffered_reply() -> None:
    assert buffered_usage(stream("openai_chat/streams/text.json")) == Usage(
        input=36, cache_read=64, output=20, reasoning=8
    )


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"usage": null}', b'{"usage": 3}', b"\xff", b'{"usage"', b"[" * 100_000]
)
def test_a_reply_without_usage(body: bytes) -> None:
    assert buffered_usage(body) is None


@pytest.mark.parametrize("name", names("openai_chat/streams", ".sse"))
def test_a_stream(name: str) -> None:
    data = stream(f"openai_chat/streams/{name}.sse")
    expected = Usage(input=36, cache_read=64, output=20, reasoning=8)
    assert streamed_usage(data[:100], data[-700:]) == expected
    assert streamed_usage(data, b"") == expected


def test_the_last_usage_counts() -> None:
    tail = b'data: {"usage": {"prompt_tokens": 1}}\n\ndata: {"usage": {"prompt_tokens": 2}}\n\ndata: {"usage": null}\n\ndata: [DONE]\n\n'
    assert streamed_usage(b"", tail) == Usage(input=2)


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_cut_frames_never_raise(start: int, end: int) -> None:
    data = stream("openai_chat/streams/text.sse")
    assert streamed_usage(data[:start], data[end:]) in (None, Usage(input=36, cache_read=64, output=20, reasoning=8))

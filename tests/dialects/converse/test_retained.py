"""What our bodies ask Bedrock to keep, or to read from where it is kept, the register knows wherever it stands."""

import msgspec
import pytest

from lethe.config.register import surfaces_for
from lethe.dialects import converse
from lethe.ir.content import CacheHint, Dialect, Media, Text, ToolResult
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Tool, Turn
from lethe.retention.guard import Guard
from lethe.retention.levels import Level
from lethe.wire.rawjson import TopLevel

MODEL = "us.anthropic.claude-opus-5-v1"
(SURFACE,) = (s for s in surfaces_for("bedrock", "", Dialect.CONVERSE, loopback=False) if s.endpoint == "converse")
PNG = Media(kind="image", media_type="image/png", url="s3://bucket/a.png")
PDF = Media(kind="document", media_type="application/pdf", url="s3://bucket/a.pdf")
WAV = Media(kind="audio", media_type="audio/wav", url="s3://bucket/a.wav")
WORDS = Text(text="x")


def refused(request: Request, level: Level) -> list[str]:
    body = converse.encode_request(request, Losses())
    verdict = Guard(SURFACE).judge(
        TopLevel(msgspec.json.encode(body)), level, MODEL, betas=(), refuse_unknown=True, pseudonym=None
    )
    return [refusal.path for refusal in verdict.refusals]


def asked(*blocks: Media | Text | ToolResult) -> Request:
    return Request(model=MODEL, stream=True, turns=(Turn(role="user", content=blocks or (WORDS,)),))


CACHED = [
    asked(Text(text="x", cache=CacheHint())),
    msgspec.structs.replace(asked(), system=(Text(text="x", cache=CacheHint()),)),
    msgspec.structs.replace(asked(), tools=(Tool(name="f", cache=CacheHint()),)),
]
STORED = [asked(WORDS, media) for media in (PNG, PDF, WAV)]
STORED += [asked(ToolResult(call_id="a", content=(WORDS, media))) for media in (PNG, PDF)]


@pytest.mark.parametrize("request_", CACHED, ids=["message", "system", "tool"])
def test_caches(request_: Request) -> None:
    assert len(refused(request_, Level.A1)) == 1
    assert refused(request_, Level.A2) == []


@pytest.mark.parametrize("request_", STORED)
def test_stored_files(request_: Request) -> None:
    assert len(refused(request_, Level.B)) == 1
    assert refused(request_, Level.C) == []


def test_nothing_of_a_plain_request_is_unknown() -> None:
    assert refused(asked(), Level.A1) == []

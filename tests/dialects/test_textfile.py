"""Text files: what is in them reaches every upstream as text, and goes back as it came."""

from base64 import b64encode
from typing import Any

import pytest

from lethe.dialects.codec import CODECS, UPSTREAM_CODECS
from lethe.dialects.textfile import closed, opened
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses, Severity

CHAT, RESPONSES = Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES
TEXT = "CANARY é"
ENCODED = b64encode(TEXT.encode()).decode()


@pytest.mark.parametrize(
    ("media_type", "data", "text"),
    [
        ("text/plain", ENCODED, TEXT),
        ("text/plain;charset=utf-8", ENCODED, TEXT),
        ("text/plain", "", ""),
        ("text/plain", "no base64", None),
        ("text/plain", b64encode(b"\xff").decode(), None),
        ("text/csv", ENCODED, None),
        (None, ENCODED, None),
        ("text/plain", None, None),
    ],
)
def test_opened(media_type: str | None, data: str | None, text: str | None) -> None:
    assert opened(media_type, data) == text


def test_closed() -> None:
    assert closed("text/plain", TEXT) == ENCODED
    assert closed("application/pdf", ENCODED) == ENCODED


def body(caller: Dialect, encoded: str) -> dict[str, Any]:
    url = f"data:text/plain;base64,{encoded}"
    if caller is CHAT:
        part: dict[str, Any] = {"type": "file", "file": {"filename": "a.txt", "file_data": url}}
        return {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]}
    part = {"type": "input_file", "filename": "a.txt", "file_data": url}
    return {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "x"}, part]}]}


# How the file stands in each upstream's request.
FILE: dict[Dialect, tuple[str, Any]] = {
    Dialect.ANTHROPIC: ("messages", {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": TEXT}, "title": "a.txt"}),
    Dialect.CONVERSE: ("messages", {"document": {"format": "txt", "source": {"bytes": ENCODED}, "name": "a"}}),
    CHAT: ("messages", {"type": "text", "text": f"a.txt\n\n{TEXT}"}),
    RESPONSES: ("input", {"type": "input_text", "text": f"a.txt\n\n{TEXT}"}),
}  # fmt: skip


@pytest.mark.parametrize("caller", [CHAT, RESPONSES])
@pytest.mark.parametrize("target", list(FILE))
def test_a_text_file_is_read_wherever_it_goes(caller: Dialect, target: Dialect) -> None:
    losses = Losses()
    name, part = FILE[target]
    made = UPSTREAM_CODECS[target].encode_request(CODECS[caller].decode_request(body(caller, ENCODED)), losses)
    shown = made[name][0]["content"][1]
    if target is caller:
        asked = body(caller, ENCODED)[name][0]["content"][1]
        assert shown == asked
    else:
        assert shown == part
    assert [loss for loss in losses if loss.severity is Severity.DROPPED] == []


@pytest.mark.parametrize("caller", [CHAT, RESPONSES])
def test_what_is_no_text_stays_as_it_came(caller: Dialect) -> None:
    request = CODECS[caller].decode_request(body(caller, "/w=="))
    assert request.turns[0].content[1].data == "/w=="  # type: ignore[union-attr]

"""Bodies that Lethe itself makes are judged like any other, and hold nothing that the register does not know."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lethe import transcode
from lethe.config.register import providers, surfaces_for
from lethe.dialects.codec import CODECS
from lethe.errors import CallerError
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.guard import UNKNOWN, Guard
from lethe.retention.levels import Level, UpstreamClass
from lethe.wire.rawjson import TopLevel

FIXTURES = Path(__file__).parent.parent / "fixtures"
CHIEF = {
    Dialect.ANTHROPIC: "messages",
    Dialect.OPENAI_CHAT: "chat",
    Dialect.OPENAI_RESPONSES: "responses",
    Dialect.GEMINI: "generate",
    Dialect.CONVERSE: "converse",
}
# By caller: the folder of its requests, and the field that tells them from other fixtures.
SOURCES = {
    Dialect.ANTHROPIC: ("anthropic", "messages"),
    Dialect.OPENAI_CHAT: ("openai_chat", "messages"),
    Dialect.OPENAI_RESPONSES: ("openai_responses", "input"),
    Dialect.GEMINI: ("gemini", "contents"),
}
WAYS = [(source, target) for source in SOURCES for target in CHIEF if source is not target]


def requests(dialect: Dialect) -> Iterator[dict[str, Any]]:
    folder, turns = SOURCES[dialect]
    for path in sorted((FIXTURES / folder).rglob("*.json")):
        body = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(body, dict) and turns in body:
            yield body


def made(body: dict[str, Any], source: Dialect, target: Dialect, provider: str) -> TopLevel | None:
    """The body for another dialect; None where it cannot be made."""
    up = Upstream(
        name="up",
        provider=provider,
        dialect=target,
        base_url="http://127.0.0.1:1",
        auth=Auth.NONE,
        upstream_class=UpstreamClass.U5,
    )
    try:
        request = CODECS[source].decode_request(body)
        return TopLevel(transcode.encode_request(request, up, "m", Losses()).body)
    except CallerError:
        return None


@pytest.mark.parametrize(("source", "target"), WAYS)
@pytest.mark.parametrize("provider", ["", *providers()])
def test_nothing_in_them_is_unknown(source: Dialect, target: Dialect, provider: str) -> None:
    found = {surface.endpoint: surface for surface in surfaces_for(provider, "", target, loopback=True)}
    if CHIEF[target] not in found:
        pytest.skip("it does not speak that")
    guard = Guard(found[CHIEF[target]])
    bodies = [made(body, source, target, provider) for body in requests(source)]
    judged = 0
    for body in bodies:
        for level in Level:
            if body is None or level in guard.surface.refused:
                continue
            verdict = guard.judge(body, level, "m", pseudonym=lambda name: name)
            assert [refusal for refusal in verdict.refusals if UNKNOWN in refusal.because] == []
            out = json.loads(body.spliced(verdict.changes, verdict.removals))
            assert out.get("store", False) is False
            judged += 1
    assert judged

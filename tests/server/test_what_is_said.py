"""What every answer says of itself: its id, the level that bound, the class that was asked, and that nobody keep it."""

import re
from typing import Any

import pytest
from tests.server.rig import ANTHROPIC, CHAT, PATH, RESPONSES, json_answer, request, serving, streamed, upstream, whole

from lethe.ir.content import Dialect
from lethe.retention.levels import Level, UpstreamClass
from lethe.upstream.fake import Cut, Fake

GEMINI = Dialect.GEMINI
ANSWERS = {
    "whole": (False, whole(CHAT)),
    "stream": (True, streamed(CHAT)),
    "an error of the upstream's": (False, json_answer(429, {"error": {"message": "x"}})),
    "an error in place of a stream": (True, json_answer(500, {"error": {"message": "x"}})),
    "no answer": (False, [Cut()]),
    "no stream": (True, [Cut()]),
}


def asked(caller: Dialect, stream: bool) -> tuple[str, dict[str, Any]]:
    if caller is GEMINI:
        return f"/v1beta/models/m:{'streamG' if stream else 'g'}enerateContent{'?alt=sse' if stream else ''}", {
            "contents": [{"parts": [{"text": "hello"}]}]
        }
    return PATH[caller], request(caller, stream=stream)


@pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES, GEMINI])
@pytest.mark.parametrize(("stream", "answer"), ANSWERS.values(), ids=ANSWERS)
async def test_whatever_becomes_of_a_request(caller: Dialect, stream: bool, answer: Any) -> None:
    async with Fake() as fake:
        kept = upstream("up", fake, CHAT, upstream_class=UpstreamClass.U5)
        async with serving([kept], level=Level.B) as rig:
            fake.answer(answer)
            path, body = asked(caller, stream)
            ids = set()
            # Served; refused for the class; refused for its form: of the last two nothing is sent.
            for headers, told in (({}, ("B", "U5")), ({"x_lethe_level": "A2"}, ("A2", None))):
                reply = await rig.ask("POST", path, body, **headers)
                assert (reply.headers["x-lethe-level"], reply.headers.get("x-lethe-upstream-class")) == told
                assert reply.headers["cache-control"] == "no-store"
                ids.add(reply.headers["x-lethe-request-id"])
            reply = await rig.ask("POST", path, body, x_lethe_level="nonsense")
            assert (reply.status, reply.headers["x-lethe-level"], reply.headers["cache-control"]) == (
                400,
                "B",
                "no-store",
            )
            ids.add(reply.headers["x-lethe-request-id"])
            assert len(ids) == 3
            assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
            assert len(fake.requests) == 1

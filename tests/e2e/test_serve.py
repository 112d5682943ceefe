"""`lethe serve` as a process: starts, answers, records one event a request, stops."""

import json
import urllib.error
import urllib.request
from typing import Any

from tests.e2e.conftest import Serve
from tests.e2e.served import route, upstream

from lethe.upstream.fake import FakeThread, Hang, Head, Send, anthropic, openai_chat
from lethe.upstream.fake.said import say

CANARY = "canary-5d1f0c"
ASK: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": CANARY}]}


def post(url: str, body: dict[str, Any]) -> tuple[int, bytes]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_a_request_leaves_one_event_and_no_content(serve: Serve) -> None:
    with FakeThread() as fake:
        fake.answer(anthropic.buffered(say(CANARY)))
        lethe = serve(upstream("a", "anthropic", fake.url) + route("*", "a"))
        status, body = post(lethe.url + "/v1/messages", ASK)
        assert (status, CANARY.encode() in body) == (200, True)
        assert fake.requests[0].header("x-api-key") == "fake-key"
        lethe.until(lambda: len(lethe.stdout) == 1)
    (event,) = lethe.events
    assert event["status"] == 200
    assert CANARY not in "".join(lethe.stdout + lethe.stderr)


def test_fallback_crosses_dialects(serve: Serve) -> None:
    with FakeThread() as first, FakeThread() as second:
        first.answer(anthropic.error(529, "Overloaded"))
        second.answer(openai_chat.buffered(say("from the second")))
        config = upstream("a", "anthropic", first.url) + upstream("b", "openai-chat", second.url)
        lethe = serve(config + route("*", "a", "b"))
        status, body = post(lethe.url + "/v1/messages", ASK)
    assert (status, json.loads(body)["content"][0]["text"]) == (200, "from the second")
    assert len(first.requests) == len(second.requests) == 1


def test_a_stream_that_cannot_finish_ends_with_an_error_event(serve: Serve) -> None:
    frames = anthropic.frames(say("one ", "two "))
    opened = Head(200, (("content-type", "text/event-stream"),))
    with FakeThread() as fake:
        fake.answer((opened, *map(Send, frames[:4]), Hang()))
        lethe = serve(upstream("a", "anthropic", fake.url) + route("*", "a"), "--drain", "0.3")
        request = urllib.request.Request(
            lethe.url + "/v1/messages",
            json.dumps({**ASK, "stream": True}).encode(),
            {"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as reply:
            first = reply.readline()
            lethe.terminate()
            rest = reply.read()
        assert first == b"event: message_start\n"
        assert rest.rstrip().rpartition(b"\n\n")[2].startswith(b"event: error\n")
        fake.until(lambda: fake.requests[0].gone_at is not None)

"""Every fault: its status, its code, in the caller's dialect, buffered and streaming."""

import asyncio
import json
from typing import Any

import pytest
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    SSE,
    begun,
    data_of,
    error_body,
    error_in,
    frames,
    json_answer,
    request,
    serving,
    upstream,
)
from tests.server.rig import FAULTS as FAULTS_OF_OURS

from lethe.dialects.codec import CODECS
from lethe.errors import ErrorKind, UpstreamAnswered
from lethe.ir.content import Dialect
from lethe.ir.events import Failure
from lethe.ir.grammar import StreamFailed
from lethe.ledger.codes import index_of
from lethe.ledger.events import Outcome
from lethe.providers.upstream import Timeouts
from lethe.server import failures
from lethe.upstream.fake import Close, Cut, Fake, Hang, Head, Script, Send, Step

DIALECTS = [ANTHROPIC, CHAT, RESPONSES]
PAIRS = [(caller, source) for caller in DIALECTS for source in DIALECTS]
CANARY = "CANARY-error-text"
MESSAGES = {ANTHROPIC: "messages", CHAT: "messages", RESPONSES: "input"}


def pair(case: tuple[Dialect, Dialect]) -> str:
    return f"{case[0]}<-{case[1]}"


# fault, script, status, code, does it hold for streams and buffered replies
FAULTS: list[tuple[str, Script, int, str]] = [
    ("cut before the head", [Cut()], 502, "upstream_stream_cut"),
    ("closed before the head", [Close()], 502, "upstream_stream_cut"),
    ("html", [Head(200, (("content-type", "text/html"), ("content-length", "6"))), Send(b"<html>")], 502, "upstream_malformed_reply"),
    ("empty", [Head(200, (("content-length", "0"),))], 502, "upstream_malformed_reply"),
    ("redirect", [Head(302, (("location", "http://127.0.0.1:1/"), ("content-length", "0")))], 502, "upstream_malformed_reply"),
    ("no content", [Head(204)], 502, "upstream_malformed_reply"),
]  # fmt: skip


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
@pytest.mark.parametrize("case", PAIRS, ids=pair)
@pytest.mark.parametrize(("script", "status", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_faults_of_the_upstream(
    script: Script, status: int, code: str, case: tuple[Dialect, Dialect], stream: bool
) -> None:
    caller, source = case
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(script)
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=stream))
        assert reply.status == status
        assert code_in(reply.json(), caller) == code
        error_in(reply, caller)
        event = await rig.events.one()
        assert (event.outcome, event.error, event.status) == (Outcome.UPSTREAM_ERROR, index_of(code), status)


def code_in(body: Any, dialect: Dialect) -> str | None:
    error = body["error"]
    found = (error.get("details") or {}).get("error_code") if dialect is ANTHROPIC else error.get("code")
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize("caller", DIALECTS)
async def test_nobody_listens(caller: Dialect) -> None:
    async with serving([upstream("up", "http://127.0.0.1:1", caller)]) as rig:
        reply = await rig.ask("POST", PATH[caller], request(caller))
        assert (reply.status, code_in(reply.json(), caller)) == (502, "upstream_unreachable")


@pytest.mark.parametrize("caller", DIALECTS)
async def test_no_tls_where_tls_is_expected(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake.url.replace("http:", "https:"), caller)]) as rig:
        reply = await rig.ask("POST", PATH[caller], request(caller))
        assert (reply.status, code_in(reply.json(), caller)) == (502, "upstream_tls_failed")


@pytest.mark.parametrize("caller", DIALECTS)
async def test_silence_before_the_first_byte(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller, timeouts=Timeouts(first_byte=0.2))]) as rig:
        fake.answer([Hang()])
        reply = await rig.ask("POST", PATH[caller], request(caller))
        assert (reply.status, code_in(reply.json(), caller)) == (504, "upstream_first_byte_timeout")


ANSWERS = [
    (400, "invalid_request_error"),
    (401, "authentication_error"),
    (403, "permission_error"),
    (404, "not_found_error"),
    (413, "request_too_large"),
    (429, "rate_limit_error"),
    (500, "api_error"),
    (529, "overloaded_error"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
@pytest.mark.parametrize("case", PAIRS, ids=pair)
@pytest.mark.parametrize(("status", "kind"), ANSWERS, ids=[str(a[0]) for a in ANSWERS])
async def test_an_upstreams_own_error_reaches_the_caller(
    status: int, kind: str, case: tuple[Dialect, Dialect], stream: bool
) -> None:
    caller, source = case
    body = error_body(source, kind, CANARY)
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer(json_answer(status, body, retry_after="17"))
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=stream))
        assert reply.status == status
        assert reply.headers["retry-after"] == "17"
        assert error_in(reply, caller)["message"] == CANARY
        if caller is source:
            assert reply.body == json.dumps(body).encode()
        event = await rig.events.one()
        assert (event.outcome, event.status) == (Outcome.UPSTREAM_ANSWERED, status)


@pytest.mark.parametrize("caller", DIALECTS)
async def test_an_html_error_page_is_no_answer_in_a_dialect_but_keeps_its_status(caller: Dialect) -> None:
    source = CHAT if caller is ANTHROPIC else ANTHROPIC
    page = b"<html>Bad gateway</html>"
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer([Head(503, (("content-type", "text/html"), ("content-length", str(len(page))))), Send(page)])
        reply = await rig.ask("POST", PATH[caller], request(caller))
        assert reply.status == 503
        assert "html" not in error_in(reply, caller)["message"]


def last_error(raw: bytes, dialect: Dialect) -> dict[str, Any]:
    """The error event with which a stream ends."""
    last = data_of(raw)[-1]
    if dialect is ANTHROPIC:
        assert raw.split(b"\n\n")[-2].startswith(b"event: error\n")
        assert last["type"] == "error"
    error: dict[str, Any] = last.get("error", last)
    return error


ENDS: list[tuple[str, Script, str]] = [
    ("cut", [Cut()], "upstream_stream_cut"),
    ("closed", [Close()], "upstream_stream_cut"),
    ("cut in an event", [Send(b'event: x\ndata: {"ty'), Cut()], "upstream_stream_cut"),
    ("silence", [Hang()], "upstream_idle_timeout"),
]


@pytest.mark.parametrize("case", PAIRS, ids=pair)
@pytest.mark.parametrize(("end", "code"), [e[1:] for e in ENDS], ids=[e[0] for e in ENDS])
async def test_a_stream_that_cannot_go_on_ends_with_an_error_event(
    end: Script, code: str, case: tuple[Dialect, Dialect]
) -> None:
    caller, source = case
    opening: list[Step] = [Head(200, SSE), *(Send(f) for f in begun(source))]
    async with Fake() as fake, serving([upstream("up", fake, source, timeouts=Timeouts(idle=0.3))]) as rig:
        fake.answer([*opening, *end])
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
        assert reply.status == 200
        assert b"good " in reply.body
        assert code_in({"error": last_error(reply.body, caller)}, caller) == code
        event = await rig.events.one()
        assert (event.outcome, event.error) == (Outcome.STREAM_FAILED, index_of(code))


@pytest.mark.parametrize("case", PAIRS, ids=pair)
async def test_keep_alives_do_not_prolong_an_upstreams_silence(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    opening: list[Step] = [Head(200, SSE), *(Send(f) for f in begun(source))]
    timeouts = Timeouts(idle=1.6)  # the pool looks twice a second
    async with Fake() as fake, serving([upstream("up", fake, source, timeouts=timeouts)], heartbeat=0.1) as rig:
        fake.answer([*opening, Hang()])
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
        assert CODECS[caller].KEEP_ALIVE in reply.body
        assert code_in({"error": last_error(reply.body, caller)}, caller) == "upstream_idle_timeout"


@pytest.mark.parametrize("case", [p for p in PAIRS if p[0] is not p[1]], ids=pair)
async def test_an_answer_that_never_finishes_is_not_passed_off_as_one(case: tuple[Dialect, Dialect]) -> None:
    """The upstream ends its stream in order, but without saying why it stopped."""
    caller, source = case
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer([Head(200, SSE), *(Send(f) for f in begun(source))])
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
        assert code_in({"error": last_error(reply.body, caller)}, caller) == "upstream_stream_cut"


@pytest.mark.parametrize("case", PAIRS, ids=pair)
async def test_an_error_event_in_a_stream_reaches_the_caller(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    error = f"event: error\ndata: {json.dumps(error_body(source, 'overloaded_error', CANARY))}\n\n".encode()
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer([Head(200, SSE), *(Send(f) for f in begun(source)), Send(error)])
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
        assert last_error(reply.body, caller)["message"] == CANARY
        event = await rig.events.one()
        assert (event.outcome, event.error) == (Outcome.STREAM_FAILED, index_of("upstream_stream_failed"))


@pytest.mark.parametrize("case", PAIRS, ids=pair)
async def test_an_error_event_before_any_content_is_a_real_http_error(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    error = f"event: error\ndata: {json.dumps(error_body(source, 'overloaded_error', CANARY))}\n\n".encode()
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        fake.answer([Head(200, SSE), Send(frames(source)[0]), Send(error)])
        reply = await rig.ask("POST", PATH[caller], request(caller, stream=True))
        assert reply.status >= 500
        assert error_in(reply, caller)["message"] == CANARY


BAD_BODIES = [b"", b"{", b"[]", b'{"messages":[]}', b'{"model":5}', b'{"model":""}']


@pytest.mark.parametrize("caller", DIALECTS)
@pytest.mark.parametrize("body", BAD_BODIES, ids=range(len(BAD_BODIES)))
async def test_bad_bodies(body: bytes, caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)]) as rig:
        reply = await rig.ask("POST", PATH[caller], body)
        assert (reply.status, error_in(reply, caller)["type"]) == (400, "invalid_request_error")
        assert not fake.requests


@pytest.mark.parametrize("case", [p for p in PAIRS if p[0] is not p[1]], ids=pair)
async def test_a_body_that_does_not_fit_its_dialect_is_told_where(case: tuple[Dialect, Dialect]) -> None:
    caller, source = case
    async with Fake() as fake, serving([upstream("up", fake, source)]) as rig:
        reply = await rig.ask(
            "POST", PATH[caller], {**request(caller), MESSAGES[caller]: [{"role": "user", "content": 5}]}
        )
        assert reply.status == 400
        assert f"{MESSAGES[caller]}[0]" in error_in(reply, caller)["message"]
        assert not fake.requests


async def test_threads_are_unsupported_in_the_words_that_sdks_look_for() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        reply = await rig.ask("POST", "/v1/messages", request(ANTHROPIC, thread={"type": "create"}))
        assert reply.status == 400
        assert reply.json()["error"]["details"]["error_code"] == "thread_unsupported_request"
        assert not fake.requests


async def test_a_loss_is_refused_with_its_path_or_allowed_by_the_route() -> None:
    body = request(CHAT, n=3)
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        reply = await rig.ask("POST", PATH[CHAT], body)
        assert (reply.status, reply.json()["error"]["code"]) == (400, "translation_loss")
        assert "$.n" in reply.json()["error"]["message"]
        assert not fake.requests


async def test_a_fault_of_ours_never_leaves_a_caller_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where telling the caller fails, its connection ends."""

    def broken(*_: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr("lethe.server.failures.reply", broken)
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        client = await rig.client()
        client.send("POST", PATH[CHAT], b"{")
        async with asyncio.timeout(5):
            assert await client.reader.read() == b""
    assert [type(fault) for fault in FAULTS_OF_OURS] == [RuntimeError]
    FAULTS_OF_OURS.clear()


@pytest.mark.parametrize(
    ("headers", "expected"), [((), [b"7"]), (((b"retry-after", b"3"),), [b"3"]), (((b"retry-after-ms", b"3"),), [])]
)
def test_how_long_to_wait_is_told_in_a_header(headers: tuple[tuple[bytes, bytes], ...], expected: list[bytes]) -> None:
    """Google says it in the body."""
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "6.5s"}
    body = json.dumps({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED", "details": [info]}})
    answered = UpstreamAnswered(429, headers, body.encode())
    told = failures.reply(answered, ANTHROPIC, Dialect.GEMINI)
    assert told.status == 429
    assert [value for name, value in told.headers if name == b"retry-after"] == expected
    failed = StreamFailed(Failure(kind=ErrorKind.RATE_LIMIT, message="slow", retry_after=7))
    assert (b"retry-after", b"7") in failures.reply(failed, ANTHROPIC).headers

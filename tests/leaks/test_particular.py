"""What some leaks need beyond a canary in a request: a second caller, a fallback, a switch, a place to look at."""

import json
import os
import re
import shutil
import signal
from datetime import datetime
from pathlib import Path

import pytest
from tests.e2e.served import lethe, upstream
from tests.leaks.after import pages, places, processes
from tests.leaks.answers import cookie, failure, plain, redirect
from tests.leaks.conftest import LEVELS, Runs
from tests.leaks.house import (
    BEDROCK,
    CLOUDFLARE,
    FRONTS,
    KEYS,
    OF,
    OPENAI,
    PLACES,
    PROVIDER_KEY,
    TRANSLATED,
    House,
    Reply,
    request,
)
from tests.leaks.plants import ANTHROPIC, CHAT, GEMINI, RESPONSES, Draft
from tests.leaks.search import canaries
from tests.sandbox.rig import COMMAND, daemon, get

from lethe.ledger.codes import CODES
from lethe.ledger.events import Outcome
from lethe.ledger.names import CLASSES, ENDPOINTS
from lethe.ledger.names import LEVELS as LEVEL_NAMES
from lethe.providers.envelopes import Endpoint
from lethe.upstream.fake import Recorded, Script
from lethe.verify.voices import VOICES

STORING = {"c": "a Chat server", "r": "a Responses server", "o": "OpenAI's Chat", "p": "OpenAI's Responses"}
SPOKEN = {"c": CHAT, "r": RESPONSES, "o": CHAT, "p": RESPONSES}
ONE, TWO = "ZDRCANARYL20X1X0000000000000001", "ZDRCANARYL20X2X0000000000000002"
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
AT = pytest.mark.parametrize("level", LEVELS)
FRONT = pytest.mark.parametrize("endpoint", TRANSLATED)


def ask(
    house: House,
    endpoint: Endpoint,
    model: str,
    text: str,
    key: str = "one",
    *,
    more: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    path, front = FRONTS[endpoint]
    sent = {"x-api-key": KEYS[key], **(headers or {})}
    draft = Draft(front, text, path.replace("{model}", model), request(endpoint, model, stream=False), sent)
    draft.say(text)
    draft.body |= more or {}
    if front is GEMINI and draft.body.pop("stream", False):
        draft.path = draft.path.replace(":generateContent", ":streamGenerateContent?alt=sse")
    return house.ask(draft)


@AT
def test_l18_s1_m6_e3_nothing_is_sent_to_collectors_or_proxies(runs: Runs, level: str) -> None:
    house, _ = runs[level]
    assert len(house.replies) > 200
    assert house.trap.caught == 0


@AT
def test_l13_the_providers_key_is_with_the_provider_only(runs: Runs, level: str) -> None:
    house, after = runs[level]
    assert after.seen[PROVIDER_KEY] == set(PLACES) - set(BEDROCK)  # which gets signatures
    assert not after.left[PROVIDER_KEY]
    assert not [reply for _, reply in house.replies if PROVIDER_KEY.encode() in reply.everything]


@AT
def test_l20_nobody_on_the_way_should_keep_an_answer(runs: Runs, level: str) -> None:
    house, _ = runs[level]
    assert {reply.headers.get("cache-control") for _, reply in house.replies} == {"no-store"}


@AT
def test_e2_k1_l14_l24_callers_keys_are_nowhere(runs: Runs, level: str) -> None:
    house, _ = runs[level]
    for place, content in places(house).items():
        assert not [key for key in KEYS.values() if key.encode() in content], place
    for fake in house.fakes.values():
        assert not [
            r for r in fake.requests if any(key in repr((r.headers, r.target, r.body)) for key in KEYS.values())
        ]


def test_x1_b4_lines_hold_configured_names_numbers_and_nothing_else(runs: Runs) -> None:
    house, _ = runs["C"]
    outcomes = {outcome.name.lower() for outcome in Outcome}
    upstreams = (*PLACES, *OPENAI, CLOUDFLARE, "dead")
    configured = {*upstreams, *(f"{name}.*" for name in (*upstreams, "fall")), *KEYS}
    names = {*configured, *ENDPOINTS, *LEVEL_NAMES, *CLASSES, *CODES, *outcomes}
    lines = [json.loads(line) for line in house.served.stdout]
    assert len(lines) > 500
    for line in lines:
        assert re.fullmatch("[0-9a-f]{32}", line.pop("request_id"))
        datetime.fromisoformat(line.pop("time"))
        assert not [value for value in line.values() if isinstance(value, str) and value not in names]
    assert not runs["B"][0].served.stdout  # not a byte a request


def test_l10_l21_a_header_cannot_loosen_and_can_tighten(runs: Runs) -> None:
    loose, strict = runs["B"][0], runs["C"][0]
    path, front = FRONTS[Endpoint.MESSAGES]
    for value in ("C", "off", "False", "0", ""):
        draft = Draft(
            front,
            ONE,
            path,
            request(Endpoint.MESSAGES, "a.0", stream=False),
            {"x-api-key": KEYS["one"], "x-lethe-level": value},
        )
        reply = loose.ask(draft)
        assert (reply.status, reply.headers["x-lethe-level"]) in ((200, "B"), (400, "B"))
    before = len(strict.served.stdout)
    draft = Draft(
        front,
        ONE,
        path,
        request(Endpoint.MESSAGES, "a.0", stream=False),
        {"x-api-key": KEYS["one"], "x-lethe-level": "B"},
    )
    reply = strict.ask(draft)
    assert reply.headers["x-lethe-level"] == "B"
    ask(strict, Endpoint.MESSAGES, "a.0", "hello")
    strict.served.until(lambda: len(strict.served.stdout) > before)
    assert len(strict.served.stdout) == before + 1


@FRONT
@STREAMS
def test_l20_no_caller_gets_what_another_one_got(fresh: House, endpoint: Endpoint, stream: bool) -> None:
    answers = [ONE, TWO, ONE]
    told = iter(answers)

    def answer(asked: Recorded) -> Script:
        streaming = bool(asked.json().get("stream")) or "tream" in asked.path
        return plain(VOICES[FRONTS[endpoint][1]], streaming, next(told))

    name = OF[FRONTS[endpoint][1]]
    fake = fresh.fakes[name]
    fake.answer(answer)
    replies = [
        ask(fresh, endpoint, f"{name}.1", "the same words", key, more={"stream": stream})
        for key in ("one", "two", "one")
    ]
    assert [canaries(reply.everything) for reply in replies] == [{each} for each in answers]
    assert len(fake.requests) == 3


@FRONT
@STREAMS
def test_l22_a_fallback_gets_the_request_as_it_was(fresh: House, endpoint: Endpoint, stream: bool) -> None:
    fresh.fakes["a"].answer(failure(529)(VOICES[ANTHROPIC], stream, ONE))
    fresh.fakes["c"].answer(plain(VOICES[CHAT], stream, TWO))
    reply = ask(fresh, endpoint, "fall.1", ONE, more={"stream": stream})
    assert reply.status == 200
    assert TWO in canaries(reply.everything)
    assert ONE in canaries(fresh.fakes["a"].requests[0].body)
    assert ONE in canaries(fresh.fakes["c"].requests[0].body)


@FRONT
@STREAMS
def test_l26_no_cookie_comes_back_and_no_redirect_is_followed(fresh: House, endpoint: Endpoint, stream: bool) -> None:
    dialect = FRONTS[endpoint][1]
    name = OF[dialect]
    fresh.fakes[name].answer(cookie(VOICES[dialect], stream, ONE), redirect(VOICES[dialect], stream, TWO))
    first = ask(fresh, endpoint, f"{name}.1", "hello", more={"stream": stream})
    second = ask(fresh, endpoint, f"{name}.1", "hello", "two", more={"stream": stream})
    assert "set-cookie" not in first.headers
    assert second.status == 502
    assert not canaries(second.everything)
    assert not [request for request in fresh.fakes[name].requests if request.header("cookie")]
    assert len(fresh.fakes[name].requests) == 2
    assert not list(Path.cwd().glob("core*"))


@AT
def test_l19_l20_o2_memory_is_empty_when_all_is_answered(runs: Runs, level: str) -> None:
    _, after = runs[level]
    if after.memory is None:
        pytest.skip("this needs the right to read the memory of other processes")
    assert len(after.memory) >= 3
    assert not [canary for content in after.memory.values() for canary in canaries(content)]


@pytest.mark.skipif(shutil.which("strace") is None, reason="no strace here")
def test_l26_nobody_is_asked_anything_before_a_request(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    watched = ("strace", "-f", "-o", str(trace), "-e", "trace=connect,sendto,sendmsg,sendmmsg", *COMMAND)
    config = "".join(f'[upstreams.{name}]\napi_key = "env:FAKE_KEY"\n' for name in ("anthropic", "openai", "groq"))
    with daemon(tmp_path, config, command=watched) as lethe:
        assert get(lethe.url, "/ready")[0] == 200
        os.kill(lethe.children[0], signal.SIGTERM)
        lethe.exit_code()
    calls = trace.read_text()
    assert "sendto(" in calls  # of its processes to each other
    asked = {line for line in calls.splitlines() if "AF_INET" in line}
    # A worker that has locked itself in tries whether it still could.
    assert not [line for line in asked if 'inet_addr("127.0.0.1")' not in line or "EACCES" not in line]


@pytest.mark.parametrize(
    "path", ["/public/logs", "/log/stream", "/logs", "/admin", "/debug", "/docs", "/openapi.json", "/spend/logs"]
)
@AT
def test_p1_x2_nothing_to_look_at(runs: Runs, level: str, path: str) -> None:
    house, _ = runs[level]
    assert house.get(path, key=None).status == 404
    assert house.get(path).status == 404
    for name, reply in pages(house).items():
        assert not canaries(reply.everything), name


@FRONT
@STREAMS
@pytest.mark.parametrize("wish", [{}, {"store": True}, {"store": False}], ids=["silent", "store", "no-store"])
@pytest.mark.parametrize("place", [*STORING], ids=[*STORING.values()])
def test_u1_u2_u3_u4_u5_nothing_is_stored_where_the_api_could(
    fresh: House, place: str, endpoint: Endpoint, stream: bool, wish: dict[str, bool]
) -> None:
    """Whatever the caller's dialect and wish, and never at another of the provider's APIs."""
    if endpoint in (Endpoint.MESSAGES, Endpoint.GENERATE) and wish:
        pytest.skip("it has no such field")
    fake = fresh.fakes[OF[SPOKEN[place]]]
    fake.answer(plain(VOICES[SPOKEN[place]], stream, ONE))
    reply = ask(fresh, endpoint, f"{place}.1", "hello", more={"stream": stream, **wish})
    if endpoint is Endpoint.RESPONSES and SPOKEN[place] is CHAT and wish.get("store"):  # it cannot be asked to
        assert (reply.status, fake.requests) == (400, [])
        return
    assert reply.status == 200
    (got,) = fake.requests
    assert got.path == ("/v1/chat/completions" if SPOKEN[place] is CHAT else "/v1/responses")
    if place == "c" and endpoint is Endpoint.CHAT and not wish:  # passed on as it came: it may not know the field
        assert "store" not in got.json()
    else:
        assert got.json()["store"] is False


@AT
def test_u1_u4_no_request_of_any_case_is_stored(runs: Runs, level: str) -> None:
    house, _ = runs[level]
    asked = [request for request in house.fakes["r"].requests if request.path == "/v1/responses"]
    assert len(asked) > 100
    assert {request.json().get("store") for request in asked} == {False}


@FRONT
@STREAMS
def test_x6_a_gateway_is_told_to_log_nothing(others: dict[str, House], endpoint: Endpoint, stream: bool) -> None:
    fake = others["C"].fakes["c"]
    fake.forget()
    fake.answer(plain(VOICES[CHAT], stream, ONE))
    wish = {"cf-aig-collect-log": "true", "cf-aig-collect-log-payload": "true"}
    reply = ask(others["C"], endpoint, f"{CLOUDFLARE}.1", "hello", more={"stream": stream}, headers=wish)
    assert reply.status == 200
    (got,) = fake.requests
    said = {name: value for name, value in got.headers if name.startswith("cf-aig-collect")}
    assert said == dict.fromkeys(wish, "false")


SETTINGS = {
    'level = "true"': "retention.level: is not a retention level",
    "level = true": "retention.level: must be text",
    "store_prompts = true": "retention.store_prompts: unknown key",
    'log_level = "debug"': "retention.log_level: unknown key",
    "redact = false": "retention.redact: unknown key",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_l5_l25_no_switch_makes_it_talk(tmp_path: Path, setting: str) -> None:
    """An unknown or mistyped setting is refused, not ignored; without it this configuration would serve."""
    place = upstream("a", "anthropic", "http://127.0.0.1:9")
    with lethe(tmp_path, f"[retention]\n{place}"):
        pass
    with (
        pytest.raises(AssertionError, match=re.escape(SETTINGS[setting])),
        lethe(tmp_path, f"[retention]\n{setting}\n{place}"),
    ):
        pass


def test_b5_without_a_configuration_nothing_is_kept_either(runs: Runs) -> None:
    """The ledger's line is what level C, the default, says of a request."""
    house, _ = runs["C"]
    assert all(len(line) < 1000 for line in house.served.stdout)
    assert len(processes(house)) >= 3

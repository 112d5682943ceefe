"""Paths, keys, levels, limits, models and health: what a caller meets before any upstream does."""

import asyncio
import hashlib
import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from tests.server.rig import (
    ANTHROPIC,
    CHAT,
    PATH,
    RESPONSES,
    Around,
    Client,
    error_in,
    json_answer,
    request,
    serving,
    streamed,
    upstream,
    whole,
)

from lethe.config.plan import ClientKey
from lethe.ir.content import Dialect
from lethe.ledger.pages import POSTURE_PATH
from lethe.providers.upstream import Auth
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake, Hang

DIALECTS = pytest.mark.parametrize("caller", [ANTHROPIC, CHAT, RESPONSES])


def keys(*texts: str, level: Level | None = None) -> tuple[ClientKey, ...]:
    return tuple(ClientKey(name=t, digest=hashlib.sha256(t.encode()).digest(), level=level) for t in texts)


@DIALECTS
@pytest.mark.parametrize(
    "headers", [{}, {"x_api_key": "no"}, {"authorization": "Bearer no"}, {"authorization": "one"}], ids=str
)
async def test_without_a_known_key_nothing_happens(caller: Dialect, headers: dict[str, str]) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)], keys=keys("one")) as rig:
        reply = await rig.ask("POST", PATH[caller], request(caller), **headers)
        assert reply.status == 401
        assert error_in(reply, caller)["type"] in {"authentication_error", "invalid_request_error"}
        assert not fake.requests


@DIALECTS
@pytest.mark.parametrize("headers", [{"x_api_key": "two"}, {"authorization": "Bearer two"}], ids=str)
async def test_a_key_in_either_place_is_never_passed_on(caller: Dialect, headers: dict[str, str]) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)], keys=keys("one", "two")) as rig:
        fake.answer(whole(caller))
        assert (await rig.ask("POST", PATH[caller], request(caller), **headers)).status == 200
        assert "two" not in str(fake.requests[0].headers)
        assert (await rig.events.one()).key == 1


async def test_forwarding_passes_the_callers_credential_and_keeps_our_key() -> None:
    up = upstream("up", "http://127.0.0.1:1", ANTHROPIC, auth=Auth.FORWARD, credential=None)
    async with (
        Fake() as fake,
        serving([upstream("up", fake, ANTHROPIC, auth=up.auth, credential=None)], keys=keys("ours")) as rig,
    ):
        fake.answer(whole(ANTHROPIC))
        await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC), x_api_key="ours", authorization="Bearer theirs")
        got = dict(fake.requests[0].headers)
        assert (got.get("x-api-key"), got["authorization"]) == (None, "Bearer theirs")


GEMINI = Dialect.GEMINI
OURS, THEIRS = "ours", "theirs"


@pytest.mark.parametrize(
    ("upstream_speaks", "sent", "passed"),
    [
        (ANTHROPIC, {"x-api-key": OURS, "authorization": f"Bearer {OURS}"}, set()),
        (ANTHROPIC, {"x-api-key": THEIRS, "authorization": f"Bearer {OURS}", "x-goog-api-key": "also"}, {"x-api-key"}),
        (ANTHROPIC, {"authorization": f"Bearer {OURS}", "x-goog-api-key": THEIRS}, set()),
        (CHAT, {"authorization": f"Bearer {THEIRS}", "x-goog-api-key": OURS}, {"authorization"}),
        (GEMINI, {"authorization": f"Bearer {OURS}", "x-goog-api-key": THEIRS}, {"x-goog-api-key"}),
        (GEMINI, {"x-api-key": THEIRS, "x-goog-api-key": OURS}, set()),
    ],
    ids=str,
)
async def test_a_forwarded_credential_is_none_of_our_keys_and_goes_to_who_takes_it(
    upstream_speaks: Dialect, sent: dict[str, str], passed: set[str]
) -> None:
    async with Fake() as fake:
        up = upstream("up", fake, upstream_speaks, auth=Auth.FORWARD, credential=None)
        async with serving([up], keys=keys(OURS, "also")) as rig:
            fake.answer(json_answer(500, {}))
            await rig.ask("POST", PATH[ANTHROPIC], request(ANTHROPIC), **sent)
            got = dict(fake.requests[0].headers)
    assert {name for name in ("x-api-key", "authorization", "x-goog-api-key") if name in got} == passed
    assert not {OURS, f"Bearer {OURS}", "also"} & set(got.values())


async def test_of_a_credential_that_comes_twice_only_what_was_looked_at_is_passed_on() -> None:
    sent = {"x-api-key": OURS, "authorization": f"Bearer {OURS}", "Authorization": f"Bearer {THEIRS}"}
    async with Fake() as fake:
        up = upstream("up", fake, ANTHROPIC, auth=Auth.FORWARD, credential=None)
        async with serving([up], keys=keys(OURS)) as rig:
            fake.answer(json_answer(500, {}))
            client = await rig.client()
            client.send("POST", PATH[ANTHROPIC], json.dumps(request(ANTHROPIC)).encode(), sent)
            await client.reply()
            got = fake.requests[0].headers
    assert [value for name, value in got if name in ("x-api-key", "authorization")] == [f"Bearer {THEIRS}"]


LEVELS: list[tuple[str, Level, Level | None, str | None, Level | None]] = [
    # configured, the key's, the request's, what binds (None: refused)
    ("default", Level.C, None, None, Level.C),
    ("the request may tighten", Level.C, None, "B", Level.B),
    ("the request may not loosen", Level.B, None, "C", Level.B),
    ("the key tightens", Level.C, Level.B, None, Level.B),
    ("U5 is too weak for A2", Level.C, None, "A2", None),
]


@DIALECTS
@pytest.mark.parametrize(("level", "own", "wish", "binds"), [c[1:] for c in LEVELS], ids=[c[0] for c in LEVELS])
async def test_levels(level: Level, own: Level | None, wish: str | None, binds: Level | None, caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)], level=level, keys=keys("k", level=own)) as rig:
        fake.answer(whole(caller))
        headers = {"x_api_key": "k"} | ({"x_lethe_level": wish} if wish else {})
        reply = await rig.ask("POST", PATH[caller], request(caller), **headers)
        if binds is None:
            assert reply.status == 403
            assert "accepts upstream classes up to U4; up is U5" in error_in(reply, caller)["message"]
            assert not fake.requests
        else:
            assert (reply.status, reply.headers["x-lethe-level"]) == (200, binds)


@DIALECTS
async def test_a_level_that_does_not_exist_is_refused(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)]) as rig:
        reply = await rig.ask("POST", PATH[caller], request(caller), x_lethe_level="Z")
        assert reply.status == 400
        assert "A1, A2, B, C" in error_in(reply, caller)["message"]


@DIALECTS
@pytest.mark.parametrize("wishes", [("B", "C"), ("C", "B")], ids=" ".join)
async def test_of_two_wishes_the_stricter_one_binds(wishes: tuple[str, str], caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)]) as rig:
        fake.answer(whole(caller))
        client = await rig.client()
        first, second = wishes
        headers = {"x-lethe-level": first, "X-Lethe-Level": second}
        client.send("POST", PATH[caller], json.dumps(request(caller)).encode(), headers)
        assert (await client.reply()).headers["x-lethe-level"] == "B"


async def test_a_list_of_models_says_the_level_that_was_wished_for() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        for wish, status, told in (("A2", 200, "A2"), (" B ", 200, "B"), ("nonsense", 400, "C")):
            reply = await rig.ask("GET", "/v1/models", x_lethe_level=wish)
            assert (reply.status, reply.headers["x-lethe-level"]) == (status, told)


REFUSED_EARLY = [("POST", "/v1/messages", 401), ("PUT", "/v1/messages", 405), ("GET", "/v1/models", 401)]


@pytest.mark.parametrize(("method", "path", "status"), REFUSED_EARLY, ids=str)
async def test_the_wish_binds_a_request_that_is_refused_before_anything_else(
    method: str, path: str, status: int
) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], keys=keys("k")) as rig:
        for wish, told in (("B", Level.B), ("nonsense, A2", Level.A2), ("nonsense", Level.C)):
            reply = await rig.ask(method, path, request(ANTHROPIC), x_api_key="no", x_lethe_level=wish)
            assert (reply.status, reply.headers["x-lethe-level"]) == (status, told)
            assert (await rig.events.one()).level == [*Level].index(told)
            rig.events.seen.clear()


@pytest.mark.parametrize(("method", "path"), [("PUT", "/v1/messages"), ("POST", "/v1/models")], ids=str)
async def test_the_level_of_a_key_binds_what_is_asked_by_a_wrong_method(method: str, path: str) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], keys=keys("k", level=Level.B)) as rig:
        for key, told in (("k", Level.B), ("no", Level.C)):
            reply = await rig.ask(method, path, x_api_key=key)
            assert (reply.status, reply.headers["x-lethe-level"]) == (405, told)
            assert (await rig.events.one()).level == [*Level].index(told)
            rig.events.seen.clear()


async def test_nothing_is_listed_at_a_level_that_is_not_enforced() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        rig.around.levels = frozenset({Level.C})
        reply = await rig.ask("GET", "/v1/models", x_lethe_level="B")
        assert reply.status == 403
        assert "needs more than this host enforces" in error_in(reply, CHAT)["message"]
        assert not fake.requests
        assert (await rig.ask("GET", "/v1/models")).status == 200


async def test_a_fallback_obeys_the_level() -> None:
    async with Fake() as near, Fake() as far:
        ups = [upstream("near", near, CHAT, upstream_class=UpstreamClass.U4), upstream("far", far, CHAT)]
        async with serving(ups, level=Level.A2) as rig:
            near.answer(json_answer(500, {"error": {"message": "x", "type": "server_error"}}))
            far.answer(whole(CHAT))
            assert (await rig.ask("POST", PATH[CHAT], request(CHAT))).status == 500
            assert not far.requests


@DIALECTS
async def test_too_large_by_announcement_and_by_fact(caller: Dialect) -> None:
    async with Fake() as fake, serving([upstream("up", fake, caller)], max_body=1000) as rig:
        reply = await rig.ask("POST", PATH[caller], b"x" * 1001)
        assert (reply.status, error_in(reply, caller)["type"]) == (
            413,
            "request_too_large" if caller is ANTHROPIC else error_in(reply, caller)["type"],
        )
        client = await rig.client()
        client.send("POST", PATH[caller], b"", {"content-length": "", "transfer-encoding": "chunked"})
        client.writer.write((b"190\r\n" + b"x" * 400 + b"\r\n") * 3)
        reply = await client.reply()
        assert reply.status == 413
        error_in(reply, caller)
        assert not fake.requests


async def test_a_body_of_64_mb_passes_where_the_limit_allows() -> None:
    body = json.dumps({"model": "m", "messages": [], "x": "y" * 64_000_000}).encode()
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], max_body=65 * 1024 * 1024) as rig:
        fake.answer(whole(CHAT))
        assert (await rig.ask("POST", PATH[CHAT], body)).status == 200
        assert fake.requests[0].body == body


async def test_an_endless_head_is_cut_off() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        client = await rig.client()
        client.writer.write(b"GET /health HTTP/1.1\r\n" + b"x-a: " + b"b" * 70_000)
        client.writer.write(b"\r\n\r\n")
        status, _ = await client.head()
        assert status == 431


PATHS = [
    ("GET", "/health", 200),
    ("HEAD", "/health", 200),
    ("GET", "/ready", 200),
    ("GET", "/metrics", 200),
    ("GET", "/", 200),
    ("HEAD", "/", 200),
    ("HEAD", "/api/hello", 404),
    ("GET", "/nowhere", 404),
    ("POST", "/health", 405),
    ("GET", "/v1/messages", 405),
    ("DELETE", "/v1/models", 405),
    ("GET", "/v1/responses", 405),
    ("POST", "/v1/completions", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), PATHS, ids=[f"{p[0]} {p[1]}" for p in PATHS])
async def test_paths(method: str, path: str, status: int) -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], level=Level.B) as rig:
        client = await rig.client()
        client.send(method, path)
        got, headers = await client.head()
        assert got == status
        assert (headers["x-lethe-level"], headers["cache-control"]) == ("B", "no-store")
        assert re.fullmatch("[0-9a-f]{32}", headers["x-lethe-request-id"])
        if method != "HEAD":
            body = await client.body(headers)
            assert body
            if status >= 400:
                assert json.loads(body)["error"]["message"]


async def test_errors_at_unknown_paths_come_in_the_asking_dialect() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        reply = await rig.ask("GET", "/nowhere", anthropic_version="2023-06-01")
        assert error_in(reply, ANTHROPIC)["type"] == "not_found_error"


async def test_the_posture_wants_none_and_is_never_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)], keys=keys("k")) as rig:
        reply = await rig.ask("GET", POSTURE_PATH)
        assert (reply.status, reply.body) == (200, b"lethe_posture 1\n")

        async def nothing(*_: object) -> bytes:
            return b""

        monkeypatch.setattr(Around, "page", nothing)
        assert (await rig.ask("GET", POSTURE_PATH)).status == 500


async def test_metrics_want_a_key_where_there_are_keys() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)], keys=keys("k")) as rig:
        assert (await rig.ask("GET", "/metrics")).status == 401
        assert (await rig.ask("GET", "/metrics", authorization="Bearer k")).body == b"lethe_metrics 1\n"
        assert (await rig.ask("GET", "/health")).status == 200


# Models

OPENAI_LIST: dict[str, Any] = {
    "object": "list",
    "data": [{"id": "org/llama:8b", "object": "model", "created": 1_700_000_000, "owned_by": "org", "extra": 1}],
}
CLAUDE_LIST: dict[str, Any] = {
    "data": [{"type": "model", "id": "claude-x", "display_name": "Claude X", "created_at": "2026-01-02T00:00:00Z", "lifecycle": "active", "max_input_tokens": 9}],
    "has_more": False,
}  # fmt: skip
ROUTES = [Route(model="fast", to=(Target(0, "org/llama:8b"),)), Route(model="claude-*", to=(Target(1),))]


@pytest.mark.parametrize("query", ["", "?limit=1000", "?beta=true"])
async def test_models_in_the_shape_of_the_asking_dialect(query: str) -> None:
    async with Fake() as a, Fake() as b:
        a.answer(json_answer(200, OPENAI_LIST))
        b.answer(json_answer(200, CLAUDE_LIST))
        async with serving([upstream("a", a, CHAT), upstream("b", b, ANTHROPIC)], ROUTES) as rig:
            asked = await rig.ask("GET", f"/v1/models{query}", anthropic_version="2026-10-21")
            listed = {m["id"]: m for m in asked.json()["data"]}
            assert set(listed) == {"fast", "a/org/llama:8b", "claude-x"}
            assert listed["claude-x"] == CLAUDE_LIST["data"][0]
            assert listed["fast"]["created_at"] == "2023-11-14T22:13:20Z"
            assert asked.json()["has_more"] is False
            listed = {m["id"]: m for m in (await rig.ask("GET", f"/v1/models{query}")).json()["data"]}
            assert listed["a/org/llama:8b"] == {**OPENAI_LIST["data"][0], "id": "a/org/llama:8b"}
            assert listed["claude-x"]["object"] == "model"
            assert listed["claude-x"]["created"] == 1_767_312_000
            assert len(a.requests) == 1  # lists are kept a while


async def test_one_model_with_slash_and_colon() -> None:
    async with Fake() as a:
        a.answer(json_answer(200, OPENAI_LIST))
        async with serving([upstream("a", a, CHAT)], ROUTES[:1]) as rig:
            for name in ("org/llama:8b", "a/org/llama:8b"):
                for path in (name, name.replace("/", "%2F").replace(":", "%3A")):
                    assert (await rig.ask("GET", f"/v1/models/{path}")).json()["id"] == name
            reply = await rig.ask("GET", "/v1/models/none")
            assert (reply.status, reply.json()["error"]["code"]) == (404, "model_not_found")


async def test_an_upstream_that_does_not_list_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lethe.server.models.PATIENCE", 0.1)
    async with Fake() as a, Fake() as b:
        a.answer([Hang()])
        b.answer(json_answer(200, CLAUDE_LIST))
        ups = [upstream("a", a, CHAT), upstream("b", b, ANTHROPIC), upstream("c", "http://127.0.0.1:1", CHAT)]
        async with serving(ups, ROUTES) as rig:
            assert {m["id"] for m in (await rig.ask("GET", "/v1/models")).json()["data"]} == {"fast", "claude-x"}


async def test_a_callers_own_key_goes_to_no_vendor_of_another_kind() -> None:
    async with Fake() as near, Fake() as far:
        own: dict[str, Any] = {"auth": Auth.FORWARD, "credential": None}
        async with serving([upstream("near", near, ANTHROPIC, **own), upstream("far", far, CHAT, **own)]) as rig:
            near.answer(json_answer(200, {"data": [{"id": "claude-x", "type": "model"}]}))
            reply = await rig.ask("GET", "/v1/models", x_api_key="own", anthropic_version="2026-10-21")
            assert {m["id"] for m in reply.json()["data"]} == {"claude-x"}
            assert dict(near.requests[0].headers)["x-api-key"] == "own"
            assert not far.requests


# Counting


async def test_count_tokens_passes_to_an_upstream_that_counts() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        fake.answer(json_answer(200, {"input_tokens": 7}))
        reply = await rig.ask("POST", "/v1/messages/count_tokens?beta=true", request(ANTHROPIC))
        assert reply.json() == {"input_tokens": 7}
        assert fake.requests[0].target == "/v1/messages/count_tokens?beta=true"
        assert "x-lethe-estimate" not in reply.headers


async def test_count_tokens_is_estimated_and_says_so_where_no_upstream_counts() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        few = await rig.ask("POST", "/v1/messages/count_tokens", request(ANTHROPIC))
        many = await rig.ask("POST", "/v1/messages/count_tokens", request(ANTHROPIC, system="word " * 1000))
        assert few.headers["x-lethe-estimate"] == "bpe-o200k"
        assert 900 < many.json()["input_tokens"] - few.json()["input_tokens"] < 1500
        assert not fake.requests


async def test_embeddings_need_an_upstream_that_has_them() -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        assert (await rig.ask("POST", "/v1/embeddings", {"model": "m", "input": "x"})).status == 404


async def test_embeddings_of_an_upstream_that_is_asked_for_responses() -> None:
    """OpenAI has both at one address; the body is the same whatever else is spoken there."""
    asked = {"model": "m", "input": "CANARY_text", "dimensions": 2}
    answer = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
    async with Fake() as fake, serving([upstream("up", fake, RESPONSES)]) as rig:
        fake.answer(json_answer(200, answer))
        reply = await rig.ask("POST", "/v1/embeddings", asked)
        assert (reply.status, reply.json()) == (200, answer)
        assert (fake.requests[0].path, fake.requests[0].json()) == ("/v1/embeddings", asked)
        fake.answer(json_answer(400, {"error": {"message": "CANARY_why", "type": "invalid_request_error"}}))
        reply = await rig.ask("POST", "/v1/embeddings", asked)
        assert (reply.status, reply.json()["error"]["message"]) == (400, "CANARY_why")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with Fake() as fake, serving([upstream("up", fake, CHAT)]) as rig:
        fake.answer(whole(CHAT))
        client = await rig.client()
        for _ in range(3):
            client.send("POST", PATH[CHAT], json.dumps(request(CHAT)).encode())
        replies = [await client.reply() for _ in range(3)]
        assert [r.status for r in replies] == [200, 200, 200]
        await asyncio.sleep(0)


@pytest.mark.parametrize("stream", [False, True], ids=["buffered", "stream"])
async def test_inbound_tls(tmp_path: Path, stream: bool) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with Fake() as fake:
        fake.answer(streamed(CHAT) if stream else whole(CHAT))
        paths: dict[str, Any] = {"tls_cert": str(certificate), "tls_key": str(key)}
        async with serving([upstream("up", fake, CHAT)], **paths) as rig:
            reader, writer = await asyncio.open_connection("localhost", rig.port, ssl=context, family=socket.AF_INET)
            client = Client(reader, writer)
            client.send("POST", PATH[CHAT], json.dumps(request(CHAT, stream=stream)).encode())
            reply = await client.reply()
            assert reply.status == 200
            assert b"day" in reply.body
            assert not writer.get_extra_info("ssl_object").session.has_ticket
            client.abort()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises(ssl.SSLError):
                await asyncio.open_connection("localhost", rig.port, ssl=context, family=socket.AF_INET)


@pytest.mark.parametrize("name", [".", ".."])
async def test_a_model_is_no_step_in_a_path(name: str) -> None:
    async with Fake() as fake, serving([upstream("up", fake, ANTHROPIC)]) as rig:
        reply = await rig.ask("POST", PATH[ANTHROPIC], {**request(ANTHROPIC), "model": name})
        assert (reply.status, "$.model" in reply.json()["error"]["message"]) == (400, True)
        assert not fake.requests

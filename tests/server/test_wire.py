"""Who hears what: an oracle that reads the register's files itself looks at every byte that upstreams got."""

import base64
import json
import re
from contextlib import AsyncExitStack
from itertools import product
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.server.oracle import FOLDER, STRICTEST, concerns, examine_betas, examine_rows, fits, record, speaks_of
from tests.server.rig import ANTHROPIC, CHAT, RESPONSES, SSE, Client, Rig, json_answer, serving, upstream
from tests.server.test_front import keys

from lethe.config.register import surfaces_for
from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint
from lethe.providers.offers import Offer, Provider
from lethe.providers.rows import PROVIDERS
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.standing import Contract
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Cut, Fake, Head, Recorded, Script, Send

GEMINI, CONVERSE = Dialect.GEMINI, Dialect.CONVERSE
NOW = 1_795_000_000.0  # 2026-11-18
NOBODY = "http://127.0.0.1:1"
KEY = "key-CANARY"
OWN = "own-secret"
MOST = {"A1": 1, "A2": 4, "B": 5, "C": 6}
OPTED = {"A2": 5, "B": 6}


# What is asked, and of whom


class Asked(msgspec.Struct, frozen=True):
    """One target: an offer of a provider, what the operator has of it, and the model to ask it for."""

    provider: str
    offer: int
    held: str
    model: str | None
    fails: str


class Scene(msgspec.Struct, frozen=True):
    caller: Dialect
    endpoint: Endpoint
    stream: bool
    targets: tuple[Asked, ...]
    levels: tuple[str, str | None, str | None, str | None]  # of configuration, route, key and request
    opted: tuple[int, ...]
    way: str
    model: str
    features: tuple[int, ...]
    losses: bool


OFFERS = [(row.name, n) for row in PROVIDERS for n in range(len(row.offers))]
BY_NAME: dict[str, Provider] = {row.name: row for row in PROVIDERS}
MODELS = (
    "gpt-5.1", "gpt-4o", "gpt-6", "gpt-5.5", "claude-sonnet-4-5", "claude-fable-5", "gemini-3-pro", "vendor/some-1",
    "us.anthropic.claude-sonnet-4-5-v1:0", "global.anthropic.claude-sonnet-5-v1:0", "anthropic.claude-mythos-5",
)  # fmt: skip
FAILS = ("408", "429", "500", "503", "529", "cut", "nobody", "event", "401", "400")
STOPS = {"401", "400"}
PATHS = {
    (ANTHROPIC, Endpoint.MESSAGES): "/v1/messages",
    (ANTHROPIC, Endpoint.COUNT_TOKENS): "/v1/messages/count_tokens",
    (CHAT, Endpoint.CHAT): "/v1/chat/completions",
    (CHAT, Endpoint.EMBEDDINGS): "/v1/embeddings",
    (RESPONSES, Endpoint.RESPONSES): "/v1/responses",
    (RESPONSES, Endpoint.COUNT_TOKENS): "/v1/responses/input_tokens",
    (GEMINI, Endpoint.GENERATE): "",
    (GEMINI, Endpoint.COUNT_TOKENS): "",
}
COMPLETIONS = {
    ANTHROPIC: Endpoint.MESSAGES, CHAT: Endpoint.CHAT, RESPONSES: Endpoint.RESPONSES, GEMINI: Endpoint.GENERATE,
    CONVERSE: Endpoint.CONVERSE,
}  # fmt: skip
URL = "https://example.com/CANARY.png"
TURN = {"role": "user", "content": "hello"}
Feature = tuple[dict[str, Any], dict[str, str]]
FEATURES: dict[Dialect, list[Feature]] = {
    ANTHROPIC: [
        ({"metadata": {"user_id": "CANARY"}}, {}),
        ({"diagnostics": {"previous_message_id": "x"}}, {"anthropic-beta": "cache-diagnosis-2026-04-07"}),
        ({"context_hint": {"x": 1}}, {"anthropic-beta": "context-hint-2026-04-09,context-1m-2025-08-07"}),
        ({"container": "x"}, {"anthropic-beta": "code-execution-2025-05-22"}),
        ({"tools": [{"type": "code_execution_20260521", "name": "code_execution"}]}, {}),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, {}),
        ({"tools": [{"name": "f", "input_schema": {"type": "object"}, "strict": True}]}, {}),
        ({"mcp_servers": [{"type": "url", "url": URL, "name": "x"}]}, {"anthropic-beta": "mcp-client-2025-11-20"}),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, {}),
        ({"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}}, {}),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": URL}}]}]}, {}),
        ({"anthropic_beta": ["cache-diagnosis-2026-04-07", "context-1m-2025-08-07"]}, {}),
        ({"anthropic_version": "2023-06-01"}, {"anthropic-version": "2026-10-21"}),
        ({}, {"anthropic-version": "2099-01-01"}),
        ({}, {"anthropic-beta": "nobody-knows-2027-01-01"}),
        ({"nobody_knows": 1}, {}),
        ({"service_tier": "auto", "fallbacks": ["claude-fable-5"]}, {}),
    ],
    CHAT: [
        ({"store": True, "metadata": {"x": "CANARY"}}, {}),
        ({"user": "CANARY", "safety_identifier": "CANARY", "prompt_cache_key": "CANARY"}, {}),
        ({"web_search_options": {}}, {}),
        ({"prompt_cache_retention": "24h"}, {}),
        ({"prompt_cache_options": {"mode": "implicit"}}, {}),
        ({"modalities": ["text", "audio"], "audio": {"voice": "x", "format": "wav"}}, {}),
        ({"provider": {"zdr": False, "allow_fallbacks": True, "data_collection": "allow"}}, {}),
        ({"providerOptions": {"gateway": {"zeroDataRetention": False, "tags": ["x"]}, "openai": {"store": True}}}, {}),
        ({"providerOptions": {"nobody": {"x": 1}}}, {}),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": URL}}]}]}, {}),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "x"}}]}]}, {}),
        ({"nobody_knows": 1}, {"openai-beta": "nobody-knows-2027-01-01"}),
        ({"deferred": True, "search_parameters": {"mode": "on"}}, {}),
        ({"trace": {"x": "CANARY"}, "session_id": "CANARY"}, {}),
        ({"cache_salt": "CANARY"}, {}),
    ],
    RESPONSES: [
        ({"store": True, "metadata": {"x": "CANARY"}}, {}),
        ({"user": "CANARY", "prompt_cache_key": "CANARY", "client_metadata": {"x": "CANARY"}}, {}),
        ({"background": True}, {}),
        ({"previous_response_id": "x"}, {}),
        ({"tools": [{"type": "file_search", "vector_store_ids": ["x"]}]}, {}),
        ({"tools": [{"type": "web_search"}]}, {}),
        ({"prompt_cache_retention": "24h"}, {}),
        ({"include": ["reasoning.encrypted_content"], "reasoning": {"effort": "low"}}, {}),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": URL}]}]}, {}),
        ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "x"}]}]}, {}),
        ({"prompt": {"id": "x"}}, {}),
        ({"nobody_knows": 1}, {"openai-beta": "responses=nobody-knows"}),
    ],
    GEMINI: [
        ({"cachedContent": "cachedContents/x"}, {}),
        ({"labels": {"x": "CANARY"}}, {}),
        ({"store": True}, {}),
        ({"tools": [{"googleSearch": {}}]}, {}),
        ({"tools": [{"codeExecution": {}}]}, {}),
        ({"contents": [{"role": "user", "parts": [{"fileData": {"fileUri": URL, "mimeType": "image/png"}}]}]}, {}),
        ({"nobodyKnows": 1}, {}),
    ],
}  # fmt: skip

NEVER = (
    "OpenAI-Project", "openai-organization", "OPENAI_ORGANIZATION", "Anthropic-Workspace-Id", "anthropic_workspace_id",
    "cf-aig-collect-log", "CF-AIG-Skip-Cache", "cf-aig-zdr", "cf-aig-metadata", "cf_aig_zdr", "x-goog-user-project",
    "X-Goog-Api-Client", "x-goog-request-params", "traceparent", "Tracestate", "baggage", "b3", "Cookie", "forwarded",
    "X-Forwarded-For", "x_forwarded_for", "X-Real-IP", "via", "True-Client-IP", "http-referer", "X-Title", "User-Agent",
    "x-app", "x-session-id", "x-amzn-bedrock-trace", "X-Amz-Target", "x-amzn-bedrock-guardrailIdentifier",
    "x-ms-client-request-id", "azureml-model-deployment", "api-key", "anthropic_beta", "openai_beta", "x_api_key",
    "Proxy-Authorization", "idempotency-key", "x-lethe-anything",
)  # fmt: skip
ALLOWED = {
    "host", "content-length", "content-type", "accept", "accept-encoding", "user-agent", "anthropic-version",
    "anthropic-beta", "openai-beta", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token",
}  # fmt: skip


def offer_of(asked: Asked) -> Offer:
    return BY_NAME[asked.provider].offers[asked.offer]


def auth_of(asked: Asked) -> Auth:
    row = BY_NAME[asked.provider]
    if asked.held == "forwarded":
        return Auth.FORWARD
    if row.identity is not None:
        return Auth.AWS if row.name == "bedrock" else Auth.GOOGLE
    return offer_of(asked).auth or row.auth


def made(n: int, asked: Asked, fake: Fake) -> Upstream:
    row, offer, auth = BY_NAME[asked.provider], offer_of(asked), auth_of(asked)
    envelope = offer.envelope
    if envelope is not None and envelope.dated:
        envelope = envelope.at_version("2026-01-01")
    surfaces = surfaces_for(row.name, "", offer.dialect, loopback=True, envelope=envelope)
    if asked.held == "lifted":
        surfaces = tuple(replace(each, upstream_class=UpstreamClass.U0, models=()) for each in surfaces)
    kinds = [kind for each in surfaces for way in each.evidence for kind in way.contracts]
    expires = NOW + (1000 if asked.held == "signed" else -1)
    contract = (
        Contract(kind=kinds[0], signed=NOW - 2000, expires=expires)
        if kinds and asked.held in ("signed", "expired")
        else None
    )
    return upstream(
        f"t{n}", NOBODY if asked.fails == "nobody" else fake, offer.dialect,
        provider=row.name, envelope=envelope, auth=auth, surfaces=surfaces, contract=contract, region="eu-west-1",
        base_url=(NOBODY if asked.fails == "nobody" else fake.url) + "/base",
        gateway=f"env:GATEWAY{n}" if row.name == "cloudflare" else None,
        credential=None if auth is Auth.FORWARD else f"env:T{n}",
        models=(f"only-t{n}-*",),
    )  # fmt: skip


def script(asked: Asked, dialect: Dialect, *, stream: bool) -> Script:
    told = {"type": "error", "error": {"type": "overloaded_error", "message": "busy", "code": 500}}
    if asked.fails == "cut":
        return [Cut()]
    if asked.fails == "event" and stream and dialect in (ANTHROPIC, CHAT, RESPONSES):
        if dialect is RESPONSES:
            told = {"type": "error", "code": "server_error", "message": "busy", "sequence_number": 0}  # type: ignore[dict-item]
        return [Head(200, SSE), Send(f"event: error\ndata: {json.dumps(told)}\n\n".encode())]
    return json_answer(int(asked.fails) if asked.fails.isdecimal() else 500, told)


def body_of(scene: Scene, model: str) -> tuple[dict[str, Any], dict[str, str]]:
    body: dict[str, Any] = {}
    match scene.caller, scene.endpoint:
        case _, Endpoint.EMBEDDINGS:
            body = {"input": "hello"}
        case Dialect.GEMINI, _:
            body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
        case Dialect.OPENAI_RESPONSES, _:
            body = {"input": [TURN]}
        case Dialect.ANTHROPIC, Endpoint.COUNT_TOKENS:
            body = {"messages": [TURN]}
        case Dialect.ANTHROPIC, _:
            body = {"messages": [TURN], "max_tokens": 64}
        case _:
            body = {"messages": [TURN]}
    headers: dict[str, str] = {}
    for n in scene.features:
        more, also = FEATURES[scene.caller][n % len(FEATURES[scene.caller])]
        body |= more
        headers |= also
    if scene.caller is not GEMINI:
        body["model"] = model
        if scene.stream:
            body["stream"] = True
    return body, headers


def target_of(scene: Scene, model: str) -> str:
    if scene.caller is not GEMINI:
        return PATHS[scene.caller, scene.endpoint]
    method = "countTokens" if scene.endpoint is Endpoint.COUNT_TOKENS else "generateContent"
    if scene.stream:
        return f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
    return f"/v1beta/models/{model}:{method}"


async def play(scene: Scene) -> list[tuple[int, Recorded]]:
    """Who heard what, in order."""
    async with AsyncExitStack() as stack:
        fakes = [await stack.enter_async_context(Fake()) for _ in scene.targets]
        ups = [made(n, asked, fake) for n, (asked, fake) in enumerate(zip(scene.targets, fakes, strict=True))]
        for asked, fake, up in zip(scene.targets, fakes, ups, strict=True):
            fake.answer(script(asked, up.dialect, stream=scene.stream))
        config, route, key, _ = scene.levels
        to = tuple(Target(n, asked.model) for n, asked in enumerate(scene.targets))
        glob = {"plain": scene.model, "glob": scene.model[:3] + "*", "direct": "route-only", "models": "route-only"}
        routes = [
            Route(model="never-*", to=to, level=Level.A1),
            Route(model=glob[scene.way], to=to, level=Level(route) if route else None, allow_losses=scene.losses),
        ]
        rig: Rig = await stack.enter_async_context(
            serving(
                ups,
                routes,
                lambda: NOW,
                level=Level(config),
                keys=keys(KEY, level=Level(key) if key else None),
                accept_classes=tuple(UpstreamClass(n) for n in scene.opted),
            )
        )
        await say(await rig.client(), scene)
        heard = [(n, seen) for n, fake in enumerate(fakes) for seen in fake.requests]
        return sorted(heard, key=lambda each: each[1].arrived_at)


async def say(client: Client, scene: Scene) -> None:
    """The request, and whatever is answered."""
    model, wish = name_of(scene), scene.levels[3]
    body, more = body_of(scene, model)
    lines = [(name, f"CANARY-{name}") for name in NEVER] + [(name.upper(), "CANARY-again") for name in NEVER]
    lines += [("x-api-key" if scene.caller is ANTHROPIC else "Authorization", key_line(scene.caller))]
    lines += [("Authorization", f"Bearer {OWN}") if scene.caller is ANTHROPIC else ("X-Api-Key", OWN)]
    lines += list(more.items()) + ([("X-Lethe-Level", wish)] if wish else [])
    raw = json.dumps(body).encode()
    head = [f"POST {target_of(scene, model)} HTTP/1.1", "host: localhost", f"content-length: {len(raw)}"]
    client.writer.write("\r\n".join([*head, *(f"{k}: {v}" for k, v in lines), "", ""]).encode() + raw)
    await client.reply()


def key_line(caller: Dialect) -> str:
    return KEY if caller is ANTHROPIC else f"Bearer {KEY}"


def name_of(scene: Scene) -> str:
    match scene.way:
        case "direct":
            return f"t0/{scene.model}"
        case "models":
            return "only-t1-x"
        case _:
            return scene.model


# What must hold


def order(scene: Scene) -> list[tuple[int, str]]:
    """The targets and their models, as the configuration says."""
    match scene.way:
        case "direct":
            return [(0, scene.model)]
        case "models":
            return [(1, "only-t1-x")]
        case _:
            return [(n, asked.model or scene.model) for n, asked in enumerate(scene.targets)]


def binding(scene: Scene) -> str:
    config, route, key, wish = scene.levels
    levels = [config, key, wish, route if scene.way in ("plain", "glob") else None]
    return min((level for level in levels if level), key=STRICTEST.index)


def file_of(asked: Asked, endpoint: Endpoint) -> str:
    offer = offer_of(asked)
    served = offer.envelope
    name = served.surface(endpoint) if served is not None else None
    if name is None:
        name = {Endpoint.COUNT_TOKENS: {RESPONSES: "input_tokens", GEMINI: "generate_tokens", CONVERSE: "converse_tokens"}.get(offer.dialect, "count_tokens")}.get(endpoint, str(endpoint))  # fmt: skip
    exact = f"{asked.provider}.{name}.toml"
    return exact if (FOLDER / exact).exists() else f"generic.{endpoint if name not in ('input_tokens', 'generate_tokens') else name}.toml"  # fmt: skip


def class_of(asked: Asked, rows: dict[str, Any], model: str) -> int:
    if asked.held == "lifted":
        best = 0
    elif rows["provider"] == "generic":
        best = 5
    else:
        best = int(rows["class"][1])
        kinds = kinds_of(asked)
        for way in rows.get("evidence", ()):
            signed = way["kind"] == "contract" and kinds[:1] == [k for k in kinds[:1] if k in way["contracts"]]
            if (signed and kinds and asked.held == "signed") or way["kind"] == "published_default":
                best = min(best, int(way["class"][1]))
    if asked.held != "lifted":
        best = max([best, *(int(row["class"][1]) for row in rows["models"] if concerns(row, model))])
    return best


def kinds_of(asked: Asked) -> list[str]:
    offer = offer_of(asked)
    surfaces = surfaces_for(asked.provider, "", offer.dialect, loopback=True, envelope=offer.envelope)
    return [kind for each in surfaces for way in each.evidence for kind in way.contracts]


def admitted(scene: Scene, level: str, kept: int) -> bool:
    return kept <= MOST[level] or (OPTED.get(level) == kept and kept in scene.opted)


def expected(scene: Scene) -> list[int]:
    """Who has to hear a request without any features."""
    level, found = binding(scene), []
    for n, model in order(scene):
        asked = scene.targets[n]
        rows = record(file_of(asked, COMPLETIONS[offer_of(asked).dialect]))
        refused = level in rows.get("refused", {}) or any(
            row["path"] == "model" and row["do"][level] == "refuse" and concerns(row, model) and speaks_of(row, model)
            for row in rows["fields"]
        )
        if refused or not admitted(scene, level, class_of(asked, rows, model)):
            continue
        if asked.fails != "nobody":
            found.append(n)
        if asked.fails in STOPS:
            break
    return found


def inner_of(seen: Recorded, endpoint: Endpoint) -> tuple[Any, bool]:
    """The body that a completion would have, and whether it was wrapped in a count's."""
    match seen.json():
        case {"generateContentRequest": inner} | {"input": {"converse": inner}} if endpoint is Endpoint.COUNT_TOKENS:
            return inner, True
        case {"input": {"invokeModel": {"body": text}}} if endpoint is Endpoint.COUNT_TOKENS:
            return json.loads(base64.b64decode(text)), True
        case body:
            return body, False


def examine(scene: Scene, n: int, model: str, seen: Recorded) -> None:
    asked, level = scene.targets[n], binding(scene)
    dialect = offer_of(asked).dialect
    endpoint = scene.endpoint
    if endpoint not in (Endpoint.COUNT_TOKENS, Endpoint.EMBEDDINGS):
        endpoint = COMPLETIONS[dialect]
    body, wrapped = inner_of(seen, endpoint)
    outer = record(file_of(asked, endpoint))
    rows = record(file_of(asked, COMPLETIONS[dialect])) if wrapped else outer
    kept = class_of(asked, outer, model)
    assert level not in rows.get("refused", {})
    known = outer["known"]["fields"] if endpoint is Endpoint.COUNT_TOKENS else None
    fields = rows["fields"]
    if level == "C" and auth_of(asked) is Auth.FORWARD:  # whose account it is, knows its users
        fields = [row for row in fields if row["do"]["C"] not in ("pseudonym", "salt")]
    kept = examine_rows(fields, body, model, level, kept, known)
    assert admitted(scene, level, kept), (level, kept)
    tokens = [t for name, value in seen.headers if name in ("anthropic-beta", "openai-beta") for t in value.split(",")]
    tokens += body.get("anthropic_beta", [])
    examine_betas(rows, tokens, level)
    if level != "C":
        names = {*rows["known"]["fields"], *(re.split(r"[.\[]", row["path"])[0] for row in rows["fields"])}
        deep = {row["path"][3:] for row in rows["fields"] if row["path"].startswith("**.")}
        assert all(name in deep or fits(list(names), name) for name in body), set(body) - names
        said = [value for name, value in seen.headers if name == "anthropic-version"]
        said += [body["anthropic_version"]] if "anthropic_version" in body else []
        assert not rows["known"].get("versions") or set(said) <= set(rows["known"]["versions"])
    assert "CANARY" not in seen.target
    assert model == body.get("model", "").removeprefix("models/") or f"/{quote(model, safe='@')}" in seen.target
    examine_headers(scene, n, outer, seen, level)


SLOTS = {
    Auth.X_API_KEY: "x-api-key", Auth.API_KEY: "api-key", Auth.GOOG_API_KEY: "x-goog-api-key",
    Auth.BEARER: "authorization", Auth.GOOGLE: "authorization", Auth.AWS: "authorization",
    Auth.CLOUDFLARE: "cf-aig-authorization",
}  # fmt: skip


def examine_headers(scene: Scene, n: int, rows: dict[str, Any], seen: Recorded, level: str) -> None:
    asked, auth = scene.targets[n], auth_of(scene.targets[n])
    forwards, headers = auth is Auth.FORWARD, dict(seen.headers)
    forced = {each["name"]: each["value"] for each in rows.get("headers", ()) if level in each["levels"]}
    own = {SLOTS[auth]} if auth in SLOTS else set()
    if asked.provider == "cloudflare":
        own.add("cf-aig-authorization")
    theirs = {"x-app", "user-agent"} if forwards and level == "C" else set()
    theirs |= {"authorization", "x-api-key"} if forwards else set()
    assert headers.keys() <= ALLOWED | own | theirs | forced.keys(), headers.keys() - ALLOWED
    assert len(headers) == len(seen.headers)
    assert forced.items() <= headers.items()
    assert not [name for name, value in seen.headers if "CANARY" in value and name not in theirs]
    every = f"{seen.target}\n{seen.headers}\n{seen.body!r}"
    assert KEY not in every
    assert forwards or OWN not in every
    for other in range(len(scene.targets)):
        assert other == n or f"secret-t{other}" not in every
        assert other == n or f"gateway-t{other}" not in every
    if auth in SLOTS and auth is not Auth.AWS:
        assert headers[SLOTS[auth]].removeprefix("Bearer ") == f"secret-t{n}"
    else:
        assert f"secret-t{n}" not in every


ONCE = (Endpoint.COUNT_TOKENS, Endpoint.EMBEDDINGS)
LEVEL = st.sampled_from(STRICTEST)
LOOSE = st.sampled_from(("C", "C", "C", "B", "A2", "A1"))
TARGETS = st.builds(
    lambda offer, held, model, fails: Asked(offer[0], offer[1], held, model, fails),
    st.sampled_from(OFFERS),
    st.sampled_from(("bare", "signed", "signed", "expired", "lifted", "lifted", "lifted", "forwarded")),
    st.one_of(st.none(), st.sampled_from(MODELS)),
    st.sampled_from(FAILS),
)
SCENES = st.builds(
    lambda front, stream, targets, levels, opted, way, model, features, losses: Scene(
        front[0], front[1], stream and front[1] not in ONCE, tuple(targets), levels, opted, way, model, features, losses
    ),
    st.sampled_from([*PATHS, (CHAT, Endpoint.CHAT), (ANTHROPIC, Endpoint.MESSAGES), (RESPONSES, Endpoint.RESPONSES)]),
    st.booleans(),
    st.lists(TARGETS, min_size=2, max_size=3),
    st.tuples(LOOSE, st.one_of(st.none(), LOOSE), st.one_of(st.none(), LOOSE), st.one_of(st.none(), LEVEL)),
    st.sampled_from([(), (), (5,), (6,), (5, 6)]),
    st.sampled_from(("plain", "glob", "plain", "glob", "direct", "models")),
    st.sampled_from(MODELS),
    st.one_of(st.just(()), st.lists(st.integers(0, 16), min_size=1, max_size=2).map(tuple)),
    st.booleans(),
)


@given(scene=SCENES)
@settings(max_examples=250)
def test_who_hears_what(scene: Scene) -> None:
    loop = uvloop.new_event_loop()
    try:
        heard = loop.run_until_complete(play(scene))
    finally:
        loop.close()
    models = order(scene)
    in_order = [n for n, _ in heard]
    assert in_order == sorted(set(in_order))
    for n, seen in heard:
        examine(scene, n, dict(models)[n], seen)
    if not scene.features and scene.endpoint not in (Endpoint.COUNT_TOKENS, Endpoint.EMBEDDINGS):
        assert in_order == expected(scene), (in_order, expected(scene))


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: f"{offer[0]}-{offer[1]}")
async def test_every_offer_hears_at_every_level_what_its_rows_say(offer: tuple[str, int]) -> None:
    asked = Asked(offer[0], offer[1], "lifted", None, "500")
    heard = 0
    async with Fake() as fake:
        fake.answer(json_answer(500, {"error": {"message": "no", "type": "x"}}))
        routes = [Route(model="*", to=(Target(0),), allow_losses=True)]
        async with serving([made(0, asked, fake)], routes, lambda: NOW, keys=keys(KEY)) as rig:
            client = await rig.client()
            for (caller, endpoint), level in product(PATHS, STRICTEST):
                more = [(n,) for n in range(len(FEATURES[caller]))] if endpoint in COMPLETIONS.values() else []
                for features in ((), *more):
                    levels = ("C", None, None, level)
                    scene = Scene(
                        caller, endpoint, False, (asked,), levels, (), "plain", "vendor/some-1", features, True
                    )
                    await say(client, scene)
                    for seen in fake.requests:
                        examine(scene, 0, scene.model, seen)
                    heard += len(fake.requests)
                    fake.requests.clear()
    assert heard

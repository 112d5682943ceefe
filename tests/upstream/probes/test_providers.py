"""Each provider's probe over real connections: what proves, and that nothing else does."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from tests.server.signatures import REGION, signed_properly
from tests.upstream.probes.provers import (
    ACCOUNT,
    GATEWAY,
    KEY,
    LOGGING,
    PROVERS,
    RESOURCE,
    RESOURCE_BODY,
    Prover,
    bedrock_model,
    plainly,
    serve,
    with_value,
    without,
)

from lethe.credentials.issued import Issued
from lethe.credentials.static import Unresolved
from lethe.providers.proofs import BY_PROBE
from lethe.providers.sigv4 import Keys
from lethe.sandbox import prober
from lethe.sandbox.prober import answer
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.script import Cut, Hang, Head, Recorded, Script, Send
from lethe.upstream.probes import asking
from lethe.upstream.probes.table import PROBES
from lethe.upstream.probes.verdict import BODY_LIMIT, Reason, Verdict

ENVIRON = {"ADMIN": KEY}
ALL = pytest.mark.parametrize("prover", PROVERS.values(), ids=PROVERS)
NEEDED = [(prover, path, where) for prover in PROVERS.values() for path, where in prover.needed]
EACH = pytest.mark.parametrize(
    ("prover", "path", "where"),
    NEEDED,
    ids=[f"{p.probe}-{'.'.join(map(str, w))}-{n}" for n, (p, _, w) in enumerate(NEEDED)],
)


@pytest.fixture
def fake() -> Iterator[FakeThread]:
    with FakeThread() as server:
        yield server


def ask(prover: Prover, fake: FakeThread, **changes: Any) -> Verdict:
    return asyncio.run(answer(prover.task(fake.url, **changes), ENVIRON))


def failed(reason: Reason) -> Verdict:
    return Verdict(holds=False, reason=reason)


def test_every_probe_has_a_row_and_every_provider_a_fake() -> None:
    assert PROBES.keys() == BY_PROBE.keys()
    assert {probe for probe in PROBES if not probe.endswith(".flags")} == PROVERS.keys()


@ALL
def test_what_proves(prover: Prover, fake: FakeThread) -> None:
    serve(fake, prover)
    verdict = ask(prover, fake)
    proven = {"bedrock.data_retention": ("m",), "openrouter.zdr_endpoints": ("a/two",)}.get(prover.probe, ())
    assert verdict == Verdict(holds=True, reason=Reason.PROVEN, models=proven)
    assert {request.path for request in fake.requests} == prover.answers.keys()
    for request in fake.requests:
        assert request.method == "GET"
        assert KEY in (request.header(prover.key_header) or "")


ISSUED_KEYS = Keys(key_id="ASIAONE", secret="CANARY_secret", token="CANARY_token")
IDENTITIES = {
    "bedrock.data_retention": "aws:prod",
    "bedrock.invocation_logging": "aws:",
    "azure.content_logging": "azure:#scope",
    "vertex.cache_config": "google:",
}


@pytest.mark.parametrize(("probe", "reference"), IDENTITIES.items())
def test_a_clouds_identity_asks(probe: str, reference: str, fake: FakeThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a signature over each question, or with a token; keys themselves go nowhere."""
    prover = PROVERS[probe]
    asked: list[str] = []

    def issue(reference: str) -> Issued:
        asked.append(reference)
        return Issued(msgspec.json.encode(ISSUED_KEYS).decode() if reference.startswith("aws") else "token-one")

    monkeypatch.setattr(prober, "fetch", issue)
    serve(fake, prover)
    assert ask(prover, fake, key=reference, region=REGION).holds
    assert (asked, BY_PROBE[probe].identity) == ([reference], reference.partition(":")[0])
    for received in fake.requests:
        if reference.startswith("aws"):
            assert signed_properly(received, ISSUED_KEYS)
            assert received.header("x-api-key") is None
            assert "CANARY_secret" not in repr(received.headers)
        else:
            assert received.header("authorization") == "Bearer token-one"


def test_an_identity_that_is_not_issued(fake: FakeThread, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(reference: str) -> Issued:
        raise Unresolved(reference, "CANARY_x")

    monkeypatch.setattr(prober, "fetch", refuse)
    assert ask(PROVERS["vertex.cache_config"], fake, key="google:") == failed(Reason.NO_KEY)
    assert not fake.requests


@EACH
def test_a_missing_field_proves_nothing(prover: Prover, path: str, where: tuple[Any, ...], fake: FakeThread) -> None:
    serve(fake, prover, answers={path: without(prover.answers[path], where)})
    assert ask(prover, fake) == failed(Reason.MISSING)


@EACH
@pytest.mark.parametrize("value", [None, "canary", 7, [], {}, 1.5], ids=str)
def test_a_field_of_another_kind_proves_nothing(
    prover: Prover, path: str, where: tuple[Any, ...], value: Any, fake: FakeThread
) -> None:
    serve(fake, prover, answers={path: with_value(prover.answers[path], where, value)})
    verdict = ask(prover, fake)
    assert not verdict.holds
    assert verdict.reason in set(Reason) - {Reason.PROVEN, Reason.FAULT}


KEEPS: dict[str, tuple[str, str, tuple[Any, ...], Any, Reason]] = {
    "a project that keeps": ("openai.data_retention", "/organization/projects/proj_abc/data_retention", ("type",), "none", Reason.RETAINS),
    "an organisation that keeps": ("openai.data_retention", "/organization/data_retention", ("type",), "modified_abuse_monitoring", Reason.RETAINS),
    "a type that is new": ("openai.data_retention", "/organization/data_retention", ("type",), "zero", Reason.UNEXPECTED),
    "an organisation's answer for a project": ("openai.data_retention", "/organization/projects/proj_abc/data_retention", ("object",), "organization.data_retention", Reason.ELSEWHERE),
    "a field that is new": ("openai.data_retention", "/organization/data_retention", ("exceptions",), [], Reason.UNEXPECTED),
    "logging of a kind that is new": ("bedrock.invocation_logging", "/logging/modelinvocations", ("loggingConfig", "smellDataDeliveryEnabled"), True, Reason.RETAINS),
    "logging of text": ("bedrock.invocation_logging", "/logging/modelinvocations", ("loggingConfig", "textDataDeliveryEnabled"), True, Reason.RETAINS),
    "logging beside": ("bedrock.invocation_logging", "/logging/modelinvocations", ("other",), {}, Reason.UNEXPECTED),
    "a mode that is new": ("bedrock.data_retention", "/v1/models/m", ("data_retention", "mode"), "some", Reason.UNEXPECTED),
    "a model that must be kept": ("bedrock.data_retention", "/v1/models/m", ("data_retention",), bedrock_model("aws_review", "aws_review", "provider_data_share")["data_retention"], Reason.NO_MODEL),
    "a model by its own policy": ("bedrock.data_retention", "/v1/models/m", ("data_retention",), bedrock_model("default", "default")["data_retention"], Reason.NO_MODEL),
    "another model": ("bedrock.data_retention", "/v1/models/m", ("id",), "m2", Reason.ELSEWHERE),
    "a model in a state that is new": ("bedrock.data_retention", "/v1/models/m", ("status",), "paused", Reason.UNEXPECTED),
    "a model that is blocked": ("bedrock.data_retention", "/v1/models/m", ("status",), "unavailable", Reason.NO_MODEL),
    "content is logged": ("azure.content_logging", RESOURCE, ("properties", "capabilities", 1, "value"), "true", Reason.RETAINS),
    "content is logged, perhaps": ("azure.content_logging", RESOURCE, ("properties", "capabilities", 0), {"name": "ContentLogging", "value": "true"}, Reason.RETAINS),
    "the value as a boolean": ("azure.content_logging", RESOURCE, ("properties", "capabilities", 1, "value"), False, Reason.UNEXPECTED),
    "another resource": ("azure.content_logging", RESOURCE, ("id",), RESOURCE + "2", Reason.ELSEWHERE),
    "a resource of another host": ("azure.content_logging", RESOURCE, ("properties",), RESOURCE_BODY["properties"] | {"endpoint": "https://else.openai.azure.com/", "endpoints": {}}, Reason.ELSEWHERE),
    "a cache": ("vertex.cache_config", "/v1/projects/proj/cacheConfig", ("disableCache",), False, Reason.RETAINS),
    "a cache of a new kind": ("vertex.cache_config", "/v1/projects/proj/cacheConfig", ("retentionConfig", "retentionType"), "ELSEWHERE", Reason.UNEXPECTED),
    "one more setting of the cache": ("vertex.cache_config", "/v1/projects/proj/cacheConfig", ("retentionConfig", "exceptions"), [], Reason.UNEXPECTED),
    "one more setting beside the cache": ("vertex.cache_config", "/v1/projects/proj/cacheConfig", ("exceptions",), [], Reason.UNEXPECTED),
    "another setting": ("vertex.cache_config", "/v1/projects/proj/cacheConfig", ("name",), "projects/p/other", Reason.ELSEWHERE),
    "failure with a body": ("cloudflare.gateway", f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw", ("success",), False, Reason.UNEXPECTED),
    "another gateway": ("cloudflare.gateway", f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw", ("result", "id"), "default", Reason.ELSEWHERE),
    **{
        f"a gateway with {name} {value}": ("cloudflare.gateway", f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw", ("result", name), value, Reason.RETAINS)
        for name, value in {
            "collect_logs": True, "logpush": True, "zdr": False, "cache_ttl": 60, "is_default": True, "byok_only": True,
            "log_classification": True, "otel": [{"url": "https://collector.example", "headers": {}}],
            "guardrails": {"prompt": {"P1": "FLAG"}, "response": {}}, "dlp": {"enabled": True, "policies": []},
            "stripe": {"authorization": "x", "usage_events": [{"payload": "x"}]},
        }.items()
    },
    "no cache time as a boolean": (
        "cloudflare.gateway",
        f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw",
        ("result", "cache_ttl"),
        False,
        Reason.UNEXPECTED,
    ),
    "a setting that is new and on": ("cloudflare.gateway", f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw", ("result", "keep_prompts"), True, Reason.UNEXPECTED),
    "models that are not listed": ("openrouter.zdr_endpoints", "/endpoints/zdr", ("data",), [], Reason.NO_MODEL),
}  # fmt: skip


@pytest.mark.parametrize(("probe", "path", "where", "value", "reason"), KEEPS.values(), ids=KEEPS)
def test_a_setting_that_keeps(
    probe: str, path: str, where: tuple[Any, ...], value: Any, reason: Reason, fake: FakeThread
) -> None:
    prover = PROVERS[probe]
    serve(fake, prover, answers={path: with_value(prover.answers[path], where, value)})
    assert ask(prover, fake) == failed(reason)


@pytest.mark.parametrize("config", [None, {}], ids=str)
def test_logging_that_is_not_configured(config: Any, fake: FakeThread) -> None:
    prover = PROVERS["bedrock.invocation_logging"]
    serve(fake, prover, answers={"/logging/modelinvocations": {"loggingConfig": config}})
    assert ask(prover, fake).holds
    serve(fake, prover, answers={"/logging/modelinvocations": {}})
    assert ask(prover, fake).holds
    assert LOGGING.keys() > {"textDataDeliveryEnabled"}


def test_a_project_of_its_own_mind_does_not_ask_the_organisation(fake: FakeThread) -> None:
    prover = PROVERS["openai.data_retention"]
    path = "/organization/projects/proj_abc/data_retention"
    kept = {"object": "project.data_retention", "type": "enhanced_zero_data_retention"}
    serve(fake, prover, answers={path: kept, "/organization/data_retention": None})
    assert ask(prover, fake).holds
    assert [request.path for request in fake.requests] == [path]


@pytest.mark.parametrize(
    ("asked", "told", "holds"),
    [("proj", "proj", True), ("proj", "1", True), ("1", "proj", True), ("1", "2", False), ("proj", "other", False)],
)
def test_google_names_a_project_by_its_id_or_its_number(asked: str, told: str, holds: bool, fake: FakeThread) -> None:
    path = f"/v1/projects/{asked}/cacheConfig"
    told = f"projects/{told}/cacheConfig"
    serve(fake, PROVERS["vertex.cache_config"], answers={path: {"name": told, "disableCache": True}})
    assert ask(PROVERS["vertex.cache_config"], fake, target=asked).holds is holds


@pytest.mark.parametrize(
    "kept", [{}, {"retentionConfig": {}}, {"retentionConfig": {"retentionType": "EPHEMERAL"}}], ids=str
)
def test_a_cache_that_is_off_whatever_it_would_be(kept: dict[str, Any], fake: FakeThread) -> None:
    prover = PROVERS["vertex.cache_config"]
    (path,) = prover.answers
    serve(fake, prover, answers={path: {"name": "projects/proj/cacheConfig", "disableCache": True, **kept}})
    assert ask(prover, fake).holds


def test_another_of_the_resources_names_will_do(fake: FakeThread) -> None:
    prover = PROVERS["azure.content_logging"]
    names = {"endpoint": "https://else.openai.azure.com/", "endpoints": {"a": "https://CONTOSO.openai.azure.com/"}}
    serve(fake, prover, answers={RESOURCE: RESOURCE_BODY | {"properties": RESOURCE_BODY["properties"] | names}})
    assert ask(prover, fake).holds


def test_one_model_of_two_is_proven(fake: FakeThread) -> None:
    prover = PROVERS["bedrock.data_retention"]
    serve(fake, prover, answers={"/v1/models/eu.a%2Fb": bedrock_model("default", "default", id="eu.a/b")})
    verdict = ask(prover, fake, models=("m", "eu.a/b"))
    assert verdict == Verdict(holds=True, reason=Reason.PROVEN, models=("m",))


def test_a_gateway_whose_scanner_is_off_is_proven(fake: FakeThread) -> None:
    prover = PROVERS["cloudflare.gateway"]
    (path,) = prover.answers
    off = GATEWAY | {"guardrails": None, "dlp": {"enabled": False, "policies": []}}
    serve(fake, prover, answers={path: {"success": True, "result": off}})
    assert ask(prover, fake).holds


def test_a_gateway_that_says_nothing_of_more_is_proven(fake: FakeThread) -> None:
    prover = PROVERS["cloudflare.gateway"]
    (path,) = prover.answers
    least = {name: GATEWAY[name] for name in ("id", "collect_logs", "cache_ttl", "logpush", "zdr")}
    serve(fake, prover, answers={path: {"success": True, "result": least}})
    assert ask(prover, fake).holds


HEADERS: dict[str, tuple[tuple[tuple[str, str], ...], Reason]] = {
    "none": ((), Reason.MISSING),
    "false": ((("x-zero-data-retention", "false"),), Reason.RETAINS),
    "both": ((("x-zero-data-retention", "true"), ("x-zero-data-retention", "false")), Reason.RETAINS),
    "another word": ((("x-zero-data-retention", "yes"),), Reason.UNEXPECTED),
    "empty": ((("x-zero-data-retention", ""),), Reason.UNEXPECTED),
}


@pytest.mark.parametrize(("headers", "reason"), HEADERS.values(), ids=HEADERS)
def test_the_header_of_xai(headers: tuple[tuple[str, str], ...], reason: Reason, fake: FakeThread) -> None:
    prover = PROVERS["xai.response_header"]
    serve(fake, prover, headers=headers)
    assert ask(prover, fake) == failed(reason)


ELSE = b"<html>canary-page</html>"
TROUBLE: dict[str, tuple[Script, Reason]] = {
    "401": (plainly(401, ELSE), Reason.KEY_REFUSED),
    "403": (plainly(403, b'{"error":"canary"}'), Reason.KEY_REFUSED),
    "404": (plainly(404, b"{}"), Reason.NOT_THERE),
    "429": (plainly(429, b"{}"), Reason.THROTTLED),
    "500": (plainly(500, ELSE), Reason.STATUS),
    "204": (plainly(204, b""), Reason.STATUS),
    "cut": ((Cut(),), Reason.UNREACHABLE),
    "cut within": ((Head(200, (("content-length", "99"),)), Send(b'{"mode":'), Cut()), Reason.UNREACHABLE),
}
BODIES: dict[str, tuple[bytes, Reason]] = {
    "HTML": (ELSE, Reason.MALFORMED),
    "nothing": (b"", Reason.MALFORMED),
    "half": (b'{"object":', Reason.MALFORMED),
    "a member twice": (b'{"data": [], "data": []}', Reason.MALFORMED),
    "a list": (b"[]", Reason.UNEXPECTED),
    "a word": (b'"zero_data_retention"', Reason.UNEXPECTED),
    "not UTF-8": (b'{"a":"\xff"}', Reason.MALFORMED),
    "deep": (b"[" * 5000, Reason.MALFORMED),
}


@ALL
@pytest.mark.parametrize(("script", "reason"), TROUBLE.values(), ids=TROUBLE)
def test_trouble(prover: Prover, script: Script, reason: Reason, fake: FakeThread) -> None:
    fake.answer(script)
    assert ask(prover, fake) == failed(reason)


@ALL
@pytest.mark.parametrize(("body", "reason"), BODIES.values(), ids=BODIES)
def test_bodies_that_are_none(prover: Prover, body: bytes, reason: Reason, fake: FakeThread) -> None:
    fake.answer(plainly(200, body))
    expected = Reason.MISSING if prover.probe == "xai.response_header" else reason  # its body does not matter
    assert ask(prover, fake) == failed(expected)


@pytest.mark.parametrize(("prover", "path", "where"), [each for each in NEEDED if isinstance(each[2][-1], str)])
def test_a_field_that_stands_twice_proves_nothing(
    prover: Prover, path: str, where: tuple[Any, ...], fake: FakeThread
) -> None:
    """Readers take the first or the last; here both are good, so that nothing else is wrong."""
    value: Any = prover.answers[path]
    for step in where:
        value = value[step]
    member = msgspec.json.encode({where[-1]: value}).decode()[1:-1]

    def script(request: Recorded) -> Iterator[Any]:
        text = msgspec.json.encode(prover.answers[request.path]).decode()
        twice = text.replace(member, f"{member},{member}")
        assert (twice != text) or request.path != path
        yield Head(200, (("content-type", "application/json"), *prover.headers))
        yield Send((twice if request.path == path else text).encode())

    fake.answer(script)
    assert ask(prover, fake) == failed(Reason.MALFORMED)


@ALL
def test_redirects_are_not_followed(prover: Prover, fake: FakeThread) -> None:
    fake.answer(plainly(302, b"", ("location", fake.url + "/else")))
    assert ask(prover, fake) == failed(Reason.REDIRECTED)
    assert len(fake.requests) == 1


@pytest.mark.parametrize("probe", ["openai.data_retention", "cloudflare.gateway"])
def test_a_body_without_end(probe: str, fake: FakeThread) -> None:
    def endless(_: Recorded) -> Iterator[Any]:
        yield Head(200)
        for _piece in range(BODY_LIMIT // 65536 + 2):
            yield Send(b" " * 65536)

    fake.answer(endless)
    assert ask(PROVERS[probe], fake) == failed(Reason.TOO_LARGE)


@ALL
def test_an_answer_that_does_not_come(prover: Prover, fake: FakeThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.Asker.__init__, "__defaults__", (0.1,))
    fake.answer((Head(200), Send(b"{"), Hang()))
    assert ask(prover, fake) == failed(Reason.SLOW)


@ALL
def test_nobody_there(prover: Prover) -> None:
    verdict = asyncio.run(answer(prover.task("http://127.0.0.1:1"), ENVIRON))
    assert verdict == failed(Reason.UNREACHABLE)


def test_a_key_that_cannot_be_had(fake: FakeThread) -> None:
    prover = PROVERS["openai.data_retention"]
    assert asyncio.run(answer(prover.task(fake.url), {})) == failed(Reason.NO_KEY)
    assert fake.requests == []


def test_a_fault_in_a_probe_is_no_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> Verdict:
        raise RuntimeError(KEY)

    monkeypatch.setitem(PROBES, "openai.data_retention", broken)
    verdict = asyncio.run(answer(PROVERS["openai.data_retention"].task("http://127.0.0.1:1"), ENVIRON))
    assert verdict == failed(Reason.FAULT)


def tls(name: str) -> tuple[ssl.SSLContext, trustme.CA]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context, authority


@pytest.mark.parametrize(
    ("name", "trusted", "reason"),
    [("127.0.0.1", True, None), ("127.0.0.1", False, Reason.TLS), ("else.example", True, Reason.TLS)],
    ids=["trusted", "of a stranger", "of another name"],
)
def test_certificates_are_verified(name: str, *, trusted: bool, reason: Reason | None, tmp_path: Path) -> None:
    context, authority = tls(name)
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    prover = PROVERS["vertex.cache_config"]
    with FakeThread(tls=context) as fake:
        serve(fake, prover)
        verdict = ask(prover, fake, ca_file=str(path) if trusted else None)
        assert (verdict.holds, bool(fake.requests)) == (reason is None, reason is None)
    assert reason is None or verdict.reason is reason


def test_authorities_that_are_none(tmp_path: Path, fake: FakeThread) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    prover = PROVERS["vertex.cache_config"]
    task = prover.task("https://127.0.0.1:1", ca_file=str(empty))
    assert asyncio.run(answer(task, ENVIRON)) == failed(Reason.TLS)


def test_the_upstreams_proxy_is_used(fake: FakeThread) -> None:
    prover = PROVERS["vertex.cache_config"]
    fake.answer(plainly(502, b""))
    task = prover.task("http://vertex.invalid", proxy=fake.url)
    assert asyncio.run(answer(task, ENVIRON)) == failed(Reason.STATUS)
    assert fake.requests[0].target == "http://vertex.invalid/v1/projects/proj/cacheConfig"


def test_nothing_that_is_secret_is_in_a_repr() -> None:
    from lethe.upstream.probes.flags import Process
    from lethe.upstream.probes.verdict import Answer, Question

    shown = repr(Question(base="", path="/a", headers={"authorization": KEY}))
    shown += repr(Answer(status=200, headers=(("a", KEY),), body=KEY.encode()))
    shown += repr(Process(arguments=(KEY,), environ={"A": KEY}))
    assert KEY not in shown

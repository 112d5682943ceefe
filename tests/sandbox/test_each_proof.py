"""Each provider's proof in a real server at A2: while it holds requests pass, and whatever is wrong with its answer ends it.

Another thing is wrong with each provider's answer; `tests/upstream/probes` has all of them for all.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct
from tests.sandbox.conftest import Start
from tests.sandbox.rig import Daemon, eventually, get
from tests.sandbox.test_probes import ask, attesting, begin, configured, refused
from tests.upstream.probes.provers import (
    ACCOUNT,
    GATEWAY,
    KEY,
    PROVERS,
    RESOURCE,
    RESOURCE_BODY,
    bedrock_model,
    plainly,
    serve,
    with_value,
    without,
)

from lethe.ledger.pages import POSTURE_PATH
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.script import Answer, Head, Recorded, Send

CANARY = b'{"canary-said": "canary-said"}'
BY_MODEL = {"bedrock", "openrouter"}  # of which the posture tells what holds for other models
CONTRACT = '[upstreams.up.contract]\nkind = "{}"\nsigned = 2026-01-01\nexpires = 2036-01-01'
# Where this upstream is: the tests' Azure resource is reached at a loopback address.
HERE = with_value(RESOURCE_BODY, ("properties", "endpoint"), "https://127.0.0.1/")


def endless(_: Recorded) -> Iterator[Any]:
    yield Head(200)
    for _piece in range(200):
        yield Send(b"canary-said " * 8192)


class Case(Struct, frozen=True, kw_only=True):
    """`wrong`: other answers, by path of its API; or what it answers to everything."""

    probe: str
    proof: str = 'key = "env:ADMIN"'
    path: str = "/v1"
    more: str = ""
    contract: str = ""
    model: str = "m"
    holds: str
    answers: dict[str, Any] = {}
    wrong: dict[str, Any] | Answer
    reason: str


CASES = {
    "openai": Case(
        probe="openai.data_retention",
        proof='key = "env:ADMIN"\ntarget = "proj_abc"',
        model="gpt-9",
        holds="U3",
        wrong={"/organization/data_retention": {"object": "organization.data_retention", "canary-said": "canary-said"}},
        reason="a field is not what was expected",
    ),
    "xai": Case(
        probe="xai.response_header",
        holds="U2",
        wrong=plainly(200, CANARY),
        reason="a field is missing",
    ),
    "bedrock": Case(
        probe="bedrock.data_retention",
        more='region = "eu-west-1"\nmodels = ["acme.m"]',
        model="acme.m",
        holds="U2",
        answers=PROVERS["bedrock.invocation_logging"].answers | {"/v1/models/acme.m": bedrock_model(id="acme.m")},
        wrong={"/logging/modelinvocations": {"loggingConfig": {"textDataDeliveryEnabled": True}}},
        reason="a field is missing",
    ),
    "azure": Case(
        probe="azure.content_logging",
        proof=f'key = "env:ADMIN"\ntarget = "{RESOURCE}"',
        path="/openai/v1",
        holds="U3",
        answers={RESOURCE: HERE},
        wrong={RESOURCE: without(HERE, ("properties", "capabilities", 1))},
        reason="a field is missing",
    ),
    "vertex": Case(
        probe="vertex.cache_config",
        path="/v1/projects/proj/locations/global/endpoints/openapi",
        proof='key = "env:ADMIN"\ntarget = "proj"',
        contract=CONTRACT.format("abuse-monitoring-exception"),
        model="google/gemini-9",
        holds="U3",
        wrong={"/v1/projects/proj/cacheConfig": {"name": "projects/else/cacheConfig", "disableCache": True}},
        reason="the answer is about something else",
    ),
    "cloudflare": Case(
        probe="cloudflare.gateway",
        proof=f'key = "env:ADMIN"\ntarget = "{ACCOUNT}/gw"',
        path=f"/v1/{ACCOUNT}/gw/openai",
        contract=CONTRACT.format("unified-billing-zdr"),
        model="openai/gpt-9",
        holds="U3",
        wrong={
            f"/accounts/{ACCOUNT}/ai-gateway/gateways/gw": {
                "success": True,
                "result": GATEWAY | {"otel": [{"url": "https://canary-said.example", "headers": {}}]},
            }
        },
        reason="the setting keeps content",
    ),
    "openrouter": Case(
        probe="openrouter.zdr_endpoints",
        proof="",
        more='models = ["a/two"]',
        model="a/two",
        holds="U2",
        wrong=endless,
        reason="the answer is too large",
    ),
}


@pytest.fixture
def model() -> Iterator[FakeThread]:
    """Answers chat; as xAI does, it says with each answer that nothing is kept."""
    with FakeThread() as server:
        server.answer(attesting("true"))
        yield server


@pytest.fixture
def desk() -> Iterator[FakeThread]:
    with FakeThread() as server:
        yield server


def answering(desk: FakeThread, case: Case, wrong: dict[str, Any] | Answer) -> None:
    if isinstance(wrong, dict):
        serve(desk, PROVERS[case.probe], answers=case.answers | wrong)
    else:
        desk.answer(wrong)


def told(lethe: Daemon) -> str:
    """The class of chat in the posture."""
    status, body = get(lethe.url, POSTURE_PATH)
    assert status == 200
    (upstream,) = json.loads(body)["upstreams"]
    (chat,) = (surface for surface in upstream["surfaces"] if surface["endpoint"] == "chat")
    return str(chat["upstream_class"])


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "case"), CASES.items(), ids=CASES)
def test_it_lets_requests_pass_as_long_as_it_holds(
    provider: str, case: Case, start: Start, model: FakeThread, desk: FakeThread
) -> None:
    answering(desk, case, {})
    proof = f'{case.proof}\nbase_url = "{desk.url}"\nevery = 1\n{case.contract}'
    lethe = begin(start, configured(model, provider, proof, path=case.path, more=case.more))
    assert ask(lethe, case.model)[:2] == (200, case.holds)
    assert (told(lethe) == case.holds) is (provider not in BY_MODEL)
    answering(desk, case, case.wrong)
    eventually(lambda: refused(lethe, case.model), "the class to fall")
    lethe.until(f" fails: {case.reason}")
    eventually(lambda: told(lethe) != case.holds, "the posture to say so")
    answered = len(model.requests)
    assert refused(lethe, case.model)
    assert len(model.requests) == answered
    assert not any(word in lethe.said for word in ("canary", KEY))
    assert all(KEY not in repr(request.headers) for request in model.requests)


@pytest.mark.slow
@pytest.mark.parametrize(("provider", "case"), CASES.items(), ids=CASES)
def test_a_start_with_a_provider_that_is_not_there(
    provider: str, case: Case, start: Start, model: FakeThread, desk: FakeThread
) -> None:
    proof = f'{case.proof}\nbase_url = "http://127.0.0.1:1"\n{case.contract}'
    lethe = begin(start, configured(model, provider, proof, path=case.path, more=case.more))
    assert refused(lethe, case.model)
    lethe.until(" fails: nobody answers")
    assert not model.requests
    answering(desk, case, {})
    lethe.config.write_text(lethe.config.read_text().replace("http://127.0.0.1:1", desk.url))
    lethe.until("reloaded the configuration")
    eventually(lambda: ask(lethe, case.model)[:2] == (200, case.holds), "the class to rise")

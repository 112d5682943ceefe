"""Upstreams that are asked with a cloud identity: the signature fits the bytes that arrive, or nothing is sent."""

import json
import time
from urllib.parse import quote

import msgspec
import pytest
from tests.server.rig import ANTHROPIC, Rig, error_in, json_answer, request, serving, upstream, whole
from tests.server.signatures import KEYS, REGION, signed_properly

from lethe.ir.content import Dialect
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth
from lethe.routing.table import Route, Target
from lethe.upstream.fake import Fake

AWS = {"auth": Auth.AWS, "region": REGION, "credential": "aws:"}


def issue(rig: Rig, keys: Keys | None, reference: str = "aws:") -> None:
    secret = "" if keys is None else msgspec.json.encode(keys).decode()
    rig.serving.replace_credentials({reference: secret, "env:B": "sk-b"})


async def test_what_arrives_is_what_was_signed() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **AWS)]) as rig:
        issue(rig, KEYS)
        fake.answer(whole(ANTHROPIC), whole(ANTHROPIC))
        assert (await rig.ask("POST", "/v1/messages", request(ANTHROPIC))).status == 200
        beta = await rig.ask("POST", "/v1/messages?beta=true", request(ANTHROPIC), x_api_key="mine")
        assert beta.status == 200
        for received in fake.requests:
            assert signed_properly(received, KEYS)
            assert received.header("x-api-key") is None


@pytest.mark.parametrize("change", ["body", "key", "path", "token"])
async def test_another_request_has_another_signature(change: str) -> None:
    """The judge of the test above can say no."""
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **AWS)]) as rig:
        issue(rig, KEYS)
        fake.answer(whole(ANTHROPIC))
        await rig.ask("POST", "/v1/messages", request(ANTHROPIC))
        received, keys = fake.requests[0], KEYS
        match change:
            case "body":
                received = msgspec.structs.replace(received, body=received.body + b" ")
            case "path":
                received = msgspec.structs.replace(received, target="/v1/message")
            case "token":
                kept = tuple(pair for pair in received.headers if pair[0] != "x-amz-security-token")
                received = msgspec.structs.replace(received, headers=(*kept, ("x-amz-security-token", "other")))
            case _:
                keys = msgspec.structs.replace(KEYS, secret="other")
        assert not signed_properly(received, keys)


CONVERSED = {
    "output": {"message": {"role": "assistant", "content": [{"text": "good day"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
    "metrics": {"latencyMs": 1},
}
MODEL = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-sonnet-4-5-v1:0"


async def test_a_model_in_the_path_is_encoded_once_on_the_wire_and_twice_in_the_signature() -> None:
    async with Fake() as fake:
        converse = upstream("a", fake, Dialect.CONVERSE, **{**AWS, "base_url": fake.url})
        async with serving([converse]) as rig:
            issue(rig, KEYS)
            fake.answer(json_answer(200, CONVERSED))
            reply = await rig.ask("POST", "/v1/messages", {**request(ANTHROPIC), "model": MODEL})
            assert (reply.status, reply.json()["content"]) == (200, [{"type": "text", "text": "good day"}])
            assert fake.requests[0].target == f"/model/{quote(MODEL, safe='')}/converse"
            assert signed_properly(fake.requests[0], KEYS)


PAST = msgspec.structs.replace(KEYS, expires=time.time() - 1)
FUTURE = msgspec.structs.replace(KEYS, expires=time.time() + 3600)


@pytest.mark.parametrize("keys", [None, PAST])
@pytest.mark.parametrize("auth", [Auth.AWS, Auth.GOOGLE, Auth.AZURE])
async def test_nothing_is_sent_without_a_valid_credential(auth: Auth, keys: Keys | None) -> None:
    if auth is not Auth.AWS:
        keys = None
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **{**AWS, "auth": auth})]) as rig:
        issue(rig, keys)
        reply = await rig.ask("POST", "/v1/messages", request(ANTHROPIC))
        assert reply.status == 503
        assert "a cannot be asked: there is no valid credential" in error_in(reply, ANTHROPIC)["message"]
        assert not fake.requests


@pytest.mark.parametrize("secret", ["", "{}", "AKIA:canary-secret", '{"key_id":"canary-secret"}'])
async def test_what_are_no_keys_is_not_quoted(secret: str) -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **AWS)]) as rig:
        rig.serving.replace_credentials({"aws:": secret})
        reply = await rig.ask("POST", "/v1/messages", request(ANTHROPIC))
        assert (reply.status, b"canary" in reply.body, len(fake.requests)) == (503, False, 0)


async def test_without_a_region_nothing_can_be_signed() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **{**AWS, "region": None})]) as rig:
        issue(rig, KEYS)
        assert (await rig.ask("POST", "/v1/messages", request(ANTHROPIC))).status == 503
        assert not fake.requests


async def test_keys_that_are_still_valid_are_used() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **AWS)]) as rig:
        issue(rig, FUTURE)
        fake.answer(whole(ANTHROPIC))
        assert (await rig.ask("POST", "/v1/messages", request(ANTHROPIC))).status == 200


async def test_the_next_upstream_is_asked_instead() -> None:
    async with Fake() as first, Fake() as second:
        upstreams = [upstream("a", first, ANTHROPIC, **AWS), upstream("b", second, ANTHROPIC)]
        route = Route(model="*", to=(Target(0), Target(1)))
        async with serving(upstreams, [route]) as rig:
            issue(rig, PAST)
            second.answer(whole(ANTHROPIC))
            assert (await rig.ask("POST", "/v1/messages", request(ANTHROPIC))).status == 200
            assert (len(first.requests), len(second.requests)) == (0, 1)


async def test_a_token_is_a_bearer_token() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **{**AWS, "auth": Auth.GOOGLE})]) as rig:
        rig.serving.replace_credentials({"aws:": "ya29.x"})
        fake.answer(whole(ANTHROPIC))
        await rig.ask("POST", "/v1/messages", request(ANTHROPIC))
        assert fake.requests[0].header("authorization") == "Bearer ya29.x"


async def test_the_list_of_models_is_signed_too() -> None:
    async with Fake() as fake, serving([upstream("a", fake, ANTHROPIC, **AWS)]) as rig:
        issue(rig, KEYS)
        fake.answer(whole(ANTHROPIC))
        assert (await rig.ask("GET", "/v1/models")).status == 200
        assert signed_properly(fake.requests[0], KEYS)
        issue(rig, None)
        async with serving(rig.plan.upstreams) as other:
            issue(other, None)
            assert json.loads((await other.ask("GET", "/v1/models")).body)["data"] == []
        assert len(fake.requests) == 1

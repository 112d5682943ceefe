"""Secrets in the stores of three clouds, as they answer."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from tests.credentials.apart import MOTO, ask

from lethe.credentials import azure, google, stores
from lethe.credentials.issued import Issued, fetch
from lethe.credentials.static import Unresolved
from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import content, document

AWS = {
    "AWS_ACCESS_KEY_ID": "AKIAENV",
    "AWS_SECRET_ACCESS_KEY": "secret-env",
    "AWS_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
FILLED = (
    MOTO
    + """
import botocore.session
client = botocore.session.Session().create_client("secretsmanager", region_name="eu-west-1")
client.create_secret(Name="plain", SecretString="sk-plain\\n")
client.create_secret(Name="team/keys", SecretString='{"openai": "sk-openai", "number": 1}')
client.create_secret(Name="bytes", SecretBinary=b"x")
"""
)


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("plain", "sk-plain", ""),
        ("arn:aws:secretsmanager:eu-west-1:123456789012:secret:plain", "sk-plain", ""),
        ("team/keys#openai", "sk-openai", ""),
        ("team/keys#other", "", "the store does not answer as it should"),
        ("team/keys#number", "", "the store does not answer as it should"),
        ("plain#openai", "", "the store does not answer as it should"),
        ("bytes", "", "the store does not answer as it should"),
        ("none", "", "AWS refuses to give it"),
    ],
)
def test_secrets_manager(place: str, value: str, reason: str, tmp_path: Path) -> None:
    asked = ask(f"aws-sm:{place}", tmp_path, AWS, FILLED)
    assert (asked.value, asked.reason, asked.expires) == (value, reason, None)


def test_secrets_manager_without_a_region(tmp_path: Path) -> None:
    asked = ask("aws-sm:plain", tmp_path, {**AWS, "AWS_REGION": ""}, FILLED)
    assert asked.reason == "no AWS region is set (AWS_REGION)"


@pytest.fixture
def identities(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What tokens were asked for."""
    asked: list[tuple[str, str]] = []
    for module in (google, azure):

        def issue(reference: str, place: str, name: str = module.__name__.rpartition(".")[2]) -> Issued:
            asked.append((name, place))
            return Issued(f"token-{name}")

        monkeypatch.setattr(module, "issue_token", issue)
    return asked


def payload(text: bytes) -> dict[str, Any]:
    return {"name": "projects/1/secrets/s/versions/3", "payload": {"data": b64encode(text).decode()}}


def test_secret_manager(identities: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeThread() as fake:
        monkeypatch.setattr(stores, "GOOGLE", fake.url)
        fake.answer(document(payload(b"sk-one\n")))
        assert fetch("gcp-sm:projects/p/secrets/s") == Issued("sk-one")
        assert fetch("gcp-sm:projects/p/secrets/s/versions/2") == Issued("sk-one")
        targets = [f"/v1/projects/p/secrets/s/versions/{version}:access" for version in ("latest", "2")]
        assert [each.target for each in fake.requests] == targets
        assert {each.header("authorization") for each in fake.requests} == {"Bearer token-google"}
        assert identities == [("google", "")] * 2


def test_key_vault(identities: list[tuple[str, str]]) -> None:
    with FakeThread() as fake:
        fake.answer(document({"value": "sk-one", "id": f"{fake.url}/secrets/s/1"}))
        assert fetch(f"azure-kv:{fake.url}/secrets/s") == Issued("sk-one")
        assert fake.requests[0].target == "/secrets/s?api-version=7.4"
        assert fake.requests[0].header("authorization") == "Bearer token-azure"


@pytest.mark.parametrize(
    ("vault", "scope"),
    [
        ("v.vault.azure.net", "https://vault.azure.net/.default"),
        ("v.vault.azure.cn", "https://vault.azure.cn/.default"),
        ("v.vault.usgovcloudapi.net", "https://vault.usgovcloudapi.net/.default"),
    ],
)
def test_a_vault_is_asked_with_the_token_of_its_cloud(
    vault: str, scope: str, identities: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "_ask", lambda *_: {"value": "x"})
    fetch(f"azure-kv:https://{vault}/secrets/s")
    assert identities == [("azure", f"#{scope}")]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (document({"error": "CANARY_x"}, 403), "the store does not let this identity read it"),
        (document({}, 401), "the store does not know this identity"),
        (document({}, 404), "there is no such secret"),
        (document({}, 500), "the store does not answer as it should"),
        (document({}, 302, ("location", "http://127.0.0.1:9/")), "the store does not answer as it should"),
        (content("text/plain", b"CANARY_x"), "the store does not answer as it should"),
        (document([]), "the store does not answer as it should"),
        (document({"payload": []}), "the store does not answer as it should"),
        (document({"payload": {"data": "%"}}), "the secret is not text"),
        (document(payload(b"\xff")), "the secret is not text"),
        (document(payload(b"CANARY_x\nCANARY_y")), "it holds characters that no header can carry"),
        (document(payload(b"")), "it is empty"),
    ],
)
@pytest.mark.usefixtures("identities")
def test_what_is_said_of_other_answers(answer: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeThread() as fake:
        monkeypatch.setattr(stores, "GOOGLE", fake.url)
        fake.answer(answer)
        with pytest.raises(Unresolved) as caught:
            fetch("gcp-sm:projects/p/secrets/s")
    assert caught.value.reason == reason
    assert "CANARY" not in str(caught.value)


@pytest.mark.usefixtures("identities")
def test_a_store_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "GOOGLE", "http://127.0.0.1:9")
    with pytest.raises(Unresolved, match="the store cannot be reached"):
        fetch("gcp-sm:projects/p/secrets/s")

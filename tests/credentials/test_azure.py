"""Tokens of Microsoft Entra from every place that Azure's SDK looks at."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme
from tests.credentials.apart import Asked, ask, serving

from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Recorded

SCOPE = "https://cognitiveservices.azure.com/.default"
RESOURCE = "https://cognitiveservices.azure.com"
CLIENT = "11111111-2222-3333-4444-555555555555"
TENANT = "99999999-2222-3333-4444-555555555555"
TOKEN = {"access_token": "eyJ.one", "expires_in": "86400", "resource": RESOURCE, "token_type": "Bearer"}
ALONE = {"AZURE_TOKEN_CREDENTIALS": "prod"}  # no tools of developers


def expires_in(asked: Asked, seconds: float) -> bool:
    return asked.expires is not None and abs(asked.expires - time.time() - seconds) < 60


def test_the_identity_of_an_app_service(tmp_path: Path) -> None:
    """Container Apps and Functions too."""
    with FakeThread() as fake:
        fake.answer(serving({"GET /msi/token": {**TOKEN, "expires_on": str(int(time.time()) + 86400)}}))
        environ = {**ALONE, "IDENTITY_ENDPOINT": f"{fake.url}/msi/token", "IDENTITY_HEADER": "h"}
        for reference, scope, client in [
            ("azure:", RESOURCE, None),
            (f"azure:{CLIENT}", RESOURCE, [CLIENT]),
            ("azure:#https://ai.azure.com/.default", "https://ai.azure.com", None),
        ]:
            asked = ask(reference, tmp_path, environ)
            assert (asked.value, asked.started) == ("eyJ.one", [])
            assert expires_in(asked, 86400)
            received = fake.requests[-1]
            query = parse_qs(received.query)
            assert (query["resource"], query.get("client_id")) == ([scope], client)
            assert received.header("x-identity-header") == "h"


def test_the_identity_of_an_instance(tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(serving({"GET /metadata/identity/oauth2/token": TOKEN}))
        asked = ask("azure:", tmp_path, {**ALONE, "AZURE_POD_IDENTITY_AUTHORITY_HOST": fake.url})
        assert asked.value == "eyJ.one"
        assert fake.requests[-1].header("metadata") == "true"


@pytest.fixture
def entra(tmp_path: Path) -> Iterator[tuple[FakeThread, dict[str, str]]]:
    """An authority of our own, over TLS, which the SDK insists on."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with FakeThread(tls=context) as fake:
        url = fake.url.replace("127.0.0.1", "localhost")
        described = {
            "issuer": f"{url}/{TENANT}/v2.0",
            "authorization_endpoint": f"{url}/{TENANT}/oauth2/v2.0/authorize",
            "token_endpoint": f"{url}/{TENANT}/oauth2/v2.0/token",
        }
        fake.answer(
            serving(
                {
                    f"GET /{TENANT}/v2.0/.well-known/openid-configuration": described,
                    f"POST /{TENANT}/oauth2/v2.0/token": {**TOKEN, "expires_in": 3600},
                }
            )
        )
        environ = {
            **ALONE,
            "AZURE_AUTHORITY_HOST": url,
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "REQUESTS_CA_BUNDLE": str(tmp_path / "ca.pem"),
        }
        yield fake, environ


def posted(fake: FakeThread) -> dict[str, list[str]]:
    (asked,) = [each for each in fake.requests if each.method == "POST"]
    return parse_qs(asked.body.decode())


def test_a_service_principal(tmp_path: Path, entra: tuple[FakeThread, dict[str, str]]) -> None:
    fake, environ = entra
    asked = ask("azure:", tmp_path, {**environ, "AZURE_CLIENT_SECRET": "s"})
    assert asked.value == "eyJ.one"
    assert expires_in(asked, 3600)
    form = posted(fake)
    assert (form["client_id"], form["client_secret"], form["scope"]) == ([CLIENT], ["s"], [SCOPE])


def test_a_workload_identity(tmp_path: Path, entra: tuple[FakeThread, dict[str, str]]) -> None:
    """As a pod of Kubernetes has it."""
    fake, environ = entra
    (tmp_path / "federated").write_text("eyJ.pod")
    asked = ask("azure:", tmp_path, {**environ, "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "federated")})
    assert asked.value == "eyJ.one"
    assert posted(fake)["client_assertion"] == ["eyJ.pod"]


def test_a_refusal_is_told_in_our_words(tmp_path: Path, entra: tuple[FakeThread, dict[str, str]]) -> None:
    fake, environ = entra

    def refuse(received: Recorded) -> Any:
        if received.method == "GET":
            return document(
                {
                    "issuer": "x",
                    "authorization_endpoint": fake.url,
                    "token_endpoint": f"https://localhost:{fake.url.rpartition(':')[2]}/t",
                }
            )
        return document({"error": "invalid_client", "error_description": "CANARY_x"}, 401)

    fake.answer(refuse)
    asked = ask("azure:", tmp_path, {**environ, "AZURE_CLIENT_SECRET": "s"})
    assert asked.reason == "no Azure identity gives a token here"


def test_nothing_is_found(tmp_path: Path) -> None:
    asked = ask("azure:", tmp_path, {**ALONE, "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9"})
    assert asked.reason == "no Azure identity gives a token here"


def test_an_environment_that_makes_no_sense(tmp_path: Path) -> None:
    asked = ask("azure:", tmp_path, {"AZURE_TOKEN_CREDENTIALS": "CANARY_x"})
    assert asked.reason == "the environment describes no Azure identity"

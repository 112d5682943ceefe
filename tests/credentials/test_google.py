"""Tokens of Google Cloud from every place that its SDKs look at."""

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.credentials.apart import ask, serving

from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import document
from lethe.upstream.fake.script import Recorded, Script

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
TOKEN = {"access_token": "ya29.one", "expires_in": 3600, "token_type": "Bearer"}
PEM = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    .decode()
)


def service_account(url: str) -> dict[str, Any]:
    return {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": PEM,
        "client_email": "lethe@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": f"{url}/token",
    }


def user(_: str) -> dict[str, Any]:
    """What `gcloud auth application-default login` leaves: no project, for which the SDK would run gcloud."""
    return {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
    }


def federation(url: str) -> dict[str, Any]:
    """Of another cloud's identity, by a file: with a project, whose name the SDK would look up."""
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/123/locations/global/workloadIdentityPools/pool/providers/one",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"{url}/token",
        "credential_source": {"file": "SUBJECT"},
    }


def impersonation(url: str) -> dict[str, Any]:
    """Federation, and then a service account's token in its place."""
    where = f"{url}/v1/projects/-/serviceAccounts/lethe@p.iam.gserviceaccount.com:generateAccessToken"
    return {**federation(url), "service_account_impersonation_url": where}


def at(url: str) -> str:
    """Users' tokens come from one address only, whatever their file says."""
    return f"import google.oauth2.credentials as c; c._GOOGLE_OAUTH2_TOKEN_ENDPOINT = '{url}/token'"


LATER = "2036-11-29T12:00:00Z"
ROUTES: dict[str, Any] = {
    "POST /token": TOKEN,
    "POST /v1/projects/-/serviceAccounts/lethe@p.iam.gserviceaccount.com:generateAccessToken": {
        "accessToken": "ya29.two",
        "expireTime": LATER,
    },
}


def write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize("kind", [service_account, user, federation])
def test_a_file_of_credentials(kind: Any, tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("eyJ.x.y")
    with FakeThread() as fake:
        fake.answer(serving(ROUTES))
        content = json.loads(json.dumps(kind(fake.url)).replace("SUBJECT", str(tmp_path / "subject")))
        path = write(tmp_path / "elsewhere.json", content)
        there = at(fake.url)
        named = ask(f"google:{path}", tmp_path, {}, there)
        found = ask("google:", tmp_path, {"GOOGLE_APPLICATION_CREDENTIALS": str(path)}, there)
        left = write(tmp_path / ".config" / "gcloud" / "application_default_credentials.json", content)
        signed_in = ask("google:", tmp_path, {}, there)
        for asked in (named, found, signed_in):
            assert (asked.value, asked.started) == ("ya29.one", [])
            assert asked.expires is not None
            assert 3300 < asked.expires - time.time() < 3700
        assert [each.path for each in fake.requests] == ["/token"] * 3
        assert left.read_text() == json.dumps(content)


def test_a_service_account_says_what_for(tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(serving(ROUTES))
        ask(f"google:{write(tmp_path / 'sa.json', service_account(fake.url))}", tmp_path)
        assertion = parse_qs(fake.requests[0].body.decode())["assertion"][0]
    claims = assertion.split(".")[1]
    from base64 import urlsafe_b64decode

    said = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    assert (said["iss"], said["scope"]) == ("lethe@p.iam.gserviceaccount.com", SCOPE)


def test_federation_says_what_for_and_may_impersonate(tmp_path: Path) -> None:
    (tmp_path / "subject").write_text("eyJ.x.y")
    with FakeThread() as fake:
        fake.answer(serving(ROUTES))
        content = json.loads(json.dumps(impersonation(fake.url)).replace("SUBJECT", str(tmp_path / "subject")))
        asked = ask(f"google:{write(tmp_path / 'wif.json', content)}", tmp_path)
        assert asked.value == "ya29.two"
        exchanged = parse_qs(fake.requests[0].body.decode())
        assert exchanged["subject_token"] == ["eyJ.x.y"]
        assert json.loads(fake.requests[1].body)["scope"] == [SCOPE]


def metadata(received: Recorded) -> Script:
    """As an instance's metadata server, and Cloud Run's, answers."""
    flavour = ("metadata-flavor", "Google")
    if received.header("metadata-flavor") != "Google":
        return document({}, 403)
    bodies: dict[str, Any] = {
        "/computeMetadata/v1/instance/service-accounts/default/token": TOKEN,
        "/computeMetadata/v1/instance/service-accounts/default/": {
            "email": "lethe@p.iam.gserviceaccount.com",
            "scopes": [SCOPE],
            "aliases": ["default"],
        },
    }
    body = bodies.get(received.path, {})
    return document(body, 200, flavour)


def test_the_metadata_server(tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(metadata)
        place = fake.url.removeprefix("http://")
        asked = ask("google:", tmp_path, {"GCE_METADATA_HOST": place, "GCE_METADATA_IP": place})
        assert (asked.value, asked.started) == ("ya29.one", [])
        assert asked.expires is not None


def test_nothing_is_found(tmp_path: Path) -> None:
    assert ask("google:", tmp_path, {"NO_GCE_CHECK": "true"}).reason == "no Google credentials are found here"
    assert ask("google:/none.json", tmp_path).reason == "no Google credentials are found here"


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "invalid_grant", "error_description": "CANARY_x"}, "Google refuses to give a token"),
        (200, {"access_token": "ya29.\n", "expires_in": 9}, "it holds characters that no header can carry"),
    ],
)
def test_what_is_said_of_a_refusal(status: int, body: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(document(body, status))
        path = write(tmp_path / "user.json", user(fake.url))
        assert ask(f"google:{path}", tmp_path, {}, at(fake.url)).reason == reason


def test_a_server_that_cannot_be_reached(tmp_path: Path) -> None:
    path = write(tmp_path / "user.json", user(""))
    assert ask(f"google:{path}", tmp_path, {}, at("http://127.0.0.1:9")).reason == "Google cannot be reached"


@pytest.mark.parametrize("text", ["CANARY_x", '{"type": "CANARY_x"}', '{"type": "service_account"}', "[]", "{}"])
def test_a_file_that_holds_no_credentials(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    asked = ask(f"google:{tmp_path / 'x.json'}", tmp_path)
    expected = "asking for it has failed" if text == "[]" else "no Google credentials are found here"
    assert asked.reason == expected

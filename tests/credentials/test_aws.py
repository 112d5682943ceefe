"""Keys of AWS from every place that its SDKs look at, and what is said when there are none."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.credentials.apart import MOTO, ask, serving

from lethe.upstream.fake import FakeThread
from lethe.upstream.fake.replies import content, document
from lethe.upstream.fake.script import Recorded, Script

NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true"}
STATIC = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "secret-env"}
LATER = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
ISSUED = {"AccessKeyId": "ASIAONE", "SecretAccessKey": "secret-one", "Token": "token-one"}
ENDING = {**ISSUED, "Expiration": LATER.strftime("%Y-%m-%dT%H:%M:%SZ")}
ONE = {"key_id": "ASIAONE", "secret": "secret-one", "token": "token-one", "expires": LATER.timestamp()}
ROLE = "arn:aws:iam::123456789012:role/lethe"


def aws(home: Path, **files: str) -> dict[str, str]:
    """Profile files as they lie in `~/.aws`."""
    folder = home / ".aws"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return NOWHERE


def test_keys_of_the_environment_have_no_end(tmp_path: Path) -> None:
    asked = ask("aws:", tmp_path, {**NOWHERE, **STATIC})
    assert asked.keys() == {"key_id": "AKIAENV", "secret": "secret-env", "token": None, "expires": None}
    assert asked.expires is None
    session = ask("aws:", tmp_path, {**NOWHERE, **STATIC, "AWS_SESSION_TOKEN": "token-env"})
    assert session.keys()["token"] == "token-env"


def test_keys_of_a_profile(tmp_path: Path) -> None:
    text = "[default]\naws_access_key_id = AKIAD\naws_secret_access_key = d\n"
    environ = aws(tmp_path, credentials=text + "[prod]\naws_access_key_id = AKIAP\naws_secret_access_key = p\n")
    assert ask("aws:", tmp_path, environ).keys()["key_id"] == "AKIAD"
    assert ask("aws:prod", tmp_path, environ).keys()["key_id"] == "AKIAP"
    assert ask("aws:prod", tmp_path, {**environ, **STATIC}).keys()["key_id"] == "AKIAP"
    assert ask("aws:", tmp_path, {**environ, "AWS_PROFILE": "prod"}).keys()["key_id"] == "AKIAP"
    assert ask("aws:none", tmp_path, environ).reason == "there is no such profile"


def test_a_role_is_assumed(tmp_path: Path) -> None:
    environ = aws(
        tmp_path,
        config=f"[profile prod]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-1\n",
        credentials="[base]\naws_access_key_id = AKIAB\naws_secret_access_key = b\n",
    )
    asked = ask("aws:prod", tmp_path, environ, MOTO)
    assert asked.keys()["key_id"].startswith("ASIA")
    assert asked.keys()["token"]
    assert asked.expires == asked.keys()["expires"]
    assert asked.expires is not None
    assert 800 < asked.expires - time.time() < 3700


def test_a_web_identity(tmp_path: Path) -> None:
    """As a pod of Kubernetes has it. Its region is in a variable that botocore does not read by itself."""
    (tmp_path / "token").write_text("eyJ.x.y")
    environ = {
        **NOWHERE,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
        "AWS_ROLE_ARN": ROLE,
        "AWS_REGION": "eu-west-1",
    }
    asked = ask("aws:", tmp_path, environ, MOTO)
    assert asked.keys()["key_id"].startswith("ASIA")
    assert asked.expires is not None
    missing = ask("aws:", tmp_path, {**environ, "AWS_WEB_IDENTITY_TOKEN_FILE": "/none"}, MOTO)
    assert missing.reason == "a file that it is made of cannot be read"


def test_a_refusal_is_told_in_our_words(tmp_path: Path) -> None:
    refused = (
        b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>CANARY_x</Message></Error>"
        b"<RequestId>r</RequestId></ErrorResponse>"
    )
    (tmp_path / "token").write_text("eyJ.x.y")
    with FakeThread() as fake:
        fake.answer(content("text/xml", refused, 403))
        environ = {
            **NOWHERE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_ROLE_ARN": ROLE,
            "AWS_REGION": "eu-west-1",
            "AWS_ENDPOINT_URL_STS": fake.url,
        }
        assert ask("aws:", tmp_path, environ).reason == "AWS refuses to give it"
        assert len(fake.requests) == 1
    environ["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:9"
    assert ask("aws:", tmp_path, environ).reason == "AWS cannot be reached"


def test_the_role_of_a_container(tmp_path: Path) -> None:
    """As EKS Pod Identity and ECS give it; the authorization is read from its file each time."""
    (tmp_path / "authorization").write_text("Basic x")
    with FakeThread() as fake:
        fake.answer(serving({"GET /v1/credentials": ENDING}))
        environ = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{fake.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(tmp_path / "authorization"),
        }
        asked = ask("aws:", tmp_path, environ)
        assert (asked.keys(), asked.expires) == (ONE, LATER.timestamp())
        assert [each.header("authorization") for each in fake.requests] == ["Basic x"]


def imds(received: Recorded) -> Script:
    """The instance's metadata, version 2: nothing without a session's token."""
    if received.method == "PUT" and received.path == "/latest/api/token":
        return content("text/plain", b"session", 200, ("x-aws-ec2-metadata-token-ttl-seconds", "21600"))
    if received.header("x-aws-ec2-metadata-token") != "session":
        return document({}, 401)
    if received.path.endswith("/security-credentials/"):
        return content("text/plain", b"lethe")
    assert received.path.endswith("/security-credentials/lethe")
    return document({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-11-29T00:00:00Z", **ENDING})


def test_the_role_of_an_instance(tmp_path: Path) -> None:
    with FakeThread() as fake:
        fake.answer(imds)
        asked = ask("aws:", tmp_path, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": fake.url})
        assert (asked.keys(), asked.expires) == (ONE, LATER.timestamp())


def test_a_process_of_the_profile(tmp_path: Path) -> None:
    said = {"Version": 1, **{k: v for k, v in ENDING.items() if k != "Token"}, "SessionToken": "token-one"}
    (tmp_path / "said").write_text(json.dumps(said))
    environ = aws(tmp_path, config=f"[default]\ncredential_process = cat {tmp_path / 'said'}\n")
    asked = ask("aws:", tmp_path, environ)
    assert (asked.keys(), len(asked.started)) == (ONE, 1)


@pytest.mark.parametrize("left", [7200, 60])
def test_a_sign_in_is_used_and_never_written(tmp_path: Path, left: int) -> None:
    """`aws sso login` left a token; one that is about to end is renewed, which would be written by itself."""
    now = datetime.now(UTC).replace(microsecond=0)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    start = "https://example.awsapps.com/start"
    config = f"""
[profile prod]
sso_session = one
sso_account_id = 123456789012
sso_role_name = lethe
[sso-session one]
sso_region = eu-west-1
sso_start_url = {start}
"""
    environ = aws(tmp_path, config=config)
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {
        "startUrl": start,
        "region": "eu-west-1",
        "accessToken": "old",
        "expiresAt": (now + timedelta(seconds=left)).strftime(stamp),
        "clientId": "c",
        "clientSecret": "s",
        "registrationExpiresAt": (now + timedelta(days=9)).strftime(stamp),
        "refreshToken": "r",
    }
    name = "fe05bcdcdc4928012781a5f1a2a77cbb5398e106"  # SHA-1 of the session's name
    (cache / f"{name}.json").write_text(json.dumps(token))
    keys = {"accessKeyId": "ASIAONE", "secretAccessKey": "secret-one", "sessionToken": "token-one"}
    routes: dict[str, Any] = {
        "GET /federation/credentials": {"roleCredentials": {**keys, "expiration": int(LATER.timestamp() * 1000)}},
        "POST /token": {"accessToken": "new", "expiresIn": 28800, "tokenType": "Bearer", "refreshToken": "r2"},
    }
    with FakeThread() as fake:
        fake.answer(serving(routes))
        asked = ask(
            "aws:prod", tmp_path, {**environ, "AWS_ENDPOINT_URL_SSO": fake.url, "AWS_ENDPOINT_URL_SSO_OIDC": fake.url}
        )
        assert asked.keys() == ONE
        used = [each.header("x-amz-sso_bearer_token") for each in fake.requests if each.method == "GET"]
        assert used == ["old" if left > 3600 else "new"]
    assert json.loads((cache / f"{name}.json").read_text()) == token
    assert [path.name for path in cache.iterdir()] == [f"{name}.json"]


def test_nothing_is_found(tmp_path: Path) -> None:
    assert ask("aws:", tmp_path, NOWHERE).reason == "no AWS credentials are found here"


def test_keys_that_no_header_can_carry(tmp_path: Path) -> None:
    environ = {**NOWHERE, **STATIC, "AWS_ACCESS_KEY_ID": "AKIA\n"}
    assert ask("aws:", tmp_path, environ).reason == "it holds characters that no header can carry"


def test_a_file_that_is_no_profile(tmp_path: Path) -> None:
    assert ask("aws:", tmp_path, aws(tmp_path, config="CANARY_x")).reason == "it cannot be had from AWS"

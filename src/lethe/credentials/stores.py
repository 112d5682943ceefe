"""Secrets in a cloud's store, read with that cloud's identity; imported by the broker only.

- `aws-sm:NAME-OR-ARN[#key]`: AWS Secrets Manager, botocore 1.44.8 `GetSecretValue`; `key` of a JSON object;
- `gcp-sm:projects/P/secrets/S[/versions/V]`: Secret Manager v1, `versions.access`;
- `azure-kv:https://VAULT.vault.azure.net/secrets/NAME[/VERSION]`: Key Vault, "Get Secret", API version 7.4.
"""

import base64
import binascii
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec

from lethe.credentials.issued import Issued, carried, refused
from lethe.credentials.static import LIMIT, Unresolved

GOOGLE = "https://secretmanager.googleapis.com"
AZURE_VERSION = "7.4"
_SECONDS = 10.0
_REFUSED = {
    401: "the store does not know this identity",
    403: "the store does not let this identity read it",
    404: "there is no such secret",
}
_UNEXPECTED = "the store does not answer as it should"


class _NoRedirect(HTTPRedirectHandler):
    """A token goes to the place that is configured, and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def read(reference: str, scheme: str, place: str) -> Issued:
    """The secret as it is now, as a header carries it: without one trailing newline. Raises Unresolved."""
    match scheme:
        case "aws-sm":
            text = _from_aws(reference, place)
        case "gcp-sm":
            text = _from_google(reference, place)
        case "azure-kv":
            text = _from_azure(reference, place)
        case _:
            raise Unresolved(reference, "no such scheme in this version")
    return Issued(carried(reference, text.removesuffix("\n").removesuffix("\r")))


def _from_aws(reference: str, place: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    from lethe.credentials.aws import REASONS, open_session

    name, hash_, key = place.partition("#")
    parts = name.split(":")
    try:
        session = open_session("")
        client = session.create_client("secretsmanager", region_name=parts[3] if len(parts) > 3 else None)
        said = client.get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError, OSError) as error:
        raise refused(reference, error, REASONS) from None
    text = said.get("SecretString")
    if not hash_:
        return _of(reference, text)
    return _of(reference, _decoded(reference, _of(reference, text)).get(key))


def _from_google(reference: str, place: str) -> str:
    from lethe.credentials.google import issue_token

    token = issue_token(reference, "").value
    version = place if "/versions/" in place else f"{place}/versions/latest"
    said = _ask(reference, f"{GOOGLE}/v1/{version}:access", token)
    payload = said.get("payload")
    try:
        data = _of(reference, payload.get("data") if isinstance(payload, dict) else None)
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise Unresolved(reference, "the secret is not text") from None


def _from_azure(reference: str, place: str) -> str:
    from lethe.credentials.azure import issue_token

    cloud = (urlsplit(place).hostname or "").partition(".")[2]
    token = issue_token(reference, f"#https://{cloud or 'vault.azure.net'}/.default").value
    return _of(reference, _ask(reference, f"{place}?api-version={AZURE_VERSION}", token).get("value"))


def _ask(reference: str, url: str, token: str) -> dict[str, Any]:
    request = Request(url, headers={"authorization": f"Bearer {token}"})  # noqa: S310 - the configuration demands https
    try:
        with build_opener(_NoRedirect).open(request, timeout=_SECONDS) as answer:
            body = answer.read(2 * LIMIT)
    except HTTPError as error:
        error.close()
        raise Unresolved(reference, _REFUSED.get(error.code, _UNEXPECTED)) from None
    except (OSError, HTTPException):
        raise Unresolved(reference, "the store cannot be reached") from None
    return _decoded(reference, body)


def _decoded(reference: str, text: bytes | str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise Unresolved(reference, _UNEXPECTED) from None


def _of(reference: str, value: object) -> str:
    if not isinstance(value, str):
        raise Unresolved(reference, _UNEXPECTED)
    return value

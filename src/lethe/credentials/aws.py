"""Keys of AWS, by the chain that every AWS SDK follows; imported by the broker only.

botocore 1.44.8, `credentials.create_credential_resolver`, in this order:

- `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` (not for a named profile);
- the profile (`AWS_PROFILE`, `AWS_CONFIG_FILE`, `AWS_SHARED_CREDENTIALS_FILE`, `~/.aws`): a role to assume, a web
  identity (`AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN`), a sign-in (SSO), keys, a process;
- the container's role (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN`
  or `_TOKEN_FILE`);
- the instance's role (`AWS_EC2_METADATA_SERVICE_ENDPOINT`, `AWS_EC2_METADATA_DISABLED`).
"""

import os
from typing import Any

import msgspec
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    HTTPClientError,
    NoRegionError,
    ProfileNotFound,
    SSOError,
)
from botocore.session import Session
from botocore.utils import JSONFileCache

from lethe.credentials.issued import Issued, carried, refused
from lethe.credentials.static import Unresolved
from lethe.providers.sigv4 import Keys

_PATIENCE = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
REASONS: dict[type[Exception], str] = {
    ProfileNotFound: "there is no such profile",
    NoRegionError: "no AWS region is set (AWS_REGION)",
    SSOError: "the sign-in has ended: aws sso login",
    HTTPClientError: "AWS cannot be reached",
    ConnectionError: "AWS cannot be reached",
    ClientError: "AWS refuses to give it",
    BotoCoreError: "it cannot be had from AWS",
    OSError: "a file that it is made of cannot be read",
}


def open_session(profile: str) -> Session:
    """A session that has cached nothing yet, and writes nothing. Raises BotoCoreError.

    Containers are told their region by `AWS_REGION`, which botocore does not read.
    """
    JSONFileCache.__setitem__ = _unwritten
    session = Session(profile=profile or None)
    session.set_default_client_config(_PATIENCE)
    if session.get_config_variable("region") is None and (region := os.environ.get("AWS_REGION")):
        session.set_config_variable("region", region)
    return session


def issue_keys(reference: str, profile: str) -> Issued:
    """`sigv4.Keys` as JSON, of the profile that is named, or else of whatever the chain finds. Raises Unresolved."""
    try:
        found = open_session(profile).get_credentials()
        if found is None:
            raise Unresolved(reference, "no AWS credentials are found here")
        frozen = found.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError) as error:
        raise refused(reference, error, REASONS) from None
    end = getattr(found, "_expiry_time", None)  # of credentials that are renewed; botocore tells it in no other way
    expires = end.timestamp() if end is not None else None
    parts = (frozen.access_key, frozen.secret_key, frozen.token)
    key_id, secret, token = (carried(reference, part) if part is not None else None for part in parts)
    if key_id is None or secret is None:
        raise Unresolved(reference, "no AWS credentials are found here")
    keys = Keys(key_id=key_id, secret=secret, token=token, expires=expires)
    return Issued(msgspec.json.encode(keys).decode(), expires)


def _unwritten(cache: Any, key: str, value: object) -> None:
    """What a sign-in is renewed to stays with who asked: the tools that signed in keep their files themselves."""
    del cache, key, value

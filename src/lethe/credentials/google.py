"""Tokens of Google Cloud, by Application Default Credentials; imported by the broker only.

google-auth 2.63.0, `default`, in this order:

- the file that `GOOGLE_APPLICATION_CREDENTIALS` names: a service account, a user, workload identity federation
  (which reads the file, URL or process of its own `credential_source`), or impersonation of a service account;
- what `gcloud auth application-default login` left (`CLOUDSDK_CONFIG`, or `~/.config/gcloud`);
- the metadata server (`GCE_METADATA_HOST`, `GCE_METADATA_IP`, `NO_GCE_CHECK`).
"""

import os
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import cast

import google.auth
from google.auth.credentials import Credentials, with_scopes_if_required
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request

from lethe.credentials.issued import Issued, carried, refused

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SECONDS = 10.0  # for one answer
_REASONS: dict[type[Exception], str] = {
    DefaultCredentialsError: "no Google credentials are found here",
    TransportError: "Google cannot be reached",
    RefreshError: "Google refuses to give a token",
    GoogleAuthError: "it cannot be had from Google",
    OSError: "the file of credentials cannot be read",
    ValueError: "the file of credentials is not what it should be",
}


def issue_token(reference: str, file: str) -> Issued:
    """A bearer token, by the file that is named, or else by whatever is found. Raises Unresolved."""
    asking = cast("Request", partial(Request(), timeout=_SECONDS))  # by itself it waits two minutes
    try:
        credentials = _credentials(file or _file(), asking)
        credentials.refresh(asking)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise refused(reference, error, _REASONS) from None
    end = credentials.expiry  # in UTC, without saying so
    expires = end.replace(tzinfo=UTC).timestamp() if end is not None else None
    return Issued(carried(reference, credentials.token or ""), expires)


def _credentials(file: str | None, asking: Request) -> Credentials:
    """Without a scope at first: with one, federation would look up a project's name, which nobody needs here."""
    if file is None:
        return google.auth.default(scopes=[SCOPE], request=asking)[0]
    loaded, _ = google.auth.load_credentials_from_file(file, request=asking)
    scoped: Credentials = with_scopes_if_required(loaded, [SCOPE])
    return scoped


def _file() -> str | None:
    """The SDK finds gcloud's too, but then runs gcloud for a project's name, which writes logs."""
    if named := os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return named
    folder = os.environ.get("CLOUDSDK_CONFIG")
    signed_in = Path(folder or "~/.config/gcloud").expanduser() / "application_default_credentials.json"
    return str(signed_in) if signed_in.is_file() else None

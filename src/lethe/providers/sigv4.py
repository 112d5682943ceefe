"""AWS Signature Version 4 for a request whose bytes are final.

Source: AWS, "Create a signed AWS API request" (IAM user guide); judged against botocore 1.44.8, `auth.SigV4Auth`.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote

from msgspec import Struct

Header: TypeAlias = tuple[bytes, bytes]

# botocore 1.44.8, `signingName` of bedrock and bedrock-runtime; anthropic 2.13.0, `lib/bedrock/_mantle.py`
SERVICE, MANTLE = "bedrock", "bedrock-mantle"

_ALGORITHM = "AWS4-HMAC-SHA256"
_SIGNED = frozenset({b"content-type"})  # beside the host and every x-amz header; what else is sent may be changed


class Keys(Struct, frozen=True, kw_only=True):
    """What a request is signed with; `expires` in Unix time. Secret: kept out of its own repr."""

    key_id: str
    secret: str
    token: str | None = None
    expires: float | None = None

    def __repr__(self) -> str:
        return "<Keys>"


def service_of(host: str) -> str:
    """For which service a request to this host of Bedrock's is signed."""
    return MANTLE if host.startswith(f"{MANTLE}.") else SERVICE


def sign(  # noqa: PLR0913 - all of it is signed
    keys: Keys,
    *,
    region: str,
    service: str,
    method: bytes,
    authority: bytes,
    path: bytes,
    headers: Sequence[Header],
    body: bytes,
    at: float,
) -> list[Header]:
    """The headers to send beside `headers` and a host of `authority`.

    `path` is as it goes on the wire, with its query; names in `headers` are in lower case.
    """
    now = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = "/".join((now[:8], region, service, "aws4_request"))
    added: list[Header] = [(b"x-amz-date", now.encode())]
    if keys.token is not None:
        added.append((b"x-amz-security-token", keys.token.encode()))
    lines = _canonical_headers([(b"host", authority), *headers, *added])
    names = b";".join(name for name, _ in lines)
    place, _, query = path.partition(b"?")
    canonical = b"\n".join(
        (
            method,
            _canonical_path(place),
            _canonical_query(query),
            *(name + b":" + value for name, value in lines),
            b"",
            names,
            hashlib.sha256(body).hexdigest().encode(),
        )
    )
    text = "\n".join((_ALGORITHM, now, scope, hashlib.sha256(canonical).hexdigest()))
    key = b"AWS4" + keys.secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    value = f"{_ALGORITHM} Credential={keys.key_id}/{scope}, SignedHeaders={names.decode()}, Signature={signature}"
    return [*added, (b"authorization", value.encode())]


def _canonical_headers(headers: Sequence[Header]) -> list[Header]:
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name == b"host" or name in _SIGNED or name.startswith(b"x-amz"):
            values.setdefault(name, []).append(b" ".join(value.split()))
    return [(name, b",".join(values[name])) for name in sorted(values)]


def _canonical_path(path: bytes) -> bytes:
    """Without dot segments and empty ones, and encoded once more: so it is for every service but S3."""
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del segments[-1:]
        elif segment not in (b"", b"."):
            segments.append(segment)
    last = b"/" if segments and path.endswith(b"/") else b""
    return quote(b"/" + b"/".join(segments) + last, safe="/~").encode()


def _canonical_query(query: bytes) -> bytes:
    """By name, then by value; a name without a value has an empty one."""
    pairs = sorted(pair.partition(b"=")[::2] for pair in query.split(b"&")) if query else []
    return b"&".join(name + b"=" + value for name, value in pairs)

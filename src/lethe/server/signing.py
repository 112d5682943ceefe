"""Requests that carry a signature in place of a secret: made when every byte of them is final."""

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from lethe.errors import CredentialUnavailable
from lethe.providers.sigv4 import Keys, sign
from lethe.providers.upstream import Auth, Upstream
from lethe.upstream.address import parse_address
from lethe.upstream.call import Call

# botocore 1.44.8, bedrock-runtime 2023-09-30, `signingName`; anthropic 2.13.0, `lib/bedrock/_mantle.py`
SERVICE, MANTLE = "bedrock", "bedrock-mantle"


def signed(call: Call, upstream: Upstream, credentials: Mapping[str, str], at: float) -> Call:
    """The call as it may be sent, at a Unix time. Raises CredentialUnavailable where it would have to go unsigned."""
    if upstream.auth is not Auth.AWS:
        return call
    keys = _keys(credentials.get(upstream.credential or "", ""))
    if keys is None or upstream.region is None or (keys.expires is not None and keys.expires <= at):
        raise CredentialUnavailable(upstream.name)
    address = parse_address(upstream.base_url)
    signature = sign(
        keys,
        region=upstream.region,
        service=MANTLE if address.host.startswith(f"{MANTLE}.") else SERVICE,
        method=call.method,
        authority=address.authority,
        path=address.prefix + call.path,
        headers=call.headers,
        body=call.body,
        at=at,
    )
    return replace(call, headers=[*call.headers, *signature])


def _keys(secret: str) -> Keys | None:
    try:
        return msgspec.json.decode(secret, type=Keys)
    except msgspec.MsgspecError:  # its text may quote the secret
        return None

"""Requests that carry a signature in place of a secret: made when every byte of them is final."""

from collections.abc import Mapping

import msgspec

from lethe.errors import CredentialUnavailable
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Upstream
from lethe.upstream import signature
from lethe.upstream.call import Call


def signed(call: Call, upstream: Upstream, credentials: Mapping[str, str], at: float) -> Call:
    """The call as it may be sent, at a Unix time. Raises CredentialUnavailable where it would have to go unsigned."""
    if upstream.auth is not Auth.AWS:
        return call
    keys = _keys(credentials.get(upstream.credential or "", ""))
    if keys is None or upstream.region is None or (keys.expires is not None and keys.expires <= at):
        raise CredentialUnavailable(upstream.name)
    return signature.signed(call, upstream.base_url, keys, upstream.region, at)


def _keys(secret: str) -> Keys | None:
    try:
        return msgspec.json.decode(secret, type=Keys)
    except msgspec.MsgspecError:  # its text may quote the secret
        return None

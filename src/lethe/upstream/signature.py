"""Calls to AWS with the signature of their final bytes, for the place where they go."""

from msgspec.structs import replace

from lethe.providers.sigv4 import Keys, service_of, sign
from lethe.upstream.address import parse_address
from lethe.upstream.call import Call


def signed(call: Call, base_url: str, keys: Keys, region: str, at: float) -> Call:
    """The call as it may be sent to this base URL, at a Unix time."""
    address = parse_address(base_url)
    signature = sign(
        keys,
        region=region,
        service=service_of(address.host),
        method=call.method,
        authority=address.authority,
        path=address.prefix + call.path,
        headers=call.headers,
        body=call.body,
        at=at,
    )
    return replace(call, headers=[*call.headers, *signature])

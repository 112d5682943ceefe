"""Sealed tokens in foreign slots: how a signature survives a client that speaks another dialect.

A client must echo what stands in `thinking.signature`, `reasoning_details` and the like, so a token of another
issuer rides there behind a prefix that names the issuer, and the proxy itself remembers nothing.
"""

from lethe.ir.content import Dialect, Signature

_PREFIX = "lethe:"
_ISSUERS = {dialect.value: dialect for dialect in Dialect}


def wrap(signature: Signature, ours: Dialect) -> str:
    """The text for a slot of dialect `ours`."""
    if signature.issuer is ours:
        return signature.value
    return f"{_PREFIX}{signature.issuer}:{signature.value}"


def unwrap(text: str, ours: Dialect) -> Signature:
    """The inverse of `wrap`: a text without our prefix was issued by the slot's own dialect."""
    if text.startswith(_PREFIX):
        name, colon, value = text.removeprefix(_PREFIX).partition(":")
        if colon and name in _ISSUERS:
            return Signature(_ISSUERS[name], value)
    return Signature(ours, text)

"""Other names for end users: the same for as long as a worker lives, different at every upstream, and no way back."""

import hashlib
import hmac
from collections.abc import Callable

PREFIX = "lethe-"
_DIGITS = 32


def pseudonyms(key: bytes, upstream: str) -> Callable[[str], str]:
    """`key` is drawn when the worker starts and stays in it."""
    prefix = upstream.encode() + b"\0"

    def pseudonym(name: str) -> str:
        text = prefix + name.encode("utf-8", "surrogatepass")
        return PREFIX + hmac.new(key, text, hashlib.sha256).hexdigest()[:_DIGITS]

    return pseudonym

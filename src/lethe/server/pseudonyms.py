"""Other names for end users: the same for as long as a worker lives, different at every upstream, and no way back."""

import hashlib
import hmac
from collections.abc import Callable
from functools import partial

from lethe.retention.guard import CALLER

PREFIX = "lethe-"
_DIGITS = 32


def pseudonyms(key: bytes, upstream: str, caller: int) -> Callable[[str], str]:
    """`key` is drawn when the worker starts and stays in it; `caller` is the number of a key."""
    return partial(_pseudonym, key, upstream, caller)


def _pseudonym(key: bytes, upstream: str, caller: int, name: str) -> str:
    whose = b"\0%d" % caller if name == CALLER else name.encode("utf-8", "surrogatepass")
    text = upstream.encode() + b"\0" + whose
    return PREFIX + hmac.new(key, text, hashlib.sha256).hexdigest()[:_DIGITS]

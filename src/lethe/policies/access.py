"""Who may call: keys by their digests, compared in constant time."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from lethe.errors import Unauthenticated

_SLOTS = (b"x-api-key", b"authorization")


def presented(headers: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The credentials in a request's head: header name -> secret, without the Bearer word."""
    found: dict[bytes, bytes] = {}
    if (key := headers.get(b"x-api-key")) is not None:
        found[b"x-api-key"] = key
    if (value := headers.get(b"authorization")) is not None and value[:7].lower() == b"bearer ":
        found[b"authorization"] = value[7:].strip()
    return found


def identify(credentials: dict[bytes, bytes], digests: Sequence[bytes]) -> tuple[int, bytes]:
    """The index of the key that was presented, and the header that held it. Raises Unauthenticated."""
    for slot in _SLOTS:
        secret = credentials.get(slot)
        if secret is None:
            continue
        digest = hashlib.sha256(secret).digest()
        match = -1
        for n, known in enumerate(digests):  # all of them, always: the time must not tell which one matched
            if hmac.compare_digest(digest, known):
                match = n
        if match >= 0:
            return match, slot
    raise Unauthenticated

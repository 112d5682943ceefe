"""Who may call: keys by their digests, compared in constant time."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from lethe.errors import Forbidden, Unauthenticated

_LOCAL_NAMES = frozenset({b"localhost", b"::1"})
_LOCAL_NET = re.compile(rb"127(\.\d{1,3}){3}")
_SLOTS = (b"x-api-key", b"authorization")


def presented(headers: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The credentials in a request's head: header name -> secret, without the Bearer word."""
    found: dict[bytes, bytes] = {}
    if (key := headers.get(b"x-api-key")) is not None:
        found[b"x-api-key"] = key.strip()
    if (value := headers.get(b"authorization")) is not None and value[:7].lower() == b"bearer ":
        found[b"authorization"] = value[7:].strip()
    return found


def refuse_strangers(headers: Mapping[bytes, bytes]) -> None:
    """Without keys only this machine may call, and a page in its browser is not meant by that. Raises Forbidden.

    A foreign page reaches loopback by posting across origins, or under its own name (DNS rebinding, as in
    CVE-2024-28224); browsers say so in `Origin` and `Host`.
    """
    host, origin = headers.get(b"host"), headers.get(b"origin")
    if (host is not None and not _is_local(host)) or (
        origin is not None and not _is_local(origin.partition(b"://")[2])
    ):
        raise Forbidden("without keys only clients on this machine may call, by a loopback name (see: lethe keys new)")


def _is_local(authority: bytes) -> bool:
    name = authority[1:].partition(b"]")[0] if authority.startswith(b"[") else authority.partition(b":")[0]
    return name.lower() in _LOCAL_NAMES or _LOCAL_NET.fullmatch(name) is not None


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

"""Who may call: keys by their digests, compared in constant time."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

from lethe.errors import Forbidden, Unauthenticated

_ADDRESS = re.compile(rb"\d{1,3}(\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*")
_LOCAL = re.compile(rb"localhost|127(\.\d{1,3}){3}|::1")
_STRANGER = "without keys web pages and foreign host names are refused (see: lethe keys new)"
# Where a key may stand, and what stands before it.
_SLOTS: dict[bytes, bytes] = {b"x-api-key": b"", b"authorization": b"bearer ", b"x-goog-api-key": b""}


def refuse_strangers(headers: Mapping[bytes, bytes]) -> None:
    """Without keys only this machine may call, and a page in its browser is not meant by that. Raises Forbidden.

    A foreign page reaches loopback by posting across origins, or under its own name (DNS rebinding, as in
    CVE-2024-28224); browsers say so in `Origin` and `Host`.
    """
    host, origin = _name(headers.get(b"host", b"")), headers.get(b"origin")
    if b"." in host and not _ADDRESS.fullmatch(host) and not host.endswith(b".localhost"):
        raise Forbidden(_STRANGER)  # a name that somebody may own; plain words and addresses nobody can
    if origin is not None and not _LOCAL.fullmatch(_name(origin.partition(b"://")[2])):
        raise Forbidden(_STRANGER)


def _name(authority: bytes) -> bytes:
    """`host:port` or `[address]:port` without the port."""
    name = authority[1:].partition(b"]")[0] if authority.startswith(b"[") else authority.partition(b":")[0]
    return name.lower()


def identify(headers: Mapping[bytes, bytes], digests: Sequence[bytes]) -> tuple[int, set[bytes]]:
    """The index of the key that was presented first, and the headers that held a key, also where it does not count.

    Raises Unauthenticated.
    """
    found, held = -1, set()
    for slot, before in _SLOTS.items():
        if slot not in headers:
            continue
        value = headers[slot].strip()
        counts = value[: len(before)].lower() == before
        secret = value[len(before) :].strip() if counts else value
        match = _matching(secret, digests)
        if counts and found < 0:
            found = match
        if match < 0 and len(words := secret.split()) > 1:
            match = _matching(words[-1], digests)
        if match >= 0:
            held.add(slot)
    if found < 0:
        raise Unauthenticated
    return found, held


def _matching(secret: bytes, digests: Sequence[bytes]) -> int:
    """The index of its digest; -1: it is no key."""
    digest = hashlib.sha256(secret).digest()
    match = -1
    for n, known in enumerate(digests):  # all of them, always: the time must not tell which one matched
        if hmac.compare_digest(digest, known):
            match = n
    return match

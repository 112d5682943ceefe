"""The small languages inside the file: sizes, secret references, addresses, hashes."""

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(B|KB|MB|GB|KiB|MiB|GiB)?\Z", re.IGNORECASE | re.ASCII)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})\Z")
_VISIBLE = re.compile(r"[!-~]+\Z")
_OPENINGS = {scheme: f"{scheme}://" for scheme in ("http", "https", "redis", "rediss")} | {"unix": "unix:/"}
_SECURE = frozenset({"https", "rediss"})
# What follows the scheme of a secret's reference; what that is, and an example.
_HERE: dict[str, tuple[str, str, str]] = {
    "env": (r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable", "env:OPENAI_API_KEY"),
    "file": (r"/[^\x00-\x1f]+", "an absolute path", "file:/run/secrets/openai"),
}
_STORES: dict[str, tuple[str, str, str]] = {
    "aws-sm": (r"[\w/+=.@!:-]{1,2048}(?:#[^\x00-\x1f]+)?", "a secret's name or ARN", "aws-sm:team/keys#openai"),
    "gcp-sm": (
        r"projects/[a-z0-9:.-]+/secrets/[\w-]{1,255}(?:/versions/[\w-]+)?",
        "a secret's full name",
        "gcp-sm:projects/team/secrets/openai",
    ),
    "azure-kv": (
        r"https://[A-Za-z0-9-]+\.vault\.(?:azure\.net|azure\.cn|usgovcloudapi\.net)/secrets/[A-Za-z0-9-]{1,127}(?:/[0-9a-f]{32})?",
        "the URL of a vault's secret",
        "azure-kv:https://team.vault.azure.net/secrets/openai",
    ),
}


class ValueFault(ValueError):
    """Why a value cannot be read; never the value. `hint` says how to write it."""

    def __init__(self, problem: str, hint: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


class Address(Struct, frozen=True, kw_only=True):
    """An upstream's base URL. `loopback`: stays on this machine; `private`: an address of a private network."""

    url: str
    host: str
    path: str
    secure: bool
    loopback: bool
    private: bool


def byte_size(value: int | str) -> int:
    """Bytes from 33554432, "32MiB" or "64 MB". Raises ValueFault."""
    hint = 'write bytes, or a size such as "32MiB" or "64 MB"'
    if isinstance(value, str):
        match = _SIZE.match(value.strip())
        if match is None:
            raise ValueFault("is not a size", hint)
        value = int(float(match[1]) * _UNITS[(match[2] or "b").lower()])
    if not 1024 <= value <= 2**32:
        raise ValueFault("must be between 1 KiB and 4 GiB", hint)
    return value


def secret_reference(value: str) -> str:
    """The reference, unchanged. Raises ValueFault."""
    return _reference(value, _HERE | _STORES)


def local_reference(value: str) -> str:
    """The reference of a secret that is simply there, unchanged. Raises ValueFault."""
    if value.partition(":")[0] in _STORES:
        raise ValueFault("cannot be in a cloud's store", "write a reference: env:NAME or file:/path")
    return _reference(value, _HERE)


def _reference(value: str, schemes: Mapping[str, tuple[str, str, str]]) -> str:
    scheme, colon, place = value.partition(":")
    if not colon or scheme not in schemes:
        raise ValueFault(
            "must be a reference to a secret, not the secret itself", "write a reference: env:NAME or file:/path"
        )
    pattern, what, example = schemes[scheme]
    if not re.fullmatch(pattern, place, re.ASCII):
        raise ValueFault(f"{scheme}: must be followed by {what}", f"for example {example}")
    return value


def key_digest(value: str) -> bytes:
    """The 32 bytes of `sha256:` and 64 hexadecimal digits. Raises ValueFault."""
    match = _HASH.match(value)
    if match is None:
        raise ValueFault("must be sha256: and 64 hexadecimal digits", "make one with: lethe keys new")
    return bytes.fromhex(match[1])


def address(
    value: str,
    schemes: tuple[str, ...] = ("http", "https", "unix"),
    credentials: str = "write them as api_key, by reference",
) -> Address:
    """A URL of one of these schemes, or `unix:/path/of/socket[:/prefix]`; `credentials` says where those go.

    Raises ValueFault.
    """
    if not _VISIBLE.match(value):
        raise ValueFault("is not a URL", "for example https://api.example.com/v1")
    if value.startswith("unix:/") and "unix" in schemes:
        socket, _, prefix = value.removeprefix("unix:").partition(":")
        return Address(url=value, host=f"unix:{socket}", path=prefix, secure=True, loopback=True, private=True)
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueFault("is not a URL", "for example https://api.example.com/v1") from None
    if parts.scheme not in schemes or not host or port == 0:
        raise ValueFault(f"must begin with {' or '.join(_OPENINGS[s] for s in schemes)} and name a place")
    if host.endswith("."):
        raise ValueFault("names its host with a dot at the end", "leave it out: the register knows hosts without")
    if "@" in parts.netloc:
        raise ValueFault("must not hold credentials", credentials)
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueFault("must not have a query or a fragment")
    loopback, private = _reach(host)
    return Address(
        url=value.rstrip("/"),
        host=host,
        path=parts.path.rstrip("/"),
        secure=parts.scheme in _SECURE,
        loopback=loopback,
        private=private,
    )


def is_loopback(host: str) -> bool:
    """Does this host name or address stay on this machine?"""
    return _reach(host)[0]


def _reach(host: str) -> tuple[bool, bool]:
    if host == "localhost" or host.endswith(".localhost"):
        return True, True
    try:
        ip = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False, False
    return ip.is_loopback, ip.is_private

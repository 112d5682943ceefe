"""The small languages inside the file: sizes, secret references, addresses, hashes."""

import ipaddress
import re
from urllib.parse import urlsplit

from msgspec import Struct

_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(B|KB|MB|GB|KiB|MiB|GiB)?\Z", re.IGNORECASE | re.ASCII)
_UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_ENV = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*\Z")
_FILE = re.compile(r"file:/[^\x00-\x1f]+\Z")
_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})\Z")
_VISIBLE = re.compile(r"[!-~]+\Z")
_OPENINGS = {"http": "http://", "https": "https://", "unix": "unix:/"}
_LATER = ("gcp-sm:", "aws-sm:", "azure-kv:")


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
    if value.startswith(_LATER):
        raise ValueFault("this secret store is not available in this version", "use env:NAME or file:/path")
    if value.startswith("env:"):
        if not _ENV.match(value):
            raise ValueFault("env: must be followed by the name of a variable", "for example env:OPENAI_API_KEY")
    elif value.startswith("file:"):
        if not _FILE.match(value):
            raise ValueFault("file: must be followed by an absolute path", "for example file:/run/secrets/openai")
    else:
        raise ValueFault(
            "must be a reference to a secret, not the secret itself", "write a reference: env:NAME or file:/path"
        )
    return value


def key_digest(value: str) -> bytes:
    """The 32 bytes of `sha256:` and 64 hexadecimal digits. Raises ValueFault."""
    match = _HASH.match(value)
    if match is None:
        raise ValueFault("must be sha256: and 64 hexadecimal digits", "make one with: lethe keys new")
    return bytes.fromhex(match[1])


def address(value: str, schemes: tuple[str, ...] = ("http", "https", "unix")) -> Address:
    """A URL of one of these schemes, or `unix:/path/of/socket[:/prefix]`. Raises ValueFault."""
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
    if "@" in parts.netloc:
        raise ValueFault("must not hold credentials", "write them as api_key, by reference")
    if parts.query or parts.fragment or "?" in value or "#" in value:
        raise ValueFault("must not have a query or a fragment")
    loopback, private = _reach(host)
    return Address(
        url=value.rstrip("/"),
        host=host,
        path=parts.path.rstrip("/"),
        secure=parts.scheme == "https",
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

"""Where an upstream lives: its base URL, taken apart once."""

from base64 import b64encode
from urllib.parse import SplitResult, unquote, urlsplit

from msgspec import Struct

_PORTS = {"http": 80, "https": 443}


class Address(Struct, frozen=True, kw_only=True):
    """`prefix` goes before every path; `authority` is the value of the `host` header.

    With `socket`, a file system path, there is no host to resolve and `port` means nothing.
    """

    tls: bool
    host: str
    port: int
    prefix: bytes
    authority: bytes
    socket: str | None = None

    @property
    def origin(self) -> bytes:
        """Scheme and authority, as a proxy wants them in front of a path."""
        return (b"https://" if self.tls else b"http://") + self.authority


class Proxy(Struct, frozen=True, kw_only=True):
    """A forward proxy that is spoken to in plain HTTP. `authorization` is a secret."""

    host: str
    port: int
    authorization: bytes | None = None

    def __repr__(self) -> str:
        return f"Proxy({self.host!r}, {self.port})"


def parse_address(base_url: str) -> Address:
    """`http://host/v1`, `https://host:8443`, or `unix:/run/engine.sock`, `unix:/run/engine.sock:/v1`.

    Raises ValueError, in fixed words, for anything else; also for user names, queries and fragments.
    """
    if base_url.startswith("unix:"):
        return _unix_address(base_url.removeprefix("unix:"))
    url = _split(base_url, "base_url")
    if url.scheme not in _PORTS:
        raise ValueError("base_url: must start with http://, https:// or unix:/")
    if "@" in url.netloc:
        raise ValueError("base_url: must not hold a user name or a password")
    host, port = _host_and_port(url, "base_url")
    name = f"[{host}]" if ":" in host else host
    authority = name if port == _PORTS[url.scheme] else f"{name}:{port}"
    return Address(
        tls=url.scheme == "https",
        host=host,
        port=port,
        prefix=_prefix(url.path),
        authority=authority.encode("ascii"),
    )


def parse_proxy(url: str) -> Proxy:
    """`http://host:port`, or `http://user:password@host:port`. Raises ValueError, in fixed words."""
    parts = _split(url, "proxy")
    if parts.scheme != "http":
        raise ValueError("proxy: must start with http://")
    if parts.path not in ("", "/"):
        raise ValueError("proxy: must not have a path")
    host, port = _host_and_port(parts, "proxy")
    if parts.username is None:
        return Proxy(host=host, port=port)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host=host, port=port, authorization=b"Basic " + b64encode(pair.encode()))


def _unix_address(text: str) -> Address:
    path, _, prefix = text.partition(":")
    if not path.startswith("/") or "\0" in path:
        raise ValueError("base_url: unix: needs an absolute path")
    return Address(tls=False, host="", port=0, prefix=_prefix(prefix), authority=b"localhost", socket=path)


def _split(text: str, field: str) -> SplitResult:
    # urlsplit deletes tabs and line ends instead of refusing them.
    if not text.isprintable() or " " in text:
        raise ValueError(f"{field}: must not hold spaces or control characters")
    try:
        url = urlsplit(text)
    except ValueError:
        raise ValueError(f"{field}: not a URL") from None
    if url.query or url.fragment or text.endswith(("?", "#")):
        raise ValueError(f"{field}: must not hold a query or a fragment")
    return url


def _host_and_port(url: SplitResult, field: str) -> tuple[str, int]:
    try:
        host, port = url.hostname or "", url.port
        ascii_host = host if ":" in host else host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError, of the IDNA codec, is one too
        raise ValueError(f"{field}: host or port is not valid") from None
    if not ascii_host or port == 0:
        raise ValueError(f"{field}: host or port is missing")
    return ascii_host, port if port is not None else _PORTS[url.scheme]


def _prefix(path: str) -> bytes:
    try:
        return path.rstrip("/").encode("ascii")
    except UnicodeEncodeError:
        raise ValueError("base_url: the path must be percent-encoded ASCII") from None

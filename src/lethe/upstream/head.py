"""The head of a request as bytes, safe against injection."""

from lethe.errors import InvalidRequest
from lethe.upstream.address import Address, Proxy
from lethe.upstream.call import Call

# RFC 9110, 5.6.2: what a field name or a method may consist of.
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VISIBLE = bytes(range(0x21, 0x7F))

# Framing and the life of a connection are the transport's, whatever a caller says.
_OWNED = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"upgrade",
        b"expect",
    )
)
_WITH_LENGTH = frozenset((b"POST", b"PUT", b"PATCH"))


class HeadWriter:
    """Writes heads for one upstream; a plain-HTTP upstream behind a proxy is named in full in every request."""

    __slots__ = ("_after_path", "_before_path")

    def __init__(self, address: Address, proxy: Proxy | None) -> None:
        self._before_path = address.prefix
        self._after_path = b" HTTP/1.1\r\nhost: %b\r\n" % address.authority
        if proxy is not None and not address.tls and address.socket is None:
            self._before_path = address.origin + address.prefix
            self._after_path += authorization_line(proxy)

    def write(self, call: Call) -> bytes:
        """Raises InvalidRequest for a name, value, path or method that would change the framing."""
        names = [name.lower() for name, _ in call.headers]
        values = [value for _, value in call.headers]
        if not _OWNED.isdisjoint(names):
            names, values = _without_owned(names, values)
        if b"accept-encoding" not in names:
            names.append(b"accept-encoding")
            values.append(b"identity")
        if call.body or call.method in _WITH_LENGTH:
            names.append(b"content-length")
            values.append(b"%d" % len(call.body))
        if not all(names) or (call.method + b"".join(names)).translate(None, _TOKEN):
            raise InvalidRequest("headers", "a name is not a token")
        if call.path.translate(None, _VISIBLE):
            raise InvalidRequest("path", "holds a space or a control character")
        lines = b"\r\n".join(map(b": ".join, zip(names, values, strict=True)))
        # Only the line ends that we wrote may be there; any other came out of a value.
        if len(lines.translate(None, b"\r\n\0")) != len(lines) - 2 * (len(names) - 1):
            raise InvalidRequest("headers", "a value holds a line end or a NUL")
        return b"".join((call.method, b" ", self._before_path, call.path, self._after_path, lines, b"\r\n\r\n"))


def _without_owned(names: list[bytes], values: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    kept = [(name, value) for name, value in zip(names, values, strict=True) if name not in _OWNED]
    return [name for name, _ in kept], [value for _, value in kept]


def authorization_line(proxy: Proxy) -> bytes:
    """The header line that a proxy wants; empty when it wants none."""
    return b"" if proxy.authorization is None else b"proxy-authorization: %b\r\n" % proxy.authorization

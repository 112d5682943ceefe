"""The head of a request as bytes, safe against injection."""

import re

from lethe.errors import InvalidRequest
from lethe.upstream.address import Address, Proxy
from lethe.upstream.call import Call

# RFC 9110, 5.6.2: what a field name or a method may consist of.
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_INVISIBLE = re.compile(rb"[^!-~]")

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
# What requests mostly consist of: tokens in lower case, and none of those above.
_ORDINARY = frozenset(
    (
        b"accept",
        b"anthropic-beta",
        b"anthropic-version",
        b"api-key",
        b"authorization",
        b"content-type",
        b"openai-beta",
        b"user-agent",
        b"x-api-key",
        b"x-goog-api-key",
    )
)
_WITH_LENGTH = frozenset((b"POST", b"PUT", b"PATCH"))
_ENCODING: tuple[bytes, ...] = (b"accept-encoding: identity",)
_CR, _LF, _NUL = b"\r\n\0"


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
        """Names go out in lower case, those that are the transport's not at all.

        Raises InvalidRequest for a name, value, path or method that would change the framing.
        """
        if call.method not in _WITH_LENGTH and call.method.translate(None, _TOKEN):
            raise InvalidRequest("headers", "a name is not a token")
        if _INVISIBLE.search(call.path):
            raise InvalidRequest("path", "holds a space or a control character")
        lines: list[bytes] = []
        encoding = _ENCODING
        for written, value in call.headers:
            name = written
            if name not in _ORDINARY:
                name = written.lower()
                if name in _OWNED:
                    continue
                if not name or name.translate(None, _TOKEN):
                    raise InvalidRequest("headers", "a name is not a token")
                if name == b"accept-encoding":
                    encoding = ()
            lines.append(b": ".join((name, value)))
        text = b"".join(lines)
        if _CR in text or _LF in text or _NUL in text:
            raise InvalidRequest("headers", "a value holds a line end or a NUL")
        lines += encoding
        if call.body or call.method in _WITH_LENGTH:
            lines.append(b"content-length: %d" % len(call.body))
        text = b"\r\n".join(lines)
        return b"".join((call.method, b" ", self._before_path, call.path, self._after_path, text, b"\r\n\r\n"))


def authorization_line(proxy: Proxy) -> bytes:
    """The header line that a proxy wants; empty when it wants none."""
    return b"" if proxy.authorization is None else b"proxy-authorization: %b\r\n" % proxy.authorization

"""A request to an instance, and all that is answered."""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

LARGEST = 4 * 1024 * 1024  # bytes of an answer's body


class Reply(Struct, frozen=True):
    """`headers` as they came, those that are repeated as often."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def whole(self) -> bytes:
        """Its headers, a line each, and its body."""
        lines = (f"{name}: {value}\n" for name, value in self.headers)
        return "".join(lines).encode("latin-1", "replace") + b"\n" + self.body

    def said(self, wanted: str) -> str:
        """What its headers of a name say, all of them."""
        return ", ".join(value for name, value in self.headers if name.lower() == wanted)


def asked(
    url: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
    patience: float = 10.0,
) -> Reply:
    """A GET, or with a body a POST. Raises OSError, also for an answer of which not all can be looked at."""
    where = urlsplit(url)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=patience)
    try:
        connection.request("GET" if body is None else "POST", path, body, dict(headers))
        answer = connection.getresponse()
        reply = Reply(answer.status, tuple(answer.getheaders()), answer.read(LARGEST + 1))
    except http.client.HTTPException:
        raise ConnectionError("it does not speak HTTP") from None
    finally:
        connection.close()
    if len(reply.body) > LARGEST:
        raise ConnectionError("it says more than can be looked at")
    return reply

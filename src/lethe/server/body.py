"""The caller's body: read whole, never more than the limit."""

from lethe.errors import BodyTooLarge, InvalidRequest
from lethe.server.exchange import Exchange
from lethe.server.headers import header


class CallerGone(Exception):
    """The caller went away before its request was complete."""


async def read_body(exchange: Exchange, limit: int) -> bytes:
    """Raises BodyTooLarge before reading where the length is announced, InvalidRequest, CallerGone."""
    announced = header(exchange.headers, b"content-length")
    if announced is not None and int(announced) > limit:
        exchange.closing = True  # the rest of the body is not worth reading
        raise BodyTooLarge(limit)
    if header(exchange.headers, b"content-encoding") not in (None, b"identity"):
        raise InvalidRequest("content-encoding", "compressed bodies are not accepted")
    parts: list[bytes] = []
    size = 0
    while True:
        message = await exchange.receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        part = message["body"]
        size += len(part)
        if size > limit:
            exchange.closing = True
            raise BodyTooLarge(limit)
        parts.append(part)
        if not message["more_body"]:
            exchange.facts.request_bytes = size
            return parts[0] if len(parts) == 1 else b"".join(parts)

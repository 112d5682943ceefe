"""One request: what is known of it, what went out, and how it ended."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from lethe.errors import LetheError
from lethe.ir.content import Dialect
from lethe.ir.usage import Usage
from lethe.ledger.codes import index_of
from lethe.ledger.events import NONE, Outcome, RequestEvent
from lethe.providers.upstream import Endpoint
from lethe.retention.levels import Level, UpstreamClass
from lethe.server.headers import Header

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LEVELS = {level: n for n, level in enumerate(Level)}
_ENDPOINTS = {endpoint: n for n, endpoint in enumerate(Endpoint)}


class Exchange:
    """Mutable, owned by the one task that answers the request."""

    __slots__ = (
        "_event", "_send", "arrived", "caller", "closing", "credentials", "ended", "endpoint", "headers", "id",
        "key_slot", "level", "losses", "query", "receive", "started", "streaming", "upstream_class", "upstream_dialect",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, caller: Dialect, endpoint: Endpoint) -> None:
        self.headers: list[Header] = scope["headers"]
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self._send = send
        self.caller = caller
        self.endpoint = endpoint
        self.id = b""
        self.arrived = 0.0  # the loop's clock
        self.level = Level.C
        self.credentials: dict[bytes, bytes] = {}
        self.key_slot: bytes | None = None  # the header that held our own key
        self.upstream_class: UpstreamClass | None = None
        self.upstream_dialect: Dialect | None = None
        self.losses: str | None = None
        self.started = self.ended = self.streaming = False
        self.closing = False  # answer `connection: close`
        self._event: dict[str, Any] = {}

    def note(self, **fields: int) -> None:
        """Facts for the event: numbers only."""
        self._event.update(fields)

    def lethe_headers(self) -> list[Header]:
        """What every answer says about itself."""
        headers: list[Header] = [
            (b"x-lethe-request-id", self.id.hex().encode()),
            (b"x-lethe-level", self.level.encode()),
        ]
        if self.upstream_class is not None:
            headers.append((b"x-lethe-upstream-class", self.upstream_class.name.encode()))
        if self.losses is not None:
            headers.append((b"x-lethe-loss", self.losses.encode()))
        if self.closing:
            headers.append((b"connection", b"close"))
        return headers

    async def start(self, status: int, headers: list[Header]) -> None:
        """Status and headers; the first one counts."""
        if self.started:
            return
        self.started = True
        self._event["status"] = status
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*headers, *self.lethe_headers()]}
        )

    async def write(self, body: bytes) -> None:
        """A part of the body; waits while the caller is slow."""
        self._event["response_bytes"] = self._event.get("response_bytes", 0) + len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        """The last part of the body."""
        self._event["response_bytes"] = self._event.get("response_bytes", 0) + len(body)
        self.ended = True  # before the await: from here on a disconnect is no cancellation
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def reply(self, status: int, headers: list[Header], body: bytes) -> None:
        """A whole answer."""
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        await self.end(body)

    def failed(self, error: LetheError, outcome: Outcome) -> None:
        self.note(outcome=outcome, error=index_of(error.code))

    def spent(self, usage: Usage | None) -> None:
        if usage is not None:
            self.note(
                input=usage.input,
                cache_read=usage.cache_read,
                cache_write=usage.cache_write,
                output=usage.output,
                reasoning=usage.reasoning,
            )

    def event(self, time_ms: int, now: float) -> RequestEvent:
        """The one event of this request; `now` is the loop's clock."""
        return RequestEvent(
            time=time_ms,
            request_id=self.id,
            endpoint=_ENDPOINTS[self.endpoint],
            level=_LEVELS[self.level],
            upstream_class=NONE if self.upstream_class is None else int(self.upstream_class),
            stream=self.streaming,
            duration_ms=round((now - self.arrived) * 1000),
            **self._event,
        )

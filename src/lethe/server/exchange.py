"""One request: what is known of it, what went out, and how it ended."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from lethe.errors import LetheError
from lethe.ir.content import Dialect
from lethe.ir.usage import Usage
from lethe.ledger.codes import index_of
from lethe.ledger.events import Outcome, RequestEvent
from lethe.providers.upstream import Endpoint
from lethe.retention.levels import Level, UpstreamClass
from lethe.server.headers import Header

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LEVEL = {level: n for n, level in enumerate(Level)}
_ENDPOINT = {endpoint: n for n, endpoint in enumerate(Endpoint)}
_SAYS_LEVEL: dict[Level, Header] = {level: (b"x-lethe-level", level.encode()) for level in Level}
_SAYS_CLASS: dict[UpstreamClass, Header] = {c: (b"x-lethe-upstream-class", c.name.encode()) for c in UpstreamClass}
_CLOSE: Header = (b"connection", b"close")


class Exchange:
    """Mutable, owned by the one task that answers the request. `facts` becomes its event: numbers only."""

    __slots__ = (
        "_send", "_task", "arrived", "caller", "closing", "credentials", "ended", "endpoint", "facts", "gone",
        "headers", "key_slot", "level", "losses", "query", "receive", "started", "streaming", "upstream_class",
        "upstream_dialect",
    )  # fmt: skip

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, caller: Dialect, endpoint: Endpoint, facts: RequestEvent
    ) -> None:
        facts.endpoint = _ENDPOINT[endpoint]
        self.facts = facts
        self.headers: list[Header] = scope["headers"]
        self.query: bytes = scope["query_string"]
        self.receive = receive
        self._send = send
        self._task: asyncio.Task[None] | None = None
        self.caller = caller
        self.endpoint = endpoint
        self.arrived = 0.0  # the loop's clock
        self.level = Level.C
        self.credentials: dict[bytes, bytes] = {}
        self.key_slot: bytes | None = None  # the header that held our own key
        self.upstream_class: UpstreamClass | None = None
        self.upstream_dialect: Dialect | None = None
        self.losses: str | None = None
        self.started = self.ended = self.streaming = self.gone = False
        self.closing = False  # answer `connection: close`

    def attach(self, task: "asyncio.Task[None]") -> None:
        """The task to cancel when the caller goes away."""
        self._task = task

    def leave(self) -> None:
        """The caller has gone away."""
        self.gone = True
        if self._task is not None and not self.ended:
            self._task.cancel()

    def lethe_headers(self) -> list[Header]:
        """What every answer says about itself."""
        headers = [(b"x-lethe-request-id", self.facts.request_id.hex().encode()), _SAYS_LEVEL[self.level]]
        if self.upstream_class is not None:
            headers.append(_SAYS_CLASS[self.upstream_class])
        if self.losses is not None:
            headers.append((b"x-lethe-loss", self.losses.encode()))
        if self.closing:
            headers.append(_CLOSE)
        return headers

    async def start(self, status: int, headers: list[Header]) -> None:
        """Status and headers; the first one counts."""
        if not self.started:
            self.started = True
            self.facts.status = status
            await self._send(
                {"type": "http.response.start", "status": status, "headers": headers + self.lethe_headers()}
            )

    async def write(self, body: bytes) -> None:
        """A part of the body; waits while the caller is slow."""
        self.facts.response_bytes += len(body)
        await self._send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        """The last part of the body."""
        self.facts.response_bytes += len(body)
        self.ended = True  # before the await: from here on a goodbye is no cancellation
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def reply(self, status: int, headers: list[Header], body: bytes) -> None:
        """A whole answer."""
        await self.start(status, [*headers, (b"content-length", b"%d" % len(body))])
        await self.end(body)

    def failed(self, error: LetheError, outcome: Outcome) -> None:
        self.facts.outcome = outcome
        self.facts.error = index_of(error.code)

    def spent(self, usage: Usage | None) -> None:
        if usage is not None:
            facts = self.facts
            facts.input, facts.cache_read, facts.cache_write = usage.input, usage.cache_read, usage.cache_write
            facts.output, facts.reasoning = usage.output, usage.reasoning

    def event(self, now: float) -> RequestEvent:
        """The one event of this request; `now` is the loop's clock."""
        facts = self.facts
        facts.level = _LEVEL[self.level]
        if self.upstream_class is not None:
            facts.upstream_class = int(self.upstream_class)
        facts.stream = self.streaming
        facts.duration_ms = round((now - self.arrived) * 1000)
        return facts

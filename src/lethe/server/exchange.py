"""One request: what is known of it, what went out, and how it ended."""

from collections.abc import Coroutine
from typing import Any

from lethe.errors import LetheError
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.ir.usage import Usage
from lethe.ledger.codes import index_of
from lethe.ledger.events import Outcome, RequestEvent
from lethe.policies import fidelity
from lethe.providers.envelopes import Endpoint
from lethe.retention.levels import Level, UpstreamClass
from lethe.server.headers import NO_CACHE, Header
from lethe.server.incoming import Incoming
from lethe.server.paths import Asked

_LEVEL = {level: n for n, level in enumerate(Level)}
_ENDPOINT = {endpoint: n for n, endpoint in enumerate(Endpoint)}
_SAYS_LEVEL: dict[Level, Header] = {level: (b"x-lethe-level", level.encode()) for level in Level}
_SAYS_CLASS: dict[UpstreamClass, Header] = {c: (b"x-lethe-upstream-class", c.name.encode()) for c in UpstreamClass}


class Exchange:
    """Mutable, owned by the one task that answers the request. `facts` becomes its event: numbers only."""

    __slots__ = (
        "arrived", "asked", "caller", "carve_outs", "endpoint", "facts", "headers", "incoming", "key_slots",
        "level", "losses", "named", "started", "streaming", "upstream_class", "upstream_errors",
    )  # fmt: skip

    def __init__(self, incoming: Incoming, asked: Asked, facts: RequestEvent, level: Level) -> None:
        """`level` is the plan's, until something stricter binds."""
        facts.endpoint = _ENDPOINT[asked.endpoint]
        self.facts = facts
        self.incoming = incoming
        self.headers = incoming.headers
        self.named = incoming.named
        self.asked = asked
        self.caller = asked.caller
        self.endpoint = asked.endpoint
        self.arrived = 0.0  # the loop's clock
        self.level = level
        self.key_slots: set[bytes] = set()  # the headers that held keys of our own
        self.upstream_class: UpstreamClass | None = None
        self.upstream_errors: Dialect | None = None  # in whose words it tells what went wrong
        self.carve_outs: tuple[str, ...] = ()  # of the proof or contract that the class rests on
        self.losses: str | None = None
        self.started = self.streaming = False

    @property
    def ended(self) -> bool:
        """Is the last of the answer out?"""
        return self.incoming.done

    def lethe_headers(self) -> list[Header]:
        """What every answer says about itself; and that nobody on its way should keep it."""
        request_id = (b"x-lethe-request-id", self.facts.request_id.hex().encode())
        headers = [NO_CACHE, request_id, _SAYS_LEVEL[self.level]]
        if self.upstream_class is not None:
            headers.append(_SAYS_CLASS[self.upstream_class])
            if self.carve_outs:
                headers.append((b"x-lethe-carve-outs", ", ".join(self.carve_outs).encode()))
        if self.losses is not None:
            headers.append((b"x-lethe-loss", self.losses.encode()))
        return headers

    def start(self, status: int, headers: list[Header], length: int | None = None) -> None:
        """Status and headers; the first one counts. They go out with the first part of the body."""
        if not self.started:
            self.started = True
            self.facts.status = status
            self.incoming.start(status, headers + self.lethe_headers(), length)

    def write(self, body: bytes) -> Coroutine[Any, Any, None]:
        """A part of the body; waits while the caller is slow."""
        self.facts.response_bytes += len(body)
        return self.incoming.write(body)

    def end(self, body: bytes = b"") -> Coroutine[Any, Any, None]:
        """The last part of the body."""
        self.facts.response_bytes += len(body)
        return self.incoming.end(body)

    def reply(self, status: int, headers: list[Header], body: bytes) -> Coroutine[Any, Any, None]:
        """A whole answer."""
        self.start(status, headers, len(body))
        return self.end(body)

    def failed(self, error: LetheError, outcome: Outcome) -> None:
        self.facts.outcome = outcome
        self.facts.error = index_of(error.code)

    def lost(self, losses: Losses) -> None:
        """Counts what a translation of the request or of its answer could not carry."""
        if losses:
            hints, degraded, dropped = fidelity.counts(losses)
            self.facts.hints += hints
            self.facts.degraded += degraded
            self.facts.dropped += dropped

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

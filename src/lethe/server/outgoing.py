"""The request as an upstream gets it: its own dialect, its own credential, only the headers that may pass."""

import time
from collections.abc import Mapping

import lethe
from lethe import transcode
from lethe.dialects.codec import CODECS
from lethe.dialects.reply import ReplyContext
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses, Severity
from lethe.ir.request import Request
from lethe.policies import fidelity
from lethe.providers.upstream import PATHS, Auth, Endpoint, Upstream
from lethe.routing.attempts import Attempt
from lethe.server.exchange import Exchange
from lethe.server.headers import FORWARDED, JSON, REQUEST, Header
from lethe.upstream.call import Call
from lethe.wire.rawjson import TopLevel

USER_AGENT = (b"user-agent", f"lethe/{lethe.__version__}".encode())
# The version that our encoder's bodies are validated against (anthropic 2.13.0, `ANTHROPIC_API_VERSION`).
ANTHROPIC_VERSION = (b"anthropic-version", b"2026-10-21")
COMPLETION: dict[Dialect, Endpoint] = {Dialect.ANTHROPIC: Endpoint.MESSAGES, Dialect.OPENAI_CHAT: Endpoint.CHAT}


class Outgoing:
    """One caller's request, ready to be put to any upstream; what is decoded once is kept for the next attempt."""

    __slots__ = ("_exchange", "_request", "_tool_names", "allow_losses", "body", "model")

    def __init__(self, exchange: Exchange, body: TopLevel, model: str, *, allow_losses: bool) -> None:
        self._exchange = exchange
        self._request: Request | None = None
        self._tool_names: Mapping[str, str] = {}  # of the latest call
        self.allow_losses = allow_losses
        self.body = body
        self.model = model

    def request(self) -> Request:
        """The hub's view of the body. Raises InvalidRequest."""
        if self._request is None:
            self._request = CODECS[self._exchange.caller].decode_request(self.body.whole())
        return self._request

    def context(self) -> ReplyContext:
        """What a translated reply to the latest call needs to know."""
        return ReplyContext(
            id=self._exchange.facts.request_id.hex(),
            created=int(time.time()),
            include_usage=self.request().include_usage,
            tool_names=self._tool_names,
        )

    def call(self, attempt: Attempt, upstream: Upstream, credentials: Mapping[str, str]) -> Call:
        """Raises InvalidRequest, LossRefused."""
        exchange = self._exchange
        if upstream.dialect is exchange.caller:
            path = PATHS[upstream.dialect][exchange.endpoint]
            changes = {} if attempt.model == self.model else {"model": attempt.model}
            body = self.body.spliced(changes)
            exchange.losses, self._tool_names = None, {}
        else:
            path = PATHS[upstream.dialect][COMPLETION[upstream.dialect]]
            body = self._translated(attempt, upstream)
        if b"beta=true" in exchange.incoming.query and upstream.dialect is Dialect.ANTHROPIC:
            path += "?beta=true"
        return Call(path=path.encode(), headers=headers(exchange, upstream, credentials), body=body)

    def _translated(self, attempt: Attempt, upstream: Upstream) -> bytes:
        losses = Losses()
        encoded = transcode.encode_request(self.request(), upstream, attempt.model, losses)
        if any(loss.severity is not Severity.HINT for loss in losses):  # only those are named
            losses = transcode.located(losses, self._exchange.caller, self.body.whole())
        fidelity.refuse_dropped(losses, allowed=self.allow_losses)
        facts = self._exchange.facts
        facts.translated = True
        facts.hints = facts.degraded = facts.dropped = 0  # of an attempt before this one
        self._exchange.lost(losses)
        self._exchange.losses = fidelity.named(losses)
        self._tool_names = encoded.tool_names
        return encoded.body


def headers(exchange: Exchange, upstream: Upstream, credentials: Mapping[str, str]) -> list[Header]:
    """By allow-list; a translated body gets none of the caller's."""
    passed: list[Header] = []
    given: Mapping[bytes, bytes] = {}
    if upstream.dialect is exchange.caller:
        given, allowed = exchange.named, REQUEST[upstream.dialect]
        passed = [h for h in exchange.headers if h[0] in allowed]
    if b"content-type" not in given:
        passed.append(JSON)
    if b"accept" not in given:
        passed.append((b"accept", b"text/event-stream" if exchange.streaming else b"application/json"))
    if upstream.dialect is Dialect.ANTHROPIC and b"anthropic-version" not in given:
        passed.append(ANTHROPIC_VERSION)
    passed += _credential(exchange, upstream, credentials)
    return passed


def _credential(exchange: Exchange, upstream: Upstream, credentials: Mapping[str, str]) -> list[Header]:
    secret = credentials.get(upstream.credential, "") if upstream.credential else ""
    match upstream.auth:
        case Auth.FORWARD:
            own = exchange.key_slot
            return [h for h in exchange.headers if h[0] in FORWARDED and h[0] != own]
        case Auth.X_API_KEY if secret:
            return [(b"x-api-key", secret.encode()), USER_AGENT]
        case Auth.BEARER if secret:
            return [(b"authorization", b"Bearer " + secret.encode()), USER_AGENT]
        case _:
            return [USER_AGENT]

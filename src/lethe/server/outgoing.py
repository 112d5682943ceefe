"""The request as an upstream gets it: its own dialect, its own credential, only the headers that may pass."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

import lethe
from lethe import transcode
from lethe.dialects.freetext import custom_names
from lethe.dialects.openai_responses.namespaces import namespaces
from lethe.dialects.reply import ReplyContext
from lethe.errors import CredentialUnavailable
from lethe.ir.content import Dialect
from lethe.ir.loss import Locate, Losses, Severity
from lethe.ir.request import Request
from lethe.policies import fidelity
from lethe.policies.retention import refuse_features
from lethe.policies.state import refuse_state
from lethe.providers.counting import bearing, placed, trimmed
from lethe.providers.upstream import Auth
from lethe.retention.guard import Guard, Refusal, Verdict
from lethe.retention.levels import Level, UpstreamClass
from lethe.retention.surface import HeaderRule
from lethe.routing.attempts import Attempt, Routing
from lethe.server.exchange import Exchange
from lethe.server.headers import ACCEPT_JSON, BETA, CLIENT, FORWARDED, JSON, Header, beta_tokens
from lethe.server.lanes import Lane
from lethe.server.pseudonyms import pseudonyms
from lethe.server.signing import signed
from lethe.upstream.call import Call
from lethe.wire.framing import CONTENT_TYPES
from lethe.wire.rawjson import TopLevel

USER_AGENT = (b"user-agent", f"lethe/{lethe.__version__}".encode())
# Of translated requests: 2026-10-21 refuses temperature, top_p and top_k, which models up to 4.6 take, and has nothing
# that this version lacks (Anthropic, "Migrating to API version 2026-10-21", read 2026-11-29).
ANTHROPIC_VERSION = (b"anthropic-version", b"2023-06-01")
GATEWAY = b"cf-aig-authorization"  # developers.cloudflare.com/ai-gateway, "Authenticated gateway"
QUERIES: dict[Dialect, frozenset[bytes]] = {
    Dialect.ANTHROPIC: frozenset({b"beta=true"}),  # SDKs' beta methods and Claude Code
    Dialect.OPENAI_CHAT: frozenset(),
    Dialect.OPENAI_RESPONSES: frozenset(),
    Dialect.GEMINI: frozenset({b"alt=sse"}),
}
_PRESENTED: dict[Auth, Header] = {
    Auth.X_API_KEY: (b"x-api-key", b""),
    Auth.API_KEY: (b"api-key", b""),
    Auth.GOOG_API_KEY: (b"x-goog-api-key", b""),
    Auth.CLOUDFLARE: (GATEWAY, b"Bearer "),
    Auth.BEARER: (b"authorization", b"Bearer "),
    Auth.GOOGLE: (b"authorization", b"Bearer "),
    Auth.AZURE: (b"authorization", b"Bearer "),
}
"""The header of a secret, and what stands before it."""
_ISSUED = frozenset({Auth.GOOGLE, Auth.AZURE})  # by a cloud, again and again: there may be none now
NOBODY_KNOWS = Refusal("$", "nothing is known of this upstream's API", "route to another upstream")


class Prepared(Struct, frozen=True):
    """A call, and what its request uses that makes the class worse, with the best class that it leaves."""

    call: Call
    used: tuple[tuple[str, UpstreamClass], ...]


class Outgoing:
    """One caller's request, ready to be put to any upstream; what is decoded once is kept for the next attempt."""

    __slots__ = (
        "_exchange",
        "_key",
        "_refuse_unknown",
        "_request",
        "_tool_names",
        "allow_losses",
        "body",
        "model",
    )

    def __init__(
        self, exchange: Exchange, body: TopLevel, routing: Routing, model: str, key: bytes, *, refuse_unknown: bool
    ) -> None:
        """`key` makes pseudonyms; `refuse_unknown` is for level C, elsewhere unknown fields always are refused."""
        self._exchange = exchange
        self._request: Request | None = None
        self._tool_names: Mapping[str, str] = {}  # of the latest call
        self._key = key
        self._refuse_unknown = refuse_unknown
        self.allow_losses = routing.allow_losses
        self.body = body
        self.model = model

    def request(self) -> Request:
        """The hub's view of the body. Raises InvalidRequest."""
        if self._request is None:
            asked, whole = self._exchange.asked, self.body.whole()
            if asked.model is not None:
                whole |= {"model": asked.model, "stream": self._exchange.streaming}
            self._request = transcode.decode_request(asked.caller, whole)
        return self._request

    def context(self) -> ReplyContext:
        """What a translated reply to the latest call needs to know."""
        return ReplyContext(
            id=self._exchange.facts.request_id.hex(),
            created=int(time.time()),
            model=self.model,
            include_usage=self.request().include_usage,
            tool_names=self._tool_names,
            custom_tools=custom_names(self.request()),
            namespaces=namespaces(self.request()),
        )

    def prepared(
        self, attempt: Attempt, lane: Lane, guards: tuple[Guard | None, Guard | None], credentials: Mapping[str, str]
    ) -> Prepared:
        """Judged by what guards the surface that it goes to, and what its body holds.

        Raises InvalidRequest, LossRefused, RetentionRefused, CredentialUnavailable.
        """
        exchange, served, counts = self._exchange, lane.served, lane.counting
        self._forget()
        betas: tuple[str, ...] = ()
        changes: dict[str, Any] = {}
        if lane.passes:
            body = self.body
            if lane.betas in exchange.named:
                betas = beta_tokens(exchange.headers, exchange.caller)
            if attempt.model != self.model:
                changes["model"] = attempt.model
        else:
            translated = self._translated(attempt, lane)
            body = TopLevel(translated if counts is None else trimmed(counts, translated))
        guard, inner = guards
        passed = passing(exchange, lane)
        verdict = self._judged(body, attempt, lane, inner, passed, betas)
        refuse_features(exchange.level, lane.upstream.name, verdict.refusals)
        sent = headers(exchange, lane, passed, credentials)
        if verdict.betas:
            if served.betas is not None:
                changes[served.betas] = list(verdict.betas)
            else:
                sent.append((BETA[lane.upstream.dialect], ",".join(verdict.betas).encode("latin-1")))
        if guard is not None and guard.surface.headers:
            sent = with_rules(sent, guard.surface.headers, exchange.level)
        known = guard.surface.known.fields if guard is not None else ()
        ruled = verdict.changes if counts is None else bearing(counts, verdict.changes, body, known)
        elsewhere = served.leaves_out(lane.endpoint)
        changes = {**served.added, **changes, **ruled}
        if elsewhere:
            changes = {name: value for name, value in changes.items() if name not in elsewhere}
        path = served.path(lane.endpoint, attempt.model, stream=exchange.streaming)
        if exchange.incoming.query and exchange.caller is Dialect.ANTHROPIC and lane.versioned:
            path += "?beta=true"  # there is one that passes
        removals = verdict.removals - changes.keys() | elsewhere if verdict.removals else elsewhere
        spliced = body.spliced(changes, removals)
        if counts is not None:
            spliced = placed(counts, spliced, attempt.model)
        call = Call(path=path.encode(), headers=sent, body=spliced)
        if lane.signs:
            call = signed(call, lane.upstream, credentials, time.time())
        return Prepared(call, verdict.used)

    def _forget(self) -> None:
        """What an attempt before this one has left."""
        exchange, facts = self._exchange, self._exchange.facts
        exchange.losses, self._tool_names = None, {}
        facts.translated = False
        facts.hints = facts.degraded = facts.dropped = 0

    def _judged(
        self,
        body: TopLevel,
        attempt: Attempt,
        lane: Lane,
        guard: Guard | None,
        passed: list[Header],
        betas: tuple[str, ...],
    ) -> Verdict:
        exchange = self._exchange
        if guard is None:  # never so with an upstream from a checked configuration
            refusals = () if exchange.level is Level.C and not self._refuse_unknown else (NOBODY_KNOWS,)
            return Verdict({}, frozenset(), betas, (), refusals)
        own = lane.forwards and exchange.level is Level.C  # the caller's own account
        return guard.judge(
            body,
            exchange.level,
            attempt.model,
            betas=betas,
            versions=[value.decode("latin-1") for _, value in passed] if passed else (),
            refuse_unknown=self._refuse_unknown,
            pseudonym=None if own else pseudonyms(self._key, lane.upstream.name, exchange.facts.key),
        )

    def _translated(self, attempt: Attempt, lane: Lane) -> bytes:
        losses = Losses()
        refuse_state(self.request())
        asked = lane.upstream
        if asked.dialect is not lane.speaks:
            asked = replace(asked, dialect=lane.speaks)
        encoded = transcode.encode_request(self.request(), asked, attempt.model, losses)
        locate: Locate = str
        if any(loss.severity is not Severity.HINT for loss in losses):  # only those are named
            locate = transcode.locator(self._exchange.caller, self.body.whole())
        fidelity.refuse_dropped(losses, locate, allowed=self.allow_losses)
        self._exchange.facts.translated = True
        self._exchange.lost(losses)
        self._exchange.losses = fidelity.named(losses, locate)
        self._tool_names = encoded.tool_names
        return encoded.body


def passing(exchange: Exchange, lane: Lane) -> list[Header]:
    """The caller's headers that go along, all of them about versions; most callers' dialects have none."""
    return [h for h in exchange.headers if h[0] in lane.allowed] if lane.allowed else []


def headers(exchange: Exchange, lane: Lane, callers: list[Header], credentials: Mapping[str, str]) -> list[Header]:
    """By allow-list, with what passes of the caller's; a translated body gets none of those.

    What it is and what is expected is ours to say: a charset of the caller's could make other text of the same bytes.
    Raises CredentialUnavailable.
    """
    passed = [JSON, (b"accept", CONTENT_TYPES[lane.served.framing]) if exchange.streaming else ACCEPT_JSON]
    passed += callers
    if lane.versioned and ANTHROPIC_VERSION[0] not in dict(callers):
        passed.append(ANTHROPIC_VERSION)
    if lane.upstream.gateway and (token := credentials.get(lane.upstream.gateway)):
        passed.append((GATEWAY, b"Bearer " + token.encode()))
    passed += _credential(exchange, lane, credentials)
    return passed


def with_rules(sent: list[Header], rules: Sequence[HeaderRule], level: Level) -> list[Header]:
    """With the headers that always go to a surface, in place of any others of their names."""
    forced = {rule.name.encode(): rule.value.encode() for rule in rules if level in rule.levels}
    if not forced:
        return sent
    return [h for h in sent if h[0] not in forced] + list(forced.items())


def _credential(exchange: Exchange, lane: Lane, credentials: Mapping[str, str]) -> list[Header]:
    upstream = lane.upstream
    if lane.forwards:
        taken = FORWARDED[upstream.dialect] - exchange.key_slots
        passed = taken | CLIENT if exchange.level is Level.C else taken
        forwarded = [h for h in exchange.named.items() if h[0] in passed]  # the last of each name, which was looked at
        return forwarded if exchange.level is Level.C else [*forwarded, USER_AGENT]
    secret = credentials.get(upstream.credential, "") if upstream.credential else ""
    if secret and (slot := _PRESENTED.get(upstream.auth)) is not None:
        return [(slot[0], slot[1] + secret.encode()), USER_AGENT]
    if upstream.auth in _ISSUED:
        raise CredentialUnavailable(upstream.name)
    return [USER_AGENT]  # for AWS the signature follows, made of the whole request

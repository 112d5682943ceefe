"""What has come to an upstream or a caller and was not for it, in whatever form.

An upstream gets the content of the request that is its own, in the body; a caller gets the answer to its own question.
"""

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from lethe.config.register import all_surfaces
from lethe.retention.levels import Level
from lethe.verify.canary import CREDENTIAL, WHOLE, Canary, Mint
from lethe.verify.cases import Case
from lethe.verify.positions import ANSWERS, IN_HEAD, STAYS, Position
from lethe.verify.search import Found, Search
from lethe.verify.sinks import Hit, Sink

Headers: TypeAlias = Sequence[tuple[str, str]]
# What a caller uses its own account at the upstream with.
_CREDENTIALS = frozenset({Position.KEY, Position.WRONG_KEY})
_OF_BODY = "x-amz-content-sha256"  # what AWS has signed, and no other header may say
# All headers that an upstream may get, but for those that the register forces.
_HEADERS = frozenset(
    {
        "host", "content-length", "content-type", "accept", "accept-encoding", "user-agent", "authorization",
        "x-api-key", "api-key", "x-goog-api-key", "x-app", "anthropic-version", "anthropic-beta", "openai-beta",
        "cf-aig-authorization", "x-amz-date", "x-amz-security-token", _OF_BODY,
    }
)  # fmt: skip


class Own(Struct, frozen=True):
    """The canaries of one request and of its answer."""

    case: Case
    texts: frozenset[str]


class Strays:
    """Collects hits. `secrets` looks for configured ones, whose case is the name of the upstream that they are for."""

    def __init__(self) -> None:
        self.secrets: Search | None = None
        self._searches: dict[str, Search] = {}
        self._hits: dict[Hit, None] = {}  # in order, each once
        self._headers = _HEADERS | {rule.name for surface in all_surfaces() for rule in surface.headers}

    def look_for(self, mint: Mint) -> None:
        """Its canaries are content from now on."""
        if mint.tag not in self._searches:
            self._searches[mint.tag] = Search(mint)

    def take(self) -> tuple[Hit, ...]:
        """The hits since the last time."""
        hits, self._hits = tuple(self._hits), {}
        return hits

    def hit(self, hit: Hit) -> None:
        self._hits[hit] = None

    def at_upstream(self, upstream: str, target: str, headers: Headers, body: bytes, own: Own | None) -> None:
        """One request there; `own` is what belongs to it, if anything does."""
        head = _lines(target, headers)
        for found in self._secrets(head):
            if found.canary is None or found.canary.case != upstream:
                self._egress(f"{_secret(found)} sent to {upstream}", found)
        for found in self._secrets(body):
            self._egress(f"{_secret(found)} sent in a body", found)
        if any(name not in self._headers for name, _ in headers):
            self.hit(Hit(Sink.EGRESS, "a header that is none of ours", case=own.case.name if own else ""))
        for found in self._content(head):
            if (what := _wrong_in_head(found.canary, own)) is not None:
                self._egress(what, found)
        for found in self._content(body):
            if (what := _wrong_in_body(found.canary, own)) is not None:
                self._egress(what, found)

    def at_caller(self, own: Own, answer: bytes, *, of_ours: bool) -> None:
        """One answer. `of_ours`: no upstream was asked for it."""
        head, _, body = answer.partition(b"\r\n\r\n")
        for found in self._secrets(answer):
            self._callers(f"{_secret(found)} answered", found)
        for found in self._content(head):
            if _anothers(found.canary, own):
                self._callers("answered to another caller", found)
            elif found.canary is not None and found.canary.position != Position.RESPONSE_HEADER:
                self._callers("answered in a header", found)
        for found in self._content(body):
            if found.canary is None:  # what is cut into events and chunks has pieces that do not tell whose they are
                continue
            if _anothers(found.canary, own):
                self._callers("answered to another caller", found)
            elif of_ours:
                self._callers("quoted in an answer of the proxy's own", found)

    def _content(self, data: bytes) -> list[Found]:
        return [found for search in self._searches.values() for found in search(data)]

    def _secrets(self, data: bytes) -> list[Found]:
        return self.secrets(data) if self.secrets is not None else []

    def _egress(self, what: str, found: Found) -> None:
        self._astray(Sink.EGRESS, what, found)

    def _callers(self, what: str, found: Found) -> None:
        self._astray(Sink.CALLERS, what, found)

    def _astray(self, sink: Sink, what: str, found: Found) -> None:
        canary = found.canary
        self.hit(Hit(sink, what, found.form, canary.position if canary else "", canary.case if canary else ""))


def _lines(target: str, headers: Headers) -> bytes:
    lines = [target, *(f"{name}: {value}" for name, value in headers if name != _OF_BODY)]
    return "\n".join(lines).encode("latin-1")


def _secret(found: Found) -> str:
    is_key = found.canary is not None and found.canary.position != CREDENTIAL
    return "a caller's key" if is_key else "a credential"


def _anothers(canary: Canary | None, own: Own | None) -> bool:
    """Of a whole body there is no telling which."""
    if canary is None or own is None:
        return True
    return canary.position != WHOLE and canary.text not in own.texts


def _wrong_in_head(canary: Canary | None, own: Own | None) -> str | None:
    """Those that never may be there are told of wherever they are."""
    if canary is None or own is None or _anothers(canary, own):
        return "sent upstream with another request"
    if canary.position in STAYS:
        return None if _is_own(own.case, canary.position) else "sent upstream"
    named = canary.position == Position.MODEL and own.case.pair.names_model
    return None if named or canary.position in IN_HEAD else "sent upstream in a header"


def _wrong_in_body(canary: Canary | None, own: Own | None) -> str | None:
    if canary is None or own is None or _anothers(canary, own):
        return "sent upstream with another request"
    if canary.position.startswith(ANSWERS):
        return "an answer sent upstream"
    if canary.position in STAYS:
        return None if _is_own(own.case, canary.position) else "sent upstream"
    return "a digest of it sent upstream" if canary.position == WHOLE else None


def _is_own(case: Case, position: str) -> bool:
    """Does the caller's own account go upstream, and this with it?"""
    if position == Position.METADATA:
        return case.pair.forward and case.pair.level is Level.C
    return case.pair.forward and position in _CREDENTIALS

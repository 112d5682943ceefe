"""What is known of each request of the verification: what it carried, where that was seen, and what was answered."""

import base64
import re
from collections.abc import Iterable

from lethe.retention.levels import Level
from lethe.verify.canary import Canary, Mint
from lethe.verify.cases import Case
from lethe.verify.positions import IN_HEAD, STAYS, Position
from lethe.verify.sinks import Hit, Sink

_IN_IMAGE = re.compile(rb"WkRS[A-Za-z0-9+/]+")  # "ZDR" in base64
_ENCODED = re.compile(rb'"body":\s*"([A-Za-z0-9+/=]+)"')  # a request in a request: InvokeModel's, to be counted
_TOKEN = re.compile(rb"ZDR[A-Z2-7]+")
_SHORT = frozenset({Position.JSON_KEY, Position.MODEL})  # what parsers and routers keep more readily when it is short
# What a caller uses its own account at the upstream with.
_CREDENTIALS = frozenset({Position.KEY, Position.WRONG_KEY})


class Errand:
    """One request on its way, and everything that belongs to it."""

    def __init__(self, case: Case, mint: Mint, ledger: "Errands") -> None:
        self.case = case
        self.carried: dict[Position, Canary] = {}  # by the question
        self.answered: dict[Position, Canary] = {}  # by the upstream, which has sent it
        self.asked = 0  # how often an upstream was
        self.at_upstream: set[str] = set()
        self._mint = mint
        self._ledger = ledger

    def put(self, position: Position) -> str:
        """The text to carry there: the same for the same position."""
        return self._text(self.carried, position)

    def say(self, position: Position) -> str:
        """The text that the upstream puts there."""
        return self._text(self.answered, position)

    def said(self, position: Position) -> str | None:
        """What the upstream has put there already."""
        canary = self.answered.get(position)
        return None if canary is None else canary.text

    def _text(self, kept: dict[Position, Canary], position: Position) -> str:
        if position not in kept:
            make = self._mint.short if position in _SHORT else self._mint.new
            kept[position] = make(position, self.case.name)
            self._ledger.own(kept[position], self)
        return kept[position].text


class Errands:
    """All of them, found again by any canary of theirs. `keys` are the callers' own: canaries, but of no request."""

    def __init__(self) -> None:
        self.keys: frozenset[str] = frozenset()
        self._owners: dict[str, tuple[Errand, Canary]] = {}
        self._hits: dict[Hit, None] = {}  # in order, each once

    def begin(self, case: Case, mint: Mint) -> Errand:
        """A request, whose canaries are of this mint."""
        return Errand(case, mint, self)

    def take(self) -> tuple[Hit, ...]:
        """What has gone astray since the last time."""
        hits, self._hits = tuple(self._hits), {}
        return hits

    def own(self, canary: Canary, errand: Errand) -> None:
        self._owners[canary.text] = (errand, canary)

    def found(self, data: bytes) -> list[tuple[Errand, Canary]]:
        """The canaries of requests that are in these bytes."""
        return [owner for text in _texts(data) if (owner := self._owners.get(text)) is not None]

    def arrived(self, head: bytes, body: bytes) -> Errand | None:
        """A request at an upstream; None if it carries nothing of ours."""
        if self.keys & (_texts(head) | _texts(body)):
            self._hits[Hit(Sink.EGRESS, "a caller's key sent upstream", position=Position.KEY)] = None
        in_head, in_body = self.found(head), self.found(_opened(body))
        errand = _whose(in_body or in_head)
        if errand is None:
            return None
        errand.asked += 1
        for owner, canary in (*in_head, *in_body):
            if owner is errand:
                errand.at_upstream.add(canary.text)
                if Position(canary.position) in STAYS and not _is_own(errand.case, canary):
                    self._hit(Sink.EGRESS, "sent upstream", canary)
            else:
                self._hit(Sink.EGRESS, "sent upstream with another request", canary)
        for owner, canary in in_head:
            if owner is errand and not _may_be_in_head(errand.case, Position(canary.position)):
                self._hit(Sink.EGRESS, "sent upstream in a header", canary)
        return errand

    def answered(self, errand: Errand, answer: bytes) -> None:
        """What a caller has got."""
        if self.keys & _texts(answer):
            self._hits[Hit(Sink.CALLERS, "a caller's key answered", position=Position.KEY)] = None
        for owner, canary in self.found(answer):
            if owner is not errand:
                self._hit(Sink.CALLERS, "answered to another caller", canary)

    def _hit(self, sink: Sink, what: str, canary: Canary) -> None:
        self._hits[Hit(sink, what, position=canary.position, case=canary.case)] = None


def _may_be_in_head(case: Case, position: Position) -> bool:
    """Those that never may have been told of already."""
    return position in IN_HEAD | STAYS or (position is Position.MODEL and case.pair.names_model)


def _is_own(case: Case, canary: Canary) -> bool:
    """Does the caller's own account go upstream, and this with it?"""
    if canary.position == Position.METADATA:
        return case.pair.forward and case.pair.level is Level.C
    return case.pair.forward and canary.position in _CREDENTIALS


def _whose(found: Iterable[tuple[Errand, Canary]]) -> Errand | None:
    """The one that most of it belongs to."""
    counts: dict[int, int] = {}
    errands: dict[int, Errand] = {}
    for errand, _ in found:
        counts[id(errand)] = counts.get(id(errand), 0) + 1
        errands[id(errand)] = errand
    return errands[max(counts, key=counts.__getitem__)] if counts else None


def _texts(data: bytes) -> set[str]:
    return {each.decode() for each in _TOKEN.findall(data)}


def _opened(body: bytes) -> bytes:
    """With what its images hold (a canary in one begins where base64 starts a new group), and requests in it."""
    body = b"\n".join((body, *(base64.b64decode(each) for each in _ENCODED.findall(body))))
    images = (each[: len(each) // 4 * 4] for each in _IN_IMAGE.findall(body))
    return b"\n".join((body, *(base64.b64decode(each) for each in images)))

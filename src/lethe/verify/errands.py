"""What is known of each request of the verification: what it carried, where that was seen, and what was answered."""

import base64
import re
from collections.abc import Iterable

from lethe.verify.canary import Canary, Mint
from lethe.verify.cases import Case
from lethe.verify.positions import Position
from lethe.verify.sinks import Hit, Sink
from lethe.verify.strays import Headers, Own, Strays

_IN_IMAGE = re.compile(rb"WkRS[A-Za-z0-9+/]+")  # "ZDR" in base64
_ENCODED = re.compile(rb'"body":\s*"([A-Za-z0-9+/=]+)"')  # a request in a request: InvokeModel's, to be counted
_TOKEN = re.compile(rb"ZDR[A-Z2-7]+")
_ID = re.compile(rb"\r\nx-lethe-request-id: ?([0-9a-f]{32})\r\n")
_SHORT = frozenset({Position.JSON_KEY, Position.MODEL})  # what parsers and routers keep more readily when it is short


class Errand:
    """One request on its way, and everything that belongs to it."""

    def __init__(self, case: Case, mint: Mint, ledger: "Errands") -> None:
        self.case = case
        self.model = ""  # that it asks for
        self.carried: dict[Position, Canary] = {}  # by the question
        self.answered: dict[Position, Canary] = {}  # by the upstream, which has sent it
        self.sent = 0  # how often the caller has asked
        self.asked = 0  # how often an upstream was
        self.meant = 0  # how often the one that the case means
        self.at_upstream: set[str] = set()
        self.settled = False  # accounted for: what an upstream says from now on nobody waits for
        self.mint = mint
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

    def own(self) -> Own:
        """What belongs to it."""
        both = (*self.carried.values(), *self.answered.values())
        return Own(self.case, frozenset(canary.text for canary in both))

    def _text(self, kept: dict[Position, Canary], position: Position) -> str:
        if position not in kept:
            make = self.mint.short if position in _SHORT else self.mint.new
            kept[position] = make(position, self.case.name)
            self._ledger.own(kept[position], self)
            if self.settled:
                self.mint.excuse([kept[position]])
        return kept[position].text


class Errands:
    """All of them, found again by any canary of theirs."""

    def __init__(self) -> None:
        self.strays = Strays()
        self._owners: dict[str, tuple[Errand, Canary]] = {}
        self._ids: set[bytes] = set()

    def begin(self, case: Case, mint: Mint) -> Errand:
        """A request, whose canaries are of this mint."""
        self.strays.look_for(mint)
        return Errand(case, mint, self)

    def own(self, canary: Canary, errand: Errand) -> None:
        self._owners[canary.text] = (errand, canary)

    def found(self, data: bytes) -> list[tuple[Errand, Canary]]:
        """The canaries of requests that are in these bytes as they are."""
        return [owner for text in _texts(data) if (owner := self._owners.get(text)) is not None]

    def arrived(self, upstream: str, target: str, headers: Headers, body: bytes) -> Errand | None:
        """A request at an upstream; None if it carries nothing of ours."""
        head = "\n".join([target, *(value for _, value in headers)]).encode("latin-1")
        in_head, in_body = self.found(head), self.found(_opened(body))
        errand = _whose(in_body or in_head)
        self.strays.at_upstream(upstream, target, headers, body, None if errand is None else errand.own())
        if errand is None:
            return None
        errand.asked += 1
        errand.meant += errand.case.pair.name == upstream
        errand.at_upstream.update(canary.text for owner, canary in (*in_head, *in_body) if owner is errand)
        errand.mint.whole(body, errand.case.name)
        return errand

    def answered_to(self, errand: Errand, answer: bytes) -> None:
        """What a caller has got: head and body."""
        self.strays.at_caller(errand.own(), answer, of_ours=errand.asked == 0)
        if (found := _ID.search(answer)) is not None:
            if found[1] in self._ids:
                self.strays.hit(Hit(Sink.CALLERS, "a request id that has been there before", case=errand.case.name))
            self._ids.add(found[1])


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

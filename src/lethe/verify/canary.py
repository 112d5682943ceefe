"""Canaries: texts that occur nowhere else, put where people's words would be, and looked for where none may be.

All canaries of a run share a tag, at their beginning and again at their end. One search for the tag finds every
canary of the run in one go, and a cut one by either half.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable
from enum import StrEnum

from msgspec import Struct

MARK = "ZDR"
TAG = 8  # characters
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # base32: nothing in it that JSON or a URL would escape
ALGORITHMS = ("sha256", "sha1", "md5", "sha512", "blake2b")
TOLD = 8  # bytes of a digest that tell it from others
CREDENTIAL = "credential"  # the position of what an upstream is asked with
WHOLE = "whole-body"  # the position of what is made of a body in one piece
LENGTH, SHORT_LENGTH = len(MARK) + 32, len(MARK) + 20


class Where(StrEnum):
    """Where a canary was seen to have got to."""

    UPSTREAM = "upstream"
    CLIENT = "client"
    LETHE = "lethe"  # it must not travel further, and the caller was answered


class Canary(Struct, frozen=True):
    """`position` and `case` go to reports: they are fixed words and configured names."""

    text: str
    position: str
    case: str


class Mint:
    """Makes the canaries of one run and keeps account of what became of them.

    `random` returns that many random bytes; it is asked for the tag first. `digests` are the beginnings of those
    of canaries and of whole bodies with canaries in them: algorithm and what was hashed.
    """

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self.tag = self._letters(TAG)
        self.canaries: list[Canary] = []
        self.digests: dict[bytes, tuple[str, Canary]] = {}
        self.seen: dict[str, set[Where]] = {}
        self.excused: set[str] = set()

    def new(self, position: str, case: str) -> Canary:
        """35 characters: the mark, the tag, 16 random ones, the tag."""
        return self._made(self._letters(16) + self.tag, position, case)

    def short(self, position: str, case: str) -> Canary:
        """23 characters, for what must be short: the mark, the tag, 12 random ones."""
        return self._made(self._letters(12), position, case)

    def whole(self, body: bytes, case: str) -> None:
        """A body as it was sent: what is made of all of it can be found as well, if nobody else could have sent it."""
        if self.tag.encode() in body:
            self._digest(body, Canary("", WHOLE, case))

    def arrived(self, canary: Canary, where: Where) -> None:
        """It was seen there."""
        self.seen.setdefault(canary.text, set()).add(where)

    def excuse(self, canaries: Iterable[Canary]) -> None:
        """These need not arrive: others have, when the same was asked again; or nobody waits for them."""
        self.excused.update(canary.text for canary in canaries)

    def unseen(self) -> list[Canary]:
        """Those that were never seen anywhere: they prove nothing."""
        return [canary for canary in self.canaries if canary.text not in self.seen and canary.text not in self.excused]

    def _made(self, rest: str, position: str, case: str) -> Canary:
        canary = Canary(MARK + self.tag + rest, str(position), case)
        self.canaries.append(canary)
        self._digest(canary.text.encode(), canary)
        return canary

    def _digest(self, said: bytes, canary: Canary) -> None:
        for name in ALGORITHMS:
            digest = hashlib.new(name, said, usedforsecurity=False).digest()
            self.digests[digest[:TOLD]] = (name, canary)

    def _letters(self, count: int) -> str:
        return base64.b32encode(self._random((count * 5 + 7) // 8)).decode()[:count]

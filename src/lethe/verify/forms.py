"""The forms in which a text can lie around, for canaries: each character as a unit of fixed width, or base64.

Canaries are of capital letters and the digits 2 to 7. JSON and URLs leave those as they are, so those forms are the
raw one unless someone escapes more than is needed. Base64 of them never holds `+`, `/`, `-` or `_`, so the standard
and the URL-safe alphabet are one form.
"""

import base64
import binascii
import codecs
from collections.abc import Callable, Mapping

from msgspec import Struct

from lethe.verify.canary import ALPHABET, LENGTH, TAG

RAW = "raw"
_AFTER = LENGTH  # characters that are read behind the beginning of a tag
_BEFORE = LENGTH - TAG  # and before it


class Sighting(Struct, frozen=True):
    """`text` is what stands there, decoded: as much of a canary as there is, with what surrounds it.

    `place` is where in it the tag begins.
    """

    text: str
    place: int


class Spelling:
    """A form with a unit of the same width for every character; zeros that fill a unit may come before or after."""

    def __init__(self, name: str, spell: Callable[[str], bytes]) -> None:
        self.name = name
        self._units: Mapping[bytes, str] = {spell(letter).rstrip(b"\0").lower(): letter for letter in ALPHABET}
        self._spell = spell
        self._told = len(spell("A").rstrip(b"\0"))  # bytes of a unit that tell which it is
        self.width = len(spell("A"))

    def needle(self, tag: str) -> bytes:
        return b"".join(self._spell(letter) for letter in tag).rstrip(b"\0")

    def sighting(self, data: bytes, at: int) -> Sighting:
        """What stands round a needle that was found at `at`. It ends where no unit follows."""
        letters: list[str] = []
        place = at - self.width
        while place >= 0 and len(letters) < _BEFORE and (one := self._at(data, place)):
            letters.append(one)
            place -= self.width
        letters.reverse()
        before, place = len(letters), at
        end = len(letters) + _AFTER
        while len(letters) < end and (one := self._at(data, place)):
            letters.append(one)
            place += self.width
        return Sighting("".join(letters), before)

    def _at(self, data: bytes, place: int) -> str | None:
        return self._units.get(bytes(data[place : place + self._told]).lower())


class Backwards(Spelling):
    """A form that is read from its end."""

    def needle(self, tag: str) -> bytes:
        return super().needle(tag[::-1])

    def sighting(self, data: bytes, at: int) -> Sighting:
        found = super().sighting(data, at)
        return Sighting(found.text[::-1], len(found.text) - found.place - TAG)


class Base64:
    """One of the three ways in which a text can fall into groups of four: `skip` bytes stand before it in its group."""

    def __init__(self, skip: int) -> None:
        self.name = "base64"
        self._skip = skip

    def needle(self, tag: str) -> bytes:
        """The characters that depend on the tag alone."""
        whole = base64.b64encode(b"\0" * self._skip + tag.encode())
        first = -(-self._skip * 8 // 6)
        last = (self._skip + len(tag)) * 8 // 6
        return whole[first:last]

    def sighting(self, data: bytes, at: int) -> Sighting:
        group = at - -(-self._skip * 8 // 6)  # where the tag's group begins
        start = max(group - (_BEFORE // 3 + 1) * 4, group % 4)
        end = group + (_AFTER // 3 + 2) * 4
        before, after = _decoded(bytes(data[start:end]), group - start)
        return Sighting(before + after, len(before) + self._skip)


FORMS: tuple[Spelling | Base64, ...] = (
    Spelling(RAW, str.encode),
    Spelling("lower case", lambda letter: letter.lower().encode()),
    Spelling("\\u escapes", lambda letter: b"\\u%04x" % ord(letter)),
    Spelling("\\u escapes", lambda letter: b"\\u%04X" % ord(letter)),
    Spelling("\\x escapes", lambda letter: b"\\x%02x" % ord(letter)),
    Spelling("percent escapes", lambda letter: b"%%%02x" % ord(letter)),
    Spelling("percent escapes", lambda letter: b"%%%02X" % ord(letter)),
    Spelling("hex", lambda letter: b"%02x" % ord(letter)),
    Spelling("hex", lambda letter: b"%02X" % ord(letter)),
    Spelling("UTF-16", lambda letter: letter.encode("utf-16-le")),
    Spelling("UCS-4", lambda letter: letter.encode("utf-32-le")),
    Base64(0),
    Base64(1),
    Base64(2),
)
# What a program hardly does by mistake; looked for where there is not much to look through.
RARE_FORMS: tuple[Spelling, ...] = (
    Backwards("backwards", str.encode),
    Spelling("rot13", lambda letter: codecs.encode(letter, "rot13").encode()),
    Spelling("decimal numbers", lambda letter: b"%d, " % ord(letter)),
    Spelling("decimal numbers", lambda letter: b"%d," % ord(letter)),
    Spelling("decimal numbers", lambda letter: b"%d " % ord(letter)),
    Spelling("hex, apart", lambda letter: b"%02x " % ord(letter)),
    Spelling("hex, apart", lambda letter: b"%02x:" % ord(letter)),
    Spelling("hex, apart", lambda letter: b"0x%02x, " % ord(letter)),
)


def _decoded(window: bytes, group: int) -> tuple[str, str]:
    """The text of a window of base64 before and after `group`, where a group of four begins."""
    before: list[str] = []
    start = group
    while start >= 4 and (text := _four(window[start - 4 : start])) is not None:
        before.insert(0, text)
        start -= 4
    after: list[str] = []
    end = group
    while end < len(window) and (text := _four(window[end : end + 4])) is not None:
        after.append(text)
        end += 4
    return "".join(before), "".join(after)


def _four(group: bytes) -> str | None:
    """Up to three characters; others than ASCII become dots."""
    try:
        raw = base64.b64decode(group + b"=" * (-len(group) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in raw)

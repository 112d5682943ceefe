"""Text within text: runs of hexadecimal digits, base64 and base32, decoded, so that what lies in them can be searched.

A canary that is encoded once is found without this. Here is what was compressed, hashed or encoded before that.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping

from msgspec import Struct

from lethe.verify.canary import MARK, SHORT_LENGTH

_CANARY = re.compile(rb"%b[A-Z2-7]{%d}" % (MARK.encode(), SHORT_LENGTH - len(MARK)))
_RUN = 4096  # characters of one run that are decoded


class Peeled(Struct, frozen=True):
    """`offset` is where the run begins."""

    name: str
    offset: int
    content: bytes


def peeled(data: bytes) -> Iterator[Peeled]:
    """Every reading of every run that is not a canary as it is; most are nothing that anybody has encoded."""
    for name, (run, read, group) in _CODES.items():
        for found in run.finditer(data):
            text = found[0][:_RUN]
            if _CANARY.search(text):
                continue
            for skip in range(group):  # a run may begin with a letter that is not part of it
                if content := read(text[skip:]):
                    yield Peeled(name, found.start(), content)


def _unhexed(text: bytes) -> bytes:
    return binascii.unhexlify(text[: len(text) // 2 * 2])


def _from_base64(text: bytes) -> bytes:
    """Four letters are three bytes; of a group that is cut, what it has."""
    text = text.rstrip(b"=")
    if len(text) % 4 == 1:
        text = text[:-1]
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_" if set(text) & _URL_SAFE else None)


def _from_base32(text: bytes) -> bytes:
    """Eight letters are five bytes."""
    text = text.rstrip(b"=")
    return base64.b32decode(text[: len(text) // 8 * 8])


_URL_SAFE = frozenset(b"-_")
_CODES: Mapping[str, tuple[re.Pattern[bytes], Callable[[bytes], bytes], int]] = {
    "hex": (re.compile(rb"[0-9a-fA-F]{24,}"), _unhexed, 2),
    "base64": (re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}|[A-Za-z0-9_-]{16,}={0,2}"), _from_base64, 4),
    "base32": (re.compile(rb"[A-Z2-7]{40,}=*"), _from_base32, 8),
}

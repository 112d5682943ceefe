"""What the bytes of a value tell before it is read: whether it can hold anything that a row speaks of."""

import re
from typing import Any

from lethe.retention.paths import Node, count_keys
from lethe.retention.rules import Root, Rule
from lethe.wire.rawjson import encode, is_flat, keys_written

# How a name hides from a search: escaped, or in letters that some servers take for s and k.
_ESCAPED = re.compile(rb"\\u(?:00(?:2[dD]|3\d|[4-7])|017[fF]|212[aA])")
_LIKE_LATIN = ("\u017f".encode(), "\u212a".encode())


def may_matter(text: bytes, root: Root) -> bool:
    """Could anything that is looked for near the top of these bytes stand there?"""
    if root.values:
        return True
    if text[0] not in b"{[":
        return False
    if root.needles is None or text[0] == ord("{") or not is_flat(text):
        return True
    lower = text.lower()
    return any(needle in lower for needle in root.needles) or (bool(root.needles) and _hides(text))


def deep_nodes(text: bytes, root: Root) -> list[Node[Rule]]:
    """The rules for any depth all of whose names could stand in these bytes, in whatever letters."""
    if not root.deep:
        return []
    lower, hides = text.lower(), _hides(text)
    return [node for names, node in root.deep if hides or all(name in lower for name in names)]


def _hides(text: bytes) -> bool:
    """Could a name stand there that a search does not find?"""
    like_latin = not text.isascii() and any(letter in text for letter in _LIKE_LATIN)
    return like_latin or (b"\\u" in text and _ESCAPED.search(text) is not None)


def ambiguous(raw: bytes, value: Any) -> bool:
    """Does a key stand twice in the same object, somewhere in these bytes?"""
    return encode(value) != raw and keys_written(raw) != count_keys(value)

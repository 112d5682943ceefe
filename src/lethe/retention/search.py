"""What the bytes of a value tell before it is read: whether it can hold anything that a row speaks of."""

import re
from typing import Any

from lethe.retention.paths import Node, count_keys
from lethe.retention.rules import Root, Rule
from lethe.wire.rawjson import encode, is_flat, keys_written

# How a name hides from a search: escaped, or in letters that some servers take for s and k.
_ESCAPED = re.compile(rb"\\u(?:00(?:2[dD]|3\d|[4-7])|017[fF]|212[aA])")
_LIKE_LATIN = ("\u017f".encode(), "\u212a".encode())
_BACKSLASH = ord("\\")
_BRACE = ord("{")
LONGEST = 512  # bytes of a string; no name of the register is as long, each of its letters escaped
_LONG = 8 * 1024  # bytes of a text


def written(text: bytes) -> bytes | None:
    """The names in a JSON text, with their quotes and in lower case, among other things; None: one could hide."""
    names = _short_strings(text) if len(text) > _LONG else text
    return None if _hides(names) else names.lower()


def _short_strings(text: bytes) -> bytes:
    """What stands between quotes, but for what is too long for a name; all of a text with many quotes."""
    short: list[bytes] = []
    at = text.find(b'"')
    for _ in range(len(text) // 128):
        end = text.find(b'"', at + 1)
        if end < 0:
            return b"".join(short)
        if end - at < LONGEST:
            short.append(text[at : end + 1])
        at = end
    return text


def may_matter(text: bytes, names: bytes | None, root: Root) -> bool:
    """Could anything that is looked for near the top of these bytes stand there? `names` are those in it."""
    if root.values:
        return True
    if text[0] not in b"{[":
        return False
    if root.needles is None or text[0] == _BRACE or not is_flat(text):
        return True
    return bool(root.needles) and (names is None or any(names.find(needle) >= 0 for needle in root.needles))


def deep_nodes(names: bytes | None, root: Root) -> list[Node[Rule]]:
    """The rules for any depth all of whose names could stand among these."""
    if root.clue is None or (names is not None and root.clue.search(names) is None):
        return []
    return [node for needed, node in root.deep if names is None or all(name in names for name in needed)]


def _hides(text: bytes) -> bool:
    """Could a name stand there that a search does not find?"""
    like_latin = not text.isascii() and any(letter in text for letter in _LIKE_LATIN)
    return like_latin or (_BACKSLASH in text and _ESCAPED.search(text) is not None)


def ambiguous(raw: bytes, value: Any) -> bool:
    """Does a key stand twice in the same object, somewhere in these bytes?"""
    return encode(value) != raw and keys_written(raw) != count_keys(value)

"""JSON in the one form that is signed: RFC 8785, for documents without fractions."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

Json: TypeAlias = bool | int | str | Sequence["Json"] | Mapping[str, "Json"] | None

LARGEST = 2**53 - 1  # beyond it not every reader of JSON has the same number
DEEPEST = 32


class Uncanonical(Exception):
    """A document with something that has no one form. The text is fixed."""


def canonical(document: Json) -> bytes:
    """Sorted keys, no spaces, integers only, UTF-8. Raises Uncanonical."""
    _check(document, DEEPEST)
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Uncanonical("text with half a surrogate pair") from None


def parsed(text: bytes) -> dict[str, Any]:
    """A document as it was sent. Raises Uncanonical for what is no JSON object, or has a member twice: of those readers
    may take either."""
    try:
        document = json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError):
        raise Uncanonical("no JSON") from None
    if not isinstance(document, dict):
        raise Uncanonical("no object")
    return document


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Uncanonical("a member that stands twice")
    return made


def _check(value: object, depth: int) -> None:
    if depth == 0:
        raise Uncanonical("nested too deep")
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > LARGEST:
                raise Uncanonical("a number beyond 2**53")
        case dict():
            for key, each in value.items():
                # RFC 8785 sorts by UTF-16 units and Python by code points: the same for ASCII.
                if not isinstance(key, str) or not key.isascii():
                    raise Uncanonical("a key that is not ASCII text")
                _check(each, depth - 1)
        case list() | tuple():
            for each in value:
                _check(each, depth - 1)
        case _:
            raise Uncanonical("a value that is no text, integer, truth value, list or table")

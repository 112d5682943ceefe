"""Globs of the register: model names and values, whatever their letter case."""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import cache

_WILD = frozenset("*?[")


@cache
def matcher(globs: tuple[str, ...]) -> Callable[[str], bool]:
    """Does a text match one of them? Kept by the register's rows, of which there are few, never by a caller's text."""
    wild = [glob for glob in globs if not _WILD.isdisjoint(glob)]
    exact = frozenset(glob.lower() for glob in globs if _WILD.isdisjoint(glob))
    if not wild:
        return lambda text: text.lower() in exact
    pattern = re.compile("|".join(translate(glob) for glob in wild), re.IGNORECASE)
    return lambda text: text.lower() in exact or pattern.match(text) is not None


def matches(globs: tuple[str, ...], text: str) -> bool:
    return matcher(globs)(text)

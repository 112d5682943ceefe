"""Globs of the register: model names and values, whatever their letter case."""

import re
from collections.abc import Callable
from fnmatch import translate
from functools import cache


@cache
def matcher(globs: tuple[str, ...]) -> Callable[[str], object]:
    """Does a text match one of them? Kept by the register's rows, of which there are few, never by a caller's text."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)", re.IGNORECASE).match


def matches(globs: tuple[str, ...], text: str) -> bool:
    return matcher(globs)(text) is not None

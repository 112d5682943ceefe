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


def concerns(models: tuple[str, ...], not_models: tuple[str, ...], model: str) -> bool:
    """Does a row that names these models, but for those, speak of this one? One without any names speaks of all."""
    return (not models or matches(models, model)) and not (not_models and matches(not_models, model))


def matches(globs: tuple[str, ...], text: str) -> bool:
    return matcher(globs)(text)

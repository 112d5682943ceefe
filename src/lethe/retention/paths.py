"""Where a rule's path leads in a decoded body: names by dots, `[]` for every element, `**` for any depth.

Where an API expects a list, one object or value alone is looked at as its only element: some servers take that.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias

Segments: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[Any, Any]  # a container, and the key or index in it

EVERY = "[]"
DEEP = "**"
# What lies under these is the caller's own data, not a part of any API, wherever it stands below the top level.
DATA = frozenset({"input_schema", "parameters", "input", "arguments", "schema", "input_examples"})


def parse(path: str) -> Segments:
    """`tools[].type` -> ("tools", "[]", "type")."""
    segments: list[str] = []
    for part in path.split("."):
        name = part.rstrip("[]")
        segments += [name] if name else []
        segments += [EVERY] * part.count(EVERY)
    return tuple(segments)


def names(segments: Segments) -> Segments:
    return tuple(segment for segment in segments if segment not in (EVERY, DEEP))


def places(holder: Any, segments: Segments) -> list[Place]:
    """Every place in the holder (a container) that the path leads to and where there is something."""
    found: list[Place] = [((holder,), 0)]
    for segment in segments:
        if segment == EVERY:
            found = [place for at in found for place in _elements(at)]
        elif segment == DEEP:
            found = [place for at in found for place in _descendants(at)]
        else:
            found = [
                (value, segment)
                for container, key in found
                if type(value := container[key]) is dict and segment in value
            ]
    return found


def ensure(holder: dict[str, Any], segments: Segments) -> list[Place]:
    """As `places`, for a value that must be there: objects on the way are made. Paths of names only."""
    inner: Any = holder
    for segment in segments[:-1]:
        if type(inner.get(segment)) is not dict:
            inner[segment] = {}
        inner = inner[segment]
    return [(inner, segments[-1])]


def remove(found: list[Place]) -> None:
    """Take what stands at these places away."""
    for container, key in reversed(found):  # of a list the last first, so that indices hold
        del container[key]


def _elements(at: Place) -> Iterator[Place]:
    container, key = at
    value = container[key]
    if type(value) is list:
        for n in range(len(value)):
            yield value, n
    else:
        yield at


def _descendants(at: Place) -> Iterator[Place]:
    """The place itself and all below it, apart from the caller's data."""
    waiting = [at]
    while waiting:
        container, key = waiting.pop()
        yield container, key
        value = container[key]
        if type(value) is dict:
            waiting += [(value, name) for name in value if name not in DATA]
        elif type(value) is list:
            waiting += [(value, n) for n in range(len(value))]


def count_keys(value: Any) -> int:
    """How many keys all objects in a decoded value have."""
    total = 0
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if type(inner) is dict:
            total += len(inner)
            waiting += inner.values()
        elif type(inner) is list:
            waiting += inner
    return total

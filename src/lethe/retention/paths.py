"""Where a rule's path leads in a decoded body: names by dots, `[]` for every element, `**` for any depth, `*` for every
name that no other path has there.

Where an API expects a list, one object or value alone is looked at as its only element: some servers take that. For the
same reason the objects of a list are looked at where one object is expected, and the elements of lists in lists.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

Segments: TypeAlias = tuple[str, ...]
Place: TypeAlias = tuple[Any, Any]  # a container, and the key or index in it

EVERY = "[]"
DEEP = "**"
OTHER = "*"
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
    return tuple(segment for segment in segments if segment not in (EVERY, DEEP, OTHER))


class Node(Generic[T]):
    """Paths that begin alike, together; `marks` stand where one ends."""

    __slots__ = ("deep", "every", "folded", "marks", "names", "other")

    def __init__(self) -> None:
        self.marks: list[T] = []
        self.names: dict[str, Node[T]] = {}
        self.folded: set[str] = set()  # the names as they are compared by servers that do not mind the case of letters
        self.every: Node[T] | None = None
        self.deep: Node[T] | None = None
        self.other: Node[T] | None = None

    def add(self, segments: Segments, mark: T) -> None:
        self.reach(segments).marks.append(mark)

    def reach(self, segments: Segments) -> "Node[T]":
        """The node where a path ends, made if it is not there."""
        node: Node[T] = self
        for segment in segments:
            if segment == EVERY:
                node.every = node.every or Node()
                node = node.every
            elif segment == DEEP:
                node.deep = node.deep or Node()
                node = node.deep
            elif segment == OTHER:
                node.other = node.other or Node()
                node = node.other
            else:
                node.folded.add(segment.casefold())
                node = node.names.setdefault(segment, Node())
        return node

    def walk(self, holder: Any, key: Any) -> Iterator[tuple[T | None, Place]]:
        """Every mark whose path leads from the value at this place to something, and the place where that is.

        Without a mark a name that is one of these in other letters.
        """
        waiting: list[tuple[Node[T], Any, Any]] = [(self, holder, key)]
        while waiting:
            node, container, key = waiting.pop()
            value = container[key]
            for mark in node.marks:
                yield mark, (container, key)
            if (node.names or node.other is not None) and type(value) in (dict, list):
                yield from node._fields(value, waiting)
            if (every := node.every) is not None:
                if type(value) is not list:
                    waiting.append((every, container, key))
                elif every.marks or every.every is not None or every.deep is not None:
                    waiting += [(every, *place) for place in _elements(value)]
                else:  # most often: objects, of which only some fields are looked at
                    yield from every._fields(value, waiting)
            if node.deep is not None:
                waiting += [(node.deep, *place) for place in _descendants((container, key))]

    def _fields(self, value: Any, waiting: "list[tuple[Node[T], Any, Any]]") -> Iterator[tuple[None, Place]]:
        """What is to be looked at of an object, or of those in a list, goes to `waiting`."""
        names, folded, other = self.names, self.folded, self.other
        for each in (value,) if type(value) is dict else objects(value):
            for name in each:
                if name in names:
                    waiting.append((names[name], each, name))
                elif name.casefold() in folded:
                    yield None, (each, name)
                elif other is not None:
                    waiting.append((other, each, name))


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a list and in the lists in it; none in what is no list."""
    waiting = [value] if type(value) is list else []
    while waiting:
        for element in waiting.pop():
            if type(element) is dict:
                yield element
            elif type(element) is list:
                waiting.append(element)


def _elements(value: list[Any]) -> Iterator[Place]:
    """Where the elements of a list stand, and those of the lists in it."""
    waiting = [value]
    while waiting:
        at = waiting.pop()
        for n, element in enumerate(at):
            if type(element) is list:
                waiting.append(element)
            else:
                yield at, n


def ensure(holder: dict[str, Any], segments: Segments) -> list[Place]:
    """The place of a value that must be there: objects on the way are made. Paths of names only."""
    inner: Any = holder
    for segment in segments[:-1]:
        if type(inner.get(segment)) is not dict:
            inner[segment] = {}
        inner = inner[segment]
    return [(inner, segments[-1])]


def remove(found: Iterable[Place]) -> None:
    """Take what stands at these places away."""
    for container, key in sorted(found, key=lambda at: at[1] if type(at[1]) is int else -1, reverse=True):
        if type(container) is dict:
            container.pop(key, None)
        else:
            del container[key]  # of a list the last first, so that indices hold


def _descendants(at: Place) -> Iterator[Place]:
    """The place itself and all below it, apart from the caller's data; of lists their elements."""
    waiting = [at]
    while waiting:
        container, key = waiting.pop()
        value = container[key]
        if type(value) is list:
            waiting += [(value, n) for n in range(len(value))]
            continue
        yield container, key
        if type(value) is dict:
            waiting += [(value, name) for name in value if name not in DATA]


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

"""Each object and list of the seeds, with each name that its dialect knows, at each kind of value: what chance may not reach."""

import json
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from tests.fuzz.mutation import texts
from tests.fuzz.targets import TARGETS

Json = dict[str, Any]
KINDS = ("stream", "events", "reply", "request")
VALUES: tuple[Any, ...] = (None, "x", 0, 1.5, True, [], ["x"], [{}], {}, {"x": 1}, {"type": "x"})
OURS = ("message", "usage", "logprobs", "delta", "error")  # what codecs call their own leftovers
FEW = 3  # elements of a list that are changed
MOST = 5  # failures told
TRIED = 50_000  # of a request's many more, one in so many


class Place(msgspec.Struct, frozen=True):
    """A JSON text of a seed, and an object or list somewhere in it."""

    seed: bytes
    span: slice
    whole: Any
    node: Any

    def changed(self, change: Callable[[Any], None]) -> bytes:
        kept = self.node.copy()
        try:
            change(self.node)
            text = json.dumps(self.whole).encode()
        finally:
            self.node.clear()
            self.node.update(kept) if isinstance(self.node, dict) else self.node.extend(kept)
        return self.seed[: self.span.start] + text + self.seed[self.span.stop :]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TARGETS if name.split()[0] in KINDS])
def test_every_field_at_every_kind_of_value(name: str) -> None:
    check = TARGETS[name].check
    places = list(_places(TARGETS[name].seeds()))
    names = sorted({field for place in places if isinstance(place.node, dict) for field in place.node})
    assert len(names) > 5
    changes = [(place, change) for place in places for change in _changes(place.node, [*names, *OURS])]
    failed: dict[str, bytes] = {}
    for place, change in changes[:: 1 + len(changes) // TRIED]:
        data = place.changed(change)
        try:
            check(data)
        except Exception as error:  # noqa: BLE001 - told at the end, once a line of code
            where = traceback.extract_tb(error.__traceback__)[-1]
            failed.setdefault(f"{where.filename}:{where.lineno}: {error!r}", data)
    assert not failed, "\n".join(f"{where}, by {data!r}" for where, data in list(failed.items())[:MOST])


def _places(seeds: Sequence[bytes]) -> Iterator[Place]:
    """One of each shape: the same names at the same path of the same kind of text."""
    seen: set[object] = set()
    for seed in seeds:
        for start, end, whole in texts(seed):
            for path, node in _nodes(whole):
                shape = (_type(whole), path, _type(node), tuple(sorted(node)) if isinstance(node, dict) else None)
                if shape not in seen:
                    seen.add(shape)
                    yield Place(seed, slice(start, end), whole, node)


def _nodes(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield path, value
        for name, inner in value.items():
            yield from _nodes(inner, f"{path}.{name}")
    elif isinstance(value, list):
        yield path, value
        for inner in value:
            yield from _nodes(inner, f"{path}[]")


def _changes(node: Any, names: Sequence[str]) -> Iterator[Callable[[Any], None]]:
    if isinstance(node, dict):
        yield from (_set(name, value) for name in names for value in VALUES)
        yield from (_renamed(name, other) for name in node for other in names if other not in node)
        yield from (_deleted(name) for name in node)
    else:
        yield from (_set(at, value) for at in range(min(len(node), FEW)) for value in VALUES)
        yield from (_inserted(value) for value in VALUES)


def _set(key: Any, value: Any) -> Callable[[Any], None]:
    def change(node: Any) -> None:
        node[key] = value

    return change


def _renamed(name: str, other: str) -> Callable[[Any], None]:
    def change(node: Json) -> None:
        node[other] = node.pop(name)

    return change


def _deleted(name: str) -> Callable[[Any], None]:
    def change(node: Json) -> None:
        del node[name]

    return change


def _inserted(value: Any) -> Callable[[Any], None]:
    def change(node: list[Any]) -> None:
        node.insert(0, value)

    return change


def _type(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None

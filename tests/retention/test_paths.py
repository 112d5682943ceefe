"""Paths of the register in decoded bodies."""

from typing import Any

import pytest

from lethe.retention.paths import Node, count_keys, ensure, names, parse, remove

PARSED = [
    ("tools[].type", ("tools", "[]", "type")),
    ("a", ("a",)),
    ("a[][].b", ("a", "[]", "[]", "b")),
    ("**.ttl", ("**", "ttl")),
    ("a.**.b[]", ("a", "**", "b", "[]")),
]


@pytest.mark.parametrize(("path", "segments"), PARSED)
def test_parse(path: str, segments: tuple[str, ...]) -> None:
    assert parse(path) == segments
    assert names(segments) == tuple(s for s in segments if s.isalpha())


# path below the root, value, what stands at the places it leads to
WALKS: list[tuple[str, Any, list[Any]]] = [
    ("a", {"a": 1, "b": 2}, [1]),
    ("a", [{"a": 1}], [1]),
    ("[].a", [[{"a": 1}], [[{"a": 2}, [3]]]], [1, 2]),
    ("[].a", [{"a": 1}, 7, {"b": 1}, {"a": 2}], [1, 2]),
    ("[].a", {"a": 1}, [1]),
    ("[]", [1, 2], [1, 2]),
    ("[]", 7, [7]),
    ("[]", [[1], [[2, {}]], []], [1, 2, {}]),
    ("[][]", [[1], 2], [1, 2]),
    ("[].a[].b", [{"a": [{"b": 1}]}, {"a": {"b": 2}}], [1, 2]),
    ("**.a", {"a": {"a": 1}, "b": [{"a": 2}], "input": {"a": 3}}, [{"a": 1}, 1, 2]),
]


@pytest.mark.parametrize(("path", "value", "expected"), WALKS)
def test_walk(path: str, value: Any, expected: list[Any]) -> None:
    node: Node[str] = Node()
    node.add(parse(path), "mark")
    node.add(("elsewhere",), "other")
    found = [container[key] for mark, (container, key) in node.walk({"root": value}, "root") if mark == "mark"]
    assert sorted(map(str, found)) == sorted(map(str, expected))


def test_what_must_be_there_is_made() -> None:
    holder: dict[str, Any] = {"a": {"x": 1}, "b": 7}
    ensure(holder, ("a", "c", "d"))
    ensure(holder, ("b", "c"))
    assert holder == {"a": {"x": 1, "c": {}}, "b": {}}


def test_remove() -> None:
    numbers, fields = [0, 1, 2, 3], {"a": 1, "b": 2}
    remove([(numbers, 1), (fields, "a"), (numbers, 3), (numbers, 0), (fields, "a")])
    assert (numbers, fields) == ([2], {"b": 2})


def test_count_keys() -> None:
    assert count_keys({"a": [{"b": 1}, {"b": {"c": 1}}], "d": {}}) == 5
    assert count_keys("text") == 0

"""Each object of the seeds, with each name that its dialect knows, at each kind of value: what chance may not reach."""

import json
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from tests.fuzz.mutation import texts
from tests.fuzz.targets import TARGETS

Json = dict[str, Any]
KINDS = ("stream", "events", "reply", "request")
VALUES: tuple[Any, ...] = (None, "x", 0, 1.5, True, [], ["x"], [{}], {}, {"x": 1}, {"type": "x"})
OURS = ("message", "usage", "logprobs", "delta", "error")  # what codecs call their own leftovers
MOST = 5  # failures told
TRIED = 20_000  # of a request's many more, one in so many


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TARGETS if name.split()[0] in KINDS])
def test_every_field_at_every_kind_of_value(name: str) -> None:
    seeds, check = TARGETS[name].seeds(), TARGETS[name].check
    names = sorted({field for seed in seeds for *_, value in texts(seed) for node in _objects(value) for field in node})
    assert len(names) > 5
    changes = list(_changed(seeds, [*names, *OURS]))
    failed: dict[str, str] = {}
    for seed, span, whole, node, field, value in changes[:: 1 + len(changes) // TRIED]:
        try:
            check(seed[: span.start] + _with(whole, node, field, value) + seed[span.stop :])
        except Exception as error:  # noqa: BLE001 - told at the end, once a line of code
            where = traceback.extract_tb(error.__traceback__)[-1]
            failed.setdefault(f"{where.filename}:{where.lineno}: {error!r}", f"{field}={value!r} in {node}")
    assert not failed, "\n".join(f"{where}, by {change}" for where, change in list(failed.items())[:MOST])


def _changed(seeds: Sequence[bytes], names: list[str]) -> Iterator[tuple[bytes, slice, Any, Json, str, Any]]:
    """Once per shape of object: the seed, which JSON text of it, which object there, and what to put there."""
    seen: set[object] = set()
    for seed in seeds:
        for start, end, whole in texts(seed):
            for node in _objects(whole):
                shape = (_type(whole), _type(node), tuple(sorted(node)))
                if shape not in seen:
                    seen.add(shape)
                    span = slice(start, end)
                    yield from ((seed, span, whole, node, name, value) for name in names for value in VALUES)


def _with(whole: Any, node: Json, name: str, value: Any) -> bytes:
    kept = dict(node)
    node[name] = value
    try:
        return json.dumps(whole).encode()
    finally:
        node.clear()
        node.update(kept)


def _objects(value: Any) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _type(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None

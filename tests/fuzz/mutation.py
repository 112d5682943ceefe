"""Damage: bytes cut, spliced and repeated; JSON with other types, names, keys twice, depths; frames lost and swapped."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

LARGEST = 64 * 1024
_DATA = re.compile(rb"^data: ?(.*)$", re.MULTILINE)
_TOKENS = (
    b"\n\n", b"\r\n\r\n", b"\r", b"\n", b"data: ", b"data:", b"event: ", b"event: error\n", b":", b"\xef\xbb\xbf", b"\xff\xfe",
    b"data: [DONE]\n\n", b"[DONE]", b'"', b"\\", b"\\ud800", b"\\u0000", b"{", b"}", b"[", b"]", b",", b"null", b"NaN",
    b"-Infinity", b"1e999", b"-0", b"\xc3", b"\xe2\x80\xa8", b"\x00",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 7, 1.5, 1e308, float("nan"), float("inf"), 2**31, 2**53 + 1, 2**63, 2**64, 10**400,
    "", "x", "CANARY_new", "0", "\ud800", "\udfff\ud800", "\x00\r\n\n", "\u2028", "error", "auto", "[DONE]", "lethe:", "lethe:gemini:x",
    "data:image/png;base64,AA", "x" * 300, [], {}, [[]], [{}], [None], ["x"], {"": None}, {"type": "x"}, {"type": []}, {"text": "x"},
    {"error": {}}, {"error": {"message": "CANARY_new"}},
)  # fmt: skip
# Just below, at and far above the depth that Python's stack allows.
_DEPTHS = (3, 60, 200, 900, 940, 960, 980, 990, 1000, 100_000)
_NUMBERS = (b"1e400", b"-1e400", b"123456789012345678901234567890", b"-0.0", b"1E-400", b"00", b"1.")


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One to four kinds of damage."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(_WAYS)(data, others, random)[:LARGEST]
    return data


def _cut(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    a, b = _range(data, random)
    return data[:a] + data[b:]


def _repeated(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    a, b = _range(data, random)
    return data[:b] + data[a:b] * random.choice((1, 1, 2, 50)) + data[b:]


def _spliced(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(others)
    a, b = _range(other, random)
    at = random.randint(0, len(data))
    return data[:at] + other[a:b] + data[at:]


def _token(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.choice(_TOKENS) + data[at + random.choice((0, 0, 1, 4)) :]


def _flipped(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    if not data:
        return data
    at = random.randrange(len(data))
    return data[:at] + bytes((random.randrange(256),)) + data[at + 1 :]


def _frames(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Whole events lost, repeated, swapped, or another stream's among them."""
    frames = data.split(b"\n\n")
    at = random.randrange(len(frames))
    match random.randrange(4):
        case 0:
            del frames[at]
        case 1:
            frames.insert(random.randrange(len(frames)), frames[at])
        case 2:
            other = random.randrange(len(frames))
            frames[at], frames[other] = frames[other], frames[at]
        case _:
            frames.insert(at, random.choice(random.choice(others).split(b"\n\n")))
    return b"\n\n".join(frames)


def texts(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The JSON texts in the data: from, to, what was read."""
    for start, end in _spans(data):
        with suppress(ValueError, RecursionError):
            yield start, end, json.loads(data[start:end])


def _spans(data: bytes) -> list[tuple[int, int]]:
    return [found.span(1) for found in _DATA.finditer(data)] or [(0, len(data))]


def _json(data: bytes, _: Sequence[bytes], random: Random) -> bytes:
    """One JSON text in the data, with another structure."""
    start, end = random.choice(_spans(data))
    try:
        value = json.loads(data[start:end])
    except (ValueError, RecursionError):
        return data
    places = list(_places(value))
    if not places:
        return data
    for _change in range(random.choice((1, 1, 2, 3))):
        container, key = random.choice(places)
        random.choice(_CHANGES)(container, key, places, random)
    try:
        text = json.dumps(
            value, ensure_ascii=random.random() < 0.5, separators=random.choice(((",", ":"), (", ", ": ")))
        )
    except (ValueError, RecursionError):  # an object was put into itself
        return data
    raw = _marks(text, random).encode("utf-8", "surrogatepass")
    return data[:start] + raw.replace(b"\n", b"\\n") + data[end:]


def _places(value: Any) -> "list[tuple[Any, Any]]":
    """Every container with each of its keys."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        node = todo.pop()
        if isinstance(node, dict | list):
            keys = list(node) if isinstance(node, dict) else range(len(node))
            found += ((node, key) for key in keys)
            todo += node.values() if isinstance(node, dict) else node
    return found


def _replace(container: Any, key: Any, _: list[tuple[Any, Any]], random: Random) -> None:
    if _there(container, key):
        container[key] = random.choice(_VALUES)


def _delete(container: Any, key: Any, _: list[tuple[Any, Any]], random: Random) -> None:
    if _there(container, key):
        del container[key]


def _rename(container: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    names = [name for _, name in places if isinstance(name, str)]
    if isinstance(container, dict) and key in container and names:
        container[random.choice([*names, "CANARY_name", "\ud800", "", "type", "error"])] = container.pop(key)


def _swap(container: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    other, name = random.choice(places)
    if _there(container, key) and _there(other, name):
        container[key], other[name] = other[name], container[key]


def _marked(container: Any, key: Any, _: list[tuple[Any, Any]], random: Random) -> None:
    """A mark in place of the value, for what `json` cannot write."""
    if _there(container, key):
        container[key] = random.choice((_DEEP, _NUMBER))


def _doubled(container: Any, key: Any, _: list[tuple[Any, Any]], random: Random) -> None:
    if isinstance(container, dict) and key in container:
        container[_TWICE] = random.choice((container[key], random.choice(_VALUES)))
        container[_TWICE + 1] = key


def _longer(container: Any, key: Any, _: list[tuple[Any, Any]], random: Random) -> None:
    if _there(container, key) and isinstance(container[key], list):
        container[key] = container[key] * random.choice((2, 3, 40))


def _there(container: Any, key: Any) -> bool:
    return key in container if isinstance(container, dict) else key < len(container)


_DEEP, _NUMBER, _TWICE = "\ue000deep", "\ue001number", -77_000_111
_MARK = re.compile(r'"(?:\\ue000deep|\ue000deep|\\ue001number|\ue001number)"')
_AGAIN = re.compile(rf'"{_TWICE}": ?(.*?), ?"{_TWICE + 1}": ?("(?:[^"\\]|\\.)*")', re.DOTALL)


def _marks(text: str, random: Random) -> str:
    def instead(found: re.Match[str]) -> str:
        if "number" in found[0]:
            return random.choice(_NUMBERS).decode()
        depth, (opening, closing) = random.choice(_DEPTHS), random.choice((("[", "]"), ('{"a":', "}")))
        return opening * depth + ("1" if opening != "[" else "") + closing * depth

    return _AGAIN.sub(lambda found: f"{found[2]}:{found[1]}", _MARK.sub(instead, text))


_CHANGES: tuple[Callable[[Any, Any, list[tuple[Any, Any]], Random], None], ...] = (
    _replace, _replace, _delete, _rename, _swap, _marked, _doubled, _longer,
)  # fmt: skip
_WAYS: tuple[Callable[[bytes, Sequence[bytes], Random], bytes], ...] = (
    _cut, _repeated, _spliced, _token, _flipped, _frames, _frames, _json, _json, _json, _json, _json,
)  # fmt: skip


def _range(data: bytes, random: Random) -> tuple[int, int]:
    a = random.randint(0, len(data))
    return a, min(len(data), a + random.choice((1, 2, 8, 40, 200, 2000)))

"""JSON that msgspec refuses and other languages write."""

from typing import Any

import pytest

from lethe.wire.lenient import decode, encode

HALF = "\ud83d"
DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "é😀", "b": [1, 2.5, None, True]}, '{"a":"é😀","b":[1,2.5,null,true]}'.encode()),
        ({"a": HALF}, b'{"a":"\\ud83d"}'),
        ({HALF: 2**70}, b'{"\\ud83d":1180591620717411303424}'),
        ("x\udc00", b'"x\\udc00"'),
    ],
)
def test_there_and_back(value: Any, text: bytes) -> None:
    assert encode(value) == text
    assert decode(text) == decode(text.decode()) == value


def test_halves_that_stand_as_bytes() -> None:
    assert decode(b'{"a":"\xed\xa0\xbd"}') == {"a": HALF}


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"[Infinity]", b'"\xff"', DEEP, DEEP.decode(), "{'a':1}"])
def test_what_is_no_json(text: bytes | str) -> None:
    with pytest.raises(ValueError, match=r"^not JSON$"):
        decode(text)


@pytest.mark.parametrize("value", [{HALF: float("nan")}, [object()]])
def test_what_json_cannot_hold(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        encode(value)

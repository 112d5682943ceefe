"""One form for each document: RFC 8785, without fractions."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.evidence.canonical import LARGEST, Json, Uncanonical, canonical, parsed

FORMS: dict[str, tuple[Json, bytes]] = {
    "sorted": ({"b": 1, "a": 2, "A": 3, "_": 4}, b'{"A":3,"_":4,"a":2,"b":1}'),
    "nested": ({"x": [1, {"z": None, "y": True}]}, b'{"x":[1,{"y":true,"z":null}]}'),
    "tuples are lists": ((1, 2), b"[1,2]"),
    # RFC 8785, 3.2.2.2 and the strings of its section 3.2.2
    "escapes": ('\u20ac$\u000f\u000aA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()),
    "controls": ("\b\t\f\r\x7f\x1b", b'"\\b\\t\\f\\r\x7f\\u001b"'),
    "beyond the BMP": ("\U0001f600", '"\U0001f600"'.encode()),
    "largest": ([LARGEST, -LARGEST], b"[9007199254740991,-9007199254740991]"),
    "empty": ([{}, [], ""], b'[{},[],""]'),
}
REFUSED: dict[str, object] = {
    "a fraction": [1.5],
    "a whole fraction": {"a": 1.0},
    "not a number": [float("nan")],
    "too large": [LARGEST + 1],
    "a key beyond ASCII": {"\u00e9": 1},
    "a key that is no text": {1: 1},
    "half a pair": ["\ud800"],
    "bytes": [b"x"],
    "a set": {"a": {1}},
}


@pytest.mark.parametrize(("document", "form"), FORMS.values(), ids=FORMS)
def test_forms(document: Json, form: bytes) -> None:
    assert canonical(document) == form


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_refused(document: Json) -> None:
    with pytest.raises(Uncanonical) as raised:
        canonical(document)
    assert "ud800" not in str(raised.value)


def test_depth_has_a_limit() -> None:
    document: Json = []
    for _ in range(10_000):
        document = [document]
    with pytest.raises(Uncanonical):
        canonical(document)


_VALUES: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii")), inner),
    max_leaves=12,
)


@given(_VALUES)
def test_reading_and_writing_again_changes_nothing(document: Json) -> None:
    form = canonical(document)
    assert json.loads(form) == document
    assert canonical(json.loads(form)) == form


TWICE = [
    b'{"a":1,"b":2,"a":1}',
    b'{"a":1,"\\u0061":2}',
    b'{"a":[{"b":{"c":1,"c":2}}]}',
    b"[]",
    b"1",
    b"",
    b"\xff",
    b"[" * 100_000,
]


@pytest.mark.parametrize("text", TWICE, ids=range(len(TWICE)))
def test_what_two_readers_could_read_in_two_ways_is_no_document(text: bytes) -> None:
    with pytest.raises(Uncanonical):
        parsed(text)


def test_a_document_is_read_as_it_is() -> None:
    assert parsed(b'{"a": [{"b": 1}, {"b": 2}], "c": null}') == {"a": [{"b": 1}, {"b": 2}], "c": None}

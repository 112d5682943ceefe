"""Splicing changes what it names and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.errors import InvalidRequest
from lethe.wire.rawjson import TopLevel

# name, body, changes, expected
SPLICES: list[tuple[str, bytes, dict[str, Any], bytes]] = [
    ("nothing to do", b'{"model":"a","x":1.0}', {}, b'{"model":"a","x":1.0}'),
    ("nothing to do, spaced", b'{ "model" : "a" }\n', {}, b'{ "model" : "a" }\n'),
    ("compact", b'{"model":"alias","t":1.0,"s":1e3}', {"model": "m"}, b'{"model":"m","t":1.0,"s":1e3}'),
    (
        "spaced",
        b'{ "x":  [1, 2], "model" : "alias" ,"y":{ } }',
        {"model": "m"},
        b'{ "x":  [1, 2], "model" : "m" ,"y":{ } }',
    ),
    (
        "same text elsewhere",
        b'{"n":{"model":"a"},"model":"a","z":"\\"model\\":\\"a\\""}',
        {"model": "b"},
        b'{"n":{"model":"a"},"model":"b","z":"\\"model\\":\\"a\\""}',
    ),
    (
        "escapes kept",
        b'{"a": "caf\\u00e9 \\/", "model": "x"}',
        {"model": "y"},
        b'{"a": "caf\\u00e9 \\/", "model": "y"}',
    ),
    ("escaped key", b'{"m\\u006fdel": "x", "k\\"": 1}', {"model": "y"}, b'{"m\\u006fdel": "y", "k\\"": 1}'),
    ("appended", b'{"a":1}', {"b": 2}, b'{"a":1,"b":2}'),
    ("appended, spaced", b'{ "a": 1 }', {"b": 2}, b'{ "a": 1 ,"b":2}'),
    ("appended to nothing", b"{}", {"b": 2}, b'{"b":2}'),
    ("appended to nothing, spaced", b"{ }", {"b": 2}, b'{ "b":2}'),
    ("a key twice: the last counts, once", b'{"model":"a","x":1,"model":"b"}', {}, b'{"model":"b","x":1}'),
    ("a key twice, spaced", b'{"model": "a", "model": "b"}', {"model": "c"}, b'{"model":"c"}'),
    ("a key twice, saying the same", b'{"a": 1, "a": 1, "b": 2}', {"b": 3}, b'{"a":1,"b":3}'),
    ("non-ASCII key", '{"ключ":1,"model":"a"}'.encode(), {"model": "b"}, '{"ключ":1,"model":"b"}'.encode()),
    ("lone surrogate", b'{"model":"a","t":"\\ud83d"}', {"model": "b"}, b'{"model":"b","t":"\\ud83d"}'),
]


@pytest.mark.parametrize(("body", "changes", "expected"), [c[1:] for c in SPLICES], ids=[c[0] for c in SPLICES])
def test_splice(body: bytes, changes: dict[str, Any], expected: bytes) -> None:
    assert TopLevel(body).spliced(changes) == expected


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"x"', b"{", b'{"a":1}x', b'{"a":tru}', b"\xff", b"[" * 100_000, b"\xef\xbb\xbf[]"],
    ids=range(9),
)
def test_what_is_no_object_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TopLevel(body)
    assert caught.value.path == "$"


def test_values() -> None:
    top = TopLevel(b'{"model":"m","stream":true,"none":null,"t":"\\ud83d"}')
    assert (top.value("model"), top.value("stream"), top.value("none"), top.value("absent")) == ("m", True, None, None)
    assert "none" in top
    assert "absent" not in top
    assert top.whole()["t"] == "\ud83d"


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(texts, v, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(texts, values, max_size=6), st.sampled_from([None, 1, "\t"]), st.booleans(), texts)
def test_splicing_means_what_it_says(body: dict[str, Any], indent: int | str | None, ascii: bool, model: str) -> None:
    separators = (",", ":") if indent is None else (" ,", ": ")
    text = json.dumps(body, indent=indent, ensure_ascii=ascii, separators=separators).encode()
    assert TopLevel(text).spliced({}) == text
    assert json.loads(TopLevel(text).spliced({"model": model})) == body | {"model": model}

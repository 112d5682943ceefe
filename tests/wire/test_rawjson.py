"""Splicing changes what it names and nothing else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lethe.errors import InvalidRequest
from lethe.wire.rawjson import TopLevel, encode, is_flat, keys_written, loads

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
    [
        b"", b"[]", b'"x"', b"{", b'{"a":1}x', b'{"a":tru}', b"\xff", b"[" * 100_000, b"\xef\xbb\xbf[]", b'{"a":"\xb6"}',
        b'{"a":{"b\xff":1}}',
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_object_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        TopLevel(body)
    assert caught.value.path == "$"


REMOVALS: list[tuple[bytes, dict[str, Any], list[str], bytes]] = [
    (b'{"a":1,"b":2}', {}, ["a"], b'{"b":2}'),
    (b'{"a":1}', {}, ["a"], b"{}"),
    (b'{ "a" : 1 , "b" : 1.0 }', {"c": 3}, ["a", "z"], b'{"b":1.0,"c":3}'),
    (b'{"a":1,"b":2,"a":3}', {}, ["a"], b'{"b":2}'),
    (b'{"\\u0061":1,"b":2}', {}, ["a"], b'{"b":2}'),
    (b'{"a":1,"b":2}', {}, ["z"], b'{"a":1,"b":2}'),
]


@pytest.mark.parametrize(("body", "changes", "removals", "expected"), REMOVALS)
def test_removals(body: bytes, changes: dict[str, Any], removals: list[str], expected: bytes) -> None:
    assert TopLevel(body).spliced(changes, removals) == expected


TWICE = [
    b'{"a":{"x":1,"x":2},"t":"\\ud83d"}',
    '{"a":{"x":1,"x":2},"t":"\\ud83d\u00e9\u00e9"}'.encode(),  # as long when written anew as before
    b'{"a":{"x":2},"t":"\\ud83d","a":{"x":2}}',
]


@pytest.mark.parametrize("body", TWICE)
def test_what_only_the_slow_parser_reads_goes_out_as_it_was_read(body: bytes) -> None:
    for changes in ({}, {"z": 1}):
        out = TopLevel(body).spliced(changes)
        assert out.count(b'"x"') == 1
        assert b'"a":{"x":2}' in out


@pytest.mark.parametrize("body", [b'{"x":NaN,"t":"\\ud83d"}', b'{"x":-Infinity}', b'{"\\ud83d":1}'])
def test_what_is_no_json_for_others_is_none_here(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        TopLevel(body)


@pytest.mark.parametrize("body", [b'{"x":"\xff","t":1}', b'{"\xff":1}'])
def test_text_that_is_none_is_the_callers_fault(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        TopLevel(body).whole()


def test_another_encoding_goes_out_in_the_one_that_json_has() -> None:
    assert TopLevel('{"a":1}'.encode("utf-16")).spliced({}) == b'{"a":1}'


def test_encode_keeps_what_utf8_cannot_hold() -> None:
    assert encode({"a": "\ud83d"}) == b'{"a":"\\ud83d"}'
    assert loads(encode({"a": "\ud83d"})) == {"a": "\ud83d"}
    with pytest.raises(InvalidRequest):
        encode({"a": "\ud83d", "b": float("nan")})
    with pytest.raises(InvalidRequest):
        loads(b"nope")


FLAT: list[tuple[bytes, bool]] = [
    (b"[]", True),
    (b'["a",1]', True),
    (b'[{"role":"user","content":"x"},{"role":"assistant","content":"y"}]', True),
    (b'[ {"a":"{ x } [{ "} ,\n {"b":1} ]', False),  # might end so
    (b'[ {"a":"{ x } [{ y"} ,\n {"b":1} ]', True),
    (b"[{}]", True),
    (b'[{"a":"ends so {"}]', False),
    (b'[{"a":["b"]}]', True),
    (b"{}", False),
    (b'"text"', False),
    (b'[1,{"a":1}]', False),
    (b'[{"a":{"b":1}}]', False),
    (b'[{"a":[{"b":1}]}]', False),
    (b'[{"a":["b",{"c":1}]}]', False),
    (b'[{"a":[{},{"c":1}]}]', False),
    (b'[{"a":[1,{}]}]', False),
    (b'[{"a": [\n{ "b":1}]}]', False),
    (b'[[{"a":1}]]', False),
    (b'[{"a":"' + b"{ " * 5000 + b'x"}]', False),  # too many to look at
]


@pytest.mark.parametrize(("array", "expected"), FLAT)
def test_flat(array: bytes, expected: bool) -> None:
    assert is_flat(array) is expected


@given(st.recursive(st.text(max_size=4) | st.integers(), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=3), v, max_size=3), max_leaves=8), st.sampled_from([None, 0, 2]))  # fmt: skip
def test_what_is_called_flat_is_flat(value: Any, indent: int | None) -> None:
    def holds_object(inner: Any) -> bool:
        children = inner.values() if isinstance(inner, dict) else inner if isinstance(inner, list) else []
        return any(isinstance(child, dict) or holds_object(child) for child in children)

    text = json.dumps([value], indent=indent, ensure_ascii=False).encode("utf-8", "replace")
    if is_flat(text):
        elements = [value]
        assert not any(
            holds_object(e) if isinstance(e, dict) else isinstance(e, list) and holds_object(e) for e in elements
        )


KEYS = [
    (b'{"a":1,"b":{"c" : 2}}', 3),
    (b'{"a":"\\":"}', 1),
    (b'{"a\\\\":1,"b\\\\\\"":2}', 2),
    (b'{"a":1,"a":1}', 2),
]


@pytest.mark.parametrize(("text", "count"), KEYS)
def test_keys_written(text: bytes, count: int) -> None:
    assert keys_written(text) == count


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

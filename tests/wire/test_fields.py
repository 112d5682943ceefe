"""Fields: what is taken, what is left, and errors that never quote a value."""

from collections.abc import Callable
from typing import Any

import pytest

from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect, Extras
from lethe.wire.fields import Fields

OURS = Dialect.ANTHROPIC


def test_what_nobody_takes_is_left_over() -> None:
    f = Fields({"a": 1, "b": None, "c": {"d": 2}})
    assert f.take("a", int) == 1
    assert f.rest(OURS) == Extras(OURS, {"b": None, "c": {"d": 2}})


def test_an_object_of_which_all_is_taken_leaves_nothing() -> None:
    f = Fields({"a": 1})
    f.take("a", int)
    assert f.rest(OURS) is None


def test_null_counts_as_absent() -> None:
    f = Fields({"a": None})
    assert f.take("a", str, "default") == "default"
    assert f.raw("b") is None
    assert f.rest(OURS) is None


def test_looking_takes_nothing() -> None:
    f = Fields({"a": 1})
    assert (f.peek("a"), f.peek("b")) == (1, None)
    assert f.rest(OURS) == Extras(OURS, {"a": 1})


@pytest.mark.parametrize("body", [{}, {"a": None}])
def test_what_is_required_must_be_there(body: dict[str, Any]) -> None:
    assert Fields({"a": "x"}).require("a", str) == "x"
    with pytest.raises(InvalidRequest) as caught:
        Fields(body, "$.x").require("a", str)
    assert (caught.value.path, caught.value.message) == ("$.x.a", "$.x.a: is required")


def test_the_callers_object_is_not_touched() -> None:
    body = {"a": 1, "b": 2}
    Fields(body).take("a", int)
    assert body == {"a": 1, "b": 2}


def test_a_child_hands_back_what_is_left_of_it() -> None:
    f = Fields({"child": {"known": 1, "unknown": 2}, "whole": {"known": 1}})
    for name in ("child", "whole"):
        child = f.child(name)
        assert child is not None
        assert child.take("known", int) == 1
        f.keep(name, child)
    f.keep("absent", f.child("absent"))
    assert f.rest(OURS) == Extras(OURS, {"child": {"unknown": 2}})


def test_numbers_widen_but_truth_is_no_number() -> None:
    assert Fields({"t": 1}).take("t", float) == 1.0
    with pytest.raises(InvalidRequest):
        Fields({"t": True}).take("t", int)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (str, "a string"),
        (int, "an integer"),
        (float, "a number"),
        (bool, "true or false"),
        (dict, "an object"),
        (dict[str, Any], "an object"),
        (list[str], "an array"),
    ],
)
def test_an_error_names_path_and_type_and_no_value(kind: type[object], expected: str) -> None:
    f = Fields({"outer": [{"secret": ("CANARY",)}]}).items("outer")[0]
    with pytest.raises(InvalidRequest) as caught:
        f.take("secret", kind) if kind != list[str] else Fields({"secret": "CANARY"}, f.path).take("secret", kind)
    assert str(caught.value) == f"$.outer[0].secret: expected {expected}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "$.model: is required"),
        ({"model": None}, "$.model: is required"),
        ({"model": ["CANARY"]}, "$.model: expected a string"),
    ],
)
def test_a_required_field(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Fields(body).require("model", str)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", ["CANARY", ["CANARY"], 3])
def test_items_and_children_must_be_objects(value: object) -> None:
    reads: list[Callable[[Fields], object]] = [lambda f: f.child("x"), lambda f: f.items("x")]
    for read in reads:
        with pytest.raises(InvalidRequest) as caught:
            read(Fields({"x": value}))
        assert "CANARY" not in str(caught.value)

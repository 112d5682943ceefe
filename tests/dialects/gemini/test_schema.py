"""Schemas: the subset of OpenAPI read, and what of JSON Schema does not bind."""

from typing import Any

import pytest
from google.genai import types

from lethe.dialects.gemini.schema import asks_for_nothing, from_subset, unheeded
from lethe.errors import InvalidRequest

# (the subset, JSON Schema)
SUBSETS: list[tuple[Any, Any]] = [
    ({"type": "OBJECT"}, {"type": "object"}),
    ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
    ({"type": "STRING", "nullable": False}, {"type": "string"}),
    ({"type": "STRING", "nullable": True, "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
    ({"anyOf": [{"type": "INTEGER"}], "nullable": True}, {"anyOf": [{"type": "integer"}, {"type": "null"}]}),
    ({"type": "ARRAY", "minItems": "1", "max_items": 3}, {"type": "array", "minItems": 1, "maxItems": 3}),
    ({"type": "ARRAY", "items": {"type": "NUMBER"}}, {"type": "array", "items": {"type": "number"}}),
    ({"properties": {"my_name": {"type": "BOOLEAN"}}}, {"properties": {"my_name": {"type": "boolean"}}}),
    ({"additional_properties": {"type": "STRING"}}, {"additionalProperties": {"type": "string"}}),
    ({"any_of": [{"type": "STRING"}]}, {"anyOf": [{"type": "string"}]}),
    ({"example": {"type": "STRING"}}, {"examples": [{"type": "STRING"}]}),
    (
        {"defs": {"a": {"type": "STRING"}}, "ref": "#/$defs/a"},
        {"$defs": {"a": {"type": "string"}}, "$ref": "#/$defs/a"},
    ),
    ({"property_ordering": ["a"], "minLength": "x"}, {"propertyOrdering": ["a"], "minLength": "x"}),
    (None, None),
    (True, True),
]


@pytest.mark.parametrize(("subset", "schema"), SUBSETS)
def test_the_subset_in_json_schema(subset: Any, schema: Any) -> None:
    assert from_subset(subset, "$") == schema


def test_it_is_what_the_sdk_makes_of_its_own_type() -> None:
    given = {
        "type": "OBJECT",
        "properties": {
            "a": {"type": "STRING", "description": "d"},
            "b": {"type": "ARRAY", "items": {"type": "INTEGER"}},
        },
        "required": ["a"],
    }
    theirs = types.Schema.model_validate(given).json_schema.model_dump(by_alias=True, exclude_none=True, mode="json")
    assert from_subset(given, "$") == theirs


def test_what_is_nested_too_deeply_is_the_callers_fault() -> None:
    deep: Any = {}
    for _ in range(5_000):
        deep = {"items": deep}
    with pytest.raises(InvalidRequest, match="too deeply"):
        from_subset(deep, "$")


# (schema, does it say what the API does not obey?)
HEEDED: list[tuple[Any, bool]] = [
    ({"type": "object", "properties": {"pattern": {"type": "string"}}, "additionalProperties": False}, False),
    ({"$schema": "x", "default": 1, "definitions": {"a": {"pattern": "x"}}}, False),
    ({"type": "string", "pattern": "x"}, True),
    ({"properties": {"a": {"items": {"minLength": 1}}}}, True),
    ({"anyOf": [{"const": 1}]}, True),
    ({"$defs": {"a": {"not": {}}}}, True),
    ({"anyOf": {"const": 1}, "properties": ["const"], "items": True}, False),  # no schemas
    (None, False),
]


@pytest.mark.parametrize(("schema", "expected"), HEEDED)
def test_what_does_not_bind(schema: Any, expected: bool) -> None:
    assert unheeded(schema) is expected


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "object"}, True),
        ({"type": "object", "properties": {}, "required": [], "additionalProperties": False, "$schema": "x"}, True),
        ({}, True),
        ({"type": "object", "properties": {"a": {}}}, False),
        ({"type": "object", "additionalProperties": True}, False),
        ({"type": "string"}, False),
        ({"anyOf": [{}]}, False),
        (None, False),
    ],
)
def test_functions_without_parameters(schema: Any, expected: bool) -> None:
    assert asks_for_nothing(schema) is expected

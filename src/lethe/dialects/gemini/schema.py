"""Schemas: JSON Schema, and the older subset of OpenAPI that the API began with (google-genai 3.6.1 types, Schema).

Requests of ours say JSON Schema, for which the API has fields of its own; the subset is only read.
"""

import re
from collections.abc import Iterator
from typing import Any

from lethe.dialects.gemini.proto import camel
from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject

# What binds the model (google-genai 3.6.1, `response_json_schema`); the rest is taken and not obeyed.
OBEYED = frozenset(
    {
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    }
)
# These tell people or tools something, and bind nobody; `definitions` is the older name of `$defs`.
SAYING_NOTHING = frozenset(
    {"$schema", "$comment", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "definitions"}
)
_INNER = ("items", "additionalProperties")
_INNER_LISTS = ("anyOf", "oneOf", "prefixItems")
_INNER_MAPS = ("properties", "$defs")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_COUNT = re.compile("[0-9]{1,18}")
_RENAMED = {"defs": "$defs", "ref": "$ref", "example": "examples"}


def unheeded(schema: Any) -> bool:
    """Does a JSON Schema say something that the API does not obey?"""
    return any(name not in OBEYED and name not in SAYING_NOTHING for name in _keywords(schema))


def asks_for_nothing(schema: Any) -> bool:
    """Is it an object without properties? The API wants none for a function without parameters."""
    if not isinstance(schema, dict) or schema.get("type", "object") != "object" or schema.get("properties"):
        return False
    said = {name for name, value in schema.items() if value not in (None, [], {}, False)}
    return said <= {"type", "$schema", "title"}


def from_subset(schema: Any, path: str) -> Any:
    """The same in JSON Schema: types in lower case, `nullable` as a type, counts as numbers. Raises InvalidRequest."""
    try:
        return _from_subset(schema)
    except RecursionError:
        raise InvalidRequest(path, "is nested too deeply") from None


def _from_subset(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    made: JsonObject = {}
    nullable = False
    for key, value in schema.items():
        name = camel(key)
        match name:
            case "nullable":
                nullable = bool(value)
            case "type" if isinstance(value, str):
                made["type"] = value.lower()
            case "example":
                made["examples"] = [value]
            case _ if name in _COUNTS and isinstance(value, str) and _COUNT.fullmatch(value):
                made[name] = int(value)
            case _:
                made[_RENAMED.get(name, name)] = _inner(name, value)
    return _nullable(made) if nullable else made


def _inner(name: str, value: Any) -> Any:
    if name in _INNER:
        return _from_subset(value)
    if name in _INNER_LISTS and isinstance(value, list):
        return [_from_subset(each) for each in value]
    if (name in _INNER_MAPS or name == "defs") and isinstance(value, dict):
        return {key: _from_subset(each) for key, each in value.items()}
    return value


def _nullable(schema: JsonObject) -> JsonObject:
    made = dict(schema)
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("anyOf"), list):
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    if isinstance(made.get("enum"), list):
        made["enum"] = [*made["enum"], None]
    return made


def _keywords(schema: Any) -> Iterator[str]:
    """All keywords, at any depth, but not the names of properties."""
    waiting = [schema]
    while waiting:
        at = waiting.pop()
        if not isinstance(at, dict):
            continue
        for name, value in at.items():
            yield name
            if name in _INNER:
                waiting.append(value)
            elif name in _INNER_LISTS and isinstance(value, list):
                waiting += value
            elif name in _INNER_MAPS and isinstance(value, dict):
                waiting += value.values()

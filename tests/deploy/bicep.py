"""A Bicep file against Azure's own models: every property's name, and every value of an enumeration."""

import re
from collections.abc import Iterator
from enum import Enum
from inspect import get_annotations
from typing import Any, cast

from azure.mgmt.appcontainers import models
from pycep import BicepParser

Json = dict[str, Any]
MODELS = {"Microsoft.App/managedEnvironments": "ManagedEnvironment", "Microsoft.App/containerApps": "ContainerApp"}
_OF_BICEP = frozenset({"name", "dependsOn", "scope"})
_MODEL = re.compile(r"_models\.(\w+)")


def parsed(text: str) -> Json:
    """Raises what the parser raises for what is no Bicep."""
    return cast("Json", BicepParser().parse(text=text))


def resource(text: str, kind: str) -> Json:
    """The only resource of this type."""
    (made,) = [each for each in parsed(text)["resources"].values() if each["type"] == kind]
    config: Json = made["config"]
    return config


def faults(text: str) -> list[str]:
    """What Azure's models do not know, by its path."""
    return [fault for kind, name in MODELS.items() for fault in _of(resource(text, kind), getattr(models, name), kind)]


def _of(value: Json, model: Any, path: str) -> Iterator[str]:
    annotations: dict[str, str] = {}
    for each in reversed(model.__mro__):
        annotations |= {k: str(v) for k, v in get_annotations(each).items()}
    model({})  # fills the table of names
    known = {field._rest_name: annotations[attribute] for attribute, field in model._attr_to_rest_field.items()}
    for name, inner in value.items():
        if path in MODELS and name in _OF_BICEP:
            continue
        if name not in known:
            yield f"{path}.{name}"
        elif (found := _MODEL.search(known[name])) is not None:
            yield from _typed(inner, getattr(models, found[1]), known[name], f"{path}.{name}")


def _typed(value: Any, model: Any, annotation: str, path: str) -> Iterator[str]:
    if issubclass(model, Enum):
        if isinstance(value, str) and value not in {each.value for each in model}:
            yield f"{path} = {value}"
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _of(item, model, f"{path}[{number}]")
    elif isinstance(value, dict) and "dict[" not in annotation.lower():
        yield from _of(value, model, path)

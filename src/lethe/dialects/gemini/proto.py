"""JSON of protocol buffers: names in camelCase or as in the .proto, and a lone object for a list of one.

The API emits camelCase and takes both (protobuf.dev, "ProtoJSON Format"); its own examples use both.
"""

from typing import Any

from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject
from lethe.wire.fields import Fields


def camelled(value: Any) -> Any:
    """An object with its own names, not those in it, in camelCase; anything else as it is."""
    if not isinstance(value, dict) or not any("_" in name for name in value):
        return value
    return {camel(name): inner for name, inner in value.items()}


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word[:1].upper() + word[1:] for word in rest) if head else name


def message(value: Any, path: str) -> Fields:
    """Raises InvalidRequest for what is no object."""
    return Fields(camelled(value), path)


def child(f: Fields, name: str) -> Fields | None:
    value = f.raw(name)
    return None if value is None else message(value, f"{f.path}.{name}")


def several(f: Fields, name: str) -> list[Fields]:
    """A list of objects, or the one that stands for it."""
    path = f"{f.path}.{name}"
    match f.raw(name):
        case None:
            return []
        case dict(single):
            return [message(single, path)]
        case list(values):
            return [message(value, f"{path}[{i}]") for i, value in enumerate(values)]
        case _:
            raise InvalidRequest(path, "expected an array")


def listed(value: Any) -> list[JsonObject]:
    """The objects that `several` reads, for whoever has read them before."""
    values = value if isinstance(value, list) else [value]
    return [camelled(each) for each in values if isinstance(each, dict)]

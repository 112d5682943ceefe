"""Read a JSON object field by field; what nobody takes is left over, never lost."""

from typing import Any, TypeVar, overload

import msgspec

from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect, Extras, JsonObject

T = TypeVar("T")

_NAMES: dict[Any, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "an array",
    dict: "an object",
}


class Fields:
    """A JSON object that is consumed. Errors name a path and an expected type, never a value."""

    __slots__ = ("_data", "path")

    def __init__(self, data: Any, path: str = "$") -> None:
        if not isinstance(data, dict):
            raise InvalidRequest(path, "expected an object")
        self._data: JsonObject = dict(data)
        self.path = path

    @overload
    def take(self, name: str, kind: type[T]) -> T | None: ...
    @overload
    def take(self, name: str, kind: type[T], default: T) -> T: ...
    def take(self, name: str, kind: type[T], default: T | None = None) -> T | None:
        """The field, or `default` where it is absent or null."""
        value = self._data.pop(name, None)
        if value is None:
            return default
        if type(value) is kind:
            return value
        try:
            return msgspec.convert(value, kind)
        except (msgspec.ValidationError, UnicodeError, RecursionError):
            # msgspec's own text may quote the value
            raise InvalidRequest(f"{self.path}.{name}", f"expected {_name(kind)}") from None

    def require(self, name: str, kind: type[T]) -> T:
        value = self.take(name, kind)
        if value is None:
            raise InvalidRequest(f"{self.path}.{name}", "is required")
        return value

    def peek(self, name: str) -> Any:
        return self._data.get(name)

    def raw(self, name: str) -> Any:
        """The field as it is, null and absence alike as None."""
        return self._data.pop(name, None)

    def items(self, name: str) -> list["Fields"]:
        """The field as a list of objects."""
        values = self._data.pop(name, None)
        if values is None:
            return []
        if not isinstance(values, list):  # not through `take`: converting to a generic type costs as much as the rest
            raise InvalidRequest(f"{self.path}.{name}", "expected an array")
        return [Fields(v, f"{self.path}.{name}[{i}]") for i, v in enumerate(values)]

    def child(self, name: str) -> "Fields | None":
        value = self._data.pop(name, None)
        return None if value is None else Fields(value, f"{self.path}.{name}")

    def keep(self, name: str, child: "Fields | None") -> None:
        """Put back what nobody took of a child, so that it counts as left over here, under its name."""
        if child is not None and child._data:
            self._data[name] = child._data

    def rest(self, dialect: Dialect) -> Extras | None:
        """What nobody took."""
        return Extras(dialect, self._data) if self._data else None


def _name(kind: Any) -> str:
    return _NAMES.get(getattr(kind, "__origin__", kind), "another type")

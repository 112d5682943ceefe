"""Leftovers of one dialect: kept beside what was read of an object, laid over what is encoded of it, at any depth."""

from typing import Any

from lethe.dialects.leftovers import merged
from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

_EMPTY: list[Any] = []


class Overlay:
    """The same few questions that every codec asks, for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def overlaid(self, encoded: JsonObject, extras: Extras | None, path: str, losses: Losses) -> JsonObject:
        """`encoded` with this dialect's leftovers merged into it and into its objects; another dialect's are losses."""
        return merged(encoded, extras, self.dialect, path, losses)

    def own(self, extras: Extras | None) -> JsonObject:
        """This dialect's leftovers of a node, or nothing."""
        return extras.fields if extras is not None and extras.dialect is self.dialect else {}

    def without(self, extras: Extras | None, *names: str) -> Extras | None:
        """Extras less the fields that an encoder reads itself."""
        if extras is None or extras.dialect is not self.dialect:
            return extras
        fields = {name: value for name, value in extras.fields.items() if name not in names}
        return Extras(self.dialect, fields) if fields else None

    def forbid_marks(self, extras: Extras | None, path: str, *names: str) -> None:
        """Raises InvalidRequest where a caller wrote what is a codec's own mark among the leftovers."""
        for name in names:
            if name in self.own(extras):
                raise InvalidRequest(f"{path}.{name}", "is no field of this object")

    def leftovers(self, fields: Fields, **children: Fields | JsonObject | None) -> Extras | None:
        """What nobody took of an object and of the objects in it that were read."""
        rest = fields.rest(self.dialect)
        left: JsonObject = {}
        for name, child in children.items():
            inner = self.own(child.rest(self.dialect)) if isinstance(child, Fields) else child
            if inner:
                left[name] = inner
        return Extras(self.dialect, self.own(rest) | left) if left else rest

    def whole(self, fields: Fields, **taken: Any) -> JsonObject:
        """An object that we cannot interpret, as it came; `taken` are the fields already read."""
        return {**taken, **self.own(fields.rest(self.dialect))}

    def marked(self, extras: Extras | None, **marks: Any) -> Extras | None:
        """Extras with fields of this dialect added; those that say nothing are left out."""
        fields = {**self.own(extras), **present(**marks)}
        return Extras(self.dialect, fields) if fields else None


def present(**fields: Any) -> JsonObject:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None and value != _EMPTY}

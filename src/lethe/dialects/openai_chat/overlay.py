"""Chat's own leftovers, laid over what was encoded, at any depth."""

from typing import Any

from lethe.dialects.leftovers import merged
from lethe.ir.content import Dialect, Extras, JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

OURS = Dialect.OPENAI_CHAT


def overlaid(encoded: JsonObject, extras: Extras | None, path: str, losses: Losses) -> JsonObject:
    """`encoded` with Chat's leftovers merged into it and into its objects; another dialect's are losses."""
    return merged(encoded, extras, OURS, path, losses)


def own(extras: Extras | None) -> JsonObject:
    """Chat's leftovers of a node, or nothing."""
    return extras.fields if extras is not None and extras.dialect is OURS else {}


def without(extras: Extras | None, *names: str) -> Extras | None:
    """Extras less the fields that an encoder reads itself."""
    if extras is None or extras.dialect is not OURS:
        return extras
    fields = {name: value for name, value in extras.fields.items() if name not in names}
    return Extras(OURS, fields) if fields else None


def leftovers(fields: Fields, **children: Fields | JsonObject | None) -> Extras | None:
    """What nobody took of an object and of the objects in it that were read."""
    rest = fields.rest(OURS)
    left: JsonObject = dict(rest.fields) if rest else {}
    for name, child in children.items():
        inner = own(child.rest(OURS)) if isinstance(child, Fields) else child
        if inner:
            left[name] = inner
    return Extras(OURS, left) if left else None


def whole(fields: Fields, **taken: Any) -> JsonObject:
    """An object that we cannot interpret, as it came; `taken` are the fields already read."""
    return {**taken, **own(fields.rest(OURS))}


def slotted(slot: str, value: JsonObject) -> Opaque:
    """An object that stands elsewhere than among the content parts: a call, a reasoning detail, a message."""
    return Opaque(dialect=OURS, data={"type": slot, slot: value})


def from_slot(block: Opaque, slot: str) -> JsonObject | None:
    """The object that `slotted` put away under this name."""
    value = block.data.get(slot) if block.dialect is OURS and block.data.get("type") == slot else None
    return value if isinstance(value, dict) else None


def present(**fields: Any) -> JsonObject:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value is not None and value != []}

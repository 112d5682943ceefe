"""Chat's own leftovers, as `lethe.dialects.overlay` treats them."""

from lethe.dialects.overlay import Overlay, present
from lethe.ir.content import Dialect, JsonObject, Opaque

OURS = Dialect.OPENAI_CHAT
_overlay = Overlay(OURS)

overlaid = _overlay.overlaid
own = _overlay.own
without = _overlay.without
leftovers = _overlay.leftovers
whole = _overlay.whole
marked = _overlay.marked
forbid_marks = _overlay.forbid_marks


def slotted(slot: str, value: JsonObject) -> Opaque:
    """An object that stands elsewhere than among the content parts: a call, a reasoning detail, a message."""
    return Opaque(dialect=OURS, data={"type": slot, slot: value})


def from_slot(block: Opaque, slot: str) -> JsonObject | None:
    """The object that `slotted` put away under this name."""
    value = block.data.get(slot) if block.dialect is OURS and block.data.get("type") == slot else None
    return value if isinstance(value, dict) else None


__all__ = [
    "OURS", "forbid_marks", "from_slot", "leftovers", "marked", "overlaid", "own", "present", "slotted", "whole",
    "without",
]  # fmt: skip

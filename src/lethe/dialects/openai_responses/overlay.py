"""Responses' own leftovers, as `lethe.dialects.overlay` treats them."""

from lethe.dialects.overlay import Overlay
from lethe.ir.content import Dialect

OURS = Dialect.OPENAI_RESPONSES
_overlay = Overlay(OURS)

overlaid = _overlay.overlaid
own = _overlay.own
without = _overlay.without
leftovers = _overlay.leftovers
whole = _overlay.whole
marked = _overlay.marked
forbid_marks = _overlay.forbid_marks

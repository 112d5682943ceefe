"""Converse's own leftovers, as `lethe.dialects.overlay` treats them."""

from lethe.dialects.overlay import Overlay
from lethe.ir.content import Dialect

OURS = Dialect.CONVERSE
_overlay = Overlay(OURS)

overlaid = _overlay.overlaid

"""The routing table as data."""

from msgspec import Struct

from lethe.retention.levels import Level


class Target(Struct, frozen=True):
    """`upstream` indexes the plan's upstreams; `model` None keeps the caller's name."""

    upstream: int
    model: str | None = None


class Route(Struct, frozen=True, kw_only=True):
    """`model` is a glob; `losses` says what a dropped feature does to a request."""

    model: str
    to: tuple[Target, ...]
    level: Level | None = None
    allow_losses: bool = False

"""What the indices of events stand for in one plan."""

from collections.abc import Sequence

from msgspec import Struct

from lethe.ledger.events import NONE, Outcome
from lethe.providers.envelopes import Endpoint
from lethe.retention.levels import Level, UpstreamClass

ENDPOINTS: tuple[str, ...] = tuple(endpoint.value for endpoint in Endpoint)
LEVELS: tuple[str, ...] = tuple(level.value for level in Level)
CLASSES: tuple[str, ...] = tuple(each.name for each in UpstreamClass)
OUTCOMES: tuple[str, ...] = tuple(outcome.name.lower() for outcome in Outcome)


class Names(Struct, frozen=True, kw_only=True):
    """The configured names, in the plan's order. A route goes by its model glob."""

    routes: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def known(self, endpoint: int, upstream: int, level: int) -> bool:
        """Do these indices stand for something? Whoever reports others is not one of our workers."""
        return (
            level < len(LEVELS)
            and (endpoint == NONE or endpoint < len(ENDPOINTS))
            and (upstream == NONE or upstream < len(self.upstreams))
        )


def name_at(names: Sequence[str], index: int) -> str | None:
    """The name at an index, None for NONE and whatever else names nothing."""
    return names[index] if index < len(names) else None

"""What a configuration needs of the place where it runs."""

import re
from collections.abc import Sequence

from msgspec import Struct

from lethe.config.plan import Plan
from lethe.config.values import address
from lethe.retention.levels import Level, admits, strictest

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h)?")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
MAX_STREAM = 1800.0  # seconds; what the longest agents' turns take
CONCURRENCY = 80  # streams in one instance; a stream holds about 42 KB


class Asked(Struct, frozen=True, kw_only=True):
    """An upstream, as it is without proofs: its class, whether the level takes that, and where it is.

    `here` is beside Lethe, on the same machine.
    """

    name: str
    kept: str
    admitted: bool
    here: bool = False
    region: str | None = None


class Need(Struct, frozen=True, kw_only=True):
    """Times in seconds, sizes in bytes. `regions` are where data may be; none: anywhere."""

    max_stream: float = MAX_STREAM
    heartbeat: float = 15.0
    status_hold: float = 15.0
    drain: float = 10.0
    max_body: int = 32 * 1024 * 1024
    concurrency: int = CONCURRENCY
    level: Level = Level.C
    accept_unenforced: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    upstreams: tuple[Asked, ...] = ()


def need_of(
    plan: Plan,
    *,
    max_stream: float = MAX_STREAM,
    drain: float | None = None,
    level: Level | None = None,
    regions: Sequence[str] = (),
) -> Need:
    """The need of a plan; the level is the strictest of all that it names, and of `level`."""
    named = [plan.level, *(route.level for route in plan.routes), *(key.level for key in plan.keys), level]
    binding = strictest([each for each in named if each is not None])
    return Need(
        max_stream=max_stream,
        heartbeat=plan.heartbeat,
        status_hold=plan.status_hold,
        drain=plan.drain if drain is None else drain,
        max_body=plan.max_body,
        level=binding,
        accept_unenforced=plan.accept_unenforced,
        regions=tuple(regions),
        upstreams=tuple(
            Asked(
                name=each.name,
                kept=each.upstream_class.name,
                admitted=admits(binding, each.upstream_class, plan.accept_classes),
                here=address(each.base_url).loopback and each.proxy is None,
                region=each.region,
            )
            for each in plan.upstreams
        ),
    )


def seconds(text: str) -> float:
    """Seconds from `90`, `90s`, `30m`, `1.5h`. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError("is not a duration: write 90s, 30m or 1h")
    return float(match[1]) * _UNITS[match[2] or "s"]

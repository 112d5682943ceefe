"""A platform as its vendor describes it: limits, places where content could be kept, what nobody could confirm.

One TOML file a platform in `platforms/`. Every figure has a source and the day on which it was read.
"""

import tomllib
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct

from lethe.retention.enforcement import Mechanism

_FOLDER = Path(__file__).parent / "platforms"


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of a platform's file; an unknown key is an error."""


class Measure(StrEnum):
    """What a limit limits. Seconds, bytes and requests."""

    TOTAL = "total"  # how long an answer may take in all
    IDLE = "idle"  # how long nothing may be sent
    SIGTERM = "sigterm"  # between the notice and the end
    BODY = "body"  # the size of a request
    CONCURRENCY = "concurrency"  # requests in one instance


class Source(Record, frozen=True, kw_only=True):
    """`confidence`: stated by the vendor, read in its API's model, run by us, a report by others, or not confirmed."""

    url: str
    read: date
    confidence: str = "stated"


class Limit(Record, frozen=True, kw_only=True):
    """`value` is what holds with the files that `lethe deploy` writes; None: there is no limit.

    `default` is what holds without them, `most` what can be had, `knob` how.
    """

    what: str
    value: float | None = None
    default: float | None = None
    most: float | None = None
    knob: str | None = None
    note: str | None = None
    source: Source


class State(StrEnum):
    """What became of a place where content could be kept."""

    CLOSED = "closed"  # the files that are written close it
    METADATA = "metadata"  # it keeps what a request looks like from outside, no content
    OPEN = "open"  # it cannot be closed from here; `left` says what that means


class Place(Record, frozen=True, kw_only=True):
    """A log, cache or store of the platform, as it is with the files that are written."""

    name: str
    holds: str
    default: str  # on, off, ...
    knob: str
    state: State
    left: str | None = None
    source: Source


class Attestation(Record, frozen=True, kw_only=True):
    name: str
    scope: str
    source: Source


class Cost(Record, frozen=True, kw_only=True):
    """What is paid for, as the vendor states it; amounts move, so they come with their day."""

    what: str
    source: Source


class Platform(Record, frozen=True, kw_only=True):
    """`runs`: Lethe itself runs there (it does not in a managed gateway). `lacks`: what its kernel does not enforce.

    `regions` are globs of the names that its regions have; none: there is no choice. `front` is what stands before
    Lethe there, `operated` who looks after what. `rank` is ours, 1 the best, with `because`.
    """

    id: str
    title: str
    rank: int
    because: str
    runs: bool = True
    drain: float = 10.0  # seconds that the files which are written give to what is in flight
    front: str
    operated: str
    retention: str
    regions: tuple[str, ...] = ()
    residency: str
    lacks: tuple[Mechanism, ...] = ()
    heartbeats: bool = True  # do bytes of a stream keep it alive?
    limits: dict[Measure, Limit]
    places: tuple[Place, ...]
    attestations: tuple[Attestation, ...]
    costs: tuple[Cost, ...]
    unconfirmed: tuple[str, ...]


def names() -> tuple[str, ...]:
    """Every platform, the best first."""
    return tuple(platform.id for platform in platforms())


@cache
def platforms() -> tuple[Platform, ...]:
    """All of them, the best first."""
    found = (parse(path.read_text(encoding="utf-8")) for path in sorted(_FOLDER.glob("*.toml")))
    return tuple(sorted(found, key=lambda platform: platform.rank))


def platform(name: str) -> Platform:
    """Raises KeyError."""
    return {each.id: each for each in platforms()}[name]


def parse(text: str) -> Platform:
    """Raises msgspec.ValidationError."""
    return msgspec.convert(tomllib.loads(text), Platform, builtin_types=(date,))

"""Retention levels and upstream classes, and which accepts which."""

from collections.abc import Collection, Iterable
from enum import IntEnum, StrEnum


class Level(StrEnum):
    """What the proxy keeps and what its upstreams may keep; strictest first."""

    A1 = "A1"  # nothing anywhere: local engines and attested enclaves only
    A2 = "A2"  # nothing here; upstreams under a zero-retention contract or proof
    B = "B"  # nothing here; upstreams by their published defaults
    C = "C"  # one closed-schema event per request, without content


PROMISING = frozenset({Level.A1, Level.A2, Level.B})  # something about what upstreams keep


class UpstreamClass(IntEnum):
    """What an upstream may keep; the lower the less."""

    U0 = 0  # local engine with verified flags
    U1 = 1  # attested enclave
    U2 = 2  # proof per response or per model
    U3 = 3  # proof by the account's API, younger than 24 h
    U4 = 4  # contract on file, not expired
    U5 = 5  # published default; or loopback with unverified flags
    U6 = 6  # standard retention, no training
    U7 = 7  # may train, or unknown


ACCEPTS: dict[Level, UpstreamClass] = {
    Level.A1: UpstreamClass.U1,
    Level.A2: UpstreamClass.U4,
    Level.B: UpstreamClass.U5,
    Level.C: UpstreamClass.U6,
}
OPT_INS: dict[Level, UpstreamClass] = {Level.A2: UpstreamClass.U5, Level.B: UpstreamClass.U6}
_STRICTNESS = {level: n for n, level in enumerate(Level)}


def strictest(levels: Iterable[Level]) -> Level:
    """The level that binds when several apply; there must be one at least."""
    return min(levels, key=_STRICTNESS.__getitem__)


def admits(level: Level, upstream: UpstreamClass, opted_in: Collection[UpstreamClass] = ()) -> bool:
    """May a request of this level go to an upstream of this class?"""
    return upstream <= ACCEPTS[level] or (upstream in opted_in and OPT_INS.get(level) == upstream)

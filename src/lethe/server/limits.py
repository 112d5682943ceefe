"""Lets requests in as far as their key's limits allow: by counts of this process, or of a store that many share."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from lethe.errors import RateLimited
from lethe.ledger.events import NONE
from lethe.policies.limits import Counted, Limits, Window, exceeded


class Lease(Protocol):
    """One request that was let in."""

    def settle(self, tokens: int) -> None:
        """It has ended, and cost so much."""
        ...


class Limiter(Protocol):
    async def take(self, key: int) -> Lease | None:
        """One more request of the key with this index; None where the key has no limits.

        Raises RateLimited, LimitsUnavailable.
        """
        ...

    async def close(self) -> None: ...


class Quotas:
    """The limits of each key, by its index; without keys everybody is one."""

    def __init__(self, keys: Sequence[Limits], everybody: Limits) -> None:
        self._keys = tuple(keys)
        self._everybody = everybody

    def of(self, key: int) -> Limits | None:
        limits = self._everybody if key == NONE or key >= len(self._keys) else self._keys[key]
        return None if limits.none else limits


class LocalLimiter:
    """Counts for this process alone."""

    def __init__(self, quotas: Quotas, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time."""
        self._quotas = quotas
        self._clock = clock
        self._tallies: dict[int, _Tally] = {}  # one a configured key

    async def take(self, key: int) -> Lease | None:
        """Raises RateLimited."""
        limits = self._quotas.of(key)
        if limits is None:
            return None
        now, tally = self._clock(), self._tallies.setdefault(key, _Tally(self._clock))
        if (reached := exceeded(limits, tally.counted(now), now)) is not None:
            raise RateLimited(reached.limit, reached.most, reached.wait)
        tally.begin(now)
        return tally

    async def close(self) -> None:
        """Nothing is held open."""


class _Tally:
    """One key's counts; each of its requests settles with it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests, self._tokens = Window(), Window()
        self._concurrent = 0

    def counted(self, now: float) -> Counted:
        return Counted(self._requests.total(now), self._tokens.total(now), self._concurrent)

    def begin(self, now: float) -> None:
        self._requests.add(1, now)
        self._concurrent += 1

    def settle(self, tokens: int) -> None:
        self._concurrent -= 1
        if tokens:
            self._tokens.add(tokens, self._clock())

"""Limits that hold for all instances together: counts in Redis or Valkey, one round trip a request.

What goes there are numbers, random ids of running requests, and digests of the configured names of keys; all of it
expires.
The library (redis, an extra) is imported when a store is configured.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from lethe.config.plan import LimitStore
from lethe.errors import LimitsUnavailable, RateLimited
from lethe.policies.limits import Counted, Limits, exceeded
from lethe.server.limits import Lease, Quotas

PATIENCE = 0.25  # seconds for an answer of the store, connecting included
AVOIDED = 1.0  # seconds for which a store that failed is not asked again
LEASE = 60.0  # seconds; a place that is not renewed is free again: an instance may have died
RENEWED = LEASE / 3
_CONNECTIONS = 32
_MOST = 10**9  # tokens of one answer that are counted: what an upstream says may be more than the store can add up

# KEYS: counts, places. ARGV: limits of requests, tokens, concurrent (-1: none), an id, seconds of a lease.
# The store's own clock counts, so instances need not agree. Answers counts before this request, and the time.
_TAKE = """
local t = redis.call('TIME')
local now = tonumber(t[1]) + tonumber(t[2]) / 1000000
local minute = math.floor(now / 60)
local h = redis.call('HMGET', KEYS[1], 'm', 'r', 'pr', 't', 'pt')
local m, r, pr = tonumber(h[1] or 0), tonumber(h[2] or 0), tonumber(h[3] or 0)
local k, pk = tonumber(h[4] or 0), tonumber(h[5] or 0)
if m ~= minute then
  if m == minute - 1 then pr, pk = r, k else pr, pk = 0, 0 end
  r, k = 0, 0
end
local fade = 1 - (now - minute * 60) / 60
local requests, tokens = r + pr * fade, k + pk * fade
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local places = redis.call('ZCARD', KEYS[2])
local lr, lt, lc = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
if not ((lc >= 0 and places >= lc) or (lr >= 0 and requests + 1 > lr) or (lt >= 0 and tokens >= lt)) then
  redis.call('HSET', KEYS[1], 'm', minute, 'r', r + 1, 'pr', pr, 't', k, 'pt', pk)
  redis.call('EXPIRE', KEYS[1], 180)
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[5]), ARGV[4])
  redis.call('EXPIRE', KEYS[2], 180)
end
return {tostring(requests), tostring(tokens), places, tostring(now)}
"""
# ARGV: an id, tokens.
_SETTLE = """
redis.call('ZREM', KEYS[2], ARGV[1])
if tonumber(ARGV[2]) > 0 and redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 't', ARGV[2])
end
return 1
"""
# ARGV: seconds of a lease, ids.
_RENEW = """
local t = redis.call('TIME')
local due = tonumber(t[1]) + tonumber(ARGV[1])
for i = 2, #ARGV do redis.call('ZADD', KEYS[2], due, ARGV[i]) end
redis.call('EXPIRE', KEYS[2], 180)
return 1
"""


class SharedLimiter:
    """`names` are those of the keys, by index; `fail_open` lets requests in while the store does not answer."""

    def __init__(
        self,
        quotas: Quotas,
        names: Sequence[str],
        store: LimitStore,
        credentials: Callable[[], Mapping[str, str]],
    ) -> None:
        self._quotas = quotas
        self._digests = tuple(_digest(name) for name in names)
        self._everybody = _digest("")
        self._fail_open = store.fail_open
        self._loop = asyncio.get_running_loop()
        self._avoided_until = 0.0
        self._client = _client(store, credentials)
        self._take = self._client.register_script(_TAKE)
        self._settle = self._client.register_script(_SETTLE)
        self._renew = self._client.register_script(_RENEW)
        self._held: dict[tuple[str, str], set[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, key: int) -> Lease | None:
        """Raises RateLimited, LimitsUnavailable."""
        limits = self._quotas.of(key)
        if limits is None:
            return None
        keys, id = self._keys(key), os.urandom(12)
        try:
            counted = await self._asked(keys, limits, id)
        except asyncio.CancelledError:
            self.give_back(keys, id, 0)  # the caller has gone, and the store may have given it a place
            raise
        if counted is None:
            if self._fail_open:
                return None
            raise LimitsUnavailable
        state, now = counted
        if (reached := exceeded(limits, state, now)) is not None:
            raise RateLimited(reached.limit, reached.most, reached.wait)
        self._held.setdefault(keys, set()).add(id)
        if self._renewing is None:
            self._renewing = self._loop.create_task(self._keep())
        return _Held(self, keys, id)

    async def close(self) -> None:
        """What is still to be said is said, as far as the store listens."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=PATIENCE)
        await self._client.aclose()

    def give_back(self, keys: tuple[str, str], id: bytes, tokens: int) -> None:
        """A request has ended; the store is told without anybody waiting."""
        held = self._held.get(keys, set())
        held.discard(id)
        if not held:
            self._held.pop(keys, None)
        task = self._loop.create_task(self._quietly(self._settle(keys=list(keys), args=[id, min(tokens, _MOST)])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keys(self, key: int) -> tuple[str, str]:
        digest = self._digests[key] if key < len(self._digests) else self._everybody
        return f"lethe:{{{digest}}}:counts", f"lethe:{{{digest}}}:places"  # braces: one slot in a cluster

    async def _asked(self, keys: tuple[str, str], limits: Limits, id: bytes) -> tuple[Counted, float] | None:
        """None where the store does not answer."""
        if self._loop.time() < self._avoided_until:
            return None
        most = [-1 if n is None else n for n in _ordered(limits)]
        answer = await self._answered(self._take(keys=list(keys), args=[*most, id, int(LEASE)]))
        if answer is None:
            return None
        requests, tokens, places, now = answer
        return Counted(float(requests), float(tokens), int(places)), float(now)

    async def _answered(self, asking: Any) -> Any:
        try:
            async with asyncio.timeout(PATIENCE):
                return await asking
        except Exception:  # noqa: BLE001 - whatever it is, the store is not there; its texts go nowhere
            self._avoided_until = self._loop.time() + AVOIDED
            return None

    async def _quietly(self, asking: Any) -> None:
        if self._loop.time() < self._avoided_until:
            asking.close()
            return
        await self._answered(asking)

    async def _keep(self) -> None:
        """Places of long streams stay taken."""
        while True:
            await asyncio.sleep(RENEWED)
            for keys, ids in tuple(self._held.items()):
                if ids:
                    await self._quietly(self._renew(keys=list(keys), args=[int(LEASE), *ids]))


class _Held:
    """A request's place."""

    __slots__ = ("_id", "_keys", "_limiter")

    def __init__(self, limiter: SharedLimiter, keys: tuple[str, str], id: bytes) -> None:
        self._limiter, self._keys, self._id = limiter, keys, id

    def settle(self, tokens: int) -> None:
        self._limiter.give_back(self._keys, self._id, tokens)


def _ordered(limits: Limits) -> tuple[int | None, int | None, int | None]:
    return limits.requests_per_minute, limits.tokens_per_minute, limits.concurrent


def _digest(name: str) -> str:
    return sha256(b"lethe limits:" + name.encode()).hexdigest()[:24]


def _client(store: LimitStore, credentials: Callable[[], Mapping[str, str]]) -> Any:
    """A client that connects when it is first asked. The password is looked up for each connection: it may rotate."""
    from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
    from redis.credentials import CredentialProvider

    class Current(CredentialProvider):
        def get_credentials(self) -> tuple[str] | tuple[str, str]:
            password = credentials().get(store.password or "", "")
            return (store.user, password) if store.user else (password,)

        async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
            return self.get_credentials()

    settings: dict[str, Any] = {
        "db": store.database,
        "credential_provider": Current() if store.password else None,
        "username": None if store.password else store.user,
        "socket_timeout": PATIENCE,
        "socket_connect_timeout": PATIENCE,
        "retry": Retry(NoBackoff(), 0),
        "driver_info": None,
    }
    if store.socket is not None:
        settings |= {"connection_class": UnixDomainSocketConnection, "path": store.socket}
    else:
        kind = SSLConnection if store.tls else Connection
        settings |= {"connection_class": kind, "host": store.host, "port": store.port}
        if store.tls:
            settings |= {"ssl_ca_certs": store.ca_file}
    pool = BlockingConnectionPool(max_connections=_CONNECTIONS, timeout=PATIENCE, **settings)
    return Redis.from_pool(pool)

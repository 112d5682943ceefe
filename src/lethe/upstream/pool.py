"""The connections to one upstream."""

import asyncio
import ssl
from collections.abc import Callable, Sequence

from lethe.errors import ConnectFailed, StreamCut
from lethe.providers.upstream import Upstream
from lethe.upstream.address import parse_address, parse_proxy
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.call import Call
from lethe.upstream.connection import Connection
from lethe.upstream.dial import Way, dial
from lethe.upstream.exchange import Exchange
from lethe.upstream.head import HeadWriter
from lethe.upstream.sweep import Sweep


class Pool:
    """A `Transport` over kept-alive HTTP/1.1 connections, for the running event loop.

    `clock` is monotonic, in seconds. Timeouts and `read_any(quiet)` come up to `tick` seconds late.
    An idle connection is kept for `idle_age` seconds (below the keep-alive of usual upstreams), at most `idle_most`
    of them; the freshest is taken first. Raises ValueError for a base URL or a proxy that is not one.
    """

    __slots__ = (
        "_arrivals",
        "_clock",
        "_closed",
        "_heads",
        "_idle",
        "_idle_age",
        "_idle_most",
        "_loop",
        "_open",
        "_sweep",
        "_timeouts",
        "_way",
    )

    def __init__(  # noqa: PLR0913 - keywords, most of them for tests
        self,
        upstream: Upstream,
        *,
        ssl_context: ssl.SSLContext | None,
        clock: Callable[[], float],
        tick: float = 0.5,
        idle_age: float = 15.0,
        idle_most: int = 256,
        arrivals: Arrivals | None = None,
    ) -> None:
        address = parse_address(upstream.base_url)
        proxy = parse_proxy(upstream.proxy) if upstream.proxy is not None else None
        if address.tls and ssl_context is None:
            raise ValueError("base_url: https needs a TLS context")
        self._arrivals = arrivals or Arrivals()
        self._clock = clock
        self._closed = False
        self._heads = HeadWriter(address, proxy)
        self._idle: list[Connection] = []
        self._idle_age = idle_age
        self._idle_most = idle_most
        self._loop = asyncio.get_running_loop()
        self._open: set[Exchange] = set()
        self._sweep = Sweep(tick, self._look)
        self._timeouts = upstream.timeouts
        self._way = Way(
            address=address,
            proxy=proxy,
            context=ssl_context if address.tls else None,
            arrivals=self._arrivals,
            seconds=upstream.timeouts.connect,
        )

    async def open(self, call: Call, connected: Callable[[], None] | None = None) -> Exchange:
        """As `Transport.open`. A kept-alive connection that turns out dead is replaced by a fresh one, once."""
        head = self._heads.write(call)
        connection = self._take()
        if connection is not None:
            exchange = self._start(connection, head, call)
            try:
                await exchange.head()
            except StreamCut:
                if exchange.begun or self._closed:
                    raise
            except BaseException:
                exchange.close()
                raise
            else:
                return exchange
        connection = Connection(self, self._arrivals)
        await dial(self._way, connection, self._loop)
        if connected is not None:
            try:
                connected()
            except BaseException:
                connection.abort()
                raise
        exchange = self._start(connection, head, call)
        try:
            await exchange.head()
        except BaseException:
            exchange.close()
            raise
        return exchange

    def close(self) -> None:
        """As `Transport.close`: abort everything; later calls fail."""
        self._closed = True
        self._sweep.stop()
        for exchange in tuple(self._open):
            exchange.break_off(StreamCut)
            exchange.close()
        for connection in tuple(self._idle):
            connection.abort()
        self._idle.clear()

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    @property
    def in_flight(self) -> int:
        """How many exchanges are not closed yet."""
        return len(self._open)

    def take_back(self, connection: Connection) -> None:
        """As `Owner.take_back`."""
        if self._closed or len(self._idle) >= self._idle_most:
            connection.abort()
            return
        connection.idle_since = self._clock()
        self._idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """As `Owner.forget`."""
        if connection in self._idle:
            self._idle.remove(connection)

    def ended(self, exchange: Exchange) -> None:
        """As `Owner.ended`."""
        self._open.discard(exchange)

    def _take(self) -> Connection | None:
        oldest = self._clock() - self._idle_age
        while self._idle:
            connection = self._idle.pop()
            if connection.idle_since > oldest and connection.usable():
                return connection
            connection.abort()
        return None

    def _start(self, connection: Connection, head: bytes, call: Call) -> Exchange:
        if self._closed:
            connection.abort()
            raise ConnectFailed
        exchange = Exchange(connection, self._loop, self._clock, self._timeouts)
        self._open.add(exchange)
        self._sweep.arm(self._loop)
        connection.send(exchange, head, call.body, bare=call.method == b"HEAD")
        return exchange

    def _look(self) -> bool:
        now = self._clock()
        for exchange in tuple(self._open):
            exchange.check(now)
        oldest = now - self._idle_age
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.pop(0).abort()
        return bool(self._open or self._idle)


def pools(
    upstreams: Sequence[Upstream], *, clock: Callable[[], float], arrivals: Arrivals | None = None
) -> tuple[Pool, ...]:
    """A pool for each upstream, in order, with one receive buffer. The same certificate authorities: one TLS context.

    Raises ValueError as `Pool`, and what `client_context` raises.
    """
    contexts: dict[str | None, ssl.SSLContext] = {}
    arrivals = arrivals or Arrivals()
    made = []
    for upstream in upstreams:
        context = None
        if upstream.base_url.startswith("https:"):
            # The system's authorities take milliseconds and megabytes to load: only where TLS is spoken.
            from lethe.upstream.tls import client_context

            context = contexts.get(upstream.ca_file) or client_context(upstream.ca_file)
            contexts[upstream.ca_file] = context
        made.append(Pool(upstream, ssl_context=context, clock=clock, arrivals=arrivals))
    return tuple(made)

"""One worker's data plane on an inherited listening socket: start, serve, drain."""

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from socket import socket
from typing import cast

from lethe.config.plan import Plan
from lethe.retention.standing import Finding
from lethe.server.app import App
from lethe.server.callers import Callers, accepting
from lethe.server.inference import Inference, Limits
from lethe.server.limits import Limiter, LocalLimiter, Quotas
from lethe.server.models import Catalogue
from lethe.server.outside import Outside
from lethe.server.scrub import Scrub
from lethe.upstream.arrivals import Arrivals
from lethe.upstream.pool import pools

KEEP_ALIVE = 75.0  # seconds that an idle connection of a caller stays open: longer than common proxies' 60
HEAD_PATIENCE = 30.0  # seconds for a caller to finish the head of a request
STUCK = 120.0  # seconds for a caller to send more of its body, or to take more of its answer
_BACKLOG = 4096
_FAREWELL = 0.25  # seconds; a drain may take three of these beyond its deadline
_SWEEP = 5.0  # seconds between looks at idle connections


class _Dropped(asyncio.Protocol):
    """Of a connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()


_DROPPED = _Dropped()  # one for all, made while there is memory


class Serving:
    """Listens on an inherited socket until it is told to drain."""

    def __init__(
        self,
        plan: Plan,
        credentials: Mapping[str, str],
        listener: socket,
        outside: Outside,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` gives Unix time."""
        self._listener = listener
        arrivals = Arrivals()
        self._transports = pools(plan.upstreams, clock=time.monotonic, arrivals=arrivals)
        limits = Limits(plan.status_hold, plan.heartbeat)
        self._inference = Inference(plan, self._transports, outside, limits, clock)
        self._inference.credentials = credentials
        catalogue = Catalogue(
            plan, self._transports, lambda: self._inference.credentials, self._inference.admission, clock
        )
        self._limiter = _limiter(plan, lambda: self._inference.credentials)
        self._app = App(plan, self._inference, catalogue, outside, self._limiter)
        self._tls = _tls(plan)
        self._fault = outside.fault
        self._scrub = Scrub(asyncio.get_running_loop(), arrivals)
        self._callers = Callers(self._app, asyncio.get_running_loop(), arrivals, self._scrub.stir)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accepts from here on."""
        logging.getLogger("asyncio").disabled = True  # its texts quote exceptions
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, sock=self._listener, backlog=_BACKLOG)
        self._sweep()

    def _accept(self) -> asyncio.BaseProtocol:
        """What answers a new connection. Never raises: uvloop would not accept another one."""
        try:
            return accepting(self._callers, self._tls)
        except Exception as error:  # noqa: BLE001 - out of memory, as a rule
            self._fault(error)
            return _DROPPED

    def _sweep(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)  # whatever comes of this one
        self._callers.close_idle(KEEP_ALIVE, HEAD_PATIENCE)
        self._callers.drop_stuck(STUCK)

    def replace_credentials(self, credentials: Mapping[str, str]) -> None:
        self._inference.credentials = credentials

    def learn(self, findings: Sequence[Finding]) -> None:
        """What the probes say now."""
        self._inference.learn(findings)

    async def drain(self, seconds: float | None) -> None:
        """Stops accepting and finishes what is in flight; after `seconds` the rest ends with an error event.

        Idle connections are closed with a deadline, and without one (a reload) live on until they are used once
        more, answered with `connection: close`, or time out: so a reload drops no request.
        """
        if self._server is not None:
            self._server.close()
        self._app.draining = True
        for exchange in self._app.in_flight.values():
            if not exchange.started:  # others have been told that they may go on
                exchange.incoming.keep_alive = False
        if seconds is None:
            await self._callers.outlast()
        else:
            await self._finish(seconds)
        await self._flush()
        self._timer.cancel()
        self._scrub.stop()
        for transport in self._transports:
            transport.close()
        if self._limiter is not None:
            await self._limiter.close()

    async def _finish(self, seconds: float) -> None:
        """Until nothing is in flight; what is left after `seconds` is cancelled and tells its caller so."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while (tasks := tuple(self._app.in_flight)) and (left := deadline - loop.time()) > 0:
            await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        for patience in (_FAREWELL, _FAREWELL):  # the second time for callers that do not read the first farewell
            tasks = tuple(self._app.in_flight)
            if not tasks:
                return
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=patience)

    async def _flush(self) -> None:
        """Let what is written reach the callers before the process ends."""
        self._callers.close_idle()
        try:
            await asyncio.wait_for(self._callers.outlast(), _FAREWELL)
        except TimeoutError:
            self._callers.drop()


def _limiter(plan: Plan, credentials: Callable[[], Mapping[str, str]]) -> Limiter | None:
    """None where nobody is limited."""
    of_keys = [plan.limits if key.limits is None else key.limits for key in plan.keys]
    if all(limits.none for limits in (plan.limits, *of_keys)):
        return None
    quotas = Quotas(of_keys, plan.limits)
    if plan.limit_store is None:
        return LocalLimiter(quotas)
    from lethe.server.shared_limits import SharedLimiter

    return SharedLimiter(quotas, [key.name for key in plan.keys], plan.limit_store, credentials)


def _tls(plan: Plan) -> ssl.SSLContext | None:
    if plan.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Of older versions OpenSSL keeps the secrets of sessions that are over, and tickets need a key that outlives them.
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(plan.tls_cert, plan.tls_key)
    return context

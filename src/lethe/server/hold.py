"""The status line is held back until the upstream has answered, but not longer than a caller will wait in silence."""

import asyncio
from collections.abc import Callable

from lethe.server.exchange import Exchange
from lethe.server.headers import Header


class StatusHold:
    """After `after` seconds sends 200 and the headers of the moment, then keep-alives each `every` seconds."""

    __slots__ = ("_every", "_exchange", "_headers", "_keep_alive", "_task", "_timer")

    def __init__(
        self, exchange: Exchange, headers: Callable[[], list[Header]], keep_alive: bytes, after: float, every: float
    ) -> None:
        self._exchange = exchange
        self._headers = headers
        self._keep_alive = keep_alive
        self._every = every
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(after, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def _keep(self) -> None:
        self._exchange.start(200, self._headers())
        while True:
            await self._exchange.write(self._keep_alive)
            await asyncio.sleep(self._every)

    async def release(self) -> None:
        """Afterwards nothing is sent from here; a keep-alive is either out whole or not at all."""
        self._timer.cancel()
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])

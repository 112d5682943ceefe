"""The scripted upstream on a thread of its own, for clients that block."""

import asyncio
import ssl
import threading
from collections.abc import Callable
from typing import Self

from lethe.upstream.fake.script import Answer, Recorded
from lethe.upstream.fake.server import Fake


class FakeThread:
    """`with FakeThread() as fake:` and then as `Fake`, from any thread."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fake-upstream", daemon=True)

    @property
    def url(self) -> str:
        return self._fake.url

    @property
    def requests(self) -> list[Recorded]:
        return list(self._fake.requests)

    def answer(self, *answers: Answer) -> None:
        self._fake.answer(*answers)

    def forget(self) -> None:
        self._fake.forget()

    def set(self, event: asyncio.Event) -> None:
        """Set the event of an `Until` step."""
        self._loop.call_soon_threadsafe(event.set)

    def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until something that the server sees makes `condition` true. Raises TimeoutError."""
        asyncio.run_coroutine_threadsafe(self._fake.until(condition, seconds), self._loop).result(seconds + 5)

    def __enter__(self) -> Self:
        self._thread.start()
        self._fake = asyncio.run_coroutine_threadsafe(self._started(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._fake.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _started(self) -> Fake:
        fake = Fake(tls=self._tls)
        await fake.start()
        return fake

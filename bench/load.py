"""The load: callers that ask again as soon as they are answered, or streams opened over a while.

A caller is one connection and one raw protocol; nothing is done per piece but counting.
"""

import asyncio
from time import perf_counter
from typing import cast

import httptools
from msgspec import Struct

from bench.answers import WORD

REOPEN = 0.02  # seconds until a lost connection is opened again


class Tally(Struct):
    """What has come back so far."""

    answers: int = 0  # complete and right
    faults: int = 0
    pieces: int = 0
    first_fault: str = ""

    def fault(self, what: str) -> None:
        self.faults += 1
        self.first_fault = self.first_fault or what


class Caller(asyncio.Protocol):
    """One connection of a load. The callbacks in the middle are httptools'."""

    def __init__(self, load: "Load") -> None:
        self._load = load
        self._tally = load.tally
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._waiting = False
        self._pieces = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._load.callers.add(self)
        self._ask()

    def _ask(self) -> None:
        self._waiting, self._pieces, self._tail = True, 0, b""
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._tally.fault("not HTTP")
            self._waiting = False
            self._transport.close()

    def on_body(self, body: bytes) -> None:
        text = self._tail + body
        found = text.count(WORD)
        self._pieces += found
        self._tally.pieces += found
        self._tail = text[1 - len(WORD) :]  # shorter than the word, so nothing is counted twice

    def on_message_complete(self) -> None:
        self._waiting = False
        status = self._parser.get_status_code()
        if status == 200 and self._pieces == self._load.expected:
            self._tally.answers += 1
        else:
            self._tally.fault(f"status {status}, {self._pieces} of {self._load.expected} pieces")
        if self._load.again and self._parser.should_keep_alive():
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self._waiting and not self._load.stopping:
            self._tally.fault(f"cut after {self._pieces} of {self._load.expected} pieces")
        self._load.lost(self)

    def close(self) -> None:
        self._transport.abort()


class Load:
    """Many callers with one request, and what came back."""

    def __init__(self, port: int, request: bytes, expected: int, *, again: bool) -> None:
        self.request, self.expected, self.again = request, expected, again
        self.tally = Tally()
        self.callers: set[Caller] = set()
        self.stopping = False
        self._port = port
        self._empty = asyncio.Event()
        self._reopening: set[asyncio.Task[None]] = set()

    async def start(self, callers: int, over: float = 0.0) -> None:
        """Opens connections, evenly over so many seconds; each asks as soon as it is there."""
        begin = perf_counter()
        for number in range(callers):
            early = begin + over * number / callers - perf_counter()
            if early > 0:
                await asyncio.sleep(early)
            await self._open()

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: Caller(self), "127.0.0.1", self._port)
        except OSError:
            self.tally.fault("no connection")

    def lost(self, caller: Caller) -> None:
        self.callers.discard(caller)
        if self.again and not self.stopping:
            task = asyncio.get_running_loop().create_task(self._reopen())
            self._reopening.add(task)
            task.add_done_callback(self._reopening.discard)
        elif not self.callers:
            self._empty.set()

    async def _reopen(self) -> None:
        await asyncio.sleep(REOPEN)
        if not self.stopping:
            await self._open()

    async def finish(self, limit: float) -> None:
        """Waits until all streams have ended; after so many seconds the rest count as faults and are cut."""
        try:
            await asyncio.wait_for(self._empty.wait(), limit)
        except TimeoutError:
            for _ in self.callers:
                self.tally.fault("not ended in time")
            await self.stop()

    async def stop(self) -> None:
        self.stopping = True
        if self._reopening:
            await asyncio.wait(self._reopening)
        for caller in list(self.callers):
            caller.close()
        if self.callers:
            await self._empty.wait()

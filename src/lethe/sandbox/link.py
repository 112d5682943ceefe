"""A worker's end of the channel, on its event loop."""

import asyncio
from collections.abc import Callable
from socket import socket

from lethe.ledger.record import SIZE
from lethe.ledger.tally import Tally
from lethe.sandbox.channel import (
    READ_SIZE,
    TO_WORKER,
    ChannelBroken,
    Counters,
    Dropped,
    Events,
    Fault,
    FromWorker,
    Inbox,
    Outbox,
    ToWorker,
    frame,
)


class Link:
    """Also the sink of a `Recorder`. `heard` gets every message, and None once the supervisor is gone."""

    def __init__(self, channel: socket, heard: Callable[[ToWorker | None], None]) -> None:
        self._channel = channel
        self._heard = heard
        self._inbox = Inbox(TO_WORKER)
        self._outbox = Outbox()
        self._lost_events = 0
        self._lost_counters = 0
        self._gone = False
        self._writing = False
        self._emptied = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        channel.settimeout(0.0)

    def first(self) -> ToWorker | None:
        """Wait for the first message, while no loop runs yet; None when the supervisor is gone."""
        self._channel.settimeout(None)
        try:
            while data := self._channel.recv(READ_SIZE):
                for message in self._inbox.feed(data):
                    return message  # what has come with it stays for `attach`
        except (OSError, ChannelBroken):
            pass
        finally:
            self._channel.settimeout(0.0)
        self._gone = True
        return None

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen from here on."""
        self._loop = loop
        loop.add_reader(self._channel, self._read)
        self._take(b"")

    def say(self, message: FromWorker) -> None:
        """Send a message that must arrive."""
        if not self._gone:
            self._outbox.put(frame(message))
            self._write()

    def offer(self, message: FromWorker) -> bool:
        """Send a message that may be lost."""
        taken = not self._gone and self._outbox.offer(frame(message))
        self._write()
        return taken

    def fault(self, fault: Fault) -> None:
        """Tell of an exception; also works before the loop runs and after it has ended."""
        self.offer(fault)

    def events(self, records: bytes) -> None:
        if not self.offer(Events(records)):
            self._lost_events += len(records) // SIZE

    def counters(self, tally: Tally) -> None:
        if not self.offer(Counters(tally)):
            self._lost_counters += 1

    async def empty(self) -> None:
        """Until all that was said is with the supervisor, or the supervisor is gone."""
        self._confess()
        self._write()
        if self._outbox and not self._gone:
            self._emptied.clear()
            await self._emptied.wait()

    def _read(self) -> None:
        try:
            data = self._channel.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._take(data)
        else:
            self._end()

    def _take(self, data: bytes) -> None:
        """Hear what is whole now."""
        try:
            for message in self._inbox.feed(data):
                self._heard(message)
        except ChannelBroken:
            self._end()

    def _write(self) -> None:
        if self._gone:
            return
        try:
            self._outbox.send(self._channel)
        except OSError:
            return  # the reader learns it too, after what is still to be read
        if not self._outbox:
            self._confess()
        if not self._outbox:
            self._emptied.set()
        self._watch_room()

    def _confess(self) -> None:
        """Say how much was lost, now that there is room."""
        if self._lost_events or self._lost_counters:
            dropped = Dropped(self._lost_events, self._lost_counters)
            if self._outbox.offer(frame(dropped)):
                self._lost_events = self._lost_counters = 0

    def _watch_room(self) -> None:
        waiting = bool(self._outbox)
        if self._loop is None or self._loop.is_closed() or waiting == self._writing:
            return
        self._writing = waiting
        if waiting:
            self._loop.add_writer(self._channel, self._write)
        else:
            self._loop.remove_writer(self._channel)

    def _end(self) -> None:
        self._gone = True
        self._emptied.set()
        if self._loop is not None:
            self._loop.remove_reader(self._channel)
            self._loop.remove_writer(self._channel)
        self._heard(None)

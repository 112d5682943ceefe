"""A stream from upstream to caller: whatever a read returned goes out at once, as whole events."""

import asyncio
from typing import Protocol

from lethe.dialects.codec import CODECS
from lethe.errors import LetheError, UpstreamFailed
from lethe.ir.usage import Usage
from lethe.ledger.events import Outcome
from lethe.server import failures
from lethe.server.exchange import Exchange
from lethe.upstream.call import Reply


class Pipe(Protocol):
    """Bytes in, the bytes of whole events out."""

    @property
    def midway(self) -> bool: ...
    @property
    def failed(self) -> bool:
        """Has the upstream ended it with an error event of its own?"""
        ...

    def feed(self, chunk: bytes) -> bytes: ...
    def finish(self) -> bytes: ...
    def usage(self) -> Usage | None: ...


class Opened(Protocol):
    """A stream that has begun."""

    @property
    def reply(self) -> Reply: ...
    @property
    def pipe(self) -> Pipe: ...
    @property
    def first(self) -> bytes: ...
    @property
    def complete(self) -> bool: ...


async def relay(exchange: Exchange, stream: Opened, heartbeat: float) -> None:
    """To the end, or to the error event that tells why there is none."""
    pipe = stream.pipe
    try:
        if stream.first:
            await exchange.write(stream.first)
        if not stream.complete:
            await _pump(exchange, stream.reply, pipe, heartbeat)
        await exchange.end(pipe.finish())
        if pipe.failed:
            exchange.failed(UpstreamFailed(), Outcome.STREAM_FAILED)
    except LetheError as error:
        exchange.failed(error, Outcome.STREAM_FAILED)
        await break_off(exchange, error, midway=pipe.midway)
    finally:
        _account(exchange, pipe)


async def _pump(exchange: Exchange, reply: Reply, pipe: Pipe, heartbeat: float) -> None:
    flow = Flow(exchange, pipe, heartbeat)
    while True:
        ended = await reply.pour(flow.take, heartbeat)
        if flow.error is not None:
            raise flow.error
        if ended:
            return
        await exchange.incoming.drained()
        if ended is None:
            flow.beat()


class Flow:
    """Takes what a read brought and writes what it completes, in the same turn of the loop."""

    __slots__ = ("_clock", "_exchange", "_heartbeat", "_keep_alive", "_pipe", "_silent_since", "error")

    def __init__(self, exchange: Exchange, pipe: Pipe, heartbeat: float) -> None:
        self._exchange = exchange
        self._pipe = pipe
        self._heartbeat = heartbeat
        self._keep_alive = CODECS[exchange.caller].KEEP_ALIVE
        self._clock = asyncio.get_running_loop().time
        self._silent_since: float | None = None  # set while reads come in but nothing goes out
        self.error: Exception | None = None

    def take(self, part: bytes) -> bool:
        """False: look at `error`, or wait until the caller reads again."""
        try:
            out = self._pipe.feed(part)
        except Exception as error:  # noqa: BLE001 - raised again in the task; here it would end the upstream's connection
            self.error = error
            return False
        if out:
            self._silent_since = None
            self._exchange.facts.response_bytes += len(out)
            return self._exchange.incoming.push(out)
        now = self._clock()
        if self._silent_since is None:
            self._silent_since = now
        elif now - self._silent_since >= self._heartbeat:
            return self.beat()
        return True

    def beat(self) -> bool:
        """A keep-alive, unless an event is half out."""
        self._silent_since = None
        if self._pipe.midway:
            return True
        self._exchange.facts.response_bytes += len(self._keep_alive)
        return self._exchange.incoming.push(self._keep_alive)


async def break_off(exchange: Exchange, error: LetheError, *, midway: bool = False) -> None:
    """End a stream that cannot go on with the dialect's own error event."""
    event = failures.error_event(error, exchange.caller, exchange.upstream_errors)
    await exchange.end(b"\n\n" + event if midway else event)


def _account(exchange: Exchange, pipe: Pipe) -> None:
    """What the tee cannot read is counted and breaks nothing."""
    try:
        exchange.spent(pipe.usage())
    except (LetheError, ValueError, TypeError, KeyError):
        exchange.facts.tee_errors = 1

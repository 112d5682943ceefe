"""A stream from upstream to caller: whatever a read returned goes out at once, as whole events."""

import asyncio
from typing import Protocol

from lethe.dialects.codec import CODECS
from lethe.errors import LetheError
from lethe.ir.usage import Usage
from lethe.ledger.events import Outcome
from lethe.server import failures
from lethe.server.exchange import Exchange
from lethe.upstream.call import Reply


class Pipe(Protocol):
    """Bytes in, the bytes of whole events out."""

    @property
    def midway(self) -> bool: ...
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
    except LetheError as error:
        exchange.failed(error, Outcome.STREAM_FAILED)
        await break_off(exchange, error, midway=pipe.midway)
    finally:
        _account(exchange, pipe)


async def _pump(exchange: Exchange, reply: Reply, pipe: Pipe, heartbeat: float) -> None:
    keep_alive = CODECS[exchange.caller].KEEP_ALIVE
    clock = asyncio.get_running_loop().time
    silent_since: float | None = None  # set while reads come in but nothing goes out
    while True:
        chunk = await reply.read_any(heartbeat)
        if chunk:
            out = pipe.feed(chunk)
            if out:
                await exchange.write(out)
                silent_since = None
                continue
            silent_since = silent_since or clock()
            if clock() - silent_since < heartbeat:
                continue
        elif chunk is not None:
            return
        if not pipe.midway:
            await exchange.write(keep_alive)
        silent_since = None


async def break_off(exchange: Exchange, error: LetheError, *, midway: bool = False) -> None:
    """End a stream that cannot go on with the dialect's own error event."""
    event = failures.error_event(error, exchange.caller, exchange.upstream_dialect)
    await exchange.end(b"\n\n" + event if midway else event)


def _account(exchange: Exchange, pipe: Pipe) -> None:
    """What the tee cannot read is counted and breaks nothing."""
    try:
        exchange.spent(pipe.usage())
    except (LetheError, ValueError, TypeError, KeyError):
        exchange.facts.tee_errors = 1

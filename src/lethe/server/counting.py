"""count_tokens: asked of an upstream that counts, in its dialect; else an estimate, labelled as one."""

import asyncio
import math
from collections.abc import Awaitable, Callable

from lethe.errors import UpstreamAnswered
from lethe.ir.request import Request
from lethe.providers.counting import Counting, counted, told
from lethe.providers.upstream import Upstream
from lethe.server.exchange import Exchange
from lethe.server.headers import JSON
from lethe.server.replies import Answer, Way, Whole, read_body, read_whole
from lethe.tokens.families import Family, family
from lethe.tokens.reading import parts
from lethe.tokens.vocabulary import PIECE, Vocabulary, vocabulary
from lethe.upstream.call import Reply


async def answer(
    exchange: Exchange,
    upstream: Upstream,
    ask: Callable[[], Awaitable[Answer]] | None,
    request: Callable[[], Request],
    model: str,
) -> None:
    """What `ask` says, or an estimate for the model if there is nobody to ask or who is asked does not count it.

    Raises LetheError.
    """
    if ask is not None and upstream.counting is not None:
        try:
            told_so = await ask()
        except UpstreamAnswered as error:
            if error.upstream_status not in upstream.counting.declines:
                raise
        else:
            await told_so.send(exchange, 0)
            return
    await _estimate(exchange, request(), model)


async def read(reply: Reply, way: Way, row: Counting) -> Whole:
    """In the same dialect as it came. Raises UpstreamAnswered for an error status, MalformedReply for no count."""
    if way.same and not row.wrapped:
        return await read_whole(reply, way)
    tokens = counted(row, await read_body(reply))
    return Whole(200, [*way.passed(reply), JSON], told(way.target, tokens), None, way.losses)


async def _estimate(exchange: Exchange, request: Request, model: str) -> None:
    kind, words = family(model), vocabulary()
    tokens = await _tokens(request, kind, words)
    label = words.name if kind.factor == 1 else f"{words.name}*{kind.factor}"
    await exchange.reply(200, [JSON, (b"x-lethe-estimate", label.encode())], told(exchange.caller, tokens))


async def _tokens(request: Request, kind: Family, words: Vocabulary) -> int:
    """Other requests have their turn after every piece of text."""
    known = counted = since = 0
    for part in parts(request, kind):
        if isinstance(part, int):
            known += part
            continue
        for at in range(0, len(part), PIECE):
            piece = part[at : at + PIECE]
            counted += words.count(piece)
            since += len(piece)
            if since >= PIECE:
                since = 0
                await asyncio.sleep(0)
    return known + math.ceil(counted * kind.factor)

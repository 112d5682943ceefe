"""What an orchestrator and a scraper ask for, and the answer to every path that is none of ours."""

from typing import Protocol

import msgspec

import lethe
from lethe.errors import LetheError, MethodNotAllowed, UnknownEndpoint
from lethe.ledger import pages
from lethe.server import failures
from lethe.server.exchange import Exchange
from lethe.server.headers import JSON, Header

_PROMETHEUS: Header = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_READ = frozenset({b"GET", b"HEAD"})


class Shown(Protocol):
    """The part of the application that is visible from here."""

    def ready(self) -> bool: ...
    async def metrics(self, exchange: Exchange) -> bytes: ...
    async def posture(self, exchange: Exchange) -> bytes: ...


async def answer(exchange: Exchange, path: str, method: bytes, app: Shown) -> None:
    """These are no requests in the ledger's sense: no event."""
    try:
        status, headers, body = await _answer(exchange, path, method, app)
    except LetheError as error:
        told = failures.reply(error, exchange.caller)
        status, headers, body = told.status, told.headers, told.body
    await exchange.reply(status, headers, body)


async def _answer(exchange: Exchange, path: str, method: bytes, app: Shown) -> tuple[int, list[Header], bytes]:
    if path not in {"/", "/health", "/ready", "/metrics", pages.POSTURE_PATH}:
        raise UnknownEndpoint
    if method not in _READ:
        raise MethodNotAllowed("GET")
    match path:
        case "/metrics":
            return 200, [_PROMETHEUS], await app.metrics(exchange)
        case pages.POSTURE_PATH:
            return 200, [JSON], await app.posture(exchange)
        case "/ready":
            ready = app.ready()
            state = {"status": "ready" if ready else "draining"}
            return 200 if ready else 503, [JSON], msgspec.json.encode(state)
        case "/health":
            return 200, [JSON], msgspec.json.encode({"status": "ok"})
        case _:
            return 200, [JSON], msgspec.json.encode({"name": "lethe", "version": lethe.__version__})

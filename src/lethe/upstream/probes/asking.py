"""Asks providers: one GET at a time over the upstream's own way, without redirects, within a time and a size."""

import asyncio
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from msgspec import Struct

from lethe.errors import (
    ConnectFailed,
    ConnectTimeout,
    FirstByteTimeout,
    IdleTimeout,
    LetheError,
    ReplyTooLarge,
    StreamCut,
    TlsFailed,
)
from lethe.ir.content import Dialect
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass
from lethe.upstream.call import Call
from lethe.upstream.pool import Pool, pools
from lethe.upstream.probes.verdict import Answer, Question, Reason, Unproven
from lethe.upstream.signature import signed

SECONDS = 10.0  # for one answer, from the name's resolution to the last byte
_REASONS: dict[type[LetheError], Reason] = {
    ConnectFailed: Reason.UNREACHABLE,
    StreamCut: Reason.UNREACHABLE,
    ConnectTimeout: Reason.SLOW,
    FirstByteTimeout: Reason.SLOW,
    IdleTimeout: Reason.SLOW,
    TlsFailed: Reason.TLS,
    ReplyTooLarge: Reason.TOO_LARGE,
}


class Signer(Struct, frozen=True):
    """With what questions to AWS are signed."""

    keys: Keys
    region: str


class Asker:
    """An `Ask` for one round of questions, whose connections it closes at the end: `async with Asker(...) as ask`.

    With a `signer`, it signs them.
    """

    def __init__(self, proxy: str | None, ca_file: str | None, signer: Signer | None, seconds: float = SECONDS) -> None:
        self._proxy = proxy
        self._ca_file = ca_file
        self._seconds = seconds
        self._signer = signer
        self._pools: dict[str, Pool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for pool in self._pools.values():
            pool.close()

    async def __call__(self, question: Question) -> Answer:
        """Raises Unproven."""
        headers = [(name.encode(), value.encode()) for name, value in question.headers.items()]
        with _in_fixed_words():
            async with asyncio.timeout(self._seconds):
                call = Call(method=b"GET", path=question.path.encode(), headers=headers)
                if self._signer is not None:
                    call = signed(call, question.base, self._signer.keys, self._signer.region, time.time())
                reply = await self._pool(question.base).open(call)
                try:
                    body = await reply.read_all(question.limit)
                finally:
                    reply.close()
        return Answer(
            status=reply.status,
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in reply.headers),
            body=body,
        )

    def _pool(self, base: str) -> Pool:
        if base not in self._pools:
            upstream = Upstream(
                name="",
                dialect=Dialect.OPENAI_CHAT,
                base_url=base,
                auth=Auth.NONE,
                upstream_class=UpstreamClass.U7,
                proxy=self._proxy,
                ca_file=self._ca_file,
            )
            (self._pools[base],) = pools((upstream,), clock=time.monotonic)
        return self._pools[base]


@contextmanager
def _in_fixed_words() -> Iterator[None]:
    """Whatever goes wrong becomes a reason: texts of errors may quote what the provider sent."""
    try:
        yield
    except LetheError as error:
        reason = next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), Reason.MALFORMED)
        raise Unproven(reason) from None
    except TimeoutError:
        raise Unproven(Reason.SLOW) from None
    except ssl.SSLError:  # an authority's file that holds no certificate
        raise Unproven(Reason.TLS) from None
    except (OSError, ValueError):
        raise Unproven(Reason.UNREACHABLE) from None

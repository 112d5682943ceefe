"""The interface between the data plane and whatever carries HTTP to an upstream."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
Sink: TypeAlias = Callable[[bytes], bool]  # takes bytes; False: no more for now. It must not raise.


class Call(Struct, frozen=True, kw_only=True):
    """One request to one upstream. `path` is appended to its base URL and may end in a query."""

    method: bytes = b"POST"
    path: bytes
    headers: Headers  # names in lower case; host and content-length are added by the transport
    body: bytes = b""


class Reply(Protocol):
    """An upstream's answer, its head already here. Must be closed, by whoever opened it, on every way out."""

    status: int
    headers: Headers  # names in lower case

    async def read_any(self, quiet: float | None = None) -> bytes | None:
        """Whatever has arrived, at least a byte; b"" at the end; None after `quiet` seconds without a byte.

        Raises IdleTimeout, StreamCut, MalformedReply.
        """
        ...

    async def pour(self, sink: Sink, quiet: float) -> bool | None:
        """Gives every read to `sink` at once, without a turn of the loop between.

        True at the end; False when `sink` has said so; None after `quiet` seconds without a byte. Raises as `read_any`.
        """
        ...

    async def read_all(self, limit: int) -> bytes:
        """The whole body. Raises ReplyTooLarge beyond `limit` bytes, and what `read_any` raises."""
        ...

    def close(self) -> None:
        """Back to the pool if the answer is complete; otherwise the connection is aborted at once."""
        ...


class Transport(Protocol):
    """Carries calls to one upstream."""

    async def open(self, call: Call, connected: Callable[[], None] | None = None) -> Reply:
        """Send, and wait for the head of the answer. Cancelling it aborts the connection.

        `connected` is called where that took a new connection, before a byte is sent; what it raises keeps all back.
        Raises ConnectFailed, ConnectTimeout, TlsFailed, FirstByteTimeout, StreamCut, MalformedReply.
        """
        ...

    def close(self) -> None:
        """Abort everything."""
        ...

"""What a scripted upstream was asked and what it does about it, as data."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct


class Head(Struct, frozen=True):
    """Status line and headers. Without a content-length the body goes out in chunks, one for each `Send`."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Send(Struct, frozen=True):
    """Bytes of the body, written at once, and held back while the peer does not read."""

    data: bytes


class Wait(Struct, frozen=True):
    seconds: float


class Until(Struct, frozen=True):
    """Wait for an event that the test sets: order without clocks."""

    event: asyncio.Event


class Hang(Struct, frozen=True):
    """Do nothing until the peer goes away."""


class Cut(Struct, frozen=True):
    """Reset the connection, as a crash or a broken load balancer does."""


class Close(Struct, frozen=True):
    """Close the connection in order, but without ending the body."""


Step: TypeAlias = Head | Send | Wait | Until | Hang | Cut | Close
Script: TypeAlias = Iterable[Step]


class Recorded(Struct, kw_only=True, eq=False):
    """One request as it arrived. Header names are in lower case; times are of the event loop's clock, in seconds."""

    method: str
    target: str  # path and query, as sent
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int  # the same number for requests that came over the same connection
    arrived_at: float
    sent: int = 0  # bytes of the body handed to the connection so far
    finished_at: float | None = None  # the script ran to its end
    gone_at: float | None = None  # the peer closed or reset the connection before that

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """The body, decoded. Raises msgspec.DecodeError."""
        return msgspec.json.decode(self.body)


Answer: TypeAlias = Script | Callable[[Recorded], Script]

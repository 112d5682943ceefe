"""How the events of a stream lie in its bytes."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Protocol

from lethe.wire.sse import Frame


class Framing(StrEnum):
    """What an upstream's stream is made of."""

    SSE = "sse"
    EVENT_STREAM = "event-stream"  # AWS: binary messages with checksums
    INVOKED = "invoked"  # AWS: the same, each holding an event of another dialect


CONTENT_TYPES: Mapping[Framing, bytes] = {
    Framing.SSE: b"text/event-stream",
    Framing.EVENT_STREAM: b"application/vnd.amazon.eventstream",
    Framing.INVOKED: b"application/vnd.amazon.eventstream",
}


class FrameReader(Protocol):
    """Bytes in, as the socket gave them; the frames that are complete out."""

    def feed(self, chunk: bytes) -> Iterator[Frame]:
        """Raises MalformedReply."""
        ...

    def finish(self) -> Iterator[Frame]:
        """The stream has ended. Raises MalformedReply where it ended within a frame that cannot be read so."""
        ...

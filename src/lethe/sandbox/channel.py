"""The one way between supervisor, workers and broker: a byte stream of frames with a closed set of messages.

A frame is one byte of kind, four of length (little-endian) and the payload: packed records for `Events`, msgpack for
the rest. Each direction knows its own kinds only, so a worker cannot configure and a supervisor cannot report.
Nothing here waits: what does not fit is dropped and counted by whoever offered it.
"""

import struct
from collections.abc import Iterator
from socket import socket
from typing import Generic, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from lethe.config.plan import Plan
from lethe.ledger.pages import Page
from lethe.ledger.tally import Count, Tally
from lethe.providers.probe import ProbeTask
from lethe.retention.enforcement import Enforcement
from lethe.retention.standing import Finding

FRAME_LIMIT = 16 * 1024 * 1024  # bytes of one payload
DROP_ABOVE = 1024 * 1024  # bytes waiting; beyond that events and counters are dropped
BREAK_ABOVE = 64 * 1024 * 1024  # bytes waiting; beyond that the other side is taken for dead
READ_SIZE = 64 * 1024
_HEAD = struct.Struct("<BI")


class ChannelBroken(Exception):
    """The other side said what no message says, or has not listened for too long. The text is fixed."""


class _Secret(Struct, frozen=True):
    """A message that holds secrets: they stay out of its repr."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


# Worker to supervisor


class Ready(Struct, frozen=True):
    """The worker accepts."""


class Events(Struct, frozen=True):
    """Whole records of `ledger.record`."""

    records: bytes


class Counters(Struct, frozen=True):
    tally: Tally


class PageWanted(Struct, frozen=True):
    token: Count
    page: Page


class Fault(Struct, frozen=True):
    """An exception that should not have happened: its class and `file.py:line`, nothing of its text."""

    error: str
    location: str

    def __str__(self) -> str:
        return f"{self.error} at {self.location}"


class Drained(Struct, frozen=True):
    """Nothing is in flight any more; the worker ends."""


class Dropped(Struct, frozen=True):
    """How many records and tallies the channel did not take since the last time."""

    events: Count
    counters: Count


class LockedIn(Struct, frozen=True):
    """What the kernel enforces on this worker; said before `Ready`."""

    enforcement: Enforcement


class Unproven(Struct, frozen=True):
    """An upstream, by its index in the plan, whose response did not attest what the register expects."""

    upstream: Count


# Supervisor to worker


class Configure(_Secret, frozen=True):
    """The first message. `credentials` are secrets by reference."""

    generation: Count
    plan: Plan
    credentials: dict[str, str]
    findings: tuple[Finding, ...] = ()


class Credentials(_Secret, frozen=True):
    """All credentials anew."""

    credentials: dict[str, str]


class Findings(Struct, frozen=True):
    """All that is known from probes now: replaces what was known before."""

    findings: tuple[Finding, ...]


class PageIs(Struct, frozen=True):
    token: Count
    content: bytes


class Drain(Struct, frozen=True):
    """Stop accepting and finish, within `seconds` if that is given. A later one may be stricter."""

    seconds: float | None


# Supervisor to broker, and back


class Resolve(Struct, frozen=True):
    """Of `secrets` the text is wanted, of `keys` only the digest. Replaces what was asked before."""

    token: Count
    secrets: tuple[str, ...]
    keys: tuple[str, ...]


class Probe(Struct, frozen=True):
    """Ask these, and again before their answers are too old; `Found` follows. Replaces what was asked before."""

    tasks: tuple[ProbeTask, ...]
    token: Count = 0


class Doubt(Struct, frozen=True):
    """A response did not attest what this one of the tasks says: it has failed, and is to be asked about again."""

    token: Count
    task: Count


class Missing(Struct, frozen=True):
    reference: str
    reason: str


class Resolved(_Secret, frozen=True):
    """The answer to a Resolve, complete if nothing is missing. `digests` are SHA-256."""

    token: Count
    secrets: dict[str, str]
    digests: dict[str, bytes]
    missing: tuple[Missing, ...]


class Found(Struct, frozen=True):
    """What the probes say now, all of them. `tasks` are the indices of what the findings answer, in the Probe of that
    token."""

    findings: tuple[Finding, ...]
    tasks: tuple[Count, ...] = ()
    token: Count = 0


class Rotated(_Secret, frozen=True):
    """Files of secrets have changed; what could not be read this time is left out."""

    secrets: dict[str, str]
    digests: dict[str, bytes]


FromWorker: TypeAlias = Ready | Events | Counters | PageWanted | Fault | Drained | Dropped | LockedIn | Unproven
ToWorker: TypeAlias = Configure | Credentials | PageIs | Drain | Findings
ToBroker: TypeAlias = Resolve | Probe | Doubt
FromBroker: TypeAlias = Resolved | Rotated | Found
Message: TypeAlias = FromWorker | ToWorker | ToBroker | FromBroker
M = TypeVar("M", bound=Message)

FROM_WORKER: dict[int, type[FromWorker]] = {
    1: Ready,
    2: Events,
    3: Counters,
    4: PageWanted,
    5: Fault,
    6: Drained,
    7: Dropped,
    8: LockedIn,
    9: Unproven,
}
TO_WORKER: dict[int, type[ToWorker]] = {
    32: Configure,
    33: Credentials,
    34: PageIs,
    35: Drain,
    36: Findings,
}
TO_BROKER: dict[int, type[ToBroker]] = {64: Resolve, 65: Probe, 66: Doubt}
FROM_BROKER: dict[int, type[FromBroker]] = {96: Resolved, 97: Rotated, 98: Found}
_KINDS: dict[type[Message], int] = {
    message: kind for table in (FROM_WORKER, TO_WORKER, TO_BROKER, FROM_BROKER) for kind, message in table.items()
}
_ENCODER = msgspec.msgpack.Encoder()


def frame(message: Message) -> bytes:
    """The bytes of one message."""
    payload = message.records if isinstance(message, Events) else _ENCODER.encode(message)
    return _HEAD.pack(_KINDS[type(message)], len(payload)) + payload


class Inbox(Generic[M]):
    """Bytes in, as they come; messages of one direction out."""

    def __init__(self, kinds: dict[int, type[M]]) -> None:
        self._decoders = {kind: msgspec.msgpack.Decoder(message) for kind, message in kinds.items()}
        self._kinds = kinds
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[M]:
        """Every message that is complete now. Raises ChannelBroken."""
        self._held += data
        while len(self._held) >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._held)
            if kind not in self._kinds or length > FRAME_LIMIT:
                raise ChannelBroken("a frame of an unknown kind or size")
            end = _HEAD.size + length
            if len(self._held) < end:
                return
            payload = bytes(self._held[_HEAD.size : end])
            del self._held[:end]
            yield self._decode(kind, payload)

    def _decode(self, kind: int, payload: bytes) -> M:
        message = self._kinds[kind]
        if issubclass(message, Events):
            return message(payload)
        try:
            return self._decoders[kind].decode(payload)
        except (msgspec.MsgspecError, ValueError, RecursionError):  # text that is not UTF-8; nested without end
            raise ChannelBroken("a payload that does not fit its kind") from None


class Outbox:
    """Frames that wait for the socket to take them."""

    def __init__(self) -> None:
        self._held = bytearray()

    def __bool__(self) -> bool:
        return bool(self._held)

    def offer(self, data: bytes) -> bool:
        """Take a frame that may be lost; False, and lost, if too much is waiting already."""
        if len(self._held) + len(data) > DROP_ABOVE:
            return False
        self._held += data
        return True

    def put(self, data: bytes) -> None:
        """Take a frame that must arrive. Raises ChannelBroken when the other side has stopped reading."""
        if len(self._held) + len(data) > BREAK_ABOVE:
            raise ChannelBroken("the other side does not read")
        self._held += data

    def send(self, channel: socket) -> None:
        """Hand the non-blocking socket as much as it takes. Raises OSError when the other side is gone."""
        while self._held:
            try:
                with memoryview(self._held) as held:
                    sent = channel.send(held[:READ_SIZE])
            except (BlockingIOError, InterruptedError):
                return
            del self._held[:sent]

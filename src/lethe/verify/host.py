"""The process that is verified: the real supervisor, told over a socket what to serve and asked to wait at its doors.

`python -s -P -m lethe.verify.host FD`. It says that it is there, then of each worker's process the same, and goes on
when it is told to, so that whoever verifies can open that process before it locks itself in.
"""

import contextlib
import socket
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from lethe.config.settings import Settings
from lethe.retention.enforcement import Enforcement
from lethe.retention.standing import Finding
from lethe.sandbox import descriptors
from lethe.sandbox.generation import Generation
from lethe.sandbox.reactor import READ
from lethe.sandbox.supervisor import Supervisor

MODULE = "lethe.verify.host"
LIMIT = 64 * 1024 * 1024  # bytes of one message
_SIZE = struct.Struct("<I")
T = TypeVar("T")


class Order(Struct, frozen=True, kw_only=True):
    """What to run. `plant` is `module:function`, called with nothing before the supervisor is made; `port` 0 is any."""

    settings: Settings
    workers: int
    drain: float
    program: tuple[str, ...]
    plant: str | None = None
    findings: tuple[Finding, ...] = ()
    host: str = "127.0.0.1"
    port: int = 0


class Up(Struct, frozen=True, tag=True):
    """The process runs this program."""


class Begun(Struct, frozen=True, tag=True):
    """A worker's process is there; it waits for one byte."""

    pid: int


class Serving(Struct, frozen=True, tag=True):
    """It listens, and this is what the kernel enforces on each worker that has locked itself in."""

    url: str
    enforcement: tuple[Enforcement, ...]


class Refused(Struct, frozen=True, tag=True):
    """It does not start, and says why as it says to an operator."""

    why: str


Said: TypeAlias = Up | Begun | Serving | Refused
SAID: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)


def send(channel: socket.socket, message: Struct) -> None:
    """One message, all of it. Raises OSError."""
    payload = msgspec.msgpack.encode(message)
    channel.sendall(_SIZE.pack(len(payload)) + payload)


def receive(channel: socket.socket, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """The next message; None at the end. Raises OSError, msgspec.MsgspecError, ValueError."""
    head = _exactly(channel, _SIZE.size)
    if head is None:
        return None
    size = _SIZE.unpack(head)[0]
    if size > LIMIT:
        raise ValueError("a message of an impossible size")
    payload = _exactly(channel, size)
    return None if payload is None else decoder.decode(payload)


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    got = bytearray()
    while len(got) < size:
        data = channel.recv(min(size - len(got), 1024 * 1024))
        if not data:
            return None
        got += data
    return bytes(got)


class Hosted(Supervisor):
    """The supervisor as it is, with an ear to whoever verifies."""

    def __init__(self, order: Order, listener: socket.socket, control: socket.socket) -> None:
        super().__init__(lambda: order.settings, listener, order.workers, order.drain, None, self._hold)
        self.program = order.program
        self._control = control
        self._known = order.findings
        self._url = descriptors.url(listener, tls=False)
        self._reactor.watch(control.fileno(), READ, self._left)

    def became_ready(self, generation: Generation) -> None:
        super().became_ready(generation)
        generation.learn(self._known)
        self._tell(Serving(self._url, generation.enforcement))

    def failed(self, generation: Generation, why: str) -> None:
        self._tell(Refused(why))
        super().failed(generation, why)

    def _hold(self, pid: int) -> None:
        self._tell(Begun(pid))
        self._control.recv(1)

    def _tell(self, message: Said) -> None:
        with contextlib.suppress(OSError):  # nobody verifies any more: `_left` ends it
            send(self._control, message)

    def _left(self, _: int) -> None:
        self._reactor.forget(self._control.fileno())
        self._stop()


def main(fd: int) -> int:
    """Returns the exit status."""
    descriptors.hold_standard()
    control = socket.socket(fileno=fd)
    send(control, Up())
    order = receive(control, msgspec.msgpack.Decoder(Order))
    if order is None:
        return 1
    if order.plant is not None:
        _named(order.plant)()
    listener = descriptors.listen(order.host, order.port)
    return Hosted(order, listener, control).run(order.settings)


def _named(dotted: str) -> Callable[[], None]:
    module, _, name = dotted.partition(":")
    found: Callable[[], None] = getattr(import_module(module), name)
    return found


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

"""The broker: turns references into secrets, says so when their files change, and asks providers what they keep.

`python -s -P -m lethe.sandbox.broker FD`, with the full environment. FD is its end of the channel; both end together.
"""

import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lethe.credentials.static import Stamp, Unresolved, resolve, stamp
from lethe.sandbox.channel import (
    READ_SIZE,
    TO_BROKER,
    Doubt,
    Found,
    Inbox,
    Missing,
    Outbox,
    Probe,
    Resolve,
    Resolved,
    Rotated,
    ToBroker,
    frame,
)

if TYPE_CHECKING:
    from lethe.sandbox.prober import Prober

POLL = 5.0  # seconds between looks at the files


class Broker:
    """What was asked for, and what it was when last seen."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._asked = Resolve(0, (), ())
        self._stamps: dict[str, Stamp | None] = {}

    def answer(self, order: Resolve) -> Resolved:
        """Resolve all of it, and watch it from now on."""
        self._asked = order
        references = (*order.secrets, *order.keys)
        self._stamps = {reference: stamp(reference) for reference in references}
        secrets, digests, missing = self._resolve(references)
        return Resolved(order.token, secrets, digests, missing)

    def look(self) -> Rotated | None:
        """What has changed since the last look."""
        now = {reference: stamp(reference) for reference in self._stamps}
        changed = [reference for reference, seen in now.items() if seen != self._stamps[reference]]
        self._stamps = now
        if not changed:
            return None
        secrets, digests, missing = self._resolve(changed)
        for each in missing:
            self._stamps[each.reference] = None  # perhaps in the middle of a change: look again
        return Rotated(secrets, digests) if secrets or digests else None

    def _resolve(
        self, references: list[str] | tuple[str, ...]
    ) -> tuple[dict[str, str], dict[str, bytes], tuple[Missing, ...]]:
        secrets: dict[str, str] = {}
        digests: dict[str, bytes] = {}
        missing: dict[str, str] = {}
        for reference in references:
            try:
                value = resolve(reference, self._environ)
            except Unresolved as error:
                missing[reference] = error.reason
                continue
            if reference in self._asked.secrets:
                secrets[reference] = value
            if reference in self._asked.keys:
                digests[reference] = _digest(value)
        return secrets, digests, tuple(Missing(reference, reason) for reference, reason in missing.items())


def _digest(value: str) -> bytes:
    import hashlib  # brings OpenSSL with it: only where a key is given by reference

    return hashlib.sha256(value.encode()).digest()


class Probes:
    """The prober, once there is something to ask, and what it has found: its thread leaves that here, and wakes us."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._prober: Prober | None = None
        self._found: deque[Found] = deque(maxlen=1)  # each holds all that is known: only the last one counts
        self._ends: tuple[socket.socket, socket.socket] | None = None

    @property
    def woken(self) -> tuple[socket.socket, ...]:
        """What becomes readable when something is found, once there is a prober."""
        return self._ends[:1] if self._ends is not None else ()

    def order(self, order: Probe) -> None:
        if self._prober is None:
            if not order.tasks:
                return
            self._prober = self._start()
        self._prober.order(order)

    def doubt(self, doubt: Doubt) -> None:
        if self._prober is not None:
            self._prober.doubt(doubt)

    def take(self) -> Found | None:
        """What has been found since the last time. Raises ConnectionError when the prober has ended."""
        if self._ends is None or not self._ends[0].recv(READ_SIZE):
            raise ConnectionAbortedError("the prober has ended")
        return self._found.popleft() if self._found else None

    def _start(self) -> "Prober":
        from lethe.sandbox.prober import Prober

        self._ends = ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.settimeout(0.0)

        def tell(found: Found) -> None:
            self._found.append(found)
            try:
                theirs.send(b".")
            except BlockingIOError:
                return  # plenty of them wait already

        return Prober(self._environ, tell, theirs.close)


def serve(channel: socket.socket, broker: Broker, probes: Probes) -> None:
    """Until the supervisor is gone."""
    inbox = Inbox(TO_BROKER)
    outbox = Outbox()
    look_at = time.monotonic() + POLL
    while True:
        writing = [channel] if outbox else []
        patience = max(0.0, look_at - time.monotonic())
        readable, _, _ = select.select([channel, *probes.woken], writing, [], patience)
        if channel in readable:
            data = channel.recv(READ_SIZE)
            if not data:
                return
            for order in inbox.feed(data):
                _obey(order, broker, probes, outbox)
        if not {channel}.issuperset(readable) and (found := probes.take()) is not None:
            outbox.put(frame(found))
        if time.monotonic() >= look_at:
            look_at = time.monotonic() + POLL
            if not outbox and (rotated := broker.look()) is not None:
                outbox.put(frame(rotated))
        outbox.send(channel)


def _obey(order: ToBroker, broker: Broker, probes: Probes, outbox: Outbox) -> None:
    match order:
        case Resolve():
            outbox.put(frame(broker.answer(order)))
        case Probe():
            probes.order(order)
        case Doubt():
            probes.doubt(order)


def main(fd: int) -> int:
    """Returns the exit status. Whatever goes wrong, no text of it reaches anyone."""
    probes = Probes(os.environ)
    try:
        with socket.socket(fileno=fd) as channel:
            channel.settimeout(0.0)
            serve(channel, Broker(os.environ), probes)
    except Exception:  # noqa: BLE001 - the supervisor starts another one; a traceback could quote a secret
        status = 1
    else:
        status = 0
    if probes.woken:
        os._exit(status)  # without waiting for names that are still being resolved; there is nothing to save
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

"""The broker: turns references into secrets, says so when they change, and asks providers what they keep.

`python -s -P -m lethe.sandbox.broker FD`, with the full environment. FD is its end of the channel; both end together.
"""

import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from lethe.credentials.issued import is_issued
from lethe.credentials.static import Stamp, Unresolved, resolve, stamp
from lethe.sandbox.channel import (
    READ_SIZE,
    TO_BROKER,
    Doubt,
    Found,
    FromBroker,
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
from lethe.sandbox.fetching import Fetching, hush

if TYPE_CHECKING:
    from lethe.sandbox.prober import Prober

POLL = 5.0  # seconds between looks at the files
PATIENCE = 10.0  # seconds that an answer waits for what clouds have been asked; what is later follows


class Broker:
    """What was asked for, and what it was when last seen."""

    def __init__(self, environ: Mapping[str, str], fetching: Fetching | None = None) -> None:
        self._environ = environ
        self._asked = Resolve(0, (), ())
        self._stamps: dict[str, Stamp | None] = {}
        self._waiting: tuple[Resolve, float] | None = None  # to be answered by then
        self.fetching = fetching or Fetching()

    def order(self, order: Resolve, now: float) -> None:
        """Watch all of it from now on; `turn` has the answer."""
        self._asked = order
        self._waiting = order, now + PATIENCE
        references = dict.fromkeys((*order.secrets, *order.keys))
        self._stamps = {reference: stamp(reference) for reference in references if not is_issued(reference)}
        self.fetching.order([reference for reference in references if is_issued(reference)])

    def turn(self, now: float) -> FromBroker | None:
        """The answer to the latest order, once all is there or it has waited long enough; then what has changed."""
        changed = self.fetching.turn()
        if self._waiting is not None:
            order, until = self._waiting
            if self.fetching.pending and now < until:
                return None
            self._waiting = None
            return self._answer(order)
        return self._told(Rotated(*self._shared(changed))) if changed else None

    def patience(self, now: float) -> float:
        """Seconds until `turn` has something to do, if nothing comes before."""
        waits = [POLL] if self._waiting is None else [POLL, self._waiting[1] - now]
        if self.fetching.patience is not None:
            waits.append(self.fetching.patience)
        return max(0.0, min(waits))

    def look(self) -> Rotated | None:
        """What has changed in files since the last look."""
        now = {reference: stamp(reference) for reference in self._stamps}
        changed = [reference for reference, seen in now.items() if seen != self._stamps[reference]]
        self._stamps = now
        if not changed:
            return None
        values, missing = self._read(changed)
        for reference in missing:
            self._stamps[reference] = None  # perhaps in the middle of a change: look again
        return self._told(Rotated(*self._shared(values)))

    def _answer(self, order: Resolve) -> Resolved:
        values, missing = self._read(self._stamps)
        values |= self.fetching.values()
        missing |= self.fetching.missing()
        told = tuple(
            Missing(each, missing[each]) for each in dict.fromkeys((*order.secrets, *order.keys)) if each in missing
        )
        return Resolved(order.token, *self._shared(values), told)

    def _shared(self, values: Mapping[str, str]) -> tuple[dict[str, str], dict[str, bytes]]:
        """Of secrets the text, of keys the digest."""
        secrets = {each: value for each, value in values.items() if each in self._asked.secrets}
        return secrets, {each: _digest(value) for each, value in values.items() if value and each in self._asked.keys}

    @staticmethod
    def _told(rotated: Rotated) -> Rotated | None:
        return rotated if rotated.secrets or rotated.digests else None

    def _read(self, references: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
        """Those that are simply there; and of those that are not, why."""
        values: dict[str, str] = {}
        missing: dict[str, str] = {}
        for reference in references:
            try:
                values[reference] = resolve(reference, self._environ)
            except Unresolved as error:
                missing[reference] = error.reason
        return values, missing


def _digest(value: str) -> bytes:
    import hashlib  # brings OpenSSL with it: only where a key is given by reference

    return hashlib.sha256(value.encode()).digest()


class Probes:
    """The prober, once there is something to ask, and what it has found: its thread leaves that here, and wakes us."""

    def __init__(self, environ: Mapping[str, str], prepare: Callable[[], None] = hush) -> None:
        """`prepare` is called before anything is asked."""
        self._environ = environ
        self._prepare = prepare
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

        self._prepare()
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
        patience = min(max(0.0, look_at - time.monotonic()), broker.patience(time.monotonic()))
        readable, _, _ = select.select([channel, *probes.woken, *broker.fetching.woken], writing, [], patience)
        if channel in readable:
            data = channel.recv(READ_SIZE)
            if not data:
                return
            for order in inbox.feed(data):
                _obey(order, broker, probes, outbox)
        if not set(probes.woken).isdisjoint(readable) and (found := probes.take()) is not None:
            outbox.put(frame(found))
        if (told := broker.turn(time.monotonic())) is not None:
            outbox.put(frame(told))
        if time.monotonic() >= look_at:
            look_at = time.monotonic() + POLL
            if not outbox and (rotated := broker.look()) is not None:
                outbox.put(frame(rotated))
        outbox.send(channel)


def _obey(order: ToBroker, broker: Broker, probes: Probes, outbox: Outbox) -> None:
    match order:
        case Resolve():
            broker.order(order, now := time.monotonic())
            if (told := broker.turn(now)) is not None:
                outbox.put(frame(told))
        case Probe():
            probes.order(order)
        case Doubt():
            probes.doubt(order)


def main(fd: int) -> int:
    """Returns the exit status. Whatever goes wrong, no text of it reaches anyone."""
    os.environ.pop("SSLKEYLOGFILE", None)  # TLS libraries would write there what opens the broker's connections
    probes, broker = Probes(os.environ), Broker(os.environ)
    try:
        with socket.socket(fileno=fd) as channel:
            channel.settimeout(0.0)
            serve(channel, broker, probes)
    except Exception:  # noqa: BLE001 - the supervisor starts another one; a traceback could quote a secret
        status = 1
    else:
        status = 0
    if probes.woken or broker.fetching.woken:
        os._exit(status)  # without waiting for names that are still being resolved; there is nothing to save
    return status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

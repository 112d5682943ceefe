"""The broker: turns references into secrets, and says so when their files change.

`python -s -P -m lethe.sandbox.broker FD`, with the full environment. FD is its end of the channel; both end together.
"""

import os
import select
import socket
import sys
from collections.abc import Mapping

from lethe.credentials.static import Stamp, Unresolved, resolve, stamp
from lethe.sandbox.channel import READ_SIZE, TO_BROKER, Inbox, Missing, Outbox, Resolve, Resolved, Rotated, frame

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


def serve(channel: socket.socket, broker: Broker) -> None:
    """Until the supervisor is gone."""
    inbox = Inbox(TO_BROKER)
    outbox = Outbox()
    while True:
        readable, _, _ = select.select([channel], [channel] if outbox else [], [], POLL)
        if readable:
            data = channel.recv(READ_SIZE)
            if not data:
                return
            for order in inbox.feed(data):
                if isinstance(order, Resolve):
                    outbox.put(frame(broker.answer(order)))
        elif not outbox and (rotated := broker.look()) is not None:
            outbox.put(frame(rotated))
        outbox.send(channel)


def main(fd: int) -> int:
    """Returns the exit status. Whatever goes wrong, no text of it reaches anyone."""
    try:
        with socket.socket(fileno=fd) as channel:
            channel.settimeout(0.0)
            serve(channel, Broker(os.environ))
    except Exception:  # noqa: BLE001 - the supervisor starts another one; a traceback could quote a secret
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))

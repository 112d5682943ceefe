"""What a process prints, all of it."""

import os
import select
import threading
from typing import IO

LIMIT = 64 * 1024 * 1024  # bytes of one stream; what follows is counted only
_READ = 64 * 1024
_TURN = 0.1  # seconds between looks at whether it is over


class Capture:
    """One stream, read as it comes until it ends or is closed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._held = bytearray()
        self._over = threading.Event()
        self.beyond = 0  # bytes that were not kept
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def data(self) -> bytes:
        return bytes(self._held)

    def close(self) -> None:
        """Read no more: the writer's next write fails."""
        self._over.set()
        self.join(10 * _TURN)

    def join(self, seconds: float) -> None:
        """Wait for its end, and release it."""
        self._thread.join(seconds)
        if not self._thread.is_alive():
            self._stream.close()

    def _read(self) -> None:
        fd = self._stream.fileno()
        waiting = select.poll()  # of any number, unlike select()
        waiting.register(fd, select.POLLIN)
        while not self._over.is_set():
            if not waiting.poll(1000 * _TURN):
                continue
            data = os.read(fd, _READ)
            if not data:
                return
            room = LIMIT - len(self._held)
            self._held += data[:room]
            self.beyond += max(len(data) - room, 0)

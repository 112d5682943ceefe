"""A bounded way out to a descriptor that may be slow, blocked or closed, without ever waiting for it.

A thread of its own does the writing: setting a shared descriptor non-blocking would change it for the shell too, and
a file on a dead network disk blocks whatever its flags.
"""

import os
import threading
from collections import deque

LIMIT = 4 * 1024 * 1024  # bytes waiting


class Outlet:
    """What does not fit, or cannot be written, is dropped and counted."""

    def __init__(self, fd: int, limit: int = LIMIT) -> None:
        self._fd = fd
        self._limit = limit
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._size = 0
        self._changed = threading.Condition()
        self._closed = False
        self._dropped = 0
        self._torn = b""  # what ends a line of which only a part could be written
        self._thread = threading.Thread(target=self._drain, name="outlet", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Lines lost so far."""
        return self._dropped

    def write(self, data: bytes, lines: int = 1) -> None:
        """Take whole lines."""
        with self._changed:
            if self._closed or self._size + len(data) > self._limit:
                self._dropped += lines
                return
            self._waiting.append((data, lines))
            self._size += len(data)
            self._changed.notify()

    def close(self, patience: float) -> None:
        """Write what is waiting, for at most `patience` seconds; nothing is taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(patience)

    def _drain(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                data, lines = self._waiting.popleft()
            written = self._write(data)
            with self._changed:
                self._size -= len(data)
                if not written:
                    self._dropped += lines

    def _write(self, data: bytes) -> bool:
        left = self._torn + data
        while left:
            try:
                left = left[os.write(self._fd, left) :]
            except BlockingIOError:  # someone else made it non-blocking
                threading.Event().wait(0.01)
            except OSError:
                if len(left) <= len(data):
                    self._torn = b"\n" if len(left) < len(data) else b""
                return False
        self._torn = b""
        return True

"""What a process prints, all of it, and what comes to addresses where nothing ought to come."""

import os
import select
import socket
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
        while not self._over.is_set():
            if not select.select([fd], [], [], _TURN)[0]:
                continue
            data = os.read(fd, _READ)
            if not data:
                return
            room = LIMIT - len(self._held)
            self._held += data[:room]
            self.beyond += max(len(data) - room, 0)


class Trap:
    """One port of loopback, for TCP and UDP, that nobody has a reason to speak to."""

    def __init__(self) -> None:
        self._tcp, self._udp = _pair()
        self.port: int = self._tcp.getsockname()[1]
        self.visits = 0
        self._held = bytearray()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    @property
    def data(self) -> bytes:
        return bytes(self._held)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._tcp.close()
        self._udp.close()

    def _receive(self) -> None:
        visitors: list[socket.socket] = []
        while not self._over.is_set():
            for ready in select.select([self._tcp, self._udp, *visitors], [], [], _TURN)[0]:
                if ready is self._tcp:
                    visitors.append(self._tcp.accept()[0])
                    self.visits += 1
                    continue
                try:
                    data = ready.recv(_READ)
                except OSError:
                    data = b""
                self.visits += ready is self._udp
                self._held += data[: LIMIT - len(self._held)]
                if not data and ready is not self._udp:
                    visitors.remove(ready)
                    ready.close()
        for visitor in visitors:
            visitor.close()


def _pair() -> tuple[socket.socket, socket.socket]:
    """A port that is free for both. Raises OSError."""
    for attempt in range(10):
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            if attempt == 9:
                raise
        else:
            return tcp, udp
    raise AssertionError

"""An address where nothing ought to come, and how often something has."""

import contextlib
import selectors
import socket
import threading
from typing import cast

_READ = 64 * 1024
_TURN = 0.1  # seconds between looks at whether it is over


class Trap:
    """One port of loopback, for TCP and UDP, that nobody has a reason to speak to."""

    def __init__(self) -> None:
        self._tcp, self._udp = _pair()
        self.port: int = self._tcp.getsockname()[1]
        self.visits = 0  # connections and datagrams
        self._open = selectors.DefaultSelector()
        for door in (self._tcp, self._udp):
            self._open.register(door, selectors.EVENT_READ)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        for key in self._open.get_map().values():
            cast("socket.socket", key.fileobj).close()
        self._open.close()

    def _receive(self) -> None:
        while not self._over.is_set():
            for key, _ in self._open.select(_TURN):
                self._heed(cast("socket.socket", key.fileobj))

    def _heed(self, ready: socket.socket) -> None:
        """Whatever comes is read, so that visitors go on as they would elsewhere, and thrown away."""
        if ready is self._tcp:
            self.visits += 1  # also where no descriptor is left to take it with
            with contextlib.suppress(OSError):
                self._open.register(self._tcp.accept()[0], selectors.EVENT_READ)
            return
        data = b""
        with contextlib.suppress(OSError):
            data = ready.recv(_READ)
        if ready is self._udp:
            self.visits += 1
        elif not data:
            self._open.unregister(ready)
            ready.close()


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

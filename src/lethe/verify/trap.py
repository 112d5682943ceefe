"""An address where nothing ought to come, and how often something has."""

import select
import socket
import threading

_READ = 64 * 1024
_TURN = 0.1  # seconds between looks at whether it is over


class Trap:
    """One port of loopback, for TCP and UDP, that nobody has a reason to speak to."""

    def __init__(self) -> None:
        self._tcp, self._udp = _pair()
        self.port: int = self._tcp.getsockname()[1]
        self.visits = 0  # connections and datagrams
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._tcp.close()
        self._udp.close()

    def _receive(self) -> None:
        """Whatever comes is read, so that visitors go on as they would elsewhere, and thrown away."""
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
                if ready is self._udp:
                    self.visits += 1
                elif not data:
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

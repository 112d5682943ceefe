"""Whether a caller takes what is written for it, as far as a look at its socket now and then tells."""

from asyncio import Transport
from socket import IPPROTO_TCP, TCP_INFO
from struct import Struct, error

_BYTES_ACKED = Struct("120xQ")  # linux/tcp.h: tcpi_bytes_acked, of Linux 4.1 and later


class Taking:
    """What one connection was seen to have taken."""

    __slots__ = ("_has", "last")

    def __init__(self) -> None:
        self._has: tuple[int, int] | None = None  # bytes that the kernel had taken, and the caller; None: all of them
        self.last = 0.0  # when it was last seen to take some, or to have all

    def look(self, transport: Transport, written: int, now: float) -> None:
        """`written` are all bytes ever; with TLS, less what its records add.

        Both count. The kernel's buffer, of megabytes, asks for more only once a third of it is free, which takes a slow
        caller minutes; and not every kernel tells what is acknowledged.
        """
        untaken = transport.get_write_buffer_size()
        has = (written - untaken, _acknowledged(transport)) if untaken else None
        had, self._has = self._has, has
        if has is None or had is None or has[0] > had[0] or has[1] > had[1]:
            self.last = now


def _acknowledged(transport: Transport) -> int:
    """Bytes that the caller's system has; 0 where ours does not tell."""
    wire = transport.get_extra_info("socket")
    try:
        return int(_BYTES_ACKED.unpack(wire.getsockopt(IPPROTO_TCP, TCP_INFO, _BYTES_ACKED.size))[0])
    except (OSError, error):
        return 0

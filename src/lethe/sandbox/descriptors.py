"""Descriptors that the supervisor holds: the standard three, and the listening socket."""

import os
import socket

BACKLOG = 4096


def hold_standard() -> None:
    """Open what is closed of 0, 1 and 2: otherwise a socket would get that number, and ledger lines to read."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Port 0 picks a free one. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.settimeout(0.0)  # shared with the workers, which must not wait in accept
    return listener


def url(listener: socket.socket, *, tls: bool) -> str:
    """Where a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"

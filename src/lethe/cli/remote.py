"""A page of a running Lethe, fetched by a command."""

import contextlib
import http.client
import socket
import ssl
import threading
from urllib.parse import urlsplit

from lethe.cli.output import CommandFailed, UsageFault

PATIENCE = 15.0  # seconds to connect in, and for the answer


def fetch(url: str, path: str, limit: int) -> bytes:
    """The page at `path` of that address; a path in the URL goes before it. No redirect is followed.

    Raises UsageFault for what is no such address, CommandFailed when there is no such page.
    """
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageFault(f"{url} is not a URL") from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.username:
        raise UsageFault(f"{url} is not a URL such as https://llm.example")
    connection = (
        http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=PATIENCE)
    )
    where = parts.path.rstrip("/")
    hang_up: threading.Timer | None = None
    try:
        connection.connect()
        hang_up = threading.Timer(PATIENCE, _end, [connection.sock])
        hang_up.start()
        connection.request(
            "GET", where if where.endswith(path) else where + path, headers={"accept-encoding": "identity"}
        )
        reply = connection.getresponse()
        body = reply.read(limit + 1)
        if reply.length and len(body) <= limit:  # the rest is missing
            raise http.client.IncompleteRead(b"")
    except (OSError, http.client.HTTPException) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise CommandFailed(f"{url} does not answer ({reason})") from None
    finally:
        if hang_up is not None:
            hang_up.cancel()
        connection.close()
    if reply.status != 200:
        raise CommandFailed(f"{url} answered with status {reply.status}")
    if len(body) > limit:
        raise CommandFailed(f"{url} sent more than {limit} bytes")
    return body


def _end(connection: socket.socket) -> None:
    """However slowly the answer comes; whoever waits for it gets no more."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)

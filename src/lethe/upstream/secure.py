"""TLS as bytes in and bytes out: no socket, no event loop.

The event loop's own layer holds a receive buffer of 256 KB for every connection. Here a connection costs what OpenSSL
itself keeps, and the two memory BIOs, which stay as large as the largest piece they ever held.
"""

from contextlib import suppress
from enum import Enum, auto
from ssl import MemoryBIO, SSLContext, SSLError, SSLWantReadError

# What OpenSSL is given at once. Larger pieces cost memory that stays, smaller ones time on large bodies.
PIECE_IN = 4 * 1024
PIECE_OUT = 8 * 1024  # one record


class State(Enum):
    """Where a session stands. From the last three nothing leads on."""

    HANDSHAKE = auto()
    OPEN = auto()
    ENDED = auto()  # the peer said, by close_notify, that nothing follows
    REFUSED = auto()  # failed before any plaintext came: certificate, name, version, a fatal alert
    BROKEN = auto()  # failed later: a damaged record, a fatal alert


class Session:
    """One side of a TLS connection: a client's, where `host` is the name (or the IP address) that the certificate must
    hold; without one the server's, whose `context` must forbid renegotiation.

    Faults are states, never exceptions: what arrived intact before one is still delivered. An end of the bytes in
    any state but ENDED is a cut, and only whoever reads them can see it.
    """

    __slots__ = ("_incoming", "_outgoing", "_proven", "_tls", "state")

    def __init__(self, context: SSLContext, host: str | None) -> None:
        self.state = State.HANDSHAKE
        self._incoming, self._outgoing = MemoryBIO(), MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, host is None, host)
        self._proven = False  # has any plaintext come?
        self._shake_hands()

    def feed(self, ciphertext: bytes | memoryview) -> bytes:
        """The plaintext that these bytes complete, maybe none. Look at `state` and `owed` afterwards."""
        parts: list[bytes] = []
        for at in range(0, len(ciphertext), PIECE_IN):
            piece = ciphertext[at : at + PIECE_IN]
            self._incoming.write(piece)
            if self.state is State.HANDSHAKE:
                self._shake_hands()
            if self.state is State.OPEN:
                self._open(parts, len(piece))
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def write(self, plaintext: bytes | bytearray | memoryview) -> list[bytes]:
        """The ciphertext to send, in order. Nothing unless the session is open."""
        pieces: list[bytes] = []
        if self.state is not State.OPEN:
            return pieces
        view, seal, take = memoryview(plaintext), self._tls.write, self._outgoing.read
        try:
            for at in range(0, len(view), PIECE_OUT):
                seal(view[at : at + PIECE_OUT])
                pieces.append(take())
        except SSLError:  # only a renegotiation, which `client_context` forbids, could make it wait
            self._fail()
        return pieces

    def farewell(self) -> bytes:
        """The close_notify to send, behind all that was written. b"" unless the session is open."""
        if self.state is not State.OPEN:
            return b""
        with suppress(SSLError):  # it would like to wait for the peer's
            self._tls.unwrap()
        return self.owed()

    def owed(self) -> bytes:
        """Ciphertext that the protocol itself wants sent: handshake, alerts, key updates. b"" most of the time."""
        return self._outgoing.read() if self._outgoing.pending else b""

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except SSLWantReadError:
            return
        except SSLError:
            self._fail()
        else:
            self.state = State.OPEN

    def _open(self, parts: list[bytes], size: int) -> None:
        """Decrypt all that is whole. `size` is a good guess for the first read: a larger one costs a larger buffer."""
        tls, first, few = self._tls, not self._proven, size < PIECE_IN
        try:
            while size:
                part = tls.read(size)
                if not part:
                    self.state = State.ENDED
                    return
                self._proven = True
                parts.append(part)
                # Asking once too often would cost an exception.
                size = tls.pending() or self._incoming.pending
        except SSLWantReadError:
            if few:  # a session ticket, perhaps; more would be a part of a large record
                self._release()
        except SSLError:
            self._fail()
        else:
            if first:
                self._release()

    def _release(self) -> None:
        """Free the write buffer of 17 KB that OpenSSL makes to receive a session ticket, and keeps until a write."""
        try:
            self._tls.write(b"")  # puts nothing on the wire
        except SSLError:
            self._fail()

    def _fail(self) -> None:
        self.state = State.BROKEN if self._proven else State.REFUSED

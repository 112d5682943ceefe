"""A TLS session between a TCP transport and the protocol above it."""

from asyncio import AbstractEventLoop, BaseTransport, BufferedProtocol, Future, TimerHandle, Transport
from ssl import SSLContext, SSLError
from typing import Any, assert_never, cast

from lethe.upstream.arrivals import Above
from lethe.upstream.secure import Session, State

HANDSHAKE = 60.0  # seconds that a client may take for its part of the handshake
_MOST_UNSENT = 1024 * 1024  # beyond this a peer makes us answer and doesn't take the answers


class TlsTransport(Transport, BufferedProtocol):
    """Protocol to the TCP transport below, transport to the `above` protocol; no task and no timer of its own.

    `above` is told of its connection once the handshake is done, and never if it fails. Its `eof_received` means that
    the peer said it was finished; a TCP connection that just ends is a `connection_lost`. That one comes with an
    SSLError where TLS failed before it carried anything.

    Without a `host` it is the server's side, and gives up on a client that has not shaken hands within a minute.

    `arrivals` is where the socket's bytes land. All connections of one event loop may share it: nothing in it is
    needed from one read to the next, and it holds ciphertext only.
    """

    __slots__ = (
        "_above", "_arrivals", "_context", "_host", "_loop", "_opened", "_patience", "_refused", "_session",
        "_tcp", "settled",
    )  # fmt: skip

    def __init__(
        self, above: Above, context: SSLContext, host: str | None, arrivals: memoryview, loop: AbstractEventLoop
    ) -> None:
        super().__init__()
        self._above: Above | None = above
        self._arrivals = arrivals
        self._context = context
        self._host = host
        self._loop = loop
        self._patience: TimerHandle | None = None
        self._opened = False  # has the handshake succeeded?
        self._refused = False
        self._session: Session | None = None
        self.settled: Future[bool] = loop.create_future()  # once the handshake is over: has it succeeded?
        self._tcp: Transport | None = None

    # What the protocol above asks for.

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """As `asyncio.BaseTransport`, of the TCP transport."""
        return default if self._tcp is None else self._tcp.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """As `asyncio.BaseTransport`."""
        return self._tcp is None or self._tcp.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """As `asyncio.WriteTransport`."""
        tcp, session = self._tcp, self._session
        if tcp is None or session is None:
            return
        if pieces := session.write(data):
            tcp.writelines(pieces)
        if session.state is not State.OPEN:
            self.abort()

    def get_write_buffer_size(self) -> int:
        """As `asyncio.WriteTransport`: of ciphertext."""
        return 0 if self._tcp is None else self._tcp.get_write_buffer_size()

    def pause_reading(self) -> None:
        """As `asyncio.ReadTransport`. What one read brought is still delivered."""
        if self._tcp is not None:
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """As `asyncio.ReadTransport`."""
        if self._tcp is not None:
            self._tcp.resume_reading()

    def is_reading(self) -> bool:
        """As `asyncio.ReadTransport`."""
        return self._tcp is not None and self._tcp.is_reading()

    def can_write_eof(self) -> bool:
        """As `asyncio.WriteTransport`: TLS has no half-closed connections that all peers understand."""
        return False

    def close(self) -> None:
        """As `asyncio.BaseTransport`: what is written still goes out, with a close_notify behind it."""
        tcp, session = self._tcp, self._session
        if tcp is None or session is None:
            return
        if (farewell := session.farewell()) and not tcp.is_closing():
            tcp.write(farewell)
        tcp.close()

    def abort(self) -> None:
        """As `asyncio.WriteTransport`: at once, without a close_notify, which would wait for the peer to read."""
        if self._tcp is not None:
            self._tcp.abort()

    # What the event loop calls.

    def connection_made(self, transport: BaseTransport) -> None:
        """As `asyncio.BaseProtocol`: begin the handshake. Also called by whoever has led the connection so far."""
        self._tcp = cast("Transport", transport)
        self._session = Session(self._context, self._host)
        if self._host is None:
            self._patience = self._loop.call_later(HANDSHAKE, self.abort)
        else:
            self._tcp.write(self._session.owed())

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the loop's guess; ours is all there is
        """As `asyncio.BufferedProtocol`."""
        return self._arrivals

    def buffer_updated(self, nbytes: int) -> None:
        """As `asyncio.BufferedProtocol`."""
        tcp, session, above = self._tcp, self._session, self._above
        if tcp is None or session is None or above is None:
            return
        plaintext = session.feed(self._arrivals[:nbytes])
        if owed := session.owed():
            tcp.write(owed)
            if tcp.get_write_buffer_size() > _MOST_UNSENT:
                tcp.abort()
        if not self._opened and session.state not in (State.HANDSHAKE, State.REFUSED):
            self._opened = True
            self._be_patient()
            above.connection_made(self)
            if not self.settled.done():
                self.settled.set_result(True)
        if plaintext:
            above.data_received(plaintext)
        self._heed(session.state, above)

    def eof_received(self) -> None:
        """As `asyncio.BufferedProtocol`: an end that TLS did not announce. May be an attacker's, and is never one."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """As `asyncio.BaseProtocol`."""
        above = self._above
        self._above = self._tcp = self._session = None
        self._be_patient()
        if not self.settled.done():
            self.settled.set_result(False)
        if self._opened and above is not None:
            above.connection_lost(SSLError() if self._refused else exc)

    def pause_writing(self) -> None:
        """As `asyncio.BaseProtocol`."""
        if self._above is not None:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        """As `asyncio.BaseProtocol`."""
        if self._above is not None:
            self._above.resume_writing()

    def _be_patient(self) -> None:
        """The handshake is over."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _heed(self, state: State, above: Above) -> None:
        match state:
            case State.HANDSHAKE | State.OPEN:
                return
            case State.ENDED:
                above.eof_received()
            case State.REFUSED:
                self._refused = True
            case State.BROKEN:
                pass
            case _:
                assert_never(state)
        self.abort()

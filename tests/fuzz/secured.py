"""An upstream's bytes by way of TLS: what they say is what they say without it, and no damage or cut passes for an end."""

import zlib
from functools import cache
from random import Random

from tests.fuzz.answers import ARRIVALS, Line, alike, loop, piecewise, poured, same
from tests.fuzz.turns import Paper, pieces
from tests.upstream.raw import client_context, server_context

from lethe.errors import MalformedReply, StreamCut, TlsFailed
from lethe.upstream.connection import Connection
from lethe.upstream.secure import Session, State
from lethe.upstream.tls_transport import TlsTransport

_client, _server = cache(client_context), cache(server_context)


class Secured(Line):
    """A connection behind TLS. `says`: the upstream takes leave before it closes. `spoils`: the part that is damaged."""

    def __init__(self, *, says: bool = True, spoils: int = -1, seed: int = 0) -> None:
        self.kept = False
        self.spoilt = False
        self._says, self._spoils, self._random = says, spoils, Random(seed)
        self.connection = Connection(self, ARRIVALS)
        self._tls = TlsTransport(self.connection, _client(), "localhost", ARRIVALS.whole, loop())
        self.paper = Paper(loop(), self._tls)
        self._far = Session(_server(), None)
        while self._far.state is State.HANDSHAKE:
            self._far.feed(b"".join(self.paper.written))
            self.paper.written.clear()
            self._carry(self._far.owed())

    def bring(self, part: bytes) -> None:
        ciphertext = bytearray(b"".join(self._far.write(part)))
        if self._spoils == 0:
            self.spoilt = True
            ciphertext[self._random.randrange(len(ciphertext))] ^= 1 << self._random.randrange(8)
        self._spoils -= 1
        at = self._random.randint(0, len(ciphertext))
        self._carry(bytes(ciphertext[:at]))
        self._carry(bytes(ciphertext[at:]))

    def end(self) -> None:
        if self._says:
            self._carry(self._far.farewell())
        if not self.paper.closed:
            self._tls.eof_received()

    def _carry(self, ciphertext: bytes) -> None:
        if ciphertext and not self.paper.closed:
            ARRIVALS.whole[: len(ciphertext)] = ciphertext
            self._tls.buffer_updated(len(ciphertext))


def check(data: bytes) -> None:
    """As in the clear; cut off, or damaged, never whole where it would not have been."""
    seed = zlib.crc32(data)
    parts = pieces(data)
    plain = Line().ask([data], piecewise, bare=False)
    rest = same(plain, data, bare=False)
    either = rest is None or (rest != b"" and not rest.strip(b"\r\n"))
    alike(plain, Secured(seed=seed).ask(parts, poured, bare=False), either=either)

    cut = Secured(says=False, seed=seed).ask(parts, poured, bare=False)
    assert plain.got.body.startswith(cut.got.body)
    if plain.ended:
        alike(plain, cut, either=either)
    else:
        assert cut.got.fault is StreamCut

    line = Secured(spoils=seed % (len(parts) or 1), seed=seed)
    spoilt = line.ask(parts, piecewise, bare=False).got
    assert plain.got.body.startswith(spoilt.body)
    if spoilt.fault is None:
        assert plain.ended
        assert spoilt.body == plain.got.body
    else:
        assert spoilt.fault in (MalformedReply, StreamCut, TlsFailed)
    assert not (line.spoilt and spoilt.kept)

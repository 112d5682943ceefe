"""TLS without sockets: a session of ours and one of OpenSSL's, with everything between them in our hands."""

import ctypes
import hashlib
import hmac
import ssl
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.upstream.raw import AUTHORITY, server_context

from lethe.upstream.secure import PIECE_OUT, Session, State
from lethe.upstream.tls import client_context

ALERT, HANDSHAKE = 21, 22  # RFC 8446, 5.1: the first byte of a record
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
both_versions = pytest.mark.parametrize("version", [V12, V13])


@pytest.fixture(scope="module", name="trusting")
def _trusting(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    path = tmp_path_factory.mktemp("tls") / "ca.pem"
    AUTHORITY.cert_pem.write_to_path(str(path))
    return client_context(str(path))


def serving(version: ssl.TLSVersion, name: str = "localhost") -> ssl.SSLContext:
    context = server_context(name)
    context.minimum_version = context.maximum_version = version
    return context


class Far:
    """The other end. `said` is all that it wants sent."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def shake(self, ciphertext: bytes) -> bool:
        self.incoming.write(ciphertext)
        try:
            self.tls.do_handshake()
        except ssl.SSLError:
            return False
        return True

    def hear(self, ciphertext: bytes) -> bytes:
        self.incoming.write(ciphertext)
        heard = b""
        while self.incoming.pending or self.tls.pending():
            heard += self.tls.read(65536)
        return heard

    def say(self, *texts: bytes) -> bytes:
        for text in texts:
            self.tls.write(text)
        return self.outgoing.read()

    def bye(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.outgoing.read()


Feed = Callable[[Session, bytes], bytes]


def whole(session: Session, ciphertext: bytes) -> bytes:
    return session.feed(ciphertext)


def one_by_one(session: Session, ciphertext: bytes) -> bytes:
    return b"".join(session.feed(ciphertext[at : at + 1]) for at in range(len(ciphertext)))


def met(context: ssl.SSLContext, far: Far, feed: Feed = whole) -> Session:
    """A session after its handshake, whatever came of it."""
    session = Session(context, "localhost")
    while session.state is State.HANDSHAKE:
        far.shake(session.owed())
        assert feed(session, far.outgoing.read()) == b""
    far.shake(session.owed())
    return session


def is_open(session: Session) -> bool:
    return session.state is State.OPEN


@both_versions
@pytest.mark.parametrize("feed", [whole, one_by_one])
def test_a_conversation(trusting: ssl.SSLContext, version: ssl.TLSVersion, feed: Feed) -> None:
    far = Far(serving(version))
    session = met(trusting, far, feed)
    assert is_open(session)
    assert far.hear(b"".join(session.write(b"question"))) == b"question"
    assert feed(session, far.say(b"ans", b"wer")) == b"answer"
    assert session.owed() == b""
    assert feed(session, far.bye()) == b""
    assert session.state is State.ENDED
    assert session.write(b"more") == []


@given(
    texts=st.lists(st.binary(min_size=1, max_size=40_000), max_size=3),
    cuts=st.lists(st.integers(0, 50_000), max_size=12),
    version=st.sampled_from([V12, V13]),
)
@settings(max_examples=25)
def test_cuts_change_nothing(
    trusting: ssl.SSLContext, texts: list[bytes], cuts: list[int], version: ssl.TLSVersion
) -> None:
    def feed(session: Session, ciphertext: bytes) -> bytes:
        edges = [0, *sorted(min(cut, len(ciphertext)) for cut in cuts), len(ciphertext)]
        return b"".join(session.feed(ciphertext[start:end]) for start, end in pairwise(edges))

    far = Far(serving(version))
    session = met(trusting, far, feed)
    assert feed(session, far.say(*texts) + far.bye()) == b"".join(texts)
    assert session.state is State.ENDED


@both_versions
def test_only_a_farewell_ends_it(trusting: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    """Whoever cuts the bytes, anywhere, does not make an end of them."""
    far = Far(serving(version))
    session = met(trusting, far)
    ciphertext = far.say(b"one", b"two") + far.bye()
    heard = b""
    for at in range(len(ciphertext)):
        assert is_open(session)
        heard += session.feed(ciphertext[at : at + 1])
        assert b"onetwo".startswith(heard)
    assert (heard, session.state) == (b"onetwo", State.ENDED)


def test_nothing_counts_after_the_end(trusting: ssl.SSLContext) -> None:
    far = Far(serving(V13))
    session = met(trusting, far)
    assert session.feed(far.say(b"last") + far.bye() + b"\x17\x03\x03\x00\x05trash") == b"last"
    assert session.feed(b"\x17\x03\x03\x00\x05trash") == b""
    assert session.state is State.ENDED


@both_versions
@pytest.mark.parametrize("fault", ["authority", "name"])
def test_who_cannot_prove_it_is_refused(trusting: ssl.SSLContext, version: ssl.TLSVersion, fault: str) -> None:
    far = Far(serving(version, "elsewhere.example" if fault == "name" else "localhost"))
    session = Session(client_context() if fault == "authority" else trusting, "localhost")
    far.shake(session.owed())
    session.feed(far.outgoing.read())
    assert session.state is State.REFUSED
    assert session.owed()[0] == ALERT
    assert session.write(b"secret") == []


def test_an_address_is_verified_as_one(trusting: ssl.SSLContext) -> None:
    for name, expected in (("127.0.0.1", State.OPEN), ("localhost", State.REFUSED)):
        session, far = Session(trusting, "127.0.0.1"), Far(serving(V13, name))
        far.shake(session.owed())
        session.feed(far.outgoing.read())
        assert session.state is expected


@pytest.mark.parametrize("fault", ["cipher", "certificate"])
def test_an_alert_in_the_handshake(trusting: ssl.SSLContext, fault: str) -> None:
    context = serving(V12)
    if fault == "cipher":
        context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")  # its certificate is not for RSA
    else:
        context.verify_mode = ssl.CERT_REQUIRED  # and we have none to show
    session = met(trusting, Far(context))
    assert session.state is State.REFUSED
    assert session.write(b"secret") == []


def test_an_alert_that_comes_when_we_thought_we_were_through(trusting: ssl.SSLContext) -> None:
    context = serving(V13)
    context.verify_mode = ssl.CERT_REQUIRED
    far = Far(context)
    session = met(trusting, far)
    assert is_open(session)
    assert session.write(b"question") != []
    assert session.feed(far.outgoing.read()) == b""
    assert session.state is State.REFUSED


@both_versions
@pytest.mark.parametrize(("before", "expected"), [((), State.REFUSED), ((b"good", b"better"), State.BROKEN)])
def test_a_damaged_record(
    trusting: ssl.SSLContext, version: ssl.TLSVersion, before: tuple[bytes, ...], expected: State
) -> None:
    far = Far(serving(version))
    session = met(trusting, far)
    session.feed(far.outgoing.read())
    intact, damaged = far.say(*before), bytearray(far.say(b"bad"))
    damaged[-1] ^= 1
    assert session.feed(intact + damaged) == b"".join(before)
    assert session.state is expected
    assert session.owed()[0] in (ALERT, 23)  # encrypted ones look like data in TLS 1.3
    assert session.feed(far.say(b"later")) == b""


@both_versions
def test_large_bodies_go_out_in_pieces(trusting: ssl.SSLContext, version: ssl.TLSVersion) -> None:
    far = Far(serving(version))
    session = met(trusting, far)
    body = bytes(range(256)) * 1200 + b"end"
    pieces = session.write(memoryview(body))
    assert len(pieces) == -(-len(body) // PIECE_OUT)
    assert max(map(len, pieces)) < PIECE_OUT + 64
    assert b"".join(far.hear(piece) for piece in pieces) == body


def expand(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """RFC 5246, 5: P_SHA256."""
    a, out = label + seed, b""
    while len(out) < size:
        a = hmac.digest(secret, a, hashlib.sha256)
        out += hmac.digest(secret, a + label + seed, hashlib.sha256)
    return out[:size]


def test_renegotiation_is_refused(trusting: ssl.SSLContext, tmp_path: Path) -> None:
    """A server of Python's cannot ask for it, so its HelloRequest is made by hand, of its own keys."""
    context = serving(V12)
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    context.keylog_filename = str(tmp_path / "keys")
    far = Far(context)
    session = Session(trusting, "localhost")
    hello = session.owed()
    far.shake(hello)
    flight = far.outgoing.read()
    session.feed(flight)
    far.shake(session.owed())
    session.feed(far.outgoing.read())
    assert session.state is State.OPEN
    master = bytes.fromhex((tmp_path / "keys").read_text().split("CLIENT_RANDOM ")[1].split()[1])
    keys = expand(master, b"key expansion", flight[11:43] + hello[11:43], 40)  # both random values are at 11

    def record(number: int, kind: int, text: bytes) -> bytes:
        head, nonce = bytes((kind, 3, 3)), b"explicit"
        seen = number.to_bytes(8) + head + len(text).to_bytes(2)
        sealed = nonce + AESGCM(keys[16:32]).encrypt(keys[36:40] + nonce, text, seen)
        return head + len(sealed).to_bytes(2) + sealed

    assert session.feed(record(1, HANDSHAKE, b"\0\0\0\0")) == b""  # 0 was Finished
    assert session.state is State.OPEN
    assert session.owed()[0] == ALERT  # a warning, no_renegotiation; otherwise it would be a new ClientHello
    assert session.feed(record(2, 23, b"as before")) == b"as before"


class _Heap(ctypes.Structure):
    """glibc's `struct mallinfo2`."""

    _fields_ = (
        ("not asked for", ctypes.c_size_t * 7),
        ("uordblks", ctypes.c_size_t),  # bytes in use
        ("nor these", ctypes.c_size_t * 2),
    )


def test_an_idle_session_is_small(trusting: ssl.SSLContext) -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("needs glibc 2.33")
    libc.mallinfo2.restype = _Heap
    context, kept = serving(V13), []

    def chat() -> Session:
        far = Far(context)
        session = met(trusting, far)
        far.hear(b"".join(session.write(b"q" * 100_000)))
        session.feed(far.say(b"a" * 500))  # behind the session tickets, which come after our first write
        return session

    kept.append(chat())
    before = libc.mallinfo2().uordblks
    kept.extend(chat() for _ in range(40))
    assert (libc.mallinfo2().uordblks - before) / 40 < 36 * 1024

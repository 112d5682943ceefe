"""Keys, wherever a client puts them."""

import hashlib

import pytest

from lethe.errors import Forbidden, Unauthenticated
from lethe.policies.access import identify, refuse_strangers

DIGESTS = [hashlib.sha256(key).digest() for key in (b"sk-one", b"sk-two", b"a phrase of words")]

GOOD = [
    ([(b"x-api-key", b"sk-one")], (0, {b"x-api-key"})),
    ([(b"authorization", b"Bearer sk-two")], (1, {b"authorization"})),
    ([(b"authorization", b"bearer  sk-two ")], (1, {b"authorization"})),
    ([(b"x-api-key", b"their-own"), (b"authorization", b"Bearer sk-one")], (0, {b"authorization"})),
    (
        [(b"x-api-key", b"sk-two"), (b"authorization", b"Bearer sk-one"), (b"x-goog-api-key", b"sk-two")],
        (1, {b"x-api-key", b"authorization", b"x-goog-api-key"}),
    ),
    ([(b"x-api-key", b"a phrase of words")], (2, {b"x-api-key"})),
    ([(b"authorization", b"Bearer a phrase of words")], (2, {b"authorization"})),
    # A key that does not count where it stands is not passed on either.
    ([(b"x-api-key", b"sk-one"), (b"authorization", b"sk-two")], (0, {b"x-api-key", b"authorization"})),
    ([(b"x-api-key", b"Bearer sk-one"), (b"authorization", b"Bearer sk-two")], (1, {b"x-api-key", b"authorization"})),
]


@pytest.mark.parametrize(("headers", "expected"), GOOD, ids=range(len(GOOD)))
def test_known(headers: list[tuple[bytes, bytes]], expected: tuple[int, set[bytes]]) -> None:
    assert identify(dict(headers), DIGESTS) == expected


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"x-api-key", b"sk-three")],
        [(b"authorization", b"Basic sk-one")],
        [(b"x-api-key", b"")],
        [(b"authorization", b"sk-one")],
    ],
    ids=range(5),
)
def test_unknown(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthenticated):
        identify(dict(headers), DIGESTS)


LOCAL: list[dict[bytes, bytes]] = [
    {},
    {b"host": b"127.0.0.1:3456"},
    {b"host": b"127.8.8.8"},
    {b"host": b"gateway"},
    {b"host": b"app.localhost:80"},
    {b"host": b"10.0.0.2:80"},
    {b"host": b"[fe80::1]"},
    {b"host": b""},
    {b"host": b"LocalHost:1"},
    {b"host": b"[::1]:3456"},
    {b"host": b"localhost", b"origin": b"http://localhost:3000"},
    {b"host": b"localhost", b"origin": b"http://[::1]"},
]
STRANGE: list[dict[bytes, bytes]] = [
    {b"host": b"evil.example:3456"},
    {b"host": b"127.0.0.1.evil.example"},
    {b"host": b"localhost.evil.example"},
    {b"host": b"localhost", b"origin": b"http://10.0.0.2"},
    {b"host": b"localhost", b"origin": b"http://gateway"},
    {b"host": b"localhost", b"origin": b"https://evil.example"},
    {b"host": b"localhost", b"origin": b"null"},
]


@pytest.mark.parametrize("headers", LOCAL, ids=str)
def test_this_machine_may_call_without_a_key(headers: dict[bytes, bytes]) -> None:
    refuse_strangers(headers)


@pytest.mark.parametrize("headers", STRANGE, ids=str)
def test_a_web_page_may_not(headers: dict[bytes, bytes]) -> None:
    with pytest.raises(Forbidden):
        refuse_strangers(headers)

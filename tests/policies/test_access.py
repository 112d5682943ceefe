"""Keys, wherever a client puts them."""

import hashlib

import pytest

from lethe.errors import Unauthenticated
from lethe.policies.access import identify, presented

DIGESTS = [hashlib.sha256(key).digest() for key in (b"sk-one", b"sk-two")]

GOOD = [
    ([(b"x-api-key", b"sk-one")], (0, b"x-api-key")),
    ([(b"authorization", b"Bearer sk-two")], (1, b"authorization")),
    ([(b"authorization", b"bearer  sk-two ")], (1, b"authorization")),
    ([(b"x-api-key", b"their-own"), (b"authorization", b"Bearer sk-one")], (0, b"authorization")),
]


@pytest.mark.parametrize(("headers", "expected"), GOOD, ids=range(len(GOOD)))
def test_known(headers: list[tuple[bytes, bytes]], expected: tuple[int, bytes]) -> None:
    assert identify(presented(dict(headers)), DIGESTS) == expected


@pytest.mark.parametrize(
    "headers",
    [[], [(b"x-api-key", b"sk-three")], [(b"authorization", b"Basic sk-one")], [(b"x-api-key", b"")]],
    ids=range(4),
)
def test_unknown(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(Unauthenticated):
        identify(presented(dict(headers)), DIGESTS)

"""Heads as bytes, and what cannot be smuggled into them."""

import pytest

from lethe.errors import InvalidRequest
from lethe.upstream.address import parse_address, parse_proxy
from lethe.upstream.call import Call
from lethe.upstream.head import HeadWriter

DIRECT = HeadWriter(parse_address("https://api.example.com/v1"), None)

HEADS = [
    (
        Call(path=b"/messages?beta=true", headers=[(b"x-api-key", b"k")], body=b"{}"),
        (
            b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.example.com\r\nx-api-key: k\r\n"
            b"accept-encoding: identity\r\ncontent-length: 2\r\n\r\n"
        ),
    ),
    (
        Call(path=b"/x", headers=[]),
        b"POST /v1/x HTTP/1.1\r\nhost: api.example.com\r\naccept-encoding: identity\r\ncontent-length: 0\r\n\r\n",
    ),
    (
        Call(method=b"GET", path=b"/models", headers=[(b"Accept-Encoding", b"gzip"), (b"empty", b"")]),
        b"GET /v1/models HTTP/1.1\r\nhost: api.example.com\r\naccept-encoding: gzip\r\nempty: \r\n\r\n",
    ),
    (
        Call(
            method=b"GET",
            path=b"/x",
            headers=[
                (b"Host", b"evil"),
                (b"content-length", b"9"),
                (b"transfer-encoding", b"chunked"),
                (b"connection", b"close"),
                (b"expect", b"100-continue"),
                (b"te", b"trailers"),
                (b"upgrade", b"h2c"),
                (b"proxy-authorization", b"x"),
            ],
        ),
        b"GET /v1/x HTTP/1.1\r\nhost: api.example.com\r\naccept-encoding: identity\r\n\r\n",
    ),
]


@pytest.mark.parametrize(("call", "head"), HEADS)
def test_heads(call: Call, head: bytes) -> None:
    assert DIRECT.write(call) == head


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (Call(path=b"/x", headers=[(b"a", b"secret\r\nb: c")]), "headers: a value holds a line end or a NUL"),
        (Call(path=b"/x", headers=[(b"a", b"secret\n")]), "headers: a value holds a line end or a NUL"),
        (Call(path=b"/x", headers=[(b"a", b"secret\r")]), "headers: a value holds a line end or a NUL"),
        (Call(path=b"/x", headers=[(b"a", b"sec\0ret")]), "headers: a value holds a line end or a NUL"),
        (Call(path=b"/x", headers=[(b"secret: b\r\na", b"c")]), "headers: a name is not a token"),
        (Call(path=b"/x", headers=[(b"secret ", b"c")]), "headers: a name is not a token"),
        (Call(path=b"/x", headers=[(b"", b"secret")]), "headers: a name is not a token"),
        (Call(path=b"/x", headers=[("ä".encode(), b"c")]), "headers: a name is not a token"),
        (Call(method=b"GET /secret", path=b"/x", headers=[]), "headers: a name is not a token"),
        (Call(path=b"/secret HTTP/1.1\r\nx: y", headers=[]), "path: holds a space or a control character"),
        (Call(path=b"/secret\0", headers=[]), "path: holds a space or a control character"),
        (Call(path="/ä".encode(), headers=[]), "path: holds a space or a control character"),
    ],
)
def test_injection_is_refused(call: Call, message: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        DIRECT.write(call)
    assert str(refused.value) == message


def test_a_proxy_is_told_the_whole_url_of_a_plain_upstream() -> None:
    proxy = parse_proxy("http://me:pw@proxy:3128")
    plain = HeadWriter(parse_address("http://host:8080/v1"), proxy)
    assert plain.write(Call(method=b"GET", path=b"/x", headers=[])).startswith(
        b"GET http://host:8080/v1/x HTTP/1.1\r\nhost: host:8080\r\nproxy-authorization: Basic bWU6cHc=\r\n"
    )


def test_a_tls_upstream_is_not_told_the_credentials_of_a_proxy() -> None:
    tunnelled = HeadWriter(parse_address("https://host/v1"), parse_proxy("http://me:pw@proxy:3128"))
    assert b"proxy" not in tunnelled.write(HEADS[0][0])

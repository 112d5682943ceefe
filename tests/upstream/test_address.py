"""Base URLs taken apart."""

import pytest

from lethe.upstream.address import Address, Proxy, parse_address, parse_proxy


def address(
    host: str, port: int, authority: bytes, *, tls: bool = False, prefix: bytes = b"", socket: str | None = None
) -> Address:
    return Address(tls=tls, host=host, port=port, prefix=prefix, authority=authority, socket=socket)


ADDRESSES = [
    ("https://api.example.com", address("api.example.com", 443, b"api.example.com", tls=True)),
    ("https://api.example.com/", address("api.example.com", 443, b"api.example.com", tls=True)),
    ("https://api.example.com:443/v1", address("api.example.com", 443, b"api.example.com", tls=True, prefix=b"/v1")),
    ("HTTPS://API.Example.com:8443", address("api.example.com", 8443, b"api.example.com:8443", tls=True)),
    ("http://127.0.0.1:8080/v1/", address("127.0.0.1", 8080, b"127.0.0.1:8080", prefix=b"/v1")),
    ("http://[::1]:8080/a/b", address("::1", 8080, b"[::1]:8080", prefix=b"/a/b")),
    ("http://[::1]", address("::1", 80, b"[::1]")),
    ("http://bücher.example/v1", address("xn--bcher-kva.example", 80, b"xn--bcher-kva.example", prefix=b"/v1")),
    ("http://host/a%20b", address("host", 80, b"host", prefix=b"/a%20b")),
    ("unix:/run/engine.sock", address("", 0, b"localhost", socket="/run/engine.sock")),
    ("unix:/run/engine.sock:/v1", address("", 0, b"localhost", socket="/run/engine.sock", prefix=b"/v1")),
]

NO_ADDRESSES = [
    "",
    "api.example.com",
    "ftp://host",
    "http://",
    "http://:80",
    "http://host:0",
    "http://host:99999",
    "http://host:x",
    "http://user:secret@host",
    "http://host/v1?key=secret",
    "http://host/v1#x",
    "http://host?",
    "http://ho st",
    "http://host/\r\nx: y",
    "http://host\t",
    "http://[::1",
    "http://host/ü",
    "http://" + "a" * 64 + ".example",
    "unix:relative.sock",
    "unix:",
    "unix:/run/a\0b",
]


@pytest.mark.parametrize(("url", "expected"), ADDRESSES)
def test_addresses(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize("url", NO_ADDRESSES)
def test_no_addresses(url: str) -> None:
    with pytest.raises(ValueError, match=r"^base_url: [a-z]") as refused:
        parse_address(url)
    assert "secret" not in str(refused.value)


def test_an_origin_names_scheme_and_port() -> None:
    assert parse_address("https://host:444/v1").origin == b"https://host:444"
    assert parse_address("http://host/v1").origin == b"http://host"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy:3128", Proxy(host="proxy", port=3128)),
        ("http://[::1]:3128/", Proxy(host="::1", port=3128)),
        ("http://me:p%40ss@proxy", Proxy(host="proxy", port=80, authorization=b"Basic bWU6cEBzcw==")),
        ("http://me@proxy", Proxy(host="proxy", port=80, authorization=b"Basic bWU6")),
    ],
)
def test_proxies(url: str, expected: Proxy) -> None:
    assert parse_proxy(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy",
        "socks5://proxy",
        "proxy:3128",
        "http://me:secret@",
        "http://proxy/path",
        "http://me:secret@proxy?x",
    ],
)
def test_no_proxies(url: str) -> None:
    with pytest.raises(ValueError, match=r"^proxy: ") as refused:
        parse_proxy(url)
    assert "secret" not in str(refused.value)


def test_a_proxy_does_not_show_its_password() -> None:
    assert "bWU6" not in repr(parse_proxy("http://me:p%40ss@proxy"))

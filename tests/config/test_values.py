import pytest

from lethe.config.values import ValueFault, address, byte_size, is_loopback

SIZES: list[tuple[int | str, int | None]] = [
    (33554432, 33554432), ("32MiB", 32 * 2**20), ("64 MB", 64 * 10**6), ("1.5 mib", 3 * 2**19), ("2048", 2048),
    ("4GiB", 2**32), ("5GiB", None), ("1 KB", None), (1023, None), (-1, None), ("", None), ("MiB", None),
    ("32M", None), ("1e9", None), ("٣٢MiB", None), ("9" * 400, None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), SIZES)
def test_sizes(value: int | str, expected: int | None) -> None:
    if expected is None:
        with pytest.raises(ValueFault):
            byte_size(value)
    else:
        assert byte_size(value) == expected


ADDRESSES = [
    ("https://api.example.com/v1/", "https://api.example.com/v1", "api.example.com", False, False),
    ("http://localhost:1234/v1", "http://localhost:1234/v1", "localhost", True, True),
    ("http://127.1.2.3", "http://127.1.2.3", "127.1.2.3", True, True),
    ("http://[::1]:8080", "http://[::1]:8080", "::1", True, True),
    ("http://192.168.1.4", "http://192.168.1.4", "192.168.1.4", False, True),
    ("unix:/run/x.sock", "unix:/run/x.sock", "unix:/run/x.sock", True, True),
    ("unix:/run/x.sock:/v1", "unix:/run/x.sock:/v1", "unix:/run/x.sock", True, True),
]


@pytest.mark.parametrize(("value", "url", "host", "loopback", "private"), ADDRESSES)
def test_addresses(value: str, url: str, host: str, loopback: bool, private: bool) -> None:
    found = address(value)
    assert (found.url, found.host, found.loopback, found.private) == (url, host, loopback, private)


@pytest.mark.parametrize(
    "value",
    ["", "api.example.com", "https://", "https://h:0", "https://h:99999", "https://[::1", "https://h x", "https://h\n",
     "https://u@h", "https://h?x", "https://h/#", "https://h?", "file:///etc", "unix:relative", "https://hé.example"],
)  # fmt: skip
def test_no_addresses(value: str) -> None:
    with pytest.raises(ValueFault):
        address(value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("example.com", False),
     ("localhost.example.com", False), ("127.0.0.1.example.com", False)],
)  # fmt: skip
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected

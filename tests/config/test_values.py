import pytest

from lethe.config.values import ValueFault, address, byte_size, is_loopback, local_reference, secret_reference

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


SECRETS = [
    ("env:OPENAI_API_KEY", True), ("env:", False), ("env:1", False), ("env:A B", False), ("file:/run/secret", True),
    ("file:run", False), ("aws-sm:plain", True), ("aws-sm:team/keys#openai", True), ("aws-sm:#openai", False),
    ("aws-sm:arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/keys-AbCdEf#a key", True), ("aws-sm:a b", False),
    ("gcp-sm:projects/p/secrets/s", True), ("gcp-sm:projects/123/secrets/s/versions/7", True),
    ("gcp-sm:projects/p/secrets/../x", False), ("gcp-sm:projects/p/secrets/s/versions/", False),
    ("azure-kv:https://v.vault.azure.net/secrets/s", True), ("azure-kv:https://v.vault.azure.cn/secrets/s", True),
    (f"azure-kv:https://v.vault.azure.net/secrets/s/{'a' * 32}", True),
    ("azure-kv:http://v.vault.azure.net/secrets/s", False), ("azure-kv:https://v.example.com/secrets/s", False),
    ("azure-kv:https://v.vault.azure.net.example.com/secrets/s", False), ("sk-secret", False), ("", False),
    ("aws:prod", False), ("env", False),
]  # fmt: skip


@pytest.mark.parametrize(("value", "good"), SECRETS)
def test_references_of_secrets(value: str, good: bool) -> None:
    here = good and value.startswith(("env:", "file:"))
    for read, expected in ((secret_reference, good), (local_reference, here)):
        if expected:
            assert read(value) == value
        else:
            with pytest.raises(ValueFault) as caught:
                read(value)
            assert "sk-secret" not in f"{caught.value.problem}{caught.value.hint}"

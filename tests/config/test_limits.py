"""[limits] and the limits of keys: what they say, and what is wrong with them."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.config.plan import LimitStore, Plan
from lethe.config.problems import ConfigError
from lethe.policies.limits import Limits

BEGIN = '[upstreams.anthropic]\napi_key = "env:K"\n'
KEY = '[[keys]]\nname = "ci"\nkey = "env:C"\n'


def plan(text: str) -> Plan:
    return parse_settings(BEGIN + text, "t", embedded_available=False, today=date(2026, 11, 29)).plan


def test_limits_of_everybody_and_of_a_key() -> None:
    made = plan("[limits]\nconcurrent = 5\n" + KEY + "limits = { requests_per_minute = 7 }\n")
    assert made.limits == Limits(concurrent=5)
    assert made.keys[0].limits == Limits(requests_per_minute=7)
    assert made.limit_store is None
    assert plan(KEY).keys[0].limits is None


STORES: list[tuple[str, LimitStore]] = [
    ('store = "redis://cache:6380/2"', LimitStore(host="cache", port=6380, database=2)),
    ('store = "rediss://cache"', LimitStore(host="cache", port=6379, tls=True)),
    ('store = "unix:/run/redis.sock:/3"', LimitStore(host="", port=0, socket="/run/redis.sock", database=3)),
    (
        'store = "redis://127.0.0.1"\nstore_user = "u"\nstore_password = "env:P"\nwhen_store_fails = "closed"',
        LimitStore(host="127.0.0.1", port=6379, user="u", password="env:P", fail_open=False),
    ),
]


@pytest.mark.parametrize(("text", "expected"), STORES)
def test_stores(text: str, expected: LimitStore) -> None:
    assert plan(f"[limits]\nconcurrent = 5\n{text}\n").limit_store == expected


def test_the_password_is_asked_for() -> None:
    text = BEGIN + '[limits]\nconcurrent = 1\nstore = "redis://127.0.0.1"\nstore_password = "env:P"\n'
    settings = parse_settings(text, "t", embedded_available=False, today=date(2026, 11, 29))
    assert settings.secrets == ("env:K", "env:P")


STORE = '[limits]\nconcurrent = 1\nstore = "redis://127.0.0.1"\n'
A1 = [
    STORE + '[retention]\nlevel = "A1"\n',
    STORE + KEY + 'level = "A1"\n',
    STORE + '[[routes]]\nmodel = "x"\nto = ["anthropic"]\nlevel = "A1"\n',
]


@pytest.mark.parametrize("text", A1)
def test_at_a1_nobody_else_counts(text: str) -> None:
    with pytest.raises(ConfigError, match=r"limits\.store"):
        plan(text)
    assert plan(text.replace("A1", "A2")).limit_store is not None
    assert plan(text.replace('store = "redis://127.0.0.1"', "")).limit_store is None


FAULTS = [
    ("[limits]\nconcurrent = 0\n", "limits.concurrent", "at least 1"),
    ("[limits]\nrequests_per_minute = -3\n", "limits.requests_per_minute", "at least 1"),
    ("[limits]\nconcurent = 1\n", "limits.concurent", "unknown key"),
    ('[limits]\nstore = "http://cache"\n', "limits.store", "must begin with redis://"),
    ('[limits]\nstore = "redis://u:p@cache"\n', "limits.store", "must not hold credentials"),
    ('[limits]\nstore = "redis://cache/x"\n', "limits.store", "number of a database"),
    ('[limits]\nstore = "redis://c"\nstore_password = "hunter2"\n', "limits.store_password", "must be a reference"),
    ('[limits]\nstore_password = "env:P"\n', "limits.store_password", "not used without a store"),
    ('[limits]\nwhen_store_fails = "opne"\n', "limits.when_store_fails", "must be open or closed"),
    (KEY + "limits = { concurrent = 0 }\n", "keys[0].limits.concurrent", "at least 1"),
]


@pytest.mark.parametrize(("text", "path", "problem"), FAULTS)
def test_faults(text: str, path: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(text)
    assert [(p.path, problem in p.problem) for p in caught.value.problems] == [(path, True)]
    assert "hunter2" not in str(caught.value)


def test_where_a_stores_credentials_belong() -> None:
    with pytest.raises(ConfigError, match="write them as store_user, and store_password by reference"):
        plan('[limits]\nstore = "redis://u:p@cache"\n')

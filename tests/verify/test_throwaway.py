"""The operator's rules with nothing real behind them."""

import hashlib
import os
from datetime import date
from pathlib import Path

import msgspec
import pytest

from lethe.config.load import parse_settings
from lethe.config.settings import Settings
from lethe.policies.limits import Limits
from lethe.providers.probe import ProbeTask
from lethe.providers.sigv4 import Keys
from lethe.providers.upstream import Auth
from lethe.verify.canary import Mint
from lethe.verify.throwaway import throwaway

CONFIG = """
[retention]
level = "B"
[upstreams.a]
dialect = "anthropic"
base_url = "http://127.0.0.1:1"
api_key = "env:REAL_KEY"
proxy = "http://127.0.0.1:9"
[upstreams.b]
dialect = "openai-chat"
base_url = "http://127.0.0.1:2/v1"
[[routes]]
model = "m"
to = ["a", "b"]
level = "B"
[[keys]]
name = "k"
key = "env:REAL_CALLER"
"""


@pytest.fixture
def settings() -> Settings:
    return parse_settings(CONFIG, "test", embedded_available=False, today=date(2026, 11, 1))


def test_every_address_and_secret_is_replaced_and_every_rule_is_kept(settings: Settings) -> None:
    secrets = Mint(os.urandom)
    made = throwaway(settings, ["http://127.0.0.1:11", "http://127.0.0.1:12/v1"], secrets, 0.0)
    plan, given = made.settings.plan, settings.plan
    assert [u.base_url for u in plan.upstreams] == ["http://127.0.0.1:11", "http://127.0.0.1:12/v1"]
    assert [u.proxy for u in plan.upstreams] == [None, None]
    assert [u.upstream_class for u in plan.upstreams] == [u.upstream_class for u in given.upstreams]
    assert [u.surfaces for u in plan.upstreams] == [u.surfaces for u in given.upstreams]
    assert (plan.level, plan.routes) == (given.level, given.routes)
    reference = plan.upstreams[0].credential
    assert reference is not None
    assert made.environ == {reference.removeprefix("env:"): secrets.canaries[0].text}
    assert plan.upstreams[1].credential is None
    assert plan.keys[0].digest == hashlib.sha256(made.keys["k"].encode()).digest()
    assert made.settings.key_secrets == {}
    assert "REAL" not in repr(made.settings) + repr(made.environ)


def test_keys_that_sign_and_gateways_tokens_are_canaries_too(settings: Settings) -> None:
    given = settings.plan.upstreams[0]
    signing = msgspec.structs.replace(
        given, auth=Auth.AWS, credential="aws:", region="eu-west-1", gateway="env:REAL_TOKEN"
    )
    plan = msgspec.structs.replace(settings.plan, upstreams=(signing, settings.plan.upstreams[1]))
    secrets = Mint(os.urandom)
    made = throwaway(
        msgspec.structs.replace(settings, plan=plan), ["http://127.0.0.1:11", "http://127.0.0.1:12/v1"], secrets, 0.0
    )
    upstream = made.settings.plan.upstreams[0]
    credential, gateway = (made.environ[each.removeprefix("env:")] for each in upstream.secrets)
    keys = msgspec.json.decode(credential, type=Keys)
    assert [keys.secret, keys.token, gateway] == [canary.text for canary in secrets.canaries[:3]]
    assert "REAL" not in repr(made.settings) + repr(made.environ)


def test_limits_are_counted_out_of_reach_and_by_nobody_else() -> None:
    limited = CONFIG.replace(
        "[[keys]]",
        '[limits]\nrequests_per_minute = 5\nstore = "redis://127.0.0.1:9"\n[[keys]]\nlimits = { concurrent = 1 }',
    )
    settings = parse_settings(limited, "test", embedded_available=False, today=date(2026, 11, 1))
    plan = throwaway(settings, ["http://h", "http://h"], Mint(os.urandom), 0.0).settings.plan
    assert (plan.limits.requests_per_minute, plan.limits.concurrent, plan.limit_store) == (1_000_000, None, None)
    assert [key.limits for key in plan.keys] == [Limits(concurrent=1_000_000)]


def test_where_an_upstream_speaks_tls_its_stand_in_does(settings: Settings, tmp_path: Path) -> None:
    made = throwaway(settings, ["https://h", "http://h"], Mint(os.urandom), 0.0, tmp_path)
    assert [upstream.ca_file for upstream in made.settings.plan.upstreams] == [str(tmp_path), None]


def test_probes_are_not_asked_but_taken_to_hold(settings: Settings) -> None:
    asked = Settings(
        plan=settings.plan,
        probes=(ProbeTask(upstream="a", probe="some-probe", models=("m",), max_age=60.0),),
        posture_key="file:/real.key",
    )
    made = throwaway(asked, ["http://127.0.0.1:11", "http://127.0.0.1:12/v1"], Mint(os.urandom), 100.0)
    assert made.settings.probes == ()
    assert made.settings.posture_key is None
    (finding,) = made.findings
    assert (finding.upstream, finding.probe, finding.models) == ("a", "some-probe", ("m",))
    assert (finding.holds, finding.at, finding.until) == (True, 100.0, 160.0)


def test_its_repr_shows_no_secret(settings: Settings) -> None:
    secrets = Mint(os.urandom)
    assert secrets.tag not in repr(throwaway(settings, ["http://h", "http://h"], secrets, 0.0))

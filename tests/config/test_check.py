"""What is allowed and still worth a note; what counts as whose vendor."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.config.settings import Settings
from lethe.providers.upstream import Auth
from lethe.retention.levels import UpstreamClass

ANTHROPIC = "[upstreams.anthropic]\n"


def parse(text: str, today: date = date(2026, 11, 24)) -> Settings:
    return parse_settings(text, "lethe.toml", embedded_available=False, today=today)


NOTES = [
    (ANTHROPIC, []),
    ('[retention]\nlevel = "B"\n' + ANTHROPIC, ["upstreams.anthropic: class U6 is refused at level B, which accepts up to U5"]),
    ('[retention]\nlevel = "B"\naccept_classes = ["U6"]\n' + ANTHROPIC, []),
    (
        ANTHROPIC + '[[routes]]\nmodel = "*"\nto = ["anthropic"]\nlevel = "A1"',
        ["routes[0].to[0]: class U6 is refused at level A1, which accepts up to U1"],
    ),
    (
        ANTHROPIC + '[[routes]]\nmodel = "*"\nto = ["anthropic"]\n[[routes]]\nmodel = "x"\nto = ["anthropic"]',
        ["routes[1]: never matches: routes[0] comes first"],
    ),
    (
        ANTHROPIC + '[[routes]]\nmodel = "x"\nto = ["anthropic"]\n[[routes]]\nmodel = "x"\nto = ["anthropic"]',
        ["routes[1]: never matches: routes[0] comes first"],
    ),
    (ANTHROPIC + '[scenarios]\nthink = "anthropic"', ["scenarios: checked, and without effect in this version"]),
    (
        '[upstreams.x]\ndialect = "openai-chat"\nbase_url = "http://engine:8000/v1"\nclass = "U5"\nreason = "ours"',
        ["upstreams.x.base_url: is plain http to another host: prompts travel unencrypted"],
    ),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "http://10.0.0.7/v1"\nclass = "U5"\nreason = "ours"', []),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "unix:/run/engine.sock:/v1"', []),
    ('[retention]\nregions = ["eu"]\n[upstreams.ollama]\n[upstreams.openai]\nregion = "eu"', []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "notes"), NOTES)
def test_notes(text: str, notes: list[str]) -> None:
    assert list(parse(text).notes) == notes


CONTRACT = '[upstreams.openai]\n[upstreams.openai.contract]\nkind = "zdr"\nsigned = 2026-03-01\nexpires = 2027-03-01\n'
CLASSES = [
    (ANTHROPIC, UpstreamClass.U6),
    ("[upstreams.openrouter]", UpstreamClass.U7),
    ("[upstreams.fireworks]", UpstreamClass.U5),
    ("[upstreams.ollama]", UpstreamClass.U5),
    (CONTRACT, UpstreamClass.U4),
    (CONTRACT + '[upstreams.anthropic]\nclass = "U2"\nreason = "x"', UpstreamClass.U4),
    (CONTRACT.replace("[upstreams.openai.c", 'class = "U7"\nreason = "x"\n[upstreams.openai.c'), UpstreamClass.U7),
    ('[upstreams.openai]\nbase_url = "https://other.example/v1"', UpstreamClass.U7),
    ('[upstreams.openai]\nbase_url = "http://localhost:9/v1"', UpstreamClass.U5),
    ('[upstreams.openai]\nbase_url = "http://[::1]:9/v1"', UpstreamClass.U5),
    ('[upstreams.openai]\nbase_url = "http://localhost:9/v1"\nproxy = "http://10.0.0.1:3128"', UpstreamClass.U7),
    ('[upstreams.openai]\nbase_url = "http://10.0.0.1/v1"', UpstreamClass.U7),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "https://api.openai.com/v1"', UpstreamClass.U6),
    ('[upstreams.x]\ndialect = "anthropic"\nbase_url = "unix:/run/x.sock"', UpstreamClass.U5),
    ('[upstreams.x]\ndialect = "anthropic"\nbase_url = "https://x.example"', UpstreamClass.U7),
    ('[upstreams.x]\ndialect = "anthropic"\nbase_url = "https://x.example"\nclass = "U1"\nreason = "TEE"', UpstreamClass.U1),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CLASSES)
def test_classes(text: str, expected: UpstreamClass) -> None:
    assert parse(text).plan.upstreams[0].upstream_class is expected


DAYS = [
    (date(2027, 3, 1), UpstreamClass.U4, None),
    (date(2027, 3, 2), UpstreamClass.U6, "expired on 2027-03-01"),
    (date(2026, 2, 28), UpstreamClass.U6, "counts from 2026-03-01"),
]


@pytest.mark.parametrize(("today", "expected", "note"), DAYS)
def test_a_contract_counts_from_its_first_day_to_its_last(
    today: date, expected: UpstreamClass, note: str | None
) -> None:
    settings = parse(CONTRACT, today)
    assert settings.plan.upstreams[0].upstream_class is expected
    assert len(settings.notes) == (note is not None)
    assert (note or "") in "".join(settings.notes)


CREDENTIALS = [
    ("[upstreams.anthropic]", Auth.X_API_KEY, "env:ANTHROPIC_API_KEY"),
    ("[upstreams.openai]", Auth.BEARER, "env:OPENAI_API_KEY"),
    ('[upstreams.openai]\napi_key = "file:/run/k"', Auth.BEARER, "file:/run/k"),
    ('[upstreams.anthropic]\nauth = "forward"', Auth.FORWARD, None),
    ('[upstreams.anthropic]\nauth = "bearer"', Auth.BEARER, "env:ANTHROPIC_API_KEY"),
    ("[upstreams.ollama]", Auth.NONE, None),
    ('[upstreams.ollama]\napi_key = "env:X"', Auth.BEARER, "env:X"),
    ('[upstreams.anthropic]\nbase_url = "https://other.example"', Auth.NONE, None),
    ('[upstreams.anthropic]\nbase_url = "https://other.example"\napi_key = "env:X"', Auth.X_API_KEY, "env:X"),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "http://127.0.0.1:8080/v1"', Auth.NONE, None),
]


@pytest.mark.parametrize(("text", "auth", "credential"), CREDENTIALS)
def test_a_vendors_key_goes_to_that_vendor_only(text: str, auth: Auth, credential: str | None) -> None:
    (upstream,) = parse(text).plan.upstreams
    assert (upstream.auth, upstream.credential) == (auth, credential)


def test_quirks_follow_the_vendor_not_the_name() -> None:
    text = (
        '[upstreams.a]\ndialect = "openai-chat"\nbase_url = "https://api.mistral.ai/v1/"\n'
        '[upstreams.mistral]\nbase_url = "http://127.0.0.1:8080/v1"\n'
        '[upstreams.openai]\nmodels = []\n'
    )  # fmt: skip
    first, second, third = parse(text).plan.upstreams
    assert (first.provider, second.provider, third.provider) == ("mistral", "", "openai")
    assert "mistral-*" in first.models
    assert third.models == ()

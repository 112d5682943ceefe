"""What is allowed and still worth a note; what counts as whose vendor."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.config.problems import ConfigError
from lethe.config.settings import Settings
from lethe.providers.upstream import Auth
from lethe.retention.levels import UpstreamClass

ANTHROPIC = "[upstreams.anthropic]\n"


TODAY = date(2026, 11, 24)


def parse(text: str, today: date = TODAY) -> Settings:
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
    (
        '[upstreams.anthropic]\nauth = "forward"\ncontract = {kind = "zdr", signed = 2026-01-01, expires = 2030-01-01}',
        ["upstreams.anthropic.contract: must cover the accounts of all callers, who bring their own (auth = forward)"],
    ),
    (ANTHROPIC + '[scenarios]\nthink = "anthropic"', ["scenarios: checked, and without effect in this version"]),
    (
        '[upstreams.x]\ndialect = "openai-chat"\nbase_url = "http://engine:8000/v1"\nclass = "U5"\nreason = "ours"',
        ["upstreams.x.base_url: is plain http to another host: prompts travel unencrypted"],
    ),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "http://10.0.0.7/v1"\nclass = "U5"\nreason = "ours"', []),
    ('[upstreams.x]\ndialect = "openai-chat"\nbase_url = "unix:/run/engine.sock:/v1"', []),
    (
        '[upstreams.openai]\nbase_url = "http://127.0.0.1:9/v1"',
        ['upstreams.openai.base_url: is no address of openai; where it leads there, write provider = "openai"'],
    ),
    ('[upstreams.openai]\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"', []),
    (
        '[upstreams.ollama]\nbase_url = "http://127.0.0.1:9/v1"',
        ['upstreams.ollama.base_url: is no address of ollama; where it leads there, write provider = "ollama"'],
    ),
    ('[retention]\nregions = ["eu"]\n[upstreams.ollama]\n[upstreams.openai]\nregion = "eu"', []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "notes"), NOTES)
def test_notes(text: str, notes: list[str]) -> None:
    assert list(parse(text).notes) == notes


CONTRACT = '[upstreams.openai]\n[upstreams.openai.contract]\nkind = "zdr"\nsigned = 2026-03-01\nexpires = 2027-03-01\n'
CLASSES = [
    (ANTHROPIC, UpstreamClass.U6),
    ("[upstreams.openrouter]", UpstreamClass.U6),
    ("[upstreams.deepseek]", UpstreamClass.U7),
    ('[upstreams.deepseek]\nclass = "U6"\nreason = "opted out"', UpstreamClass.U6),
    ("[upstreams.fireworks]", UpstreamClass.U5),
    ("[upstreams.ollama]", UpstreamClass.U5),
    (CONTRACT, UpstreamClass.U4),
    (CONTRACT + '[upstreams.anthropic]\nclass = "U7"\nreason = "x"', UpstreamClass.U4),
    ('[upstreams.x]\nprovider = "anthropic"\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"', UpstreamClass.U6),
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
    (date(2027, 1, 31), UpstreamClass.U4, "contract: ends today; "),
    (date(2027, 1, 30), UpstreamClass.U4, "contract: ends in 1 day; "),
    (date(2027, 1, 16), UpstreamClass.U4, None),
    (date(2026, 2, 28), UpstreamClass.U6, "counts from 2026-03-01"),
    (date(2027, 2, 23), UpstreamClass.U6, "review of openai.chat ended on 2027-02-22"),
    (date(2027, 2, 15), UpstreamClass.U4, "review of openai.chat ends in 7 days; "),
]


@pytest.mark.parametrize(("today", "expected", "note"), DAYS)
def test_what_counts_counts_until_it_ends(today: date, expected: UpstreamClass, note: str | None) -> None:
    expires = "2027-01-31" if today < date(2027, 2, 1) else "2027-12-31"
    settings = parse(CONTRACT.replace("2027-03-01", expires), today)
    assert settings.plan.upstreams[0].upstream_class is expected
    said = [line for line in settings.notes if "is refused at level" not in line]
    assert len(said) == (note is not None)
    assert (note or "") in "".join(said)


FORWARDED = (
    '[upstreams.anthropic]\nauth = "forward"\n[upstreams.openai]\nauth = "forward"\n'
    '[upstreams.again]\nprovider = "anthropic"\ndialect = "anthropic"\nbase_url = "https://eu.example"\nauth = "forward"\n'
    '[[routes]]\nmodel = "*"\n'
)


def test_a_callers_key_may_go_to_one_vendor_at_two_addresses() -> None:
    assert parse(FORWARDED + 'to = ["anthropic", "again"]').plan.routes


FAULTS = [
    (CONTRACT, date(2027, 3, 2), "upstreams.openai.contract.expires", "the contract ended on 2027-03-01"),
    (CONTRACT.replace("openai", "fireworks"), TODAY, "upstreams.fireworks.contract", "knows of no contract"),
    (CONTRACT.replace('"zdr"', '"mam"'), TODAY, "upstreams.openai.contract.kind", "is not a kind of contract"),
    ('[upstreams.openai]\nclass = "U4"\nreason = "x"', TODAY, "upstreams.openai.class", "is better than the register"),
    ('[upstreams.openai]\nprovider = "opnai"', TODAY, "upstreams.openai.provider", "is not a provider"),
    (FORWARDED + 'to = ["anthropic", "openai"]', TODAY, "routes[0].to", "more than one vendor"),
    ('[upstreams.openai]\n[retention]\nunknown_fields = "no"', TODAY, "retention.unknown_fields", "must be allow"),
]  # fmt: skip


def test_a_contract_with_a_server_that_nobody_knows_asks_whose_it_is() -> None:
    for text, hint in (
        (CONTRACT.replace("openai", "fireworks"), "declare class and reason instead"),
        (
            CONTRACT.replace("[upstreams.openai]", '[upstreams.openai]\nbase_url = "http://127.0.0.1:9/v1"'),
            "say whose it is, by provider; or declare class and reason instead",
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(text)
        assert [problem.suggestion for problem in caught.value.problems] == [hint]


@pytest.mark.parametrize(("text", "today", "path", "problem"), FAULTS)
def test_what_cannot_count_is_a_fault(text: str, today: date, path: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, today)
    (found,) = caught.value.problems
    assert found.path == path
    assert problem in found.problem


def test_an_upstream_brings_what_the_register_knows_of_it() -> None:
    text = '[upstreams.openai]\n[upstreams.x]\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"\n'
    plan = parse(text + '[retention]\nunknown_fields = "refuse"').plan
    assert plan.refuse_unknown
    assert [surface.id for surface in plan.upstreams[0].surfaces] == [
        "openai.chat",
        "openai.embeddings",
        "openai.input_tokens",
    ]
    assert {surface.id for surface in plan.upstreams[1].surfaces} == {"generic.count_tokens", "generic.messages"}


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

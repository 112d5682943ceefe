"""An upstream of Responses: what its address tells of it, and what its preset does."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.ir.content import Dialect
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import UpstreamClass

TODAY = date(2026, 11, 24)
OPENAI = 'base_url = "https://api.openai.com/v1"\n'
KEY = 'api_key = "env:MINE"\n'


def resolved(name: str, lines: str) -> Upstream:
    text = f'[upstreams.{name}]\ndialect = "openai-responses"\n{lines}'
    (made,) = parse_settings(text, "lethe.toml", embedded_available=False, today=TODAY).plan.upstreams
    return made


@pytest.mark.parametrize(("name", "lines"), [("openai", ""), ("openai", OPENAI), ("mine", OPENAI)])
def test_openai_itself(name: str, lines: str) -> None:
    """Its key, its class and its record are the vendor's, whatever the upstream is called."""
    made = resolved(name, lines)
    assert (made.dialect, made.auth, made.credential) == (
        Dialect.OPENAI_RESPONSES,
        Auth.BEARER,
        "env:OPENAI_API_KEY",
    )
    assert (made.provider, made.upstream_class) == ("openai", UpstreamClass.U6)
    assert [surface.id for surface in made.surfaces][:2] == ["openai.responses", "openai.input_tokens"]
    assert "gpt-*" in made.models


def test_a_contract_lifts_it() -> None:
    lines = '[upstreams.openai.contract]\nkind = "zdr"\nexpires = 2027-03-01\n'
    assert resolved("openai", lines).upstream_class is UpstreamClass.U4


@pytest.mark.parametrize(
    ("url", "name", "surface"),
    [
        ("https://api.groq.com/openai/v1", "groq", "groq.responses"),
        ("https://api.x.ai/v1", "grok", "xai.responses"),
        ("https://openrouter.ai/api/v1", "mine", "openrouter.responses"),
        ("https://llm.example/v1", "mine", "generic.responses"),
        ("http://127.0.0.1:8000/v1", "mine", "generic.responses"),
    ],
)
def test_others(url: str, name: str, surface: str) -> None:
    made = resolved(name, f'base_url = "{url}"\n{KEY}')
    assert made.surfaces[0].id == surface
    assert (made.auth, made.credential) == (Auth.BEARER, "env:MINE")


def test_somebody_that_nobody_knows_may_do_anything() -> None:
    assert resolved("mine", f'base_url = "https://llm.example/v1"\n{KEY}').upstream_class is UpstreamClass.U7

"""Without a file: the keys that are there, in the order of the presets, and never their values."""

from collections.abc import Mapping
from datetime import date

import pytest

from lethe.config.environment import from_environment
from lethe.config.load import load_settings
from lethe.config.problems import ConfigError

CASES: list[tuple[Mapping[str, str], bool, list[str], tuple[str, ...]]] = [
    ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, False, ["anthropic", "openai"], ("env:ANTHROPIC_API_KEY", "env:OPENAI_API_KEY")),
    ({"GROQ_API_KEY": "k"}, True, ["groq", "embedded"], ("env:GROQ_API_KEY",)),
    ({"GROQ_API_KEY": ""}, True, ["embedded"], ()),
    ({"AI_GATEWAY_API_KEY": "k", "CO_API_KEY": "k", "GEMINI_API_KEY": "k"}, False, ["gemini", "cohere", "vercel"], ("env:GEMINI_API_KEY", "env:CO_API_KEY", "env:AI_GATEWAY_API_KEY")),
    # clouds want a region, a project, an address: nothing of theirs is picked up by itself
    (
        {
            "OPENAI_API_KEY": "k", "AWS_BEARER_TOKEN_BEDROCK": "k", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "k", "AWS_REGION": "eu-west-1",
            "GOOGLE_APPLICATION_CREDENTIALS": "/k", "GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_API_KEY": "k", "AZURE_OPENAI_API_KEY": "k",
            "AZURE_CLIENT_ID": "k", "ANTHROPIC_FOUNDRY_API_KEY": "k", "CLOUDFLARE_API_TOKEN": "k",
        },
        False, ["openai"], ("env:OPENAI_API_KEY",),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("environ", "embedded", "names", "secrets"), CASES)
def test_what_is_found(environ: Mapping[str, str], embedded: bool, names: list[str], secrets: tuple[str, ...]) -> None:
    settings = load_settings(None, environ, embedded_available=embedded, today=date(2026, 11, 24))
    assert [upstream.name for upstream in settings.plan.upstreams] == names
    assert settings.secrets == secrets
    assert settings.embedded == (len(names) - 1 if embedded else None)
    assert len(settings.class_reasons) == len(names)


def test_it_says_what_it_found_and_what_it_will_not_ask() -> None:
    settings = from_environment({"DEEPSEEK_API_KEY": "sk-canary"}, embedded_available=False, today=date(2026, 11, 24))
    assert settings.notes == (
        "found DEEPSEEK_API_KEY: deepseek",
        "deepseek: class U7 is refused at level C, which accepts up to U6",
    )
    assert "sk-canary" not in repr(settings)


def test_with_nothing_there_it_says_how_to_go_on() -> None:
    with pytest.raises(ConfigError) as caught:
        from_environment({"PATH": "/bin"}, embedded_available=False, today=date(2026, 11, 24))
    text = str(caught.value)
    assert "\n" not in text
    for way in ("ANTHROPIC_API_KEY", "lethe-proxy[local]", "lethe.toml"):
        assert way in text

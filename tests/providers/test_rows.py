"""Rows are facts; these are the rules that every row keeps."""

from datetime import date
from fnmatch import fnmatchcase

import pytest

from lethe.config.upstreams import preset_upstream
from lethe.config.values import address
from lethe.providers.envelopes import PLAIN
from lethe.providers.rows import EMBEDDED, PRESETS, PROVIDERS, Provider
from lethe.providers.upstream import Auth
from lethe.retention.levels import UpstreamClass


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_every_row(row: Provider) -> None:
    place = address(row.base_url)
    assert row.base_url == place.url
    assert place.secure or place.loopback
    assert set(row.speaks) <= PLAIN.keys()
    assert row.dialect not in row.also
    assert place.loopback or (row.key_env and row.auth is not Auth.NONE)
    kept, why = preset_upstream(row, date(2026, 11, 25))
    assert row.name == EMBEDDED or kept.upstream_class >= UpstreamClass.U5  # a published default proves no more
    assert place.loopback or kept.upstream_class < UpstreamClass.U7 or row.name in ("mistral", "cerebras", "deepseek")
    assert why


def test_names_and_keys_are_not_shared() -> None:
    assert len(PRESETS) == len(PROVIDERS)
    keys = [row.key_env for row in PROVIDERS if row.key_env]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("model", "name"),
    [("claude-sonnet-4-5", "anthropic"), ("gpt-5.6", "openai"), ("o3-mini", "openai"), ("text-embedding-3-small", "openai"),
     ("grok-4", "xai"), ("deepseek-chat", "deepseek"), ("anthropic/claude-sonnet-4.5", "openrouter"),
     ("smollm2-135m-instruct", "embedded"), ("mistral-large-latest", "mistral")],
)  # fmt: skip
def test_the_first_row_that_serves_a_model(model: str, name: str) -> None:
    assert next(row.name for row in PROVIDERS if any(fnmatchcase(model, glob) for glob in row.models)) == name

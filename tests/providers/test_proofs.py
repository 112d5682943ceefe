"""The rows of probes: names, targets that cannot leave their place, and waits that make sense."""

import re

import pytest

from lethe.providers.proofs import BY_PROBE, PROOFS, KeyNeed, Proof

EACH = pytest.mark.parametrize("row", PROOFS, ids=lambda row: row.probe)
AZURE = "/subscriptions/a-1/resourceGroups/r.g/providers/Microsoft.CognitiveServices/accounts/name"
TARGETS: list[tuple[str, str, bool]] = [
    ("openai.data_retention", "proj_abc-1", True),
    ("openai.data_retention", "org_abc", False),
    ("openai.data_retention", "proj_a/b", False),
    ("openai.data_retention", "proj_a?b", False),
    ("openai.data_retention", "proj_a\n", False),
    ("azure.content_logging", AZURE, True),
    ("azure.content_logging", AZURE + "/", False),
    ("azure.content_logging", AZURE + "?api-version=1", False),
    ("azure.content_logging", AZURE.replace("r.g", "../g"), False),
    ("azure.content_logging", AZURE.replace("r.g", ".."), False),
    ("azure.content_logging", AZURE.replace("CognitiveServices", "Storage"), False),
    ("vertex.cache_config", "my-project-1", True),
    ("vertex.cache_config", "example.com:my-project", True),
    ("vertex.cache_config", "a/b", False),
    ("cloudflare.gateway", "0" * 32 + "/gw", True),
    ("cloudflare.gateway", "0" * 32 + "/default", False),
    ("cloudflare.gateway", "0" * 32 + "/default-eu", True),
    ("cloudflare.gateway", "0" * 32 + "/gw/logs", False),
    ("cloudflare.gateway", "account/gw", False),
]


def test_names_are_told_apart() -> None:
    assert len(BY_PROBE) == len(PROOFS)


@EACH
def test_keys_travel_by_tls_and_to_somewhere(row: Proof) -> None:
    assert row.base_url.startswith("https://") or row.base_url == ""
    assert row.base_url or row.key is not KeyNeed.ADMIN


@EACH
def test_answers_are_asked_for_before_they_are_too_old(row: Proof) -> None:
    assert row.every <= row.max_age / 2
    assert 0 < row.retry <= row.longest < row.max_age
    assert bool(row.target) == bool(row.hint)


@pytest.mark.parametrize(("probe", "target", "fits"), TARGETS)
def test_targets(probe: str, target: str, *, fits: bool) -> None:
    assert bool(re.fullmatch(BY_PROBE[probe].target, target, re.ASCII)) is fits

"""Rows are facts; these are the rules that every row keeps."""

from datetime import date
from fnmatch import fnmatchcase

import pytest

from lethe.config.places import BLANKS
from lethe.config.register import provider_at
from lethe.config.upstreams import preset_upstream
from lethe.config.values import address
from lethe.ir.content import Dialect
from lethe.providers.envelopes import BEDROCK_INVOKE, COMPLETION, PLAIN
from lethe.providers.offers import Offer, Provider
from lethe.providers.rows import EMBEDDED, PRESETS, PROVIDERS, of_address
from lethe.providers.upstream import Auth
from lethe.retention.levels import UpstreamClass

FILLED = {
    "region": "eu-central-1",
    "project": "a-project",
    "account": "0" * 32,
    "gateway": "gw",
    "resource": "contoso",
}
UNKNOWN = ("mistral", "cerebras", "deepseek", "gemini", "cohere", "cloudflare")  # or training, until something is said
OFFERS = [(row, offer) for row in PROVIDERS for offer in row.offers]
EACH_OFFER = pytest.mark.parametrize(("row", "offer"), OFFERS, ids=lambda value: getattr(value, "base_url", value))
WHOLE = [row for row in PROVIDERS if row.whole]


@EACH_OFFER
def test_every_offer(row: Provider, offer: Offer) -> None:
    place = address(row.address(offer, FILLED))
    assert place.secure or place.loopback
    assert offer.base_url == offer.base_url.rstrip("/")
    assert set(row.blanks(offer)) <= {*BLANKS, "resource"}
    envelope = offer.envelope or PLAIN[offer.dialect]
    assert COMPLETION[offer.dialect] in envelope.paths
    assert place.loopback or row.identity or row.key_env or row.name == "cloudflare"
    assert row.identity is None or not row.whole


@EACH_OFFER
def test_an_address_tells_whose_it_is(row: Provider, offer: Offer) -> None:
    url = row.address(offer, FILLED)
    if address(url).loopback:
        return
    assert provider_at(address(url).host) == row.name, "in the register, too"
    assert of_address(url, offer.dialect, dated=offer.dated) is row
    assert row.at(url, offer.dialect, dated=offer.dated) is offer
    for other in (url + ".evil.example", "https://evil.example/" + url, url.replace("https://", "https://x.")):
        found = of_address(other, offer.dialect, dated=offer.dated)
        assert found is None or found.name == "azure", other  # where every resource has a name of its own


@pytest.mark.parametrize("row", WHOLE, ids=lambda row: row.name)
def test_what_a_key_is_enough_for(row: Provider) -> None:
    kept, why = preset_upstream(row, date(2026, 11, 29))
    assert row.name == EMBEDDED or kept.upstream_class >= UpstreamClass.U5  # a published default proves no more
    assert address(kept.base_url).loopback or kept.upstream_class < UpstreamClass.U7 or row.name in UNKNOWN
    assert why


def test_names_and_keys_are_not_shared() -> None:
    assert len(PRESETS) == len(PROVIDERS)
    keys = [row.key_env for row in PROVIDERS if row.key_env]
    keys += [offer.key_env for _, offer in OFFERS if offer.key_env]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("model", "name"),
    [("claude-sonnet-4-5", "anthropic"), ("gpt-5.6", "openai"), ("o3-mini", "openai"), ("text-embedding-3-small", "openai"),
     ("grok-4", "xai"), ("deepseek-chat", "deepseek"), ("anthropic/claude-sonnet-4.5", "openrouter"),
     ("smollm2-135m-instruct", "embedded"), ("mistral-large-latest", "mistral"), ("gemini-3-pro", "gemini"),
     ("command-a-03-2025", "cohere")],
)  # fmt: skip
def test_the_first_row_that_serves_a_model(model: str, name: str) -> None:
    assert next(row.name for row in PROVIDERS if any(fnmatchcase(model, glob) for glob in row.models)) == name


REGIONS = [
    ("bedrock", "eu-central-1", "https://bedrock-runtime.eu-central-1.amazonaws.com"),
    ("bedrock", "cn-north-1", "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
    ("bedrock", "eusc-de-east-1", "https://bedrock-runtime.eusc-de-east-1.amazonaws.eu"),
    ("vertex", "europe-west4", "https://europe-west4-aiplatform.googleapis.com/v1beta1/projects/a-project/locations/europe-west4"),
    ("vertex", "global", "https://aiplatform.googleapis.com/v1beta1/projects/a-project/locations/global"),
    ("vertex", "us", "https://aiplatform.us.rep.googleapis.com/v1beta1/projects/a-project/locations/us"),
    ("vertex", "eu", "https://aiplatform.eu.rep.googleapis.com/v1beta1/projects/a-project/locations/eu"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "region", "url"), REGIONS, ids=[f"{name} {region}" for name, region, _ in REGIONS])
def test_hosts_of_regions(name: str, region: str, url: str) -> None:
    row = PRESETS[name]
    assert row.address(row.offers[0], FILLED | {"region": region}) == url
    assert provider_at(address(url).host) == name
    assert of_address(url, row.dialect) is row


def test_what_is_served_depends_on_the_address() -> None:
    row = PRESETS["bedrock"]
    runtime = "https://bedrock-runtime.eu-west-1.amazonaws.com"
    invoke, messages = row.at(runtime, Dialect.ANTHROPIC), row.at(f"{runtime}/anthropic", Dialect.ANTHROPIC)
    assert [offer and offer.envelope for offer in (invoke, messages)] == [BEDROCK_INVOKE, None]
    assert row.at(f"{runtime}/elsewhere", Dialect.ANTHROPIC) is None


def test_engines_alone_go_without_a_key() -> None:
    assert {row.name for row in PROVIDERS if row.auth is Auth.NONE} == {"ollama", "llamacpp", "vllm", "lmstudio"}

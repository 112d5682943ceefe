"""Presets with blanks, addresses that tell whose they are, and identities: what comes of each stanza, and each mistake."""

import json
from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.config.problems import ConfigError
from lethe.config.settings import Settings
from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint, Envelope
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.guard import Guard
from lethe.retention.levels import Level
from lethe.wire.rawjson import TopLevel

TODAY = date(2026, 11, 29)
ACCOUNT = "0123456789abcdef0123456789abcdef"
BEDROCK = 'provider = "bedrock"\nregion = "eu-central-1"\n'
RUNTIME = "https://bedrock-runtime.eu-central-1.amazonaws.com"
MANTLE = "https://bedrock-mantle.eu-west-1.api.aws"
VERTEX = 'provider = "vertex"\nproject = "acme-ai"\nregion = "europe-west4"\n'
V1 = "https://europe-west4-aiplatform.googleapis.com/v1/projects/acme-ai/locations/europe-west4"
AZURE = 'provider = "azure"\n'
RES = "https://acme.openai.azure.com"
CF = f'provider = "cloudflare"\naccount = "{ACCOUNT}"\ngateway = "gw"\n'
GATEWAY = f"https://gateway.ai.cloudflare.com/v1/{ACCOUNT}/gw"
KEY = 'api_key = "env:K"\n'


def settings(stanza: str) -> Settings:
    return parse_settings(f"[upstreams.up]\n{stanza}", "lethe.toml", embedded_available=False, today=TODAY)


def resolved(stanza: str) -> Upstream:
    (made,) = settings(stanza).plan.upstreams
    return made


# stanza; dialect, address, auth, credential, the surface that answers
GOOD: list[tuple[str, str, str, str, str | None, str]] = [
    (BEDROCK, "converse", RUNTIME, "aws", "aws:", "bedrock.converse"),
    (BEDROCK + 'dialect = "anthropic"', "anthropic", RUNTIME, "aws", "aws:", "bedrock.invoke"),
    (BEDROCK + 'dialect = "openai-chat"', "openai-chat", f"{RUNTIME}/openai/v1", "aws", "aws:", "bedrock.chat"),
    (BEDROCK + 'dialect = "openai-responses"', "openai-responses", f"{RUNTIME}/openai/v1", "aws", "aws:", "bedrock.responses"),
    (BEDROCK + 'api_key = "aws:prod"', "converse", RUNTIME, "aws", "aws:prod", "bedrock.converse"),
    (BEDROCK + 'auth = "aws"', "converse", RUNTIME, "aws", "aws:", "bedrock.converse"),
    (BEDROCK + 'api_key = "env:AWS_BEARER_TOKEN_BEDROCK"', "converse", RUNTIME, "bearer", "env:AWS_BEARER_TOKEN_BEDROCK", "bedrock.converse"),
    (BEDROCK + 'auth = "bearer"', "converse", RUNTIME, "bearer", "env:AWS_BEARER_TOKEN_BEDROCK", "bedrock.converse"),
    (f'dialect = "anthropic"\nbase_url = "{RUNTIME}/anthropic"', "anthropic", f"{RUNTIME}/anthropic", "aws", "aws:", "bedrock.messages"),
    (f'dialect = "anthropic"\nbase_url = "{RUNTIME}"', "anthropic", RUNTIME, "aws", "aws:", "bedrock.invoke"),
    (f'dialect = "anthropic"\nbase_url = "{MANTLE}/anthropic"', "anthropic", f"{MANTLE}/anthropic", "aws", "aws:", "bedrock.messages"),
    (f'dialect = "openai-responses"\nbase_url = "{MANTLE}/v1"\n{KEY}', "openai-responses", f"{MANTLE}/v1", "bearer", "env:K", "bedrock.responses"),
    (BEDROCK + 'base_url = "https://vpce-1.example/anthropic"\ndialect = "anthropic"\nauth = "aws"', "anthropic", "https://vpce-1.example/anthropic", "aws", "aws:", "bedrock.messages"),
    (BEDROCK + 'base_url = "http://127.0.0.1:9"\nauth = "aws"', "converse", "http://127.0.0.1:9", "aws", "aws:", "bedrock.converse"),
    (VERTEX, "gemini", V1.replace("/v1/", "/v1beta1/"), "google", "google:", "vertex.generate"),
    (VERTEX + 'dialect = "anthropic"', "anthropic", V1, "google", "google:", "vertex.messages"),
    (VERTEX + 'dialect = "openai-chat"', "openai-chat", f"{V1}/endpoints/openapi", "google", "google:", "vertex.chat"),
    (VERTEX + 'api_key = "google:/etc/key.json"', "gemini", V1.replace("/v1/", "/v1beta1/"), "google", "google:/etc/key.json", "vertex.generate"),
    (f'dialect = "anthropic"\nbase_url = "{V1}"', "anthropic", V1, "google", "google:", "vertex.messages"),
    (AZURE + f'base_url = "{RES}/openai/v1"', "openai-chat", f"{RES}/openai/v1", "api-key", "env:AZURE_OPENAI_API_KEY", "azure.chat"),
    (AZURE + f'base_url = "{RES}/openai/v1"\ndialect = "openai-responses"\n{KEY}', "openai-responses", f"{RES}/openai/v1", "api-key", "env:K", "azure.responses"),
    (AZURE + f'base_url = "{RES}"\napi_version = "2024-10-21"', "openai-chat", RES, "api-key", "env:AZURE_OPENAI_API_KEY", "azure.chat"),
    (AZURE + f'base_url = "{RES}"\napi_version = "2025-04-01-preview"\ndialect = "openai-responses"', "openai-responses", RES, "api-key", "env:AZURE_OPENAI_API_KEY", "azure.responses"),
    (AZURE + f'base_url = "{RES}/openai/v1"\nauth = "azure"', "openai-chat", f"{RES}/openai/v1", "azure", "azure:", "azure.chat"),
    (AZURE + f'base_url = "{RES}/openai/v1"\napi_key = "azure:0f-1"', "openai-chat", f"{RES}/openai/v1", "azure", "azure:0f-1", "azure.chat"),
    (AZURE + 'base_url = "https://acme.services.ai.azure.com/anthropic"\ndialect = "anthropic"', "anthropic", "https://acme.services.ai.azure.com/anthropic", "x-api-key", "env:ANTHROPIC_FOUNDRY_API_KEY", "azure.messages"),
    (AZURE + 'base_url = "https://acme.services.ai.azure.com/anthropic"\ndialect = "anthropic"\nauth = "azure"', "anthropic", "https://acme.services.ai.azure.com/anthropic", "azure", "azure:#https://ai.azure.com/.default", "azure.messages"),
    (AZURE + 'base_url = "https://acme.services.ai.azure.com/anthropic"\ndialect = "anthropic"\napi_key = "azure:0f-1#https://x/.default"', "anthropic", "https://acme.services.ai.azure.com/anthropic", "azure", "azure:0f-1#https://x/.default", "azure.messages"),
    (f'dialect = "openai-chat"\nbase_url = "{RES}/openai/v1"', "openai-chat", f"{RES}/openai/v1", "api-key", "env:AZURE_OPENAI_API_KEY", "azure.chat"),
    (CF + KEY, "openai-chat", f"{GATEWAY}/compat", "bearer", "env:K", "cloudflare.chat"),
    (CF + 'gateway_key = "env:G"', "openai-chat", f"{GATEWAY}/compat", "cf-aig", "env:G", "cloudflare.chat"),
    (CF + KEY + 'dialect = "anthropic"', "anthropic", f"{GATEWAY}/anthropic", "x-api-key", "env:K", "cloudflare.anthropic_messages"),
    (CF + KEY + 'dialect = "openai-responses"', "openai-responses", f"{GATEWAY}/openai", "bearer", "env:K", "cloudflare.openai_responses"),
    (f'dialect = "openai-chat"\nbase_url = "{GATEWAY}/openai"\n{KEY}', "openai-chat", f"{GATEWAY}/openai", "bearer", "env:K", "cloudflare.openai_chat"),
    (f'provider = "cloudflare"\ndialect = "anthropic"\nbase_url = "{GATEWAY}/openrouter"\n{KEY}', "anthropic", f"{GATEWAY}/openrouter", "x-api-key", "env:K", "cloudflare.messages"),
    (f'provider = "cloudflare"\ndialect = "anthropic"\nbase_url = "http://127.0.0.1:9"\n{KEY}', "anthropic", "http://127.0.0.1:9", "x-api-key", "env:K", "cloudflare.messages"),
    (f'provider = "cloudflare"\ndialect = "openai-responses"\nbase_url = "{GATEWAY}/grok"\n{KEY}', "openai-responses", f"{GATEWAY}/grok", "bearer", "env:K", "cloudflare.responses"),
    (f'dialect = "openai-chat"\nbase_url = "{GATEWAY}/groq"\n{KEY}', "openai-chat", f"{GATEWAY}/groq", "bearer", "env:K", "cloudflare.chat"),
    (f'dialect = "anthropic"\nbase_url = "{GATEWAY}/openrouter"\n{KEY}', "anthropic", f"{GATEWAY}/openrouter", "x-api-key", "env:K", "cloudflare.messages"),
    (f'provider = "cloudflare"\nbase_url = "{GATEWAY}/openai"\nauth = "forward"', "openai-chat", f"{GATEWAY}/openai", "forward", None, "cloudflare.openai_chat"),
    ('provider = "gemini"', "gemini", "https://generativelanguage.googleapis.com", "x-goog-api-key", "env:GEMINI_API_KEY", "gemini.generate"),
    ('provider = "gemini"\ndialect = "openai-chat"', "openai-chat", "https://generativelanguage.googleapis.com/v1beta/openai", "bearer", "env:GEMINI_API_KEY", "gemini.chat"),
    ('provider = "deepseek"\ndialect = "anthropic"', "anthropic", "https://api.deepseek.com/anthropic", "x-api-key", "env:DEEPSEEK_API_KEY", "deepseek.messages"),
    ('provider = "openrouter"\ndialect = "anthropic"', "anthropic", "https://openrouter.ai/api", "bearer", "env:OPENROUTER_API_KEY", "openrouter.messages"),
    ('provider = "vercel"', "openai-chat", "https://ai-gateway.vercel.sh/v1", "bearer", "env:AI_GATEWAY_API_KEY", "vercel.chat"),
    ('provider = "cohere"', "openai-chat", "https://api.cohere.ai/compatibility/v1", "bearer", "env:CO_API_KEY", "cohere.chat"),
    ('provider = "ollama"\ndialect = "anthropic"', "anthropic", "http://127.0.0.1:11434", "none", None, "ollama.messages"),
    ('provider = "llamacpp"\nbase_url = "http://127.0.0.1:9000/v1"\n' + KEY, "openai-chat", "http://127.0.0.1:9000/v1", "bearer", "env:K", "llamacpp.chat"),
    (f'dialect = "openai-responses"\nbase_url = "https://us.api.x.ai/v1"\n{KEY}', "openai-responses", "https://us.api.x.ai/v1", "bearer", "env:K", "xai.responses"),
    ('dialect = "gemini"\nbase_url = "https://llm.example"\n' + KEY, "gemini", "https://llm.example", "x-goog-api-key", "env:K", "generic.generate"),
]  # fmt: skip


@pytest.mark.parametrize(("stanza", "dialect", "url", "auth", "credential", "surface"), GOOD, ids=range(len(GOOD)))
def test_what_comes_of_it(stanza: str, dialect: str, url: str, auth: str, credential: str | None, surface: str) -> None:
    made = resolved(stanza)
    assert (made.dialect, made.base_url, made.auth, made.credential) == (dialect, url, auth, credential)
    assert made.surfaces[0].id == surface
    assert [each.endpoint for each in made.surfaces] == [made.served.surface(each) for each in made.served.endpoints()]


def test_a_host_tells_how_it_is_served_even_where_the_address_is_another() -> None:
    made = resolved(f'dialect = "openai-responses"\nbase_url = "https://us.api.x.ai/v1"\n{KEY}')
    assert made.provider == "xai"
    assert Endpoint.COUNT_TOKENS not in made.served.paths
    keyless = resolved('dialect = "openai-responses"\nbase_url = "https://us.api.x.ai/v1"')
    assert (keyless.auth, keyless.credential) == (Auth.NONE, None)


@pytest.mark.parametrize(
    ("stanza", "region"),
    [(BEDROCK, "eu-central-1"), (f'dialect = "anthropic"\nbase_url = "{MANTLE}/anthropic"', "eu-west-1"),
     (f'dialect = "converse"\nbase_url = "{RUNTIME}"', "eu-central-1"), (VERTEX, "europe-west4"), ('provider = "groq"', None)],
)  # fmt: skip
def test_the_region_that_is_signed_for(stanza: str, region: str | None) -> None:
    assert resolved(stanza).region == region


def test_a_version_of_the_api_and_a_deployment_stand_in_the_path() -> None:
    served = resolved(AZURE + f'base_url = "{RES}"\napi_version = "2024-10-21"').served
    path = served.path(Endpoint.CHAT, "my deployment", stream=True)
    assert path == "/openai/deployments/my%20deployment/chat/completions?api-version=2024-10-21"


def test_a_gateway_s_token_goes_beside_the_provider_s_key() -> None:
    made = settings(CF + KEY + 'gateway_key = "env:G"')
    (upstream,) = made.plan.upstreams
    assert (upstream.auth, upstream.credential, upstream.gateway) == (Auth.BEARER, "env:K", "env:G")
    assert made.secrets == ("env:K", "env:G")


def test_a_preset_s_name_means_its_way_of_serving_wherever_it_is() -> None:
    text = '[upstreams.bedrock]\nbase_url = "https://vpce-1.bedrock.example"\nauth = "aws"\nregion = "eu-west-1"\ndialect = "anthropic"'
    (made,) = parse_settings(text, "lethe.toml", embedded_available=False, today=TODAY).plan.upstreams
    assert isinstance(made.envelope, Envelope)
    assert (made.provider, made.dialect) == ("", Dialect.ANTHROPIC)


@pytest.mark.parametrize(
    ("provider", "field"), [("openrouter", "provider"), ("vercel", "providerOptions")], ids=["openrouter", "vercel"]
)
def test_who_may_answer_behind_a_router(provider: str, field: str) -> None:
    made = resolved(f'provider = "{provider}"\nonly = ["anthropic", "amazon-bedrock"]')
    guard = Guard(made.surfaces[0])
    for level in Level:
        body = TopLevel(
            json.dumps({"model": "a/b", "messages": [], field: {"only": ["other"], "sort": "price"}}).encode()
        )
        said = json.dumps(guard.judge(body, level, "a/b").changes[field])
        assert '"only": ["anthropic", "amazon-bedrock"]' in said


PROVEN = [
    (VERTEX + 'proof = {key = "env:ADMIN"}', "acme-ai"),
    (CF + KEY + 'proof = {key = "env:ADMIN"}', f"{ACCOUNT}/gw"),
]


@pytest.mark.parametrize(("stanza", "target"), PROVEN, ids=["vertex", "cloudflare"])
def test_what_is_proven_is_what_is_used(stanza: str, target: str) -> None:
    (task,) = settings(stanza).probes
    assert task.target == target


# stanza, path, a word of the problem, a word of the suggestion
BAD: list[tuple[str, str, str, str]] = [
    ('provider = "bedrok"', "provider", "not a provider", "did you mean bedrock?"),
    ('provider = "bedrock"', "region", "the address of bedrock needs it", "eu-central-1"),
    ('provider = "bedrock"\nregion = "eu central"', "region", "cannot stand in an address", "eu-central-1"),
    ('provider = "bedrock"\nregion = "eu-west-1.evil.example/"', "region", "cannot stand in an address", ""),
    (BEDROCK + 'dialect = "gemini"', "base_url", "is missing", "speaks converse, anthropic"),
    (BEDROCK + 'project = "p"', "project", "is not used here", "leave it out"),
    (BEDROCK + 'auth = "google"\napi_key = "aws:"', "api_key", "not an identity of this kind", "google:"),
    (BEDROCK + 'auth = "bearer"\napi_key = "aws:"', "auth", "names an identity", "leave it out"),
    (BEDROCK + 'api_key = "aws:a b"', "api_key", "not the reference of an identity", "aws:PROFILE"),
    (BEDROCK + 'auth = "forward"\napi_key = "aws:"', "api_key", "not used with this auth", ""),
    (BEDROCK + 'api_version = "1"', "api_version", "not used here", 'provider = "azure"'),
    ('dialect = "converse"\nbase_url = "https://vpce.example"\nauth = "aws"', "region", "is signed for one", "eu-central-1"),
    ('dialect = "converse"\nbase_url = "https://vpce.example/model"\nauth = "none"', "base_url", "too much", "without /model"),
    ('provider = "vertex"\nregion = "eu"', "project", "the address of vertex needs it", "by its id"),
    ('provider = "vertex"\nproject = "p/../q"\nregion = "eu"', "project", "cannot stand", "by its id"),
    (VERTEX + 'api_key = "google:key.json"', "api_key", "not the reference of an identity", "/path"),
    (VERTEX + f'base_url = "{V1}"', "project", "is not used here", "leave out one of the two"),
    (AZURE, "base_url", "is missing", "https://NAME.openai.azure.com/openai/v1"),
    (AZURE + 'dialect = "anthropic"', "base_url", "is missing", "https://NAME.services.ai.azure.com/anthropic"),
    (AZURE + f'base_url = "{RES}/openai/v1"\napi_version = "2024-10-21"', "base_url", "too much", "up to the host"),
    (AZURE + f'base_url = "{RES}"\napi_version = "a b"', "api_version", "not a version", "2024-10-21"),
    (AZURE + f'base_url = "{RES}/anthropic"\ndialect = "anthropic"\napi_version = "1"', "api_version", "not used", "azure"),
    (CF, "api_key", "is missing", "gateway_key"),
    (CF.replace('"gw"', '"default"') + KEY, "gateway", "the default gateway", "of your own"),
    (CF.replace(ACCOUNT, "me") + KEY, "account", "cannot stand", "32 hexadecimal"),
    (f'dialect = "openai-chat"\nbase_url = "{GATEWAY}/openai"\n{KEY}'.replace("/gw/", "/default/"), "base_url", "the default gateway", "of your own"),
    (f'dialect = "openai-chat"\nbase_url = "{GATEWAY}/groq"\n{KEY}'.replace("/gw/", "/default/"), "base_url", "the default gateway", "of your own"),
    (f'dialect = "openai-chat"\nbase_url = "{GATEWAY}/openai"\n{KEY}'.replace("/gw/", "/default/").replace("gateway.ai", "Gateway.AI"), "base_url", "the default gateway", "of your own"),
    (CF + KEY + 'gateway_key = "secret"', "gateway_key", "not the secret itself", "env:NAME"),
    ('provider = "groq"\ngateway_key = "env:G"', "gateway_key", "not used here", "cloudflare"),
    ('provider = "groq"\nacount = "x"', "acount", "unknown key", "did you mean account?"),
    ('provider = "groq"\nonly = ["x"]', "only", "is not used here", "openrouter"),
    ('provider = "openrouter"\nonly = []', "only", "must name providers", "anthropic"),
    ('provider = "openrouter"\nonly = ["a b"]', "only", "must name providers", "anthropic"),
    ('provider = "embedded"', "provider", "run by Lethe itself", "[upstreams.embedded]"),
    ('dialect = "openai-chat"\nbase_url = "https://llm.example"\nauth = "cf-aig"', "api_key", "is missing", "env:NAME"),
]  # fmt: skip


@pytest.mark.parametrize(("stanza", "path", "problem", "hint"), BAD, ids=range(len(BAD)))
def test_each_mistake_is_named_and_nothing_else(stanza: str, path: str, problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(stanza)
    (found,) = caught.value.problems
    assert found.path == f"upstreams.up.{path}"
    assert problem in found.problem
    assert hint in (found.suggestion or "")

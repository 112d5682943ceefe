"""What the broker is told to ask, and what the file must say for it."""

from datetime import date

import pytest

from lethe.config.load import parse_settings
from lethe.config.problems import ConfigError
from lethe.config.register import all_surfaces
from lethe.providers.probe import ProbeTask
from lethe.providers.proofs import BY_PROBE

ACCOUNT = "0123456789abcdef0123456789abcdef"
AZURE = "/subscriptions/1-2/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/contoso"
MODELS = 'models = ["a", "b-*"]\n'


def upstream(provider: str, base_url: str, proof: str | None = "", more: str = "", key: str = "env:KEY") -> str:
    text = f'[upstreams.up]\nprovider = "{provider}"\ndialect = "openai-chat"\nbase_url = "{base_url}"\n{more}\n'
    text += f'api_key = "{key}"\n' if key else ""
    return text if proof is None else f"{text}[upstreams.up.proof]\n{proof}\n"


def tasks(text: str) -> tuple[ProbeTask, ...]:
    return parse_settings(text, "lethe.toml", embedded_available=True, today=date(2026, 11, 24)).probes


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        tasks(text)
    return [str(problem).partition(": ")[2] for problem in caught.value.problems]


OPENAI = upstream("openai", "https://api.openai.com/v1", 'key = "file:/k"\ntarget = "proj_1"')
CLOUDFLARE = upstream(
    "cloudflare",
    f"https://gateway.ai.cloudflare.com/v1/{ACCOUNT}/gw/openai",
    f'key = "env:CF"\ntarget = "{ACCOUNT}/gw"',
)
BEDROCK = upstream("bedrock", "https://bedrock-mantle.eu-west-1.api.aws/v1", more=MODELS)
LOCAL = upstream("llamacpp", "http://127.0.0.1:9000/v1", key="")


def test_without_a_proof_nobody_is_asked() -> None:
    assert tasks(upstream("openai", "https://api.openai.com/v1", None)) == ()


def test_an_admin_key_asks_about_a_target() -> None:
    assert tasks(OPENAI) == (
        ProbeTask(
            upstream="up",
            probe="openai.data_retention",
            key="file:/k",
            target="proj_1",
            base_url="https://api.openai.com/v1",
            host="api.openai.com",
        ),
    )


def test_the_upstreams_own_key_asks_where_it_asks_for_answers() -> None:
    (task,) = tasks(upstream("xai", "https://api.x.ai/v1", more='proxy = "http://p:1"\nca_file = "/ca.pem"'))
    assert (task.probe, task.key, task.base_url) == ("xai.response_header", "env:KEY", "https://api.x.ai/v1")
    assert (task.proxy, task.ca_file) == ("http://p:1", "/ca.pem")
    (task,) = tasks(upstream("xai", "https://api.x.ai/v1", 'key = "env:OTHER"'))
    assert task.key == "env:OTHER"


def test_a_region_is_read_from_the_host() -> None:
    asked = {task.probe: task for task in tasks(BEDROCK)}
    assert {probe: task.base_url for probe, task in asked.items()} == {
        "bedrock.data_retention": "https://bedrock-mantle.eu-west-1.api.aws",
        "bedrock.invocation_logging": "https://bedrock.eu-west-1.amazonaws.com",
    }
    assert {task.region for task in asked.values()} == {"eu-west-1"}


def test_a_region_may_be_given() -> None:
    asked = tasks(upstream("bedrock", "https://vpce-1.example", more=MODELS + 'region = "us-gov-west-1"'))
    assert {task.region for task in asked} == {"us-gov-west-1"}


def test_models_are_the_exact_names_that_are_configured() -> None:
    routes = '[[routes]]\nmodel = "c"\nto = ["up"]\n[[routes]]\nmodel = "d-*"\nto = ["up/e", "up", "up/a"]\n'
    asked = {task.probe: task.models for task in tasks(BEDROCK + routes)}
    assert asked == {"bedrock.data_retention": ("a", "c", "e"), "bedrock.invocation_logging": ()}


def test_a_gateway_is_asked_about_by_what_stands_in_its_address() -> None:
    (task,) = tasks(CLOUDFLARE)
    assert (task.target, task.base_url) == (f"{ACCOUNT}/gw", "https://api.cloudflare.com/client/v4")


def test_a_resource_and_its_host() -> None:
    proof = f'key = "file:/k"\ntarget = "{AZURE}"'
    (task,) = tasks(upstream("azure", "https://contoso.openai.azure.com/openai/v1", proof))
    assert (task.host, task.base_url) == ("contoso.openai.azure.com", "https://management.azure.com")


def test_a_clouds_identity_may_ask_instead_of_a_key() -> None:
    own = upstream("bedrock", "https://bedrock-mantle.eu-west-1.api.aws/v1", more=MODELS, key="aws:prod")
    assert {task.key for task in tasks(own)} == {"aws:prod"}
    proof = f'target = "{AZURE}"\nkey = '
    for key, asked in {
        "azure:": "azure:#https://management.azure.com/.default",
        "azure:1-2": "azure:1-2#https://management.azure.com/.default",
        "azure:#https://other/.default": "azure:#https://other/.default",
        "azure-kv:https://v.vault.azure.net/secrets/s": "azure-kv:https://v.vault.azure.net/secrets/s",
    }.items():
        (task,) = tasks(upstream("azure", "https://contoso.openai.azure.com/openai/v1", f'{proof}"{key}"'))
        assert task.key == asked


def test_an_engine_is_looked_at_where_it_listens() -> None:
    (task,) = tasks(LOCAL)
    assert task == ProbeTask(
        upstream="up",
        probe="llamacpp.flags",
        base_url="http://127.0.0.1:9000/v1",
        host="127.0.0.1",
        max_age=60.0,
        every=15.0,
    )


def test_another_address_and_rhythm() -> None:
    (task,) = tasks(OPENAI + 'base_url = "http://127.0.0.1:1/"\nevery = 60\n')
    assert (task.base_url, task.every, task.max_age) == ("http://127.0.0.1:1", 60.0, 86_400.0)


BAD: dict[str, tuple[str, list[str]]] = {
    "a provider that nobody can ask": (
        upstream("groq", "https://api.groq.com/openai/v1"),
        ["upstreams.up.proof: nothing that can be asked would prove anything of this upstream (see lethe register)"],
    ),
    "a provider that nobody knows": (
        upstream("openai", "https://x.example/v1").replace('provider = "openai"\n', ""),
        ["upstreams.up.proof: nothing that can be asked would prove anything of this upstream (say whose it is, by provider)"],
    ),
    "no key": (
        upstream("openai", "https://api.openai.com/v1", 'target = "proj_1"'),
        ["upstreams.up.proof.key: is missing, and openai.data_retention asks with one (a reference to a key that may read the setting: env:NAME or file:/path)"],
    ),
    "no key of its own": (
        upstream("xai", "https://api.x.ai/v1", key="", more='auth = "forward"'),
        ["upstreams.up.proof.key: is missing, and xai.response_header asks with one (a reference to a key that may read the setting: env:NAME or file:/path)"],
    ),
    "accounts that others bring": (
        upstream("openai", "https://api.openai.com/v1", 'key = "file:/k"\ntarget = "proj_1"', key="", more='auth = "forward"'),
        ["upstreams.up.proof: proves what one account keeps, and callers bring accounts of their own (leave it out)"],
    ),
    "a key as it is": (
        OPENAI.replace("file:/k", "sk-canary"),
        ["upstreams.up.proof.key: must be a reference to a secret, not the secret itself (write a reference: env:NAME or file:/path)"],
    ),
    "an identity of another cloud": (
        upstream("azure", "https://contoso.openai.azure.com/openai/v1", f'key = "aws:"\ntarget = "{AZURE}"', 'region = "eu-west-1"'),
        ["upstreams.up.proof.key: is an identity that azure.content_logging cannot ask with (write a key's reference, or azure:)"],
    ),
    "an identity where there are none": (
        OPENAI.replace("file:/k", "google:"),
        ["upstreams.up.proof.key: is an identity that openai.data_retention cannot ask with (write a key's reference)"],
    ),
    "no target": (
        OPENAI.replace('target = "proj_1"', ""),
        ["upstreams.up.proof.target: is missing, and openai.data_retention asks about one (the project that the key belongs to, proj_...)"],
    ),
    "another target": (
        OPENAI.replace("proj_1", "proj_1/../x"),
        ["upstreams.up.proof.target: is not what openai.data_retention asks about (the project that the key belongs to, proj_...)"],
    ),
    "the default gateway": (
        CLOUDFLARE.replace("/gw", "/default"),
        ["upstreams.up.base_url: is the default gateway, which has no settings to hold (make a gateway of your own, and name that)", "upstreams.up.proof.target: is not what cloudflare.gateway asks about (the account and a gateway other than the default one, ACCOUNT/GATEWAY)"],
    ),
    "a gateway that is not used": (
        CLOUDFLARE.replace('/gw"', '/other"'),
        ["upstreams.up.proof.target: does not stand in the upstream's base_url (what is proven must be what is used)"],
    ),
    "a target that nobody needs": (
        upstream("xai", "https://api.x.ai/v1", 'target = "t"'),
        ["upstreams.up.proof.target: is not used by the probes of this upstream (leave it out)"],
    ),
    "a key that nobody needs": (
        LOCAL + 'key = "env:K"\nbase_url = "http://127.0.0.1:1"',
        ["upstreams.up.proof.key: is not used by the probes of this upstream (leave it out)", "upstreams.up.proof.base_url: is not used by the probes of this upstream (leave it out)"],
    ),
    "a key over plain HTTP": (
        OPENAI + 'base_url = "http://10.0.0.1"',
        ["upstreams.up.proof.base_url: must begin with https://, since a key goes there"],
    ),
    "no region": (
        BEDROCK.replace("bedrock-mantle.eu-west-1.api.aws", "vpce.example"),
        ["upstreams.up.region: is missing, and bedrock.data_retention asks in one (for example eu-west-1)"],
    ),
    "no exact model": (
        BEDROCK.replace('"a", ', ""),
        ["upstreams.up.proof: is about models, and no exact name of one is configured (write them in models, or in routes as upstream/model)"],
    ),
    "too seldom": (OPENAI + "every = 90000", ["upstreams.up.proof.every: must be from 1 to 43200 seconds"]),
    "too often": (OPENAI + "every = 0", ["upstreams.up.proof.every: must be from 1 to 43200 seconds"]),
    "too seldom for an engine": (LOCAL + "every = 31", ["upstreams.up.proof.every: must be from 1 to 30 seconds"]),
    "an unknown key": (OPENAI + "tagret = 1", ["upstreams.up.proof.tagret: unknown key (did you mean target?)"]),
    "the embedded model": (
        "[upstreams.embedded]\n[upstreams.embedded.proof]",
        ["upstreams.embedded.proof: is not needed: Lethe runs this model itself, and knows its flags"],
    ),
    "an engine elsewhere": (
        LOCAL.replace("127.0.0.1", "10.0.0.1"),
        ["upstreams.up.proof: nothing that can be asked would prove anything of this upstream (see lethe register)"],
    ),
    "an engine behind a proxy": (
        LOCAL.replace("dialect", 'proxy = "http://p:1"\ndialect'),
        ["upstreams.up.proof: nothing that can be asked would prove anything of this upstream (see lethe register)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_mistakes(text: str, said: list[str]) -> None:
    assert problems(text) == said


def test_every_probe_of_the_register_can_be_asked_and_every_one_is_there() -> None:
    named = {
        probe for surface in all_surfaces() for row in surface.evidence for probe in (row.probe, *row.also) if probe
    }
    assert named == BY_PROBE.keys()


def test_a_refusal_that_a_proof_would_lift_says_so() -> None:
    text = '[retention]\nlevel = "A2"\n'
    notes = parse_settings(text + OPENAI, "lethe.toml", embedded_available=True, today=date(2026, 11, 24)).notes
    refused = "upstreams.up: class U6 is refused at level A2, which accepts up to U4, until its proof holds"
    assert refused in notes

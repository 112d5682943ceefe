"""Azure Container Apps: Azure's models know every word of the Bicep file, and nothing is kept."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.deploy.bicep import faults, parsed, resource
from tests.deploy.made import CONFIGS, RICH, files

from lethe.deploy.deployment import STARTER
from lethe.deploy.target import Undeployable

ID = "container-apps"
AZURE = (
    STARTER
    + '\n[upstreams.azure]\nprovider = "azure"\nbase_url = "https://r.openai.azure.com/openai/v1"\nauth = "azure"\n'
)
Json = dict[str, Any]


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> str:
    return CONFIGS[request.param]


def bicep(config: str) -> str:
    return files(ID, config)["main.bicep"]


def test_azure_knows_every_word(config: str) -> None:
    assert faults(bicep(config)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("destination: 'none'", "destinatio: 'none'"),
        ("minReplicas", "minReplica"),
        ("requestIdleTimeout", "requestIdleTimeouts"),
        ("keyVaultUrl", "keyVaultUri"),
        ("transport: 'http'", "transport: 'https'"),
        ("type: 'Startup'", "type: 'Starting'"),
    ],
)
def test_a_misspelt_word_is_seen(old: str, new: str) -> None:
    text = bicep(STARTER)
    assert old in text
    assert len(faults(text.replace(old, new))) >= 1


# What keeps content from being kept, each with a change that breaks it.


def environment(text: str) -> Json:
    made: Json = resource(text, "Microsoft.App/managedEnvironments")["properties"]
    return made


def app(text: str) -> Json:
    made: Json = resource(text, "Microsoft.App/containerApps")["properties"]
    return made


def container(text: str) -> Json:
    (made,) = app(text)["template"]["containers"]
    spec: Json = made
    return spec


def variables(text: str) -> Json:
    return {row["name"]: row for row in container(text)["env"]}


UNSET = ("daprAIInstrumentationKey", "daprAIConnectionString", "appInsightsConfiguration", "openTelemetryConfiguration")
Rule = Callable[[str], bool]
RULES: list[tuple[str, Rule, tuple[str, str]]] = [
    ("logs go nowhere", lambda t: environment(t)["appLogsConfiguration"]["destination"] == "none", ("'none'", "'log-analytics'")),
    ("no insights", lambda t: not set(UNSET) & environment(t).keys(), ("    peerTraffic", "    appInsightsConfiguration: {}\n    peerTraffic")),
    ("no dapr", lambda t: "dapr" not in app(t)["configuration"], ("      secrets: [", "      dapr: {\n        enabled: true\n      }\n      secrets: [")),
    ("no diagnostic settings", lambda t: not [r for r in parsed(t)["resources"].values() if "Insights" in r["type"]],
     ("resource keys ", "resource d 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {\n  name: 'd'\n}\n\nresource keys ")),
    ("no volume", lambda t: "volumes" not in app(t)["template"], ("      containers: [", "      volumes: []\n      containers: [")),
    ("secrets from the vault", lambda t: all("keyVaultUrl" in s and "value" not in s for s in app(t)["configuration"]["secrets"]),
     ("  identity: identity.id\n        }", "  value: 'x'\n        }")),
    ("no secret in the environment", lambda t: all("secretRef" in v for n, v in variables(t).items() if re.search("KEY|TOKEN", n)),
     ("              secretRef: '", "              value: '")),
    ("only https", lambda t: app(t)["configuration"]["ingress"]["allowInsecure"] is False, ("allowInsecure: false", "allowInsecure: true")),
    ("time to drain", lambda t: app(t)["template"]["terminationGracePeriodSeconds"] > float(variables(t)["LETHE_DRAIN"]["value"]),
     ("      terminationGracePeriodSeconds: 600\n      containers", "      terminationGracePeriodSeconds: 30\n      containers")),
    ("a replica is there", lambda t: app(t)["template"]["scale"]["minReplicas"] >= 1, ("minReplicas: 1", "minReplicas: 0")),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[rule[0] for rule in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: tuple[str, str], config: str) -> None:
    text = bicep(config)
    assert holds(text)
    assert spoil[0] in text
    assert not holds(text.replace(*spoil, 1)), "the rule would not see it"


def test_an_identity_is_told_its_role() -> None:
    assert "Cognitive Services OpenAI User" in files(ID, AZURE)["README.md"]
    assert "Cognitive Services" not in files(ID)["README.md"]


def test_a_file_is_no_secret_here() -> None:
    with pytest.raises(Undeployable, match="env:NAME"):
        files(ID, RICH.replace("env:CI_KEY", "file:/run/secrets/ci"))


def test_the_same_again_and_no_hole_left(config: str) -> None:
    assert files(ID, config) == files(ID, config)
    assert "%%" not in "".join(files(ID, config).values()).replace("%%claude-*", "")

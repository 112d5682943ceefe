"""Manifests that Kubernetes knows every word of, the chart that renders to the same, and nothing kept."""

import copy
import re
from collections.abc import Callable
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.deploy.made import CONFIGS, IMAGE, RICH, files

from lethe.deploy.deployment import STARTER
from lethe.deploy.targets.kubernetes import CONFIG

ID = "kubernetes"
FILED = RICH.replace('key = "env:CI_KEY"', 'key = "file:/run/secrets/ci"')
Json = dict[str, Any]


@pytest.fixture(params=[*CONFIGS, "filed"])
def config(request: pytest.FixtureRequest) -> str:
    return {**CONFIGS, "filed": FILED}[request.param]


def documents(config: str) -> list[Json]:
    made = files(ID, config)
    return [*yaml.safe_load_all(made["manifests/namespace.yaml"]), *yaml.safe_load_all(made["manifests/lethe.yaml"])]


def one(kind: str, found: list[Json]) -> Json:
    (document,) = [each for each in found if each["kind"] == kind]
    return document


def validate(document: Json) -> None:
    """Raises for a word that Kubernetes, or the Gateway API, does not know."""
    if document["kind"] == "HTTPRoute":
        _known(document, ROUTE)
    else:
        kubernetes_validate.validate(document, "1.31", strict=True)


# The part of HTTPRoute that we use (gateway-api 1.1, apis/v1/httproute_types.go).
ROUTE: Json = {
    "apiVersion": None,
    "kind": None,
    "metadata": {"name": None, "namespace": None},
    "spec": {
        "parentRefs": {"name": None},
        "hostnames": None,
        "rules": {"backendRefs": {"name": None, "port": None}, "timeouts": {"request": None}},
    },
}


def _known(value: Any, shape: Any) -> None:
    if isinstance(value, list):
        for each in value:
            _known(each, shape)
    elif isinstance(value, dict):
        assert shape is not None, "no table here"
        assert value.keys() <= shape.keys(), value.keys() - shape.keys()
        for name, inner in value.items():
            _known(inner, shape[name])


def test_kubernetes_knows_every_word(config: str) -> None:
    found = documents(config)
    for document in found:
        validate(document)
    assert {each["kind"] for each in found} == {
        "Namespace", "ServiceAccount", "ConfigMap", "Deployment", "Service", "HTTPRoute", "NetworkPolicy",
        "HorizontalPodAutoscaler", "PodDisruptionBudget",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        ("Deployment", "terminationMessagePath", "terminationMessagePaht"),
        ("Deployment", "readOnlyRootFilesystem", "readonlyRootFilesystem"),
        ("NetworkPolicy", "ipBlock", "ipblock"),
        ("HTTPRoute", "timeouts", "timeout"),
    ],
)
def test_a_misspelt_word_is_seen(kind: str, old: str, new: str) -> None:
    text = yaml.safe_dump(one(kind, documents(STARTER)))
    assert old in text
    with pytest.raises((AssertionError, kubernetes_validate.ValidationError)):
        validate(yaml.safe_load(text.replace(old, new)))


def test_the_chart_renders_to_the_manifests(config: str) -> None:
    """Its only expressions are its values, and the configuration beside it."""
    made = files(ID, config)
    values = yaml.safe_load(made["chart/values.yaml"])
    indented = "\n".join(f"    {line}" if line else "" for line in made["chart/lethe.toml"].splitlines()).strip()
    text = made["chart/templates/lethe.yaml"].replace(CONFIG, indented)
    text = re.sub(r"\{\{ \.Values\.(\w+) \}\}", lambda match: str(values[match[1]]), text)
    assert "{{" not in text.replace(indented, "")
    assert list(yaml.safe_load_all(text)) == list(yaml.safe_load_all(made["manifests/lethe.yaml"]))
    assert yaml.safe_load(made["chart/Chart.yaml"])["apiVersion"] == "v2"


def test_the_configuration_arrives_as_it_is(config: str) -> None:
    assert one("ConfigMap", documents(config))["data"]["lethe.toml"] == config


# What keeps content from being kept, each with a change that breaks it.


def container(found: list[Json]) -> Json:
    (made,) = one("Deployment", found)["spec"]["template"]["spec"]["containers"]
    spec: Json = made
    return spec


def pod(found: list[Json]) -> Json:
    spec: Json = one("Deployment", found)["spec"]["template"]["spec"]
    return spec


def _grace(found: list[Json]) -> bool:
    drain = float(next(v["value"] for v in container(found)["env"] if v["name"] == "LETHE_DRAIN"))
    return bool(
        pod(found)["terminationGracePeriodSeconds"]
        >= drain + container(found)["lifecycle"]["preStop"]["sleep"]["seconds"]
    )


Rule = Callable[[list[Json]], bool]
Change = Callable[[list[Json]], None]
RULES: list[tuple[str, Rule, Change]] = [
    ("no last words in the store", lambda f: container(f)["terminationMessagePolicy"] == "File" and container(f)["terminationMessagePath"] == "/dev/null",
     lambda f: container(f).update(terminationMessagePolicy="FallbackToLogsOnError")),
    ("nothing to write to", lambda f: container(f)["securityContext"]["readOnlyRootFilesystem"], lambda f: container(f)["securityContext"].update(readOnlyRootFilesystem=False)),
    ("no writable volume", lambda f: all(set(v) & {"configMap", "secret"} for v in pod(f)["volumes"]), lambda f: pod(f)["volumes"].append({"name": "x", "emptyDir": {}})),
    ("not root", lambda f: pod(f)["securityContext"]["runAsNonRoot"], lambda f: pod(f)["securityContext"].update(runAsNonRoot=False)),
    ("no capability", lambda f: container(f)["securityContext"]["capabilities"]["drop"] == ["ALL"], lambda f: container(f)["securityContext"]["capabilities"].update(drop=[])),
    ("no token of the cluster", lambda f: not pod(f)["automountServiceAccountToken"], lambda f: pod(f).update(automountServiceAccountToken=True)),
    ("no secret in the manifest", lambda f: all("valueFrom" in v for v in container(f)["env"] if re.search("KEY|TOKEN", v["name"])),
     lambda f: container(f)["env"].append({"name": "API_KEY", "value": "x"})),
    ("restricted", lambda f: one("Namespace", f)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted",
     lambda f: one("Namespace", f)["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "baseline"})),
    ("a stream has no end", lambda f: one("HTTPRoute", f)["spec"]["rules"][0]["timeouts"]["request"] == "0s",
     lambda f: one("HTTPRoute", f)["spec"]["rules"][0]["timeouts"].update(request="60s")),
    ("time to drain", _grace, lambda f: pod(f).update(terminationGracePeriodSeconds=30)),
    ("an image by its digest", lambda f: container(f)["image"] == IMAGE, lambda f: container(f).update(image="lethe:latest")),
    ("egress to upstreams alone", lambda f: {p["port"] for e in one("NetworkPolicy", f)["spec"]["egress"] for p in e["ports"]} <= {53, 443},
     lambda f: one("NetworkPolicy", f)["spec"]["egress"][1]["ports"].append({"protocol": "TCP", "port": 25})),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[name for name, _, _ in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: Change, config: str) -> None:
    found = documents(config)
    assert holds(found)
    spoilt = copy.deepcopy(found)
    spoil(spoilt)
    assert not holds(spoilt), "the rule would not see it"


def test_the_metadata_service_is_open_to_identities_only() -> None:
    text = {name: files(ID, each)["manifests/lethe.yaml"] for name, each in CONFIGS.items()}
    assert "169.254.169.254/32" in text["starter"]
    assert "169.254.169.254/32" not in text["rich"]
    assert "IRSA" in files(ID, RICH)["README.md"]


def test_files_come_from_the_secret() -> None:
    found = documents(FILED)
    mounts = {mount["mountPath"]: mount.get("subPath") for mount in container(found)["volumeMounts"]}
    assert mounts["/run/secrets/ci"] == "run-secrets-ci"
    assert "--from-file=run-secrets-ci=/run/secrets/ci" in files(ID, FILED)["README.md"]


def test_a_store_of_limits_may_be_reached() -> None:
    limited = STARTER + '\n[limits]\nconcurrent = 5\nstore = "redis://cache:6380/0"\n'
    ports = {p["port"] for e in one("NetworkPolicy", documents(limited))["spec"]["egress"] for p in e["ports"]}
    assert ports == {53, 443, 6380}


def test_the_same_again_and_no_hole_left(config: str) -> None:
    assert files(ID, config) == files(ID, config)
    assert "%%" not in "".join(files(ID, config).values()).replace("%%claude-*", "")

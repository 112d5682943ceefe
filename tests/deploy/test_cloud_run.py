"""Cloud Run's files: both ways say the same, Google's own types know every word of it, and nothing is kept."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from google.cloud.logging_v2.types import LogExclusion
from google.protobuf import json_format
from tests.deploy.cloud_run import Json, from_knative, from_terraform, parsed, resources
from tests.deploy.made import CONFIGS, RICH, files

ID = "cloud-run"


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> str:
    return CONFIGS[request.param]


def test_both_ways_say_the_same_and_google_knows_every_word(config: str) -> None:
    made = files(ID, config)
    by_yaml, by_terraform = from_knative(made["service.yaml"]), from_terraform(made["main.tf"], made["lethe.toml"])
    assert parsed(by_yaml) == parsed(by_terraform)


@pytest.mark.parametrize(
    ("old", "new"), [("timeoutSeconds", "timeoutSecs"), ("image:", "imag:"), ("minScale", "minScal")]
)
def test_a_misspelt_word_is_seen_in_the_yaml(old: str, new: str) -> None:
    text = files(ID)["service.yaml"]
    with pytest.raises((KeyError, json_format.ParseError)):
        parsed(from_knative(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"), [("cpu_idle", "cpu_idel"), ("timeout  ", "timeouts "), ("period_seconds", "period_second")]
)
def test_a_misspelt_word_is_seen_in_terraform(old: str, new: str) -> None:
    made = files(ID)
    assert old in made["main.tf"]
    with pytest.raises(json_format.ParseError):
        parsed(from_terraform(made["main.tf"].replace(old, new), made["lethe.toml"]))


def test_exclusions_are_exclusions(config: str) -> None:
    found = {
        name: body
        for (kind, name), body in resources(files(ID, config)["main.tf"]).items()
        if kind.endswith("exclusion")
    }
    assert set(found) == {"requests", "output"}
    told = re.findall(r"--add-exclusion='name=([^,]*),filter=([^']*)'", files(ID, config)["README.md"])
    for body, log in ((found["requests"], "requests"), (found["output"], "stdout")):
        exclusion = {"name": body["name"].strip('"'), "filter": body["filter"].strip('"').replace('\\"', '"')}
        assert f'log_id("run.googleapis.com/{log}")' in exclusion["filter"]
        assert (exclusion["name"], exclusion["filter"]) in told  # the commands do the same
        json_format.ParseDict(exclusion, LogExclusion.pb()())
        assert exclusion["filter"].count("(") == exclusion["filter"].count(")")


# What keeps content from being kept, each with a change that breaks it.

Service = Json
Rule = Callable[[Service], bool]


def _container(service: Service) -> Json:
    (container,) = service["template"]["containers"]
    made: Json = container
    return made


def _secret_variables(service: Service) -> list[Json]:
    words = ("KEY", "TOKEN", "SECRET", "PASSWORD")
    return [each for each in _container(service)["env"] if any(word in each["name"] for word in words)]


def _set(*path: Any) -> Callable[[Service], None]:
    def change(service: Service) -> None:
        *steps, last, value = path
        node: Any = service
        for step in steps:
            node = node[step]
        node[last] = value

    return change


C = ("template", "containers", 0)
RULES: list[tuple[str, Rule, Callable[[Service], None]]] = [
    ("streams of an hour", lambda s: s["template"]["timeout"] == "3600s", _set("template", "timeout", "300s")),
    ("CPU between requests", lambda s: not _container(s)["resources"]["cpuIdle"], _set(*C, "resources", "cpuIdle", True)),
    ("an instance is there", lambda s: s["template"]["scaling"]["minInstanceCount"] >= 1, _set("template", "scaling", "minInstanceCount", 0)),
    ("an identity of its own", lambda s: s["template"].get("serviceAccount") == "lethe", _set("template", "serviceAccount", "")),
    ("secrets by reference, pinned", lambda s: all(_pinned(v) for v in _secret_variables(s)), _set(*C, "env", 3, {"name": "A_KEY", "value": "x"})),
    ("versions are numbers", lambda s: all(_pinned(v) for v in _secret_variables(s)),
     _set(*C, "env", 3, {"name": "A_KEY", "valueSource": {"secretKeyRef": {"secret": "a", "version": "latest"}}})),
    ("an image by its digest", lambda s: "@sha256:" in _container(s)["image"], _set(*C, "image", "lethe:latest")),
    ("a drain within ten seconds", lambda s: _drain(s) <= 8, _set(*C, "env", 1, {"name": "LETHE_DRAIN", "value": "60"})),
    ("no volume", lambda s: not s["template"].get("volumes"), _set("template", "volumes", [{"name": "v"}])),
]  # fmt: skip


def _pinned(variable: Json) -> bool:
    reference = variable.get("valueSource", {}).get("secretKeyRef", {})
    return bool(reference) and str(reference.get("version", "")).isdecimal()


def _drain(service: Service) -> float:
    return float(next(v["value"] for v in _container(service)["env"] if v["name"] == "LETHE_DRAIN"))


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[name for name, _, _ in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: Callable[[Service], None], config: str) -> None:
    service = from_knative(files(ID, config)["service.yaml"])
    assert holds(service)
    spoilt = copy.deepcopy(service)
    spoil(spoilt)
    assert not holds(spoilt), "the rule would not see it"


def test_who_may_read_secrets_and_call_models() -> None:
    found = resources(files(ID, RICH)["main.tf"])
    roles = {body["role"].strip('"') for (kind, _), body in found.items() if kind.endswith("member")}
    assert roles == {"roles/secretmanager.secretAccessor", "roles/aiplatform.user"}
    assert not [kind for kind, _ in resources(files(ID)["main.tf"]) if kind == "google_project_iam_member"]


def test_the_same_again_and_no_hole_left(config: str) -> None:
    assert files(ID, config) == files(ID, config)
    left = "".join(text for name, text in files(ID, config).items()).replace("%%claude-*", "")
    assert "%%" not in left

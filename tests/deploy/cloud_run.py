"""Both ways to say a Cloud Run service, as the one that Google's API takes: strictly, so that what nobody knows is an error."""

from typing import Any

import hcl2
import yaml
from google.cloud import run_v2
from google.protobuf import json_format

Json = dict[str, Any]

_SERVICE = {"run.googleapis.com/ingress": "ingress", "run.googleapis.com/invoker-iam-disabled": "invokerIamDisabled"}
_REVISION = {
    "autoscaling.knative.dev/minScale": "minInstanceCount",
    "autoscaling.knative.dev/maxScale": "maxInstanceCount",
    "run.googleapis.com/cpu-throttling": "throttling",
    "run.googleapis.com/execution-environment": "executionEnvironment",
    "run.googleapis.com/startup-cpu-boost": "startupCpuBoost",
}
_INGRESS = {"all": "INGRESS_TRAFFIC_ALL", "internal": "INGRESS_TRAFFIC_INTERNAL_ONLY"}
_TRUTH = {"true": True, "false": False}


def parsed(service: Json) -> Json:
    """As Google's API has understood it. Raises json_format.ParseError for what it does not know."""
    message = json_format.ParseDict(service, run_v2.Service.pb()())
    told: Json = json_format.MessageToDict(message)
    return told


# From Knative's YAML


def from_knative(text: str) -> Json:
    """Raises KeyError for an annotation or a field that is not in the tables."""
    service = yaml.safe_load(text)
    spec = only(service["spec"]["template"], "metadata", "spec")["spec"]
    assert only(service, "apiVersion", "kind", "metadata", "spec")["kind"] == "Service"
    notes = {_SERVICE[name]: value for name, value in service["metadata"]["annotations"].items()}
    revision = {_REVISION[k]: v for k, v in service["spec"]["template"]["metadata"]["annotations"].items()}
    only(spec, "serviceAccountName", "timeoutSeconds", "containerConcurrency", "containers", "volumes")
    (container,) = spec["containers"]
    return {
        "ingress": _INGRESS[notes["ingress"]],
        "invokerIamDisabled": _TRUTH[notes["invokerIamDisabled"]],
        "template": {
            "serviceAccount": spec["serviceAccountName"].partition("@")[0],
            "timeout": f"{spec['timeoutSeconds']}s",
            "maxInstanceRequestConcurrency": spec["containerConcurrency"],
            "executionEnvironment": {"gen2": "EXECUTION_ENVIRONMENT_GEN2"}[revision["executionEnvironment"]],
            "scaling": {name: int(revision[name]) for name in ("minInstanceCount", "maxInstanceCount")},
            "containers": [_knative_container(container, revision)],
        },
    }


def _knative_container(container: Json, revision: Json) -> Json:
    only(container, "image", "ports", "resources", "startupProbe", "livenessProbe", "env")
    return {
        "image": container["image"],
        "ports": [dict(only(port, "name", "containerPort")) for port in container["ports"]],
        "resources": {
            "limits": container["resources"]["limits"],
            "cpuIdle": _TRUTH[revision["throttling"]],
            "startupCpuBoost": _TRUTH[revision["startupCpuBoost"]],
        },
        "startupProbe": container["startupProbe"],
        "livenessProbe": container["livenessProbe"],
        "env": [_knative_variable(variable) for variable in container["env"]],
    }


def _knative_variable(variable: Json) -> Json:
    if "value" in variable:
        return dict(only(variable, "name", "value"))
    reference = only(only(variable, "name", "valueFrom")["valueFrom"], "secretKeyRef")["secretKeyRef"]
    return {
        "name": variable["name"],
        "valueSource": {
            "secretKeyRef": {"secret": reference["name"], "version": only(reference, "name", "key")["key"]}
        },
    }


def only(value: Json, *names: str) -> Json:
    """Raises KeyError for other names."""
    if unknown := value.keys() - set(names):
        raise KeyError(f"unknown: {sorted(unknown)}")
    return value


# From Terraform


def resources(text: str) -> dict[tuple[str, str], Json]:
    """Every resource of a file, by type and name."""
    found: dict[tuple[str, str], Json] = {}
    for block in hcl2.loads(text)["resource"]:
        for kind, named in block.items():
            for name, body in named.items():
                if not name.startswith("__"):
                    found[_plain(kind), _plain(name)] = body
    return found


_LISTS = frozenset({"containers", "env", "ports"})
_OF_TERRAFORM = frozenset({"project", "location", "name", "deletion_protection", "depends_on"})


def from_terraform(text: str, config: str) -> Json:
    """The service; `config` is what the file beside it holds."""
    body = resources(text)["google_cloud_run_v2_service", "lethe"]
    made: Json = _camel({name: value for name, value in body.items() if name not in _OF_TERRAFORM})
    template = made["template"]
    (container,) = template["containers"]
    container["image"] = default(text, "image")
    template["serviceAccount"] = _plain(resources(text)["google_service_account", "lethe"]["account_id"])
    for variable in container["env"]:
        if "value" in variable and variable["value"].startswith("${file("):
            variable["value"] = config
        if (source := variable.get("valueSource")) is not None:
            reference = source["secretKeyRef"]
            versions = default(text, "secret_versions")
            reference["version"] = versions[reference["secret"]]
    return made


def default(text: str, name: str) -> Any:
    """A variable's."""
    for block in hcl2.loads(text)["variable"]:
        for key, body in block.items():
            if _plain(key) == name:
                return _tree(body["default"])
    raise KeyError(name)


def _camel(value: Any, name: str = "") -> Any:
    """Blocks, of which there may be several, as the API has them: lists where they are lists there."""
    if isinstance(value, dict):
        return {_cased(k): _camel(v, _cased(k)) for k, v in value.items() if not k.startswith("__")}
    if isinstance(value, list):
        items = [_camel(item) for item in value]
        return items if name in _LISTS else items[0]
    return _tree(value)


def _tree(value: Any) -> Any:
    if isinstance(value, dict):
        return {_plain(k): _tree(v) for k, v in value.items() if not k.startswith("__")}
    return _plain(value) if isinstance(value, str) else value


def _plain(text: str) -> str:
    """The parser keeps quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _cased(name: str) -> str:
    first, *rest = _plain(name).split("_")
    named = first + "".join(word.capitalize() for word in rest)
    return {"ports": "ports"}.get(named, named)

"""CloudFormation and Terraform say the same, AWS's own tools know every word, and nothing is kept."""

import copy
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint
from tests.deploy.cloud_run import resources
from tests.deploy.made import CONFIGS, RICH, files

from lethe.deploy.target import Undeployable

ID = "fargate"
Json = dict[str, Any]


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Knows CloudFormation's short forms."""


def _short(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value = loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_sequence(node)
    return {suffix: value}


_Loader.add_multi_constructor("!", _short)


@pytest.fixture(params=CONFIGS)
def config(request: pytest.FixtureRequest) -> str:
    return CONFIGS[request.param]


def stack(config: str) -> Json:
    made: Json = yaml.load(files(ID, config)["stack.yaml"], Loader=_Loader)
    return made


def properties(found: Json, name: str) -> Json:
    made: Json = found["Resources"][name]["Properties"]
    return made


def container(found: Json) -> Json:
    (made,) = properties(found, "TaskDefinition")["ContainerDefinitions"]
    spec: Json = made
    return spec


def attributes(found: Json) -> dict[str, str]:
    return {row["Key"]: row["Value"] for row in properties(found, "LoadBalancer")["LoadBalancerAttributes"]}


# The tools


def faults(text: str) -> list[str]:
    return [f"{each.rule.id} {each.message}" for each in lint(text, config=ManualArgs(regions=["eu-central-1"]))]


def test_cfn_lint_knows_every_word(config: str) -> None:
    assert faults(files(ID, config)["stack.yaml"]) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Logging: NONE", "Logging: NEVER"),
        ("StopTimeout:", "StopTimeuot:"),
        ("AssignPublicIp: DISABLED", "AssignPublicIp: NO"),
    ],
)
def test_cfn_lint_would_say_so(old: str, new: str) -> None:
    text = files(ID)["stack.yaml"]
    assert old in text
    assert faults(text.replace(old, new))


def test_terraform_tests_its_plan(config: str, tmp_path: Path) -> None:
    """Where terraform and a mirror of AWS's provider are; the attributes are compared below in any case."""
    if shutil.which("terraform") is None or not Path(os.environ.get("TF_CLI_CONFIG_FILE", "")).is_file():
        pytest.skip("needs terraform, and TF_CLI_CONFIG_FILE naming a mirror of hashicorp/aws")
    for name, text in files(ID, config).items():
        (tmp_path / name).write_text(text)
    for words in (("init", "-input=false"), ("validate",), ("test",)):
        done = subprocess.run(
            ["terraform", *words, "-no-color"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


# Both say the same


def terraform(config: str) -> dict[tuple[str, str], Json]:
    return resources(files(ID, config)["main.tf"])


def _block(body: Json, *names: str) -> Any:
    node: Any = body
    for name in names:
        node = node[name]
        node = node[0] if isinstance(node, list) and node and isinstance(node[0], dict) else node
    return node


PAIRS: list[tuple[str, Callable[[Json], Any], tuple[str, str], tuple[str, ...]]] = [
    ("idle timeout", lambda s: int(attributes(s)["idle_timeout.timeout_seconds"]), ("aws_lb", "lethe"), ("idle_timeout",)),
    ("access logs", lambda s: attributes(s)["access_logs.s3.enabled"] == "true", ("aws_lb", "lethe"), ("access_logs", "enabled")),
    ("connection logs", lambda s: attributes(s)["connection_logs.s3.enabled"] == "true", ("aws_lb", "lethe"), ("connection_logs", "enabled")),
    ("exec logging", lambda s: properties(s, "Cluster")["Configuration"]["ExecuteCommandConfiguration"]["Logging"], ("aws_ecs_cluster", "lethe"), ("configuration", "execute_command_configuration", "logging")),
    ("insights", lambda s: properties(s, "Cluster")["ClusterSettings"][0]["Value"], ("aws_ecs_cluster", "lethe"), ("setting", "value")),
    ("exec", lambda s: properties(s, "Service")["EnableExecuteCommand"], ("aws_ecs_service", "lethe"), ("enable_execute_command",)),
    ("deregistration", lambda s: int(properties(s, "TargetGroup")["TargetGroupAttributes"][0]["Value"]), ("aws_lb_target_group", "lethe"), ("deregistration_delay",)),
    ("health", lambda s: properties(s, "TargetGroup")["HealthCheckPath"], ("aws_lb_target_group", "lethe"), ("health_check", "path")),
    ("tasks", lambda s: properties(s, "Service")["DesiredCount"], ("aws_ecs_service", "lethe"), ("desired_count",)),
    ("ssl", lambda s: properties(s, "Listener")["SslPolicy"], ("aws_lb_listener", "https"), ("ssl_policy",)),
    ("most tasks", lambda s: properties(s, "Scaling")["MaxCapacity"], ("aws_appautoscaling_target", "lethe"), ("max_capacity",)),
]  # fmt: skip


@pytest.mark.parametrize(("_what", "of_stack", "resource", "path"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_both_say_the_same(
    _what: str, of_stack: Callable[[Json], Any], resource: tuple[str, str], path: tuple[str, ...], config: str
) -> None:
    said = _block(terraform(config)[resource], *path)
    assert of_stack(stack(config)) == (said.strip('"') if isinstance(said, str) else said)


def test_the_container_is_the_same(config: str) -> None:
    """Terraform has it as an expression: its words are compared."""
    text = files(ID, config)["main.tf"]
    one = container(stack(config))
    for name, value in (
        ("user", one["User"]),
        ("stopTimeout", one["StopTimeout"]),
        ("readonlyRootFilesystem", one["ReadonlyRootFilesystem"]),
    ):
        assert re.search(rf"^ *{name} *= {re.escape(json.dumps(value))}$", text, re.MULTILINE), name
    for variable in one["Environment"][:3]:
        assert f'{{ name = "{variable["Name"]}", value = "{variable["Value"]}" }}' in text
    assert one["Environment"][3]["Value"] == files(ID, config)["lethe.toml"] == config
    assert "logConfiguration" not in re.sub("#.*", "", text)
    for secret in one["Secrets"]:
        assert secret["Name"] in text


# What keeps content from being kept, each with a change that breaks it.


def _attribute(key: str, value: str) -> Callable[[Json], None]:
    def change(found: Json) -> None:
        for row in properties(found, "LoadBalancer")["LoadBalancerAttributes"]:
            if row["Key"] == key:
                row["Value"] = value

    return change


KNOWN = {
    "idle_timeout.timeout_seconds", "access_logs.s3.enabled", "connection_logs.s3.enabled", "health_check_logs.s3.enabled",
    "routing.http.drop_invalid_header_fields.enabled", "routing.http.desync_mitigation_mode",
}  # fmt: skip
LOGS = [name for name in KNOWN if "_logs." in name]
Rule = Callable[[Json], bool]
RULES: list[tuple[str, Rule, Callable[[Json], None]]] = [
    *((f"{name} off", lambda s, name=name: attributes(s).get(name) == "false", _attribute(name, "true")) for name in sorted(LOGS)),
    ("only attributes that exist", lambda s: set(attributes(s)) == KNOWN,
     lambda s: properties(s, "LoadBalancer")["LoadBalancerAttributes"].append({"Key": "acess_logs.s3.enabled", "Value": "false"})),
    ("an idle timeout that is one", lambda s: 1 <= int(attributes(s)["idle_timeout.timeout_seconds"]) <= 4000, _attribute("idle_timeout.timeout_seconds", "9000")),
    ("no log driver", lambda s: "LogConfiguration" not in container(s), lambda s: container(s).update(LogConfiguration={"LogDriver": "awslogs"})),
    ("a stop timeout that Fargate has", lambda s: 2 <= container(s)["StopTimeout"] <= 120, lambda s: container(s).update(StopTimeout=1200)),
    ("the drain is shorter", lambda s: float(container(s)["Environment"][2]["Value"]) < container(s)["StopTimeout"], lambda s: container(s)["Environment"][2].update(Value="600")),
    ("nothing to write to", lambda s: container(s)["ReadonlyRootFilesystem"] and "MountPoints" not in container(s), lambda s: container(s).update(ReadonlyRootFilesystem=False)),
    ("not root", lambda s: container(s)["User"] == "65532:65532", lambda s: container(s).update(User="0")),
    ("no session", lambda s: not properties(s, "Service")["EnableExecuteCommand"], lambda s: properties(s, "Service").update(EnableExecuteCommand=True)),
    ("no secret in the environment", lambda s: not [v for v in container(s)["Environment"] if re.search("KEY|TOKEN|SECRET", v["Name"])],
     lambda s: container(s)["Environment"].append({"Name": "API_KEY", "Value": "x"})),
    ("no logs of the network", lambda s: not [r for r in s["Resources"].values() if "Log" in r["Type"]], lambda s: s["Resources"].update(F={"Type": "AWS::EC2::FlowLog"})),
    ("no public address", lambda s: properties(s, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED",
     lambda s: properties(s, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"].update(AssignPublicIp="ENABLED")),
]  # fmt: skip


@pytest.mark.parametrize(("_name", "holds", "spoil"), RULES, ids=[rule[0] for rule in RULES])
def test_nothing_is_kept(_name: str, holds: Rule, spoil: Callable[[Json], None], config: str) -> None:
    found = stack(config)
    assert holds(found)
    spoilt = copy.deepcopy(found)
    spoil(spoilt)
    assert not holds(spoilt), "the rule would not see it"


def test_the_task_may_ask_the_models_that_routes_name() -> None:
    policy = properties(stack(RICH), "TaskRole")["Policies"][0]["PolicyDocument"]["Statement"][0]
    assert policy["Resource"] == [
        "arn:aws:bedrock:*:*:inference-profile/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:*::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
    ]
    assert ("aws_iam_role_policy", "models") in terraform(RICH)
    assert "Policies" not in properties(stack(CONFIGS["starter"]), "TaskRole")


def test_a_file_is_no_secret_here() -> None:
    with pytest.raises(Undeployable, match="env:NAME"):
        files(ID, RICH.replace("env:CI_KEY", "file:/run/secrets/ci"))


def test_the_same_again_and_no_hole_left(config: str) -> None:
    assert files(ID, config) == files(ID, config)
    assert "%%" not in "".join(files(ID, config).values()).replace("%%claude-*", "")

"""The CloudFormation stack, made in a scripted AWS (moto) and read back, as far as that keeps what it is told."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from tests.deploy.made import CONFIGS, IMAGE, files
from tests.deploy.test_fargate import stack

REGION = "eu-central-1"
Json = dict[str, Any]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


def surroundings() -> dict[str, str]:
    """What has to be there before: a network, a certificate."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = ("a", "b")
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate(zones)
    ]
    certificate = client("acm").request_certificate(DomainName="lethe.example.com")["CertificateArn"]
    joined = ",".join(subnets)
    return {"VpcId": vpc, "BalancerSubnets": joined, "TaskSubnets": joined, "CertificateArn": certificate}


def deployed(config: str) -> list[Json]:
    """The resources of the stack."""
    text = files("fargate", config)["stack.yaml"]
    cloudformation, given = client("cloudformation"), surroundings()
    secrets = client("secretsmanager")
    for name in sorted(name for name in stack(config)["Parameters"] if name.endswith("Arn") and name not in given):
        given[name] = secrets.create_secret(Name=name, SecretString="made up")["ARN"]
    cloudformation.create_stack(
        StackName="lethe",
        TemplateBody=text,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    (made,) = cloudformation.describe_stacks(StackName="lethe")["Stacks"]
    assert made["StackStatus"] == "CREATE_COMPLETE"
    found: list[Json] = cloudformation.describe_stack_resources(StackName="lethe")["StackResources"]
    return found


@pytest.mark.usefixtures("aws")
@pytest.mark.filterwarnings("ignore:Tried to parse AWS..ApplicationAutoScaling")  # which moto does not make
@pytest.mark.parametrize("name", CONFIGS)
def test_the_stack_comes_up_as_it_is_written(name: str) -> None:
    kinds = {row.get("ResourceType") for row in deployed(CONFIGS[name])}
    assert {"AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::Listener", "AWS::ECS::TaskDefinition"} <= kinds
    ecs = client("ecs")
    (arn,) = ecs.list_task_definitions()["taskDefinitionArns"]
    (container,) = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"]
    assert container["image"] == IMAGE
    assert container["user"] == "65532:65532"
    assert container["readonlyRootFilesystem"]
    assert container["stopTimeout"] == 120
    assert "logConfiguration" not in container
    variables = {row["name"]: row["value"] for row in container["environment"]}
    assert variables["LETHE_TOML"] == CONFIGS[name]
    (cluster,) = ecs.describe_clusters(clusters=["lethe"], include=["SETTINGS"])["clusters"]
    assert {row["name"]: row["value"] for row in cluster["settings"]} == {"containerInsights": "disabled"}
    assert client("logs").describe_log_groups()["logGroups"] == []

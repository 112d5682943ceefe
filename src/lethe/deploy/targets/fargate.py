"""AWS Fargate behind an application load balancer, by CloudFormation or by Terraform, which say the same."""

import json

from lethe.deploy.deployment import PORT, Deployment, Secret
from lethe.deploy.platform import platform
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template
from lethe.ir.content import Dialect

ID = "fargate"
STOP = 120  # seconds that Fargate gives at most between SIGTERM and SIGKILL
_DEREGISTER = 3600  # seconds in which the balancer sends nobody new and leaves streams alone
_IDLE_HEARTBEATS = 20
_MOST_IDLE = 4000
_ACTIONS = ("bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream", "bedrock:CountTokens")


def files(deployment: Deployment) -> Files:
    """Raises Undeployable."""
    for secret in deployment.secrets:
        if secret.variable is None:
            raise Undeployable(f"{secret.reference}: write env:NAME, which Fargate fills from Secrets Manager")
    secrets = deployment.secrets
    idle = min(_MOST_IDLE, max(300, round(deployment.need.heartbeat * _IDLE_HEARTBEATS)))
    shared = {
        "NAME": deployment.name,
        "IMAGE": deployment.image,
        "PORT": str(PORT),
        "DRAIN": f"{platform(ID).drain:g}",
        "STOP": str(STOP),
        "IDLE": str(idle),
        "DEREGISTER": str(_DEREGISTER),
    }
    ports = sorted({egress.port for egress in deployment.egress})
    models = _models(deployment)
    stack = {
        "PARAMETERS": "".join(f"{_parameter(secret)}:\n  Type: String\n" for secret in secrets),
        "ARNS": "".join(f"- !Ref {_parameter(secret)}\n" for secret in secrets),
        "MODELS": _stack_models(models),
        "CONFIG": deployment.config,
        "SECRETS": "".join(f"- {{ Name: {s.variable}, ValueFrom: !Ref {_parameter(s)} }}\n" for s in secrets),
        "EGRESS": "".join(map(_stack_egress, _reached(ports))),
    }
    terraform = {
        "VARIABLES": ", ".join(str(secret.variable) for secret in secrets),
        "MODELS": _terraform_models(models),
        "EGRESS": "\n".join(map(_terraform_egress, _reached(ports))),
    }
    test_arns = "".join(
        f'{s.variable} = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"\n' for s in secrets
    )
    return {
        "lethe.toml": deployment.config,
        "stack.yaml": filled(template(ID, "stack.yaml"), {**shared, **stack}),
        "main.tf": filled(template(ID, "main.tf"), {**shared, **terraform}),
        "lethe.tftest.hcl": filled(template(ID, "lethe.tftest.hcl"), {"IDLE": str(idle), "TEST_ARNS": test_arns}),
        "README.md": filled(
            template(ID, "README.md"),
            {
                "NAME": deployment.name,
                "DRAIN": shared["DRAIN"],
                "CREATE": "".join(f"{_create(deployment.name, secret)}\n" for secret in secrets),
                "OVERRIDES": "".join(f" \\\n    {_parameter(secret)}=arn:aws:secretsmanager:..." for secret in secrets),
                "TF_ARNS": ", ".join(f'{secret.variable}="arn:..."' for secret in secrets),
            },
        ),
    }


def _parameter(secret: Secret) -> str:
    """Its name among the stack's parameters: letters and digits."""
    return "".join(word.capitalize() for word in secret.label.split("-")) + "Arn"


def _create(name: str, secret: Secret) -> str:
    return f'aws secretsmanager create-secret --name {name}/{secret.label} --secret-string "${secret.variable}"'


def _reached(ports: list[int]) -> list[tuple[str, int]]:
    """Upstreams, and names."""
    return [("tcp", port) for port in ports] + [("udp", 53), ("tcp", 53)]


def _stack_egress(reached: tuple[str, int]) -> str:
    kind, port = reached
    return f"- {{ IpProtocol: {kind}, FromPort: {port}, ToPort: {port}, CidrIp: 0.0.0.0/0 }}\n"


def _terraform_egress(reached: tuple[str, int]) -> str:
    kind, port = reached
    return (
        "egress {\n"
        f'  protocol    = "{kind}"\n  from_port   = {port}\n  to_port     = {port}\n  cidr_blocks = ["0.0.0.0/0"]\n'
        "}\n"
    )


# Models of Bedrock that the task may ask by its own identity


def _models(deployment: Deployment) -> list[str]:
    """The resources to allow; none where no identity of AWS is configured."""
    if not any(reference.startswith("aws:") for reference in deployment.identities):
        return []
    named = {
        target.model
        for route in deployment.plan.routes
        for target in route.to
        if target.model and _on_bedrock(deployment, target.upstream)
    }
    found = ["arn:aws:bedrock:*::foundation-model/" + model.partition(".")[2] for model in named if _regional(model)]
    found += ["arn:aws:bedrock:*:*:inference-profile/" + model for model in named if _regional(model)]
    found += ["arn:aws:bedrock:*::foundation-model/" + model for model in named if not _regional(model)]
    return sorted(found) or ["arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:*:*:inference-profile/*"]


def _on_bedrock(deployment: Deployment, upstream: int) -> bool:
    asked = deployment.plan.upstreams[upstream]
    return asked.provider == "bedrock" and asked.dialect in (Dialect.ANTHROPIC, Dialect.CONVERSE)


def _regional(model: str) -> bool:
    """Is it a profile that spans regions, as eu.anthropic.claude-...?"""
    return model.partition(".")[0] in ("us", "eu", "apac", "global", "jp", "au", "us-gov")


def _stack_models(models: list[str]) -> str:
    if not models:
        return ""
    actions = ", ".join(_ACTIONS)
    lines = [
        "Policies:",
        "  - PolicyName: models",
        "    PolicyDocument:",
        '      Version: "2012-10-17"',
        "      Statement:",
        "        - Effect: Allow",
        f"          Action: [{actions}]",
        "          Resource:",
        *(f"            - {json.dumps(model)}" for model in models),
    ]
    return "\n".join(lines)


def _terraform_models(models: list[str]) -> str:
    if not models:
        return ""
    return (
        'resource "aws_iam_role_policy" "models" {\n'
        '  name = "models"\n'
        "  role = aws_iam_role.task.id\n"
        "  policy = jsonencode({\n"
        '    Version = "2012-10-17"\n'
        "    Statement = [{\n"
        '      Effect   = "Allow"\n'
        f"      Action   = {json.dumps(list(_ACTIONS))}\n"
        f"      Resource = {json.dumps(models)}\n"
        "    }]\n"
        "  })\n"
        "}\n"
        "\n"
    )

"""Deployments to make files of: the starter configuration, and one with everything."""

from datetime import UTC, datetime

from lethe.config.load import parse_settings
from lethe.deploy.deployment import STARTER, Deployment, deployment_of
from lethe.deploy.need import need_of
from lethe.deploy.platform import platform
from lethe.deploy.target import target

IMAGE = "registry.example/lethe@sha256:" + "0" * 64
RICH = """[retention]
level = "B"
accept_unenforced = ["landlock", "landlock-net"]

[server]
max_body = "16MiB"
heartbeat = 20

[upstreams.anthropic]
api_key = "env:ANTHROPIC_API_KEY"
contract = { kind = "zdr", signed = 2026-01-01, expires = 2027-06-01 }

[upstreams.vertex]
provider = "vertex"
dialect = "anthropic"
project = "models"
region = "europe-west4"
contract = { kind = "zdr", signed = 2026-01-01, expires = 2027-06-01 }

[upstreams.claude-aws]
provider = "bedrock"
region = "eu-central-1"
dialect = "anthropic"

[[routes]]
model = "%%claude-*"
to = ["anthropic", "claude-aws/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"]

[[keys]]
name = "ci"
key = "env:CI_KEY"
"""
CONFIGS = {"starter": STARTER, "rich": RICH}


def deployment(id: str, config: str = STARTER, region: str | None = None) -> Deployment:
    settings = parse_settings(config, "test", embedded_available=False, today=datetime.now(UTC).date())
    need = need_of(settings.plan, drain=platform(id).drain)
    return deployment_of(settings, config, need, name="lethe", image=IMAGE, region=region)


def files(id: str, config: str = STARTER, region: str | None = None) -> dict[str, str]:
    return dict(target(id).files(deployment(id, config, region)))

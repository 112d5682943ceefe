"""The targets: each a module that makes the files of one platform. Imported when it is asked for."""

from collections.abc import Mapping
from importlib import import_module
from typing import Protocol, cast

from lethe.deploy.deployment import Deployment

Files = Mapping[str, str]  # text by relative path


class Target(Protocol):
    """A module of `deploy.targets`."""

    def files(self, deployment: Deployment) -> Files:
        """All files of the folder, a README.md with the exact commands among them. Pure: the same again each time.

        Raises Undeployable.
        """
        ...


class Undeployable(Exception):
    """This configuration cannot run on this platform; the text says why and what to change."""


TARGETS: tuple[str, ...] = (
    "cloud-run", "cloudflare-edge", "cloudflare-gateway", "container-apps", "fargate", "kubernetes", "systemd",
)  # fmt: skip


def target(name: str) -> Target:
    """The module of a target, of which the name is in TARGETS."""
    return cast("Target", import_module(f"lethe.deploy.targets.{name.replace('-', '_')}"))

"""Cloudflare AI Gateway: nothing of ours runs; the gateway as it has to be, and what clients are set to."""

import json

from lethe.deploy.deployment import Deployment
from lethe.deploy.gateway import ACCOUNT, DEFAULT, NAME, desired
from lethe.deploy.target import Files, Undeployable
from lethe.deploy.template import filled, template

ID = "cloudflare-gateway"
SOMEBODY = "YOUR-ACCOUNT-ID"
# What a caller has to ask for with every request; Lethe as a caller does so by itself (docs/upstreams.md).
HEADERS: dict[str, str] = {
    "cf-aig-collect-log": "false",
    "cf-aig-collect-log-payload": "false",
    "cf-aig-skip-cache": "true",
    "cf-aig-zdr": "true",
}


def files(deployment: Deployment) -> Files:
    """The gateway has the deployment's name. Raises Undeployable."""
    name, account = checked_name(deployment.name), deployment.account or SOMEBODY
    if deployment.account is not None and not ACCOUNT.fullmatch(account):
        raise Undeployable("--account is the account's id: 32 digits and letters from a to f")
    named = {"GATEWAY": name, "ACCOUNT": account}
    return {
        "gateway.json": f"{json.dumps(desired(name), indent=2)}\n",
        "main.tf": filled(template(ID, "main.tf"), named),
        "clients.md": clients(account, name),
        "README.md": filled(template(ID, "README.md"), named),
    }


def checked_name(name: str) -> str:
    """Raises Undeployable."""
    if name.lower() == DEFAULT:
        raise Undeployable(
            "the gateway `default` logs, and comes back when it is deleted: give yours a name (--gateway)"
        )
    if not NAME.fullmatch(name):
        raise Undeployable("a gateway's name has 1 to 64 letters, digits, - and _")
    return name


def clients(account: str, name: str) -> str:
    """Settings of clients, as text with Markdown."""
    return filled(
        template(ID, "clients.md"),
        {
            "GATEWAY": name,
            "ACCOUNT": account,
            "LINES": "\n".join(f"{header}: {value}" for header, value in HEADERS.items()),
            "TOML": ", ".join(f'"{header}" = "{value}"' for header, value in HEADERS.items()),
            "PYTHON": "\n".join(f'"{header}": "{value}",' for header, value in HEADERS.items()),
        },
    )

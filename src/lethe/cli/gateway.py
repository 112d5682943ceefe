"""`lethe deploy cloudflare-gateway --apply | --audit`: set a gateway right, or say how far it is from that."""

import os
from argparse import Namespace
from typing import Any

from msgspec import to_builtins

from lethe.cli.output import CommandFailed, UsageFault, emit, say, table
from lethe.credentials.static import SCHEMES, Unresolved, resolve
from lethe.deploy.gateway import ACCOUNT, DEFAULT, Json, corrected, desired, drifts
from lethe.deploy.target import Undeployable
from lethe.deploy.targets.cloudflare_gateway import checked_name, clients
from lethe.providers.gateway import undecided

TOKEN = "env:CLOUDFLARE_API_TOKEN"  # noqa: S105 - where it is, not what
_UNDECIDED = 3


def run(arguments: Namespace) -> int:
    """0 in order, 1 not, 3 undecided. Raises UsageFault, CommandFailed."""
    try:
        name = checked_name(arguments.name)
    except Undeployable as error:
        raise UsageFault(str(error)) from None
    account = arguments.account or ""
    if not ACCOUNT.fullmatch(account):
        raise UsageFault("--account is the account's id: 32 digits and letters from a to f")
    reference = arguments.token or TOKEN
    if reference.partition(":")[0] not in SCHEMES:
        raise UsageFault("--token says where the token is: env:NAME or file:/path")
    try:
        token = resolve(reference, os.environ)
    except Unresolved as error:
        raise UsageFault(str(error)) from None
    try:
        from lethe.deploy import cloudflare
    except ImportError:
        raise CommandFailed("it needs more packages: pip install 'lethe-proxy[cloudflare]'") from None
    gateways = cloudflare.Gateways(token, account, api=cloudflare.API)
    try:
        done = _applied(gateways, name) if arguments.apply else None
        present, others = gateways.read(name), [each for each in gateways.names() if each != name]
    except cloudflare.Refused as error:
        raise CommandFailed(str(error)) from None
    if present is None:
        raise CommandFailed(f"there is no gateway {name} (--apply makes it)")
    report = {"gateway": name, "applied": done, **_judged(present, name), "others": others}
    if arguments.json:
        emit({**report, "clients": clients(account, name)} if arguments.apply else report)
    else:
        say(_readable(report))
        if arguments.apply:
            say(f"\n{clients(account, name)}")
    return 1 if report["drift"] else _UNDECIDED if report["undecided"] else 0


def _applied(gateways: Any, name: str) -> str:
    """What had to be done; nothing where nothing has drifted. Raises Refused."""
    present: Json | None = gateways.read(name)
    if present is None:
        gateways.create(desired(name))
        return "created"
    if not drifts(present):
        return "unchanged"
    gateways.update(name, corrected(present))
    return "updated"


def _judged(present: Json, name: str) -> dict[str, Any]:
    found = [to_builtins(each) for each in drifts(present)]
    if present.get("id") != name:
        found.append({"setting": "id", "wanted": name, "found": "another", "keeps": "this is another gateway"})
    return {"drift": found, "undecided": list(undecided(present))}


def _readable(report: dict[str, Any]) -> str:
    state = "has drifted" if report["drift"] else "is undecided" if report["undecided"] else "is in order"
    done = f"{report['applied']}; it " if report["applied"] else ""
    lines = [f"gateway {report['gateway']}: {done}{state}"]
    if report["drift"]:
        rows = [(each["setting"], each["wanted"], each["found"], each["keeps"]) for each in report["drift"]]
        lines += ["", table(("setting", "wanted", "found", "what that means"), rows)]
    if report["undecided"]:
        lines += ["", "settings that this version does not know and that may keep something:"]
        lines += [f"  {each}" for each in report["undecided"]]
    if report["others"]:
        lines += ["", f"other gateways, which tokens of this account reach as well: {', '.join(report['others'])}"]
    if DEFAULT in report["others"]:
        lines.append("the gateway `default` logs prompts and answers: limit what callers' tokens may reach")
    return "\n".join(lines)

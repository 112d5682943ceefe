"""Write the files that put Lethe on a platform: a folder with a README of the exact commands, without any secret.

Without a configuration it begins with one provider and one key for callers. Running it again changes nothing that
has not changed.

examples:
  lethe deploy cloud-run --out deploy/cloud-run --config lethe.toml --image REGISTRY/lethe@sha256:...
  lethe deploy kubernetes --out chart
  lethe deploy systemd --out etc
  lethe deploy cloudflare-gateway --account ID --gateway llm --apply     make it, or set it right
  lethe deploy cloudflare-gateway --account ID --gateway llm --audit     1: it has drifted, 3: undecided
"""

from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from lethe.cli import gateway
from lethe.cli.configured import add_config_option, chosen_path, source_of, text_at
from lethe.cli.output import CommandFailed, UsageFault, emit, say
from lethe.cli.serve import servable_settings
from lethe.config.load import parse_settings
from lethe.config.problems import choice
from lethe.config.settings import Settings
from lethe.deploy.deployment import IMAGE, STARTER, Deployment, deployment_of
from lethe.deploy.folder import FolderInUse, write
from lethe.deploy.need import MAX_STREAM, need_of, seconds
from lethe.deploy.platform import platform
from lethe.deploy.preflight import Verdict, examined
from lethe.deploy.target import TARGETS, Undeployable, target
from lethe.deploy.targets.cloudflare_gateway import ID as MANAGED

_OF_MANAGED = ("account", "gateway", "token", "apply", "audit")


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("target", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--out", metavar="DIR", help="the folder to write to (default: ./lethe-TARGET)")
    parser.add_argument("--name", default="lethe", help="the service's name (default: lethe)")
    parser.add_argument("--image", default=IMAGE, help="the image, by its digest")
    parser.add_argument("--region", help="where it runs, by the platform's own name")
    parser.add_argument("--max-stream", default=f"{MAX_STREAM:g}s", help="the longest stream, as 30m (the default)")
    managed = parser.add_argument_group("cloudflare-gateway only")
    managed.add_argument("--account", metavar="ID", help="the account's id")
    managed.add_argument("--gateway", metavar="NAME", help="the gateway's name (default: that of --name)")
    managed.add_argument("--token", metavar="REF", help=f"env:NAME or file:/path (default: {gateway.TOKEN})")
    does = managed.add_mutually_exclusive_group()
    does.add_argument("--apply", action="store_true", help="make the gateway, or set it right, and look at it again")
    does.add_argument("--audit", action="store_true", help="read it back and name every setting that has drifted")


def execute(arguments: Namespace) -> int:
    if arguments.target not in TARGETS:
        raise UsageFault(f"no such target ({choice(arguments.target, TARGETS)})")
    if arguments.target == MANAGED:
        arguments.name = arguments.gateway or arguments.name
    elif given := [f"--{name}" for name in _OF_MANAGED if getattr(arguments, name)]:
        raise UsageFault(f"{', '.join(given)}: of {MANAGED} only")
    if arguments.apply or arguments.audit:
        return gateway.run(arguments)
    return _written(arguments)


def _written(arguments: Namespace) -> int:
    folder = Path(arguments.out or f"lethe-{arguments.target}")
    try:
        files = target(arguments.target).files(_deployment(arguments))
        changed = write(folder, files)
    except (Undeployable, FolderInUse) as error:
        raise CommandFailed(str(error)) from None
    except OSError as error:
        raise CommandFailed(f"cannot write to {folder}: {error.strerror}") from None
    if arguments.json:
        emit({"target": arguments.target, "folder": str(folder), "files": sorted(files), "changed": sorted(changed)})
    else:
        say(f"{folder}: {len(files)} files, {len(changed)} of them new or changed; next: {folder}/README.md")
    return 0


def _deployment(arguments: Namespace) -> Deployment:
    """Raises ConfigError, UsageFault, CommandFailed."""
    path = chosen_path(arguments)
    text, source = text_at(path), source_of(path)
    if text is None:
        text, source = STARTER, "the starter configuration"
    settings: Settings = parse_settings(text, source, embedded_available=False, today=datetime.now(UTC).date())
    servable_settings(settings, source)
    try:
        longest = seconds(arguments.max_stream)
    except ValueError as error:
        raise UsageFault(f"--max-stream {error}") from None
    on = platform(arguments.target)
    regions = [arguments.region] if arguments.region else []
    need = need_of(settings.plan, max_stream=longest, drain=on.drain, regions=regions)
    failed = [f"{f.check}: {f.change}" for f in examined(on, need) if f.verdict is Verdict.FAIL]
    if failed:
        raise CommandFailed(f"this does not fit {on.title}: {'; '.join(failed)} (lethe preflight {on.id} shows all)")
    made = deployment_of(settings, text, need, name=arguments.name, image=arguments.image, region=arguments.region)
    return replace(made, account=arguments.account)

"""Check the configuration: everything that is wrong, with its line and the nearest valid name; or what it says.

examples:
  lethe check
  lethe check --config lethe.toml
  lethe check --json
  lethe check --secrets                    get every secret and cloud identity once; 1 if one cannot be had
  lethe check --proofs                     ask every configured probe once, and show what it proves; 1 if one fails
  lethe check --host                       what this host enforces on workers, tried out, and the levels it can serve
"""

import os
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from lethe.cli import proofs
from lethe.cli.configured import add_config_option, chosen_path, configured, load, source_of
from lethe.cli.output import emit, say, table
from lethe.cli.treatment import last_day, review_of
from lethe.cli.trust import signing_state
from lethe.config.classes import chief
from lethe.config.settings import Settings
from lethe.config.values import address
from lethe.credentials.issued import state
from lethe.providers.rows import EMBEDDED
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.levels import admits
from lethe.routing.table import Target


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("--host", action="store_true", help="try what this host's kernel enforces on workers")
    parser.add_argument("--secrets", action="store_true", help="get every secret and cloud identity once")
    parser.add_argument("--proofs", action="store_true", help="ask every configured probe once")


def execute(arguments: Namespace) -> int:
    path = chosen_path(arguments)
    if arguments.host:
        return _check_host(arguments, path)
    if arguments.secrets:
        return _check_secrets(arguments, path)
    if arguments.proofs:
        return _check_proofs(arguments, path)
    report = described(load(path), source_of(path))
    if arguments.json:
        emit(report)
    else:
        say(readable(report))
    return 0


def _check_host(arguments: Namespace, path: Path | None) -> int:
    """Works without a configuration, too."""
    from lethe.cli import host  # starts a process; what checks a file only need not know how

    settings = configured(path)
    report = host.described(settings.plan if settings is not None else None)
    if arguments.json:
        emit(report)
    else:
        say(host.readable(report))
    return 0 if report["ok"] else 1


def _check_proofs(arguments: Namespace, path: Path | None) -> int:
    answers = proofs.ask(load(path))
    ok = all(answer["holds"] for answer in answers)
    if arguments.json:
        emit({"ok": ok, "proofs": answers})
    else:
        say(proofs.readable(answers))
    return 0 if ok else 1


def _check_secrets(arguments: Namespace, path: Path | None) -> int:
    from lethe.cli import secrets  # brings threads

    answers = secrets.ask(load(path))
    ok = all(answer["had"] for answer in answers)
    if arguments.json:
        emit({"ok": ok, "secrets": answers})
    else:
        say(secrets.readable(answers))
    return 0 if ok else 1


def described(settings: Settings, source: str) -> dict[str, Any]:
    """The settings for programs; no secret is in it, only whether there is one."""
    plan = settings.plan
    return {
        "ok": True,
        "source": source,
        "level": plan.level,
        "upstreams": [
            {
                "name": upstream.name,
                "dialect": upstream.dialect,
                "host": EMBEDDED if n == settings.embedded else address(upstream.base_url).host,
                "class": upstream.upstream_class.name,
                "why": settings.class_reasons[n],
                "register": _register(upstream),
                "accepted": admits(plan.level, upstream.upstream_class, plan.accept_classes),
                "credential": upstream.credential,
                "resolves": credential_state(upstream),
                "gateway": upstream.gateway,
                "gateway_resolves": state(upstream.gateway, os.environ) if upstream.gateway else "none",
                "models": upstream.models,
            }
            for n, upstream in enumerate(plan.upstreams)
        ],
        "routes": [
            {
                "model": route.model,
                "to": [named(target, settings) for target in route.to],
                "level": route.level,
                "losses": "allow" if route.allow_losses else "refuse",
            }
            for route in plan.routes
        ],
        "keys": [
            {
                "name": key.name,
                "level": key.level,
                "from": settings.key_secrets.get(n, "hash"),
                "resolves": state(settings.key_secrets[n], os.environ) if n in settings.key_secrets else "yes",
            }
            for n, key in enumerate(plan.keys)
        ],
        "proofs": proofs.configured(settings),
        "posture_key": settings.posture_key,
        "posture_key_resolves": signing_state(settings.posture_key, os.environ),
        "missing_files": _missing_files(settings),
        "notes": settings.notes,
    }


def _register(upstream: Upstream) -> dict[str, Any] | None:
    """The surface that answers, and how long its review counts."""
    surface = chief(upstream)
    if surface is None:
        return None
    return {
        "surface": surface.id,
        **review_of(surface, time.time()),
        "contract_ends": None if upstream.contract is None else last_day(upstream.contract.expires),
    }


def credential_state(upstream: Upstream) -> str:
    """`yes`, `no: why`, or what takes its place."""
    if upstream.auth is Auth.FORWARD:
        return "the caller's own"
    return state(upstream.credential, os.environ) if upstream.credential else "none"


def named(target: Target, settings: Settings) -> str:
    """`upstream`, or `upstream/model`."""
    name = settings.plan.upstreams[target.upstream].name
    return f"{name}/{target.model}" if target.model else name


def readable(report: dict[str, Any]) -> str:
    """The same for people."""
    upstreams = [
        (u["name"], u["dialect"], u["host"], u["class"], _credential(u), _review(u), u["why"])
        for u in report["upstreams"]
    ]
    routes = [(r["model"], ", ".join(r["to"]), r["level"] or "-", r["losses"]) for r in report["routes"]]
    keys = [(k["name"], k["level"] or "-", k["from"]) for k in report["keys"]]
    parts = [
        f"{report['source']}: ok, level {report['level']}",
        table(("upstream", "dialect", "host", "class", "credential", "review", "why this class"), upstreams),
    ]
    if report["proofs"]:
        parts.append(proofs.shown(report["proofs"]))
    if routes:
        parts.append(table(("route", "to", "level", "losses"), routes))
    parts.append(table(("key", "level", "from"), keys) if keys else "keys: none, so only this machine may call")
    notes = [f"note: {note}" for note in report["notes"]]
    notes += [f"note: {what} is not a file that can be read here" for what in report["missing_files"]]
    notes += [
        f"note: upstream {u['name']}: {u['gateway']}: {u['gateway_resolves']}"
        for u in report["upstreams"]
        if u["gateway_resolves"].startswith("no:")
    ]
    if report["posture_key_resolves"].startswith("no:"):
        notes.append(f"note: retention.posture_key: {report['posture_key']}: {report['posture_key_resolves']}")
    notes += [f"note: key {k['name']}: {k['from']}: {k['resolves']}" for k in report["keys"] if k["resolves"] != "yes"]
    return "\n\n".join(parts + (["\n".join(notes)] if notes else []))


def _review(upstream: dict[str, Any]) -> str:
    days = upstream["register"]["review_days_left"] if upstream["register"] else None
    return "none" if days is None else f"{days} days left" if days >= 0 else "over"


def _credential(upstream: dict[str, Any]) -> str:
    reference, resolves = upstream["credential"], upstream["resolves"]
    return f"{reference} ({resolves})" if reference else resolves


def _missing_files(settings: Settings) -> list[str]:
    """Settings that name a file which is not there, at least not here."""
    plan = settings.plan
    files = {"server.tls_cert": plan.tls_cert, "server.tls_key": plan.tls_key}
    files["retention.verification"] = settings.verification
    files["limits.store_ca_file"] = plan.limit_store.ca_file if plan.limit_store is not None else None
    files |= {f"upstreams.{upstream.name}.ca_file": upstream.ca_file for upstream in plan.upstreams}
    return [setting for setting, file in files.items() if file is not None and not _is_there(Path(file))]


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # its folder is closed to us
        return False

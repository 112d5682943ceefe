"""Show where a request goes and why: the rule that matched, the upstreams in order, what would be lost.

With --request the body is read, and translated where needed: losses are named by their paths, content is not shown.

examples:
  lethe explain claude-sonnet-4-5
  lethe explain gpt-5 --level A2
  lethe explain --request body.json --dialect anthropic
  lethe explain gpt-5 --request - < body.json
"""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from lethe.cli.check import named
from lethe.cli.configured import add_config_option, chosen_path, load
from lethe.cli.output import CommandFailed, UsageFault, emit, say, table
from lethe.config.check import refusal
from lethe.config.settings import Settings
from lethe.errors import CallerError, LetheError, UnknownModel
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.providers.upstream import PATHS, Upstream
from lethe.retention.levels import Level, admits, strictest
from lethe.routing.attempts import Attempt, Router, Routing


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("model", nargs="?", help="the model's name; default: the one in the request")
    parser.add_argument("--request", metavar="FILE", help="a request's body, as JSON; - reads it from stdin")
    parser.add_argument("--dialect", choices=[str(d) for d in PATHS], help="the caller's dialect (default: anthropic)")
    parser.add_argument("--level", choices=list(Level), help="what the caller asks for in x-lethe-level")


def execute(arguments: Namespace) -> int:
    settings = load(chosen_path(arguments))
    caller = Dialect(arguments.dialect or Dialect.ANTHROPIC)
    raw = None if arguments.request is None else _read(arguments.request, settings.plan.max_body)
    wished = Level(arguments.level) if arguments.level else None
    report = explained(settings, arguments.model, caller, raw, wished)
    if arguments.json:
        emit(report)
    else:
        say(readable(report))
    return 0 if report["ok"] else 1


def explained(
    settings: Settings, model: str | None, caller: Dialect, raw: bytes | None, wished: Level | None
) -> dict[str, Any]:
    """`ok`: at least one upstream would be asked. Raises CommandFailed, UsageFault."""
    try:
        body = None if raw is None else _body(raw, caller)
    except LetheError as error:
        raise CommandFailed(f"the request would be refused: {error.status} {error.code}: {error.message}") from None
    name = model or (body.get("model") if body is not None else None)
    if not isinstance(name, str) or not name:
        raise UsageFault("name a model, or give a request that has one")
    try:
        routing = Router(settings.plan.upstreams, settings.plan.routes).resolve(name)
    except UnknownModel as error:
        return {"ok": False, "model": name, "refused": error.message, "attempts": []}
    levels = [settings.plan.level] + [level for level in (routing.level, wished) if level is not None]
    level = strictest(levels)
    attempts = [_attempt(settings, attempt, caller, body, level, routing) for attempt in routing.attempts]
    return {
        "ok": any(attempt["verdict"] == "asked" for attempt in attempts),
        "model": name,
        "dialect": caller,
        "rule": _rule(settings, routing),
        "level": level,
        "losses_allowed": routing.allow_losses,
        "attempts": attempts,
    }


def readable(report: dict[str, Any]) -> str:
    """The same for people."""
    if "refused" in report:
        return f"{report['model']}: refused: {report['refused']}"
    rows = [
        (str(n), a["upstream"], a["model"], a["dialect"], a["way"], a["class"], a["verdict"])
        for n, a in enumerate(report["attempts"], 1)
    ]
    lines = [
        f"{report['model']}, asked in {report['dialect']}, at level {report['level']}: {report['rule']}",
        "",
        table(("", "upstream", "model", "dialect", "way", "class", "verdict"), rows),
    ]
    for n, attempt in enumerate(report["attempts"], 1):
        lines += [""] if attempt["losses"] else []
        lines += [f"{n}: {loss['severity']}: {loss['path']} ({loss['feature']})" for loss in attempt["losses"]]
    return "\n".join(lines)


def _rule(settings: Settings, routing: Routing) -> str:
    if routing.route is None:
        return f"no route matches; {routing.why}"
    route = settings.plan.routes[routing.route]
    return f'routes[{routing.route}], model = "{route.model}", to {", ".join(named(t, settings) for t in route.to)}'


def _attempt(
    settings: Settings,
    attempt: Attempt,
    caller: Dialect,
    body: dict[str, Any] | None,
    level: Level,
    routing: Routing,
) -> dict[str, Any]:
    upstream = settings.plan.upstreams[attempt.upstream]
    verdict, losses = "asked", Losses()
    if not admits(level, upstream.upstream_class, settings.plan.accept_classes):
        verdict = "refused: " + refusal(upstream, level)
    elif body is not None and upstream.dialect is not caller:
        verdict, losses = _translated(body, caller, upstream, attempt.model, allow_losses=routing.allow_losses)
    return {
        "upstream": upstream.name,
        "model": attempt.model,
        "dialect": upstream.dialect,
        "way": "pass-through" if upstream.dialect is caller else "translated",
        "class": upstream.upstream_class.name,
        "why": settings.class_reasons[attempt.upstream],
        "verdict": verdict,
        "losses": [{"path": loss.path, "feature": loss.feature, "severity": loss.severity} for loss in losses],
    }


def _translated(
    body: dict[str, Any], caller: Dialect, upstream: Upstream, model: str, *, allow_losses: bool
) -> tuple[str, Losses]:
    """The verdict, and what the translation could not carry."""
    from lethe import transcode
    from lethe.dialects.codec import CODECS
    from lethe.policies.fidelity import refuse_dropped

    losses = Losses()
    try:
        transcode.encode_request(CODECS[caller].decode_request(body), upstream, model, losses)
        losses = transcode.located(losses, caller, body)
        refuse_dropped(losses, allowed=allow_losses)
    except CallerError as error:
        return f"refused: {error.status} {error.code}", losses
    return "asked", losses


def _body(raw: bytes, caller: Dialect) -> dict[str, Any]:
    """The request as the server would read it. Raises LetheError."""
    from lethe.policies.state import refuse_threads
    from lethe.wire.rawjson import TopLevel

    body = TopLevel(raw)
    if caller is Dialect.ANTHROPIC:
        refuse_threads(body)
    return body.whole()


def _read(file: str, limit: int) -> bytes:
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(limit + 1)
        else:
            with Path(file).open("rb") as opened:
                raw = opened.read(limit + 1)
    except OSError as error:
        raise CommandFailed(f"the request cannot be read: {error.strerror}") from None
    if len(raw) > limit:
        raise CommandFailed(f"the request is larger than server.max_body, {limit} bytes")
    return raw

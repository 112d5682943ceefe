"""Show where a request goes and why: the rule that matched, the upstreams in order, what would be lost or refused.

Of each upstream it tells the class with its evidence and dates, as it is without any probe's word, and what the guard
does to a request at this level. With --request the body is read, judged, and translated where needed: losses and
refusals are named by their paths, content is not shown.

examples:
  lethe explain claude-sonnet-4-5
  lethe explain gpt-5 --level A2
  lethe explain gpt-5 --level B --field web_search_options
  lethe explain --request body.json --dialect anthropic
  lethe explain gpt-5 --request - < body.json
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from msgspec import Struct

from lethe.cli.check import named
from lethe.cli.configured import add_config_option, chosen_path, load
from lethe.cli.output import CommandFailed, UsageFault, emit, say, table
from lethe.cli.treatment import readable_rows, readable_standing, rows_at, standing_of, unknown_at
from lethe.config.check import refusal
from lethe.config.classes import chief, stands_at
from lethe.config.settings import Settings
from lethe.errors import CallerError, LetheError, RetentionRefused, UnknownModel
from lethe.ir.content import Dialect
from lethe.ir.loss import Losses
from lethe.policies.retention import class_refused, refuse_features, weakness
from lethe.providers.envelopes import CALLERS
from lethe.providers.upstream import Upstream
from lethe.retention.levels import Level, admits, strictest
from lethe.retention.standing import Standing
from lethe.routing.attempts import Attempt, Router, Routing
from lethe.wire.rawjson import TopLevel


def options(parser: ArgumentParser) -> None:
    add_config_option(parser)
    parser.add_argument("model", nargs="?", help="the model's name; default: the one in the request")
    parser.add_argument("--request", metavar="FILE", help="a request's body, as JSON; - reads it from stdin")
    parser.add_argument(
        "--dialect", choices=[str(d) for d in CALLERS], help="the caller's dialect (default: anthropic)"
    )
    parser.add_argument("--field", help="all that the register says of this field of a request")
    parser.add_argument(
        "--level", choices=[str(level) for level in Level], help="what the caller asks for in x-lethe-level"
    )


def execute(arguments: Namespace) -> int:
    settings = load(chosen_path(arguments))
    caller = Dialect(arguments.dialect or Dialect.ANTHROPIC)
    raw = None if arguments.request is None else _read(arguments.request, settings.plan.max_body)
    wished = Level(arguments.level) if arguments.level else None
    report = explained(settings, arguments.model, caller, raw, wished, arguments.field, now=time.time())
    if arguments.json:
        emit(report)
    else:
        say(readable(report))
    return 0 if report["ok"] else 1


def explained(  # noqa: PLR0913 - one argument an option
    settings: Settings,
    model: str | None,
    caller: Dialect,
    raw: bytes | None,
    wished: Level | None,
    field: str | None = None,
    *,
    now: float,
) -> dict[str, Any]:
    """`ok`: at least one upstream would be asked. `now` is Unix time. Raises CommandFailed, UsageFault."""
    try:
        body = None if raw is None else _body(raw, caller)
    except LetheError as error:
        raise CommandFailed(f"the request would be refused: {error.status} {error.code}: {error.message}") from None
    name = model or (body.value("model") if body is not None else None)
    if not isinstance(name, str) or not name:
        raise UsageFault("name a model, or give a request that has one")
    try:
        routing = Router(settings.plan.upstreams, settings.plan.routes).resolve(name)
    except UnknownModel as error:
        return {"ok": False, "model": name, "refused": error.message, "attempts": []}
    levels = [settings.plan.level] + [level for level in (routing.level, wished) if level is not None]
    level = strictest(levels)
    question = Question(settings, caller, body, level, routing, field, now)
    attempts = [_attempt(question, attempt) for attempt in routing.attempts]
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
        lines += ["", f"{n}: {attempt['upstream']}: " + "\n   ".join(readable_standing(attempt["standing"]))]
        lines += [f"   {loss['severity']}: {loss['path']} ({loss['feature']})" for loss in attempt["losses"]]
        lines += [f"   {line}" for line in readable_rows(attempt["guard"])]
        lines += [f"   {attempt['field']}"] if attempt["field"] else []
    return "\n".join(lines)


def _rule(settings: Settings, routing: Routing) -> str:
    if routing.route is None:
        return f"no route matches; {routing.why}"
    route = settings.plan.routes[routing.route]
    return f'routes[{routing.route}], model = "{route.model}", to {", ".join(named(t, settings) for t in route.to)}'


class Question(Struct, frozen=True):
    """All that is the same for every upstream."""

    settings: Settings
    caller: Dialect
    body: TopLevel | None
    level: Level
    routing: Routing
    field: str | None
    now: float


def _attempt(question: Question, attempt: Attempt) -> dict[str, Any]:
    upstream = question.settings.plan.upstreams[attempt.upstream]
    stands = stands_at(upstream, question.now, attempt.model)
    surface, accepted = chief(upstream), question.settings.plan.accept_classes
    verdict, losses = "asked", Losses()
    if not admits(question.level, stands.upstream_class, accepted):
        verdict = "refused: " + refusal(stands.upstream_class, question.level)
    elif question.body is not None:
        verdict, losses = _judged(question, attempt, upstream, stands)
    guard = rows_at(surface, question.level, attempt.model, question.field) if surface is not None else []
    said = ""
    if question.field is not None and surface is not None and not guard:
        unknown = question.settings.plan.refuse_unknown
        said = f"{question.field}: {unknown_at(surface, question.level, question.field, refuse_unknown=unknown)}"
    return {
        "upstream": upstream.name,
        "model": attempt.model,
        "dialect": upstream.dialect,
        "way": "pass-through" if upstream.dialect is question.caller else "translated",
        "class": stands.upstream_class.name,
        "why": stands.why,
        "verdict": verdict,
        "losses": [{"path": loss.path, "feature": loss.feature, "severity": loss.severity} for loss in losses],
        "standing": standing_of(upstream, attempt.model, question.now),
        "guard": guard,
        "field": said,
    }


def _judged(question: Question, attempt: Attempt, upstream: Upstream, stands: Standing) -> tuple[str, Losses]:
    """The verdict on the request as it would go out, and what the translation could not carry."""
    from lethe.retention.guard import Guard

    plan, losses, body = question.settings.plan, Losses(), question.body
    surface = chief(upstream)
    try:
        if upstream.dialect is not question.caller and body is not None:
            body = _translated(question, body.whole(), upstream, attempt.model, losses)
        if surface is not None and body is not None:
            verdict = Guard(surface).judge(
                body, question.level, attempt.model, refuse_unknown=plan.refuse_unknown, pseudonym=lambda name: name
            )
            refuse_features(question.level, upstream.name, verdict.refusals)
            weak = weakness(question.level, plan.accept_classes, stands, surface, attempt.model, verdict.used)
            if weak is not None:
                raise class_refused(question.level, plan.accept_classes, [(upstream.name, weak)])
    except RetentionRefused as error:
        return f"refused: {error.status} {error.code}: {', '.join(error.paths)}", losses
    except CallerError as error:
        return f"refused: {error.status} {error.code}", losses
    return "asked", losses


def _translated(question: Question, body: dict[str, Any], upstream: Upstream, model: str, losses: Losses) -> TopLevel:
    """The body for another dialect; what it cannot carry goes to `losses`. Raises CallerError."""
    from lethe import transcode
    from lethe.dialects.codec import CODECS
    from lethe.policies.fidelity import refuse_dropped
    from lethe.policies.state import refuse_state

    found, request = Losses(), CODECS[question.caller].decode_request({"model": model, **body})
    refuse_state(request)
    encoded = transcode.encode_request(request, upstream, model, found)
    losses += transcode.located(found, question.caller, body)
    refuse_dropped(losses, allowed=question.routing.allow_losses)
    return TopLevel(encoded.body)


def _body(raw: bytes, caller: Dialect) -> TopLevel:
    """The request as the server would read it. Raises LetheError."""
    from lethe.policies.state import refuse_threads

    body = TopLevel(raw)
    if caller is Dialect.ANTHROPIC:
        refuse_threads(body)
    return body


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

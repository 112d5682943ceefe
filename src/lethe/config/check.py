"""From the file's tables to settings: everything that depends on more than one value is checked here."""

from collections.abc import Collection, Sequence
from datetime import date

from lethe.config.classes import parse_class
from lethe.config.limits import quota, resolve_store
from lethe.config.plan import Plan
from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.proofs import resolve_proofs
from lethe.config.routes import check_scenarios, parse_level, resolve_keys, resolve_routes
from lethe.config.schema import File, RetentionTable, ServerTable
from lethe.config.settings import Settings
from lethe.config.upstreams import Resolved, read, resolve_upstream
from lethe.config.values import ValueFault, address, byte_size, local_reference
from lethe.providers.rows import EMBEDDED
from lethe.providers.upstream import Auth, Upstream
from lethe.retention.enforcement import ACCEPTABLE, Mechanism
from lethe.retention.levels import ACCEPTS, OPT_INS, Level, UpstreamClass, admits, strictest
from lethe.routing.table import Route

UNENFORCED: tuple[str, ...] = tuple(mechanism for mechanism in Mechanism if mechanism in ACCEPTABLE)
_UNKNOWN_FIELDS = ("allow", "refuse")  # at level C; elsewhere they are always refused
_LONGEST_HOLD = 3600.0  # seconds


def resolve(file: File, today: date, found: Findings, *, embedded_available: bool) -> Settings:
    """Settings as far as they can be made; usable only if `found` has no problems."""
    level, accepted = _retention(file.retention, found)
    if not file.upstreams:
        found.problem(("upstreams",), "no upstream is configured", "add a preset, for example [upstreams.anthropic]")
    resolved = [
        made
        for name, table in file.upstreams.items()
        if (made := resolve_upstream(name, table, today, found, embedded_available=embedded_available))
    ]
    upstreams = tuple(made.upstream for made in resolved)
    _regions(file.retention.regions, resolved, found)
    names = {upstream.name: n for n, upstream in enumerate(upstreams)}
    for name in file.upstreams.keys() - names.keys():  # has a problem of its own; what refers to it has none
        names[name] = 0
    routes = resolve_routes(file.routes, names, found)
    check_scenarios(file.scenarios, names, found)
    keys = resolve_keys(file.keys, found)
    probes = resolve_proofs(file.upstreams, upstreams, routes, found)
    _check_forwarded(upstreams, routes, found)
    _note_refused(level, accepted, upstreams, routes, {task.upstream for task in probes}, found)
    levels = {level, *(route.level for route in routes), *(key.level for key in keys.keys)}
    store = resolve_store(file.limits, levels, found)
    plan = Plan(
        level=level,
        accept_classes=accepted,
        accept_unenforced=file.retention.accept_unenforced,
        refuse_unknown=file.retention.unknown_fields == "refuse",
        max_body=_server(file.server, found),
        upstreams=upstreams,
        routes=routes,
        keys=keys.keys,
        limits=quota(file.limits, ("limits",), found),
        limit_store=store,
        status_hold=file.server.status_hold,
        heartbeat=file.server.heartbeat,
        tls_cert=file.server.tls_cert,
        tls_key=file.server.tls_key,
    )
    posture_key = read(local_reference, file.retention.posture_key, ("retention", "posture_key"), found)
    references = [each for upstream in upstreams for each in upstream.secrets] + list(keys.secrets.values())
    references += [store.password] if store is not None and store.password is not None else []
    return Settings(
        plan=plan,
        secrets=tuple(dict.fromkeys(references)),
        key_secrets=keys.secrets,
        probes=probes,
        embedded=next((n for n, upstream in enumerate(upstreams) if upstream.name == EMBEDDED), None),
        posture_key=posture_key,
        verification=file.retention.verification,
        class_reasons=tuple(made.why for made in resolved),
        notes=tuple(found.notes),
    )


def _retention(table: RetentionTable, found: Findings) -> tuple[Level, tuple[UpstreamClass, ...]]:
    level = parse_level(table.level, ("retention", "level"), found) or Level.C
    accepted = []
    for n, name in enumerate(table.accept_classes):
        path: ConfigPath = ("retention", "accept_classes", n)
        parsed = parse_class(name, path, found)
        if parsed is not None and parsed not in OPT_INS.values():
            found.problem(path, "cannot be opted in", "U5 at A2, U6 at B")
        elif parsed is not None:
            accepted.append(parsed)
            _check_opt_in(level, parsed, path, found)
    if table.unknown_fields not in _UNKNOWN_FIELDS:
        found.problem(
            ("retention", "unknown_fields"), "must be allow or refuse", choice(table.unknown_fields, _UNKNOWN_FIELDS)
        )
    for n, name in enumerate(table.accept_unenforced):
        if name not in UNENFORCED:
            wrong = "cannot be accepted" if name in tuple(Mechanism) else "is not a mechanism"
            found.problem(("retention", "accept_unenforced", n), wrong, choice(name, UNENFORCED))
    return level, tuple(accepted)


def _check_opt_in(level: Level, kept: UpstreamClass, path: ConfigPath, found: Findings) -> None:
    """A class is accepted at one level, which must not be looser than all that will ever bind."""
    at = next(each for each, opted in OPT_INS.items() if opted is kept)
    if level is not at and strictest([level, at]) is level:
        found.problem(path, f"is accepted at level {at}, and level {level} is stricter", "leave it out")


def _server(table: ServerTable, found: Findings) -> int:
    """Returns the largest body, in bytes."""
    for name, other in (("tls_cert", "tls_key"), ("tls_key", "tls_cert")):
        if getattr(table, name) is None and getattr(table, other) is not None:
            found.problem(("server", name), "is missing", f"{other} needs it")
    for name in ("status_hold", "heartbeat"):
        if not 0 < getattr(table, name) <= _LONGEST_HOLD:
            found.problem(("server", name), f"must be more than 0 and at most {_LONGEST_HOLD:.0f} seconds")
    try:
        return byte_size(table.max_body)
    except ValueFault as fault:
        found.problem(("server", "max_body"), fault.problem, fault.hint)
        return 0


def _regions(regions: Sequence[str], resolved: Sequence[Resolved], found: Findings) -> None:
    """Data residency: where the file names regions, an upstream elsewhere is a mistake, and one nowhere too."""
    if not regions:
        return
    for made in resolved:
        path: ConfigPath = ("upstreams", made.upstream.name, "region")
        if made.region is None and not made.here:
            found.problem(path, "is missing, and retention.regions is set", "say where the upstream is")
        elif made.region is not None and made.region not in regions:
            found.problem(path, "is not one of retention.regions")


def _check_forwarded(upstreams: Sequence[Upstream], routes: Sequence[Route], found: Findings) -> None:
    """A caller's own credential is meant for one vendor: a route must not carry it on to another."""
    for n, route in enumerate(routes):
        targets = [upstreams[target.upstream] for target in route.to if target.upstream < len(upstreams)]
        vendors = {each.provider or address(each.base_url).host for each in targets if each.auth is Auth.FORWARD}
        if len(vendors) > 1:
            found.problem(("routes", n, "to"), "would carry a caller's own key to more than one vendor")


def _note_refused(
    level: Level,
    accepted: Sequence[UpstreamClass],
    upstreams: Sequence[Upstream],
    routes: Sequence[Route],
    asked: Collection[str],
    found: Findings,
) -> None:
    """Upstreams that a level can never accept are allowed, and worth knowing of."""
    for upstream in upstreams:
        if not admits(level, upstream.upstream_class, accepted):
            found.note(("upstreams", upstream.name), _refused(upstream, level, asked))
    for n, route in enumerate(routes):
        binding = strictest([level, route.level or level])
        if binding is level:
            continue
        for i, target in enumerate(route.to):
            if target.upstream < len(upstreams) and not admits(
                binding, upstreams[target.upstream].upstream_class, accepted
            ):
                found.note(("routes", n, "to", i), _refused(upstreams[target.upstream], binding, asked))


def _refused(upstream: Upstream, level: Level, asked: Collection[str]) -> str:
    return refusal(upstream.upstream_class, level) + (", until its proof holds" if upstream.name in asked else "")


def refusal(kept: UpstreamClass, level: Level) -> str:
    """Why this level does not ask an upstream of this class."""
    limit = ACCEPTS[level].name
    return f"class {kept.name} is refused at level {level}, which accepts up to {limit}"

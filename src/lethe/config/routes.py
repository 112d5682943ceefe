"""Routes, scenarios and callers' keys: names resolved to indices, secrets to references."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from lethe.config.limits import quota
from lethe.config.plan import ClientKey
from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.schema import KeyTable, RouteTable, ScenariosTable
from lethe.config.upstreams import is_name, read
from lethe.config.values import key_digest, secret_reference
from lethe.retention.levels import Level
from lethe.routing.table import Route, Target

_LOSSES = {"refuse": False, "allow": True}


class Keys(Struct, frozen=True, kw_only=True):
    """`secrets` maps a key's index to the reference of its secret; its digest is empty until that is resolved."""

    keys: tuple[ClientKey, ...]
    secrets: dict[int, str]


def parse_level(value: str | None, path: ConfigPath, found: Findings) -> Level | None:
    if value is None:
        return None
    if value in Level.__members__:
        return Level[value]
    found.problem(path, "is not a retention level", choice(value, Level.__members__))
    return None


def parse_target(value: str, names: Mapping[str, int], path: ConfigPath, found: Findings) -> Target | None:
    """`upstream`, or `upstream/model`; a model's name may hold slashes and colons."""
    upstream, slash, model = value.partition("/")
    if upstream not in names:
        hint = choice(upstream, names) if names else "configure one under [upstreams.NAME]"
        found.problem(path, "names no configured upstream", hint)
        return None
    if slash and not model:
        found.problem(path, "has no model after the slash")
        return None
    return Target(names[upstream], model or None)


def resolve_routes(tables: Sequence[RouteTable], names: Mapping[str, int], found: Findings) -> tuple[Route, ...]:
    """`names`: upstream -> index in the plan."""
    routes = []
    earlier: dict[str, int] = {}
    for n, table in enumerate(tables):
        path: ConfigPath = ("routes", n)
        if not table.model:
            found.problem((*path, "model"), "is missing", 'a name or a glob, for example "claude-*"')
        if not table.to:
            found.problem((*path, "to"), "is missing", "a list of upstreams, in order of preference")
        if table.losses not in _LOSSES:
            found.problem((*path, "losses"), "must be refuse or allow", choice(table.losses, _LOSSES))
        targets = [parse_target(to, names, (*path, "to", i), found) for i, to in enumerate(table.to)]
        _note_shadow(table.model or "", n, earlier, found)
        routes.append(
            Route(
                model=table.model or "",
                to=tuple(target for target in targets if target is not None),
                level=parse_level(table.level, (*path, "level"), found),
                allow_losses=_LOSSES.get(table.losses, False),
            )
        )
    return tuple(routes)


def _note_shadow(model: str, n: int, earlier: dict[str, int], found: Findings) -> None:
    first = earlier.get(model, earlier.get("*"))
    if first is not None:
        found.note(("routes", n), f"never matches: routes[{first}] comes first")
    earlier.setdefault(model, n)


def check_scenarios(table: ScenariosTable, names: Mapping[str, int], found: Findings) -> None:
    """They are checked, and take effect with a later version."""
    used = False
    for name in ScenariosTable.__struct_fields__:
        target = getattr(table, name)
        if target is not None:
            used = True
            parse_target(target, names, ("scenarios", name), found)
    if used:
        found.note(("scenarios",), "checked, and without effect in this version")


def resolve_keys(tables: Sequence[KeyTable], found: Findings) -> Keys:
    """Callers' keys: by hash, or by reference to the key itself."""
    keys, secrets = [], {}
    names: set[str] = set()
    for n, table in enumerate(tables):
        path: ConfigPath = ("keys", n)
        name = table.name or ""
        if not name:
            found.problem((*path, "name"), "is missing")
        elif not is_name(name):
            found.problem((*path, "name"), "must be letters, digits, dots, dashes and underscores, 64 at most")
        elif name in names:
            found.problem((*path, "name"), "is used by an earlier key")
        names.add(name)
        if table.hash is not None and table.key is not None:
            found.problem(path, "has both hash and key", "leave out one of the two")
        if table.hash is None and table.key is None:
            found.problem((*path, "hash"), "is missing", "make one with: lethe keys new")
        digest = read(key_digest, table.hash, (*path, "hash"), found)
        reference = read(secret_reference, table.key, (*path, "key"), found)
        if reference is not None:
            secrets[n] = reference
        keys.append(
            ClientKey(
                name=name,
                digest=digest or b"",
                level=parse_level(table.level, (*path, "level"), found),
                limits=None if table.limits is None else quota(table.limits, (*path, "limits"), found),
            )
        )
    _check_repeated(keys, found)
    return Keys(keys=tuple(keys), secrets=secrets)


def _check_repeated(keys: Sequence[ClientKey], found: Findings) -> None:
    """One key under two names would always be counted as the last of them."""
    seen: set[bytes] = set()
    for n, key in enumerate(keys):
        if key.digest and key.digest in seen:
            found.problem(("keys", n, "hash"), "is that of an earlier key")
        seen.add(key.digest)

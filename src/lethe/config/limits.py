"""[limits], and `limits` of a key: how much may be asked for, and where it is counted."""

from collections.abc import Collection
from urllib.parse import urlsplit

from lethe.config.plan import LimitStore
from lethe.config.problems import ConfigPath, Findings, choice
from lethe.config.schema import LimitsTable, QuotaTable
from lethe.config.upstreams import read
from lethe.config.values import Address, ValueFault, address, secret_reference
from lethe.policies.limits import Limits
from lethe.retention.levels import Level

_MOST = 10**12
_PORTS = {"redis": 6379, "rediss": 6379}
_FAILING = {"open": True, "closed": False}


def quota(table: QuotaTable, path: ConfigPath, found: Findings) -> Limits:
    """The limits that a table names."""
    named = {name: getattr(table, name) for name in Limits.__struct_fields__}
    for name, value in named.items():
        if value is not None and not 1 <= value <= _MOST:
            found.problem((*path, name), "must be a whole number of at least 1", "leave it out for no limit")
    return Limits(**named)


def resolve_store(table: LimitsTable, levels: Collection[Level | None], found: Findings) -> LimitStore | None:
    """Where instances count together; None: each worker for itself. `levels` are all that are configured."""
    path: ConfigPath = ("limits",)
    if table.when_store_fails not in _FAILING:
        found.problem((*path, "when_store_fails"), "must be open or closed", choice(table.when_store_fails, _FAILING))
    password = read(secret_reference, table.store_password, (*path, "store_password"), found)
    place = read(_store, table.store, (*path, "store"), found)
    if table.store is None:
        for name in ("store_user", "store_password", "store_ca_file"):
            if getattr(table, name) is not None:
                found.problem((*path, name), "is not used without a store", "name it: store = redis://host:6379/0")
    if place is None:
        return None
    if Level.A1 in levels:
        found.problem((*path, "store"), "hears of each request, and at A1 nobody does", "without it workers count")
    if not (place.secure or place.private):
        found.note((*path, "store"), "is plain redis:// to another host: counts travel unencrypted")
    return _made(place, table, password)


def _made(place: Address, table: LimitsTable, password: str | None) -> LimitStore:
    unix = place.url.startswith("unix:")
    scheme = place.url.partition(":")[0]
    return LimitStore(
        host="" if unix else place.host,
        port=0 if unix else urlsplit(place.url).port or _PORTS[scheme],
        tls=scheme == "rediss",
        socket=place.host.removeprefix("unix:") if unix else None,
        database=int(place.path.strip("/") or 0),
        user=table.store_user,
        password=password,
        ca_file=table.store_ca_file,
        fail_open=_FAILING.get(table.when_store_fails, True),
    )


def _store(value: str) -> Address:
    """Raises ValueFault."""
    place = address(value, ("redis", "rediss", "unix"), "write them as store_user, and store_password by reference")
    if not (place.path.strip("/") or "0").isdecimal():
        raise ValueFault("must end in the number of a database", "for example redis://127.0.0.1:6379/0")
    return place

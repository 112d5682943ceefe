"""The configuration file as typed tables. Names here are the names in the file.

Every field has a default: what is required is checked with the rest (`config.check`), so that all problems show at
once.
"""

from datetime import date
from typing import Any

from msgspec import Struct, field


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file; an unknown key is an error."""


class RetentionTable(Table, frozen=True, kw_only=True):
    """[retention]"""

    level: str = "C"
    accept_unenforced: tuple[str, ...] = ()
    accept_classes: tuple[str, ...] = ()
    unknown_fields: str = "allow"
    regions: tuple[str, ...] = ()
    posture_key: str | None = None
    verification: str | None = None


class ServerTable(Table, frozen=True, kw_only=True):
    """[server]; `max_body` in bytes or as text with a unit; times in seconds."""

    max_body: int | str = 32 * 1024 * 1024
    tls_cert: str | None = None
    tls_key: str | None = None
    status_hold: float = 15.0
    heartbeat: float = 15.0


class ContractTable(Table, frozen=True, kw_only=True):
    """[upstreams.X.contract]: what was signed with the vendor."""

    kind: str | None = None
    signed: date | None = None
    expires: date | None = None
    document: str | None = None


class ProofTable(Table, frozen=True, kw_only=True):
    """[upstreams.X.proof]: what the vendor is asked about what it keeps; `every` in seconds."""

    key: str | None = None
    target: str | None = None
    base_url: str | None = None
    every: float | None = None


class UpstreamTable(Table, frozen=True, kw_only=True):
    """[upstreams.X]; times in seconds."""

    provider: str | None = None
    dialect: str | None = None
    base_url: str | None = None
    api_key: str | None = None
    auth: str | None = None
    models: tuple[str, ...] | None = None
    class_: str | None = field(name="class", default=None)
    reason: str | None = None
    contract: ContractTable | None = None
    proof: ProofTable | None = None
    region: str | None = None
    project: str | None = None
    account: str | None = None
    gateway: str | None = None
    gateway_key: str | None = None
    api_version: str | None = None
    only: tuple[str, ...] | None = None
    proxy: str | None = None
    ca_file: str | None = None
    connect: float | None = None
    first_byte: float | None = None
    idle: float | None = None


class RouteTable(Table, frozen=True, kw_only=True):
    """[[routes]]"""

    model: str | None = None
    to: tuple[str, ...] = ()
    level: str | None = None
    losses: str = "refuse"


class QuotaTable(Table, frozen=True, kw_only=True):
    """limits of a key"""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None


class LimitsTable(QuotaTable, frozen=True, kw_only=True):
    """[limits]: for keys without limits of their own, and where all are counted."""

    store: str | None = None
    store_user: str | None = None
    store_password: str | None = None
    store_ca_file: str | None = None
    when_store_fails: str = "open"


class KeyTable(Table, frozen=True, kw_only=True):
    """[[keys]]"""

    name: str | None = None
    hash: str | None = None
    key: str | None = None
    level: str | None = None
    limits: QuotaTable | None = None


class ScenariosTable(Table, frozen=True, kw_only=True):
    """[scenarios]: upstream, or upstream/model, by what a request is for."""

    default: str | None = None
    background: str | None = None
    think: str | None = None
    plan: str | None = None
    long_context: str | None = None
    web_search: str | None = None
    image: str | None = None


class File(Table, frozen=True, kw_only=True):
    """lethe.toml"""

    retention: RetentionTable = RetentionTable()
    server: ServerTable = ServerTable()
    upstreams: dict[str, UpstreamTable] = {}
    routes: tuple[RouteTable, ...] = ()
    keys: tuple[KeyTable, ...] = ()
    limits: LimitsTable = LimitsTable()
    scenarios: ScenariosTable = ScenariosTable()


RawTable = dict[str, Any]  # as tomllib reads it

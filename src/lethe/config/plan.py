"""What a worker runs: the checked configuration, resolved and without secrets, as one message."""

from msgspec import Struct

from lethe.policies.limits import Limits
from lethe.providers.upstream import Upstream
from lethe.retention.levels import Level, UpstreamClass
from lethe.routing.table import Route


class ClientKey(Struct, frozen=True, kw_only=True):
    """A caller's key, by the SHA-256 of its text."""

    name: str
    digest: bytes
    level: Level | None = None
    limits: Limits | None = None  # None: those of everybody


class LimitStore(Struct, frozen=True, kw_only=True):
    """A Redis or Valkey in which instances count together. `password` is a secret's reference; `socket` is a path."""

    host: str
    port: int
    tls: bool = False
    socket: str | None = None
    database: int = 0
    user: str | None = None
    password: str | None = None
    ca_file: str | None = None
    fail_open: bool = True  # let requests in while it does not answer


class Plan(Struct, frozen=True, kw_only=True):
    """Indices into `upstreams`, `routes` and `keys` are what events carry in place of names."""

    level: Level
    accept_classes: tuple[UpstreamClass, ...] = ()
    accept_unenforced: tuple[str, ...] = ()
    refuse_unknown: bool = False  # at level C too; elsewhere it always is
    max_body: int = 32 * 1024 * 1024
    upstreams: tuple[Upstream, ...]
    routes: tuple[Route, ...] = ()
    keys: tuple[ClientKey, ...] = ()
    limits: Limits = Limits()
    limit_store: LimitStore | None = None
    status_hold: float = 15.0
    heartbeat: float = 15.0
    drain: float = 10.0
    tls_cert: str | None = None
    tls_key: str | None = None

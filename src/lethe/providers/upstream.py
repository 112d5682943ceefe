"""An upstream as the data plane sees it: checked, resolved, without secrets."""

from enum import StrEnum

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.counting import COUNTING, Counting
from lethe.providers.envelopes import PLAIN, Endpoint, Envelope
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Declared
from lethe.retention.surface import Surface


class Auth(StrEnum):
    """How a credential is presented."""

    X_API_KEY = "x-api-key"
    BEARER = "bearer"
    API_KEY = "api-key"  # Azure
    GOOG_API_KEY = "x-goog-api-key"
    CLOUDFLARE = "cf-aig"  # the gateway's own token, beside or in place of a provider's key
    AWS = "aws"  # each request is signed with the account's short-lived keys
    GOOGLE = "google"  # a bearer token of the workload's own identity
    AZURE = "azure"  # likewise
    FORWARD = "forward"  # the caller's own credential goes upstream
    NONE = "none"


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds. There is no total: an answer may take as long as it keeps coming."""

    connect: float = 10.0
    first_byte: float = 600.0
    idle: float = 300.0


class Upstream(Struct, frozen=True, kw_only=True):
    """`base_url` is as the vendor's SDK takes it, without a trailing slash; `models` are globs that it serves.

    `upstream_class` is the class without any probe's word; `surfaces` are what the register knows of it.
    """

    name: str
    provider: str = ""  # the preset's name, for its quirks
    dialect: Dialect
    base_url: str
    auth: Auth
    upstream_class: UpstreamClass
    models: tuple[str, ...] = ()
    credential: str | None = None  # a secret's reference, resolved by the broker
    timeouts: Timeouts = Timeouts()
    surfaces: tuple[Surface, ...] = ()
    contract: Contract | None = None
    declared: Declared | None = None
    ca_file: str | None = None
    proxy: str | None = None
    region: str | None = None  # of the provider's: where it is asked, and what its requests are signed for
    envelope: Envelope | None = None  # None: the dialect's own
    gateway: str | None = None  # the reference of a second secret, for a gateway in front of the provider

    @property
    def secrets(self) -> tuple[str, ...]:
        """References of all that it presents."""
        return tuple(reference for reference in (self.credential, self.gateway) if reference is not None)

    @property
    def served(self) -> Envelope:
        """How its dialect is served here."""
        return self.envelope or PLAIN[self.dialect]

    @property
    def counting(self) -> Counting | None:
        """How it is asked to count tokens; None if it does not."""
        if Endpoint.COUNT_TOKENS not in self.served.paths:
            return None
        return self.served.counting or COUNTING.get(self.dialect)

    def asked_in(self, endpoint: Endpoint) -> Dialect:
        """The dialect of a body for this endpoint."""
        counting = self.counting if endpoint is Endpoint.COUNT_TOKENS else None
        return self.dialect if counting is None else counting.dialect or self.dialect

"""An upstream as the data plane sees it: checked, resolved, without secrets."""

from enum import StrEnum

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.retention.levels import UpstreamClass
from lethe.retention.standing import Contract, Declared
from lethe.retention.surface import Surface


class Auth(StrEnum):
    """How a credential is presented."""

    X_API_KEY = "x-api-key"
    BEARER = "bearer"
    FORWARD = "forward"  # the caller's own credential goes upstream
    NONE = "none"


class Endpoint(StrEnum):
    """What a caller asks for; the value is its name in events and metrics."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    RESPONSES = "responses"


PATHS: dict[Dialect, dict[Endpoint, str]] = {
    Dialect.ANTHROPIC: {
        Endpoint.MESSAGES: "/v1/messages",
        Endpoint.COUNT_TOKENS: "/v1/messages/count_tokens",
        Endpoint.MODELS: "/v1/models",
    },
    Dialect.OPENAI_CHAT: {
        Endpoint.CHAT: "/chat/completions",
        Endpoint.EMBEDDINGS: "/embeddings",
        Endpoint.MODELS: "/models",
    },
    Dialect.OPENAI_RESPONSES: {
        Endpoint.RESPONSES: "/responses",
        Endpoint.MODELS: "/models",
    },
}


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

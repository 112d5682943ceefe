"""What is fixed about putting what is asked at one endpoint to one upstream: worked out once, not for every request."""

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.counting import Counting
from lethe.providers.envelopes import COMPLETION, Endpoint, Envelope
from lethe.providers.upstream import Auth, Upstream
from lethe.server.headers import BETA, REQUEST

COMPLETIONS = frozenset(COMPLETION.values())


class Lane(Struct, frozen=True, kw_only=True):
    """`endpoint` is the upstream's; `speaks` is in whose words it is asked and answers, `passes` if those are the
    caller's own. `allowed` are the caller's headers that go along. `versioned` is Anthropic's API as Anthropic has it,
    with its version in a header and its query.
    """

    upstream: Upstream
    served: Envelope
    endpoint: Endpoint
    speaks: Dialect
    passes: bool
    counting: Counting | None  # where tokens are counted
    allowed: frozenset[bytes]
    betas: bytes | None  # the header of the caller's beta tokens
    versioned: bool
    forwards: bool  # the caller's own credential
    signs: bool  # the whole request

    @property
    def serves(self) -> bool:
        """Is what passes served at all? Only what a model answers, and counts, can be asked otherwise."""
        return self.passes and self.endpoint in self.served.paths


def lane(upstream: Upstream, endpoint: Endpoint, caller: Dialect) -> Lane:
    """From a caller's endpoint and dialect. Embeddings have one form, whatever else an upstream speaks."""
    served = upstream.served
    speaks = caller if endpoint is Endpoint.EMBEDDINGS else upstream.asked_in(endpoint)
    versioned = upstream.dialect is Dialect.ANTHROPIC and not served.versioned
    return Lane(
        upstream=upstream,
        served=served,
        endpoint=COMPLETION[upstream.dialect] if endpoint in COMPLETIONS else endpoint,
        speaks=speaks,
        passes=speaks is caller,
        counting=upstream.counting if endpoint is Endpoint.COUNT_TOKENS else None,
        allowed=frozenset() if speaks is not caller or served.versioned else REQUEST.get(upstream.dialect, frozenset()),
        betas=BETA.get(caller),
        versioned=versioned,
        forwards=upstream.auth is Auth.FORWARD,
        signs=upstream.auth is Auth.AWS,
    )

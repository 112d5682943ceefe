"""How a dialect is wrapped where it is served: paths, what leaves or enters the body, how a stream is framed.

A dialect's own vendor serves it plainly; clouds serve others' dialects in envelopes of their own, a row each.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.counting import Counting
from lethe.wire.framing import Framing

MODEL = "{model}"  # in a path: the model's name, percent-encoded


class Endpoint(StrEnum):
    """What a caller asks for; the value is its name in events and metrics."""

    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    MODELS = "models"
    RESPONSES = "responses"
    GENERATE = "generate"
    CONVERSE = "converse"


# The endpoint at which a model answers, by dialect.
COMPLETION: Mapping[Dialect, Endpoint] = {
    Dialect.ANTHROPIC: Endpoint.MESSAGES,
    Dialect.OPENAI_CHAT: Endpoint.CHAT,
    Dialect.OPENAI_RESPONSES: Endpoint.RESPONSES,
    Dialect.GEMINI: Endpoint.GENERATE,
    Dialect.CONVERSE: Endpoint.CONVERSE,
}


# In whose dialects Lethe itself is asked.
CALLERS: tuple[Dialect, ...] = (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES)


class Envelope(Struct, frozen=True, kw_only=True):
    """`paths` follow the base URL and may end in a query; `streams` are those that differ for streams.

    `removed` are top-level fields that stand elsewhere, `added` such that every body has, `betas` the field that holds
    beta tokens in place of the header. `registered` are the register's names of endpoints that it tells apart.
    """

    paths: dict[Endpoint, str]
    streams: dict[Endpoint, str] = {}
    removed: frozenset[str] = frozenset()
    added: dict[str, Any] = {}
    betas: str | None = None
    framing: Framing = Framing.SSE
    errors: Dialect  # in whose words errors are told
    registered: dict[Endpoint, str] = {}
    counting: Counting | None = None  # where it counts otherwise than the dialect's own vendor

    def path(self, endpoint: Endpoint, model: str, *, stream: bool) -> str:
        """The path for a request. Raises KeyError where the endpoint is not served."""
        path = self.streams.get(endpoint) if stream else None
        path = path or self.paths[endpoint]
        return path.replace(MODEL, quote(model, safe="")) if MODEL in path else path

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those that carry content."""
        return tuple(endpoint for endpoint in self.paths if endpoint is not Endpoint.MODELS)

    def surface(self, endpoint: Endpoint) -> str:
        """The endpoint's name in the register."""
        return self.registered.get(endpoint, endpoint.value)


PLAIN: Mapping[Dialect, Envelope] = {
    Dialect.ANTHROPIC: Envelope(
        paths={
            Endpoint.MESSAGES: "/v1/messages",
            Endpoint.COUNT_TOKENS: "/v1/messages/count_tokens",
            Endpoint.MODELS: "/v1/models",
        },
        errors=Dialect.ANTHROPIC,
    ),
    Dialect.OPENAI_CHAT: Envelope(
        paths={
            Endpoint.CHAT: "/chat/completions",
            Endpoint.EMBEDDINGS: "/embeddings",
            Endpoint.MODELS: "/models",
        },
        errors=Dialect.OPENAI_CHAT,
    ),
    Dialect.OPENAI_RESPONSES: Envelope(
        paths={
            Endpoint.RESPONSES: "/responses",
            Endpoint.COUNT_TOKENS: "/responses/input_tokens",
            Endpoint.MODELS: "/models",
        },
        errors=Dialect.OPENAI_RESPONSES,
    ),
    # google-genai 3.6.1, `_generate_content` and `_generate_content_stream`
    Dialect.GEMINI: Envelope(
        paths={
            Endpoint.GENERATE: "/v1beta/models/{model}:generateContent",
            Endpoint.COUNT_TOKENS: "/v1beta/models/{model}:countTokens",
            Endpoint.MODELS: "/v1beta/models",
        },
        streams={Endpoint.GENERATE: "/v1beta/models/{model}:streamGenerateContent?alt=sse"},
        removed=frozenset({"model", "stream"}),
        errors=Dialect.GEMINI,
    ),
    # botocore 1.44.8, bedrock-runtime 2023-09-30
    Dialect.CONVERSE: Envelope(
        paths={Endpoint.CONVERSE: "/model/{model}/converse"},
        streams={Endpoint.CONVERSE: "/model/{model}/converse-stream"},
        removed=frozenset({"model", "stream"}),
        framing=Framing.EVENT_STREAM,
        errors=Dialect.CONVERSE,
    ),
}

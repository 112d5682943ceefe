"""How a dialect is wrapped where it is served: paths, what leaves or enters the body, how a stream is framed.

A dialect's own vendor serves it plainly; clouds serve others' dialects in envelopes of their own, a row each.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect
from lethe.providers import counting
from lethe.providers.counting import Counting
from lethe.wire.framing import Framing

MODEL = "{model}"  # in a path: the model's name, percent-encoded
API_VERSION = "{api_version}"  # in a path: as the configuration says, filled in once
_DOTS = frozenset({".", ".."})
_SEGMENTS = re.compile(r"[/\\]")


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
CALLERS: tuple[Dialect, ...] = (Dialect.ANTHROPIC, Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES, Dialect.GEMINI)


class Envelope(Struct, frozen=True, kw_only=True):
    """`paths` follow the base URL and may end in a query; `streams` are those that differ for streams.

    `removed` are top-level fields that stand elsewhere, but for the endpoints in `whole`; `added` such that every body
    has, `betas` the field that holds beta tokens in place of the header. `registered` are the register's names of
    endpoints that it tells apart.
    """

    paths: dict[Endpoint, str]
    streams: dict[Endpoint, str] = {}
    removed: frozenset[str] = frozenset()
    whole: frozenset[Endpoint] = frozenset()
    added: dict[str, Any] = {}
    betas: str | None = None
    framing: Framing = Framing.SSE
    errors: Dialect  # in whose words errors are told
    registered: dict[Endpoint, str] = {}
    counting: Counting | None = None  # where it counts otherwise than the dialect's own vendor

    def path(self, endpoint: Endpoint, model: str, *, stream: bool) -> str:
        """The path for a request. Raises KeyError where it is not served, InvalidRequest for a model that is a step."""
        path = self.streams.get(endpoint) if stream else None
        path = path or self.paths[endpoint]
        if MODEL not in path:
            return path
        if "%" in model or not _DOTS.isdisjoint(_SEGMENTS.split(model)):  # some servers resolve encoded ones
            raise InvalidRequest("$.model", "is no name of a model")
        return path.replace(MODEL, quote(model, safe="@"))

    def leaves_out(self, endpoint: Endpoint) -> frozenset[str]:
        """Top-level fields that a body for this endpoint does not have."""
        return frozenset() if endpoint in self.whole else self.removed

    @property
    def versioned(self) -> bool:
        """Does a body say the version of Anthropic's API, in place of a header?"""
        return "anthropic_version" in self.added

    @property
    def dated(self) -> bool:
        """Does it need a version of the API?"""
        return any(API_VERSION in path for path in self.paths.values())

    def at_version(self, version: str) -> "Envelope":
        """With that version of the API in its paths."""
        paths = {endpoint: path.replace(API_VERSION, version) for endpoint, path in self.paths.items()}
        return replace(self, paths=paths)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those that carry content."""
        return tuple(endpoint for endpoint in self.paths if endpoint is not Endpoint.MODELS)

    def surface(self, endpoint: Endpoint) -> str:
        """The endpoint's name in the register."""
        return self.registered.get(endpoint, endpoint.value)


IN_PATH = frozenset({"model", "stream"})
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
            Endpoint.EMBEDDINGS: "/embeddings",
            Endpoint.MODELS: "/models",
        },
        errors=Dialect.OPENAI_RESPONSES,
        registered={Endpoint.COUNT_TOKENS: "input_tokens"},
    ),
    # google-genai 3.6.1, `_generate_content` and `_generate_content_stream`
    Dialect.GEMINI: Envelope(
        paths={
            Endpoint.GENERATE: "/v1beta/models/{model}:generateContent",
            Endpoint.COUNT_TOKENS: "/v1beta/models/{model}:countTokens",
            Endpoint.MODELS: "/v1beta/models",
        },
        streams={Endpoint.GENERATE: "/v1beta/models/{model}:streamGenerateContent?alt=sse"},
        removed=IN_PATH,
        errors=Dialect.GEMINI,
        registered={Endpoint.COUNT_TOKENS: "generate_tokens"},
    ),
    # botocore 1.44.8, bedrock-runtime 2023-09-30
    Dialect.CONVERSE: Envelope(
        paths={Endpoint.CONVERSE: "/model/{model}/converse", Endpoint.COUNT_TOKENS: "/model/{model}/count-tokens"},
        streams={Endpoint.CONVERSE: "/model/{model}/converse-stream"},
        removed=IN_PATH,
        framing=Framing.EVENT_STREAM,
        errors=Dialect.CONVERSE,
        registered={Endpoint.COUNT_TOKENS: "converse_tokens"},
    ),
}
# OpenAI alone is known to count what a Responses request holds; others are not asked.
RESPONSES_ALONE = replace(
    PLAIN[Dialect.OPENAI_RESPONSES],
    paths={Endpoint.RESPONSES: "/responses", Endpoint.MODELS: "/models"},
    registered={},
)

OPENAI_CHAT = replace(
    PLAIN[Dialect.OPENAI_CHAT],
    paths={**PLAIN[Dialect.OPENAI_CHAT].paths, Endpoint.COUNT_TOKENS: "/responses/input_tokens"},
    registered={Endpoint.COUNT_TOKENS: "input_tokens"},
    counting=counting.OPENAI_CHAT,
)
# Not OpenAI's: llama.cpp's own.
LLAMACPP_CHAT = replace(
    PLAIN[Dialect.OPENAI_CHAT],
    paths={**PLAIN[Dialect.OPENAI_CHAT].paths, Endpoint.COUNT_TOKENS: "/chat/completions/input_tokens"},
    registered={Endpoint.COUNT_TOKENS: "chat_tokens"},
    counting=counting.LLAMACPP,
)

# Claude by InvokeModel: docs.aws.amazon.com/bedrock, "Anthropic Claude Messages API"; anthropic 2.13.0, `lib/bedrock`.
BEDROCK_INVOKE = Envelope(
    paths={Endpoint.MESSAGES: "/model/{model}/invoke", Endpoint.COUNT_TOKENS: "/model/{model}/count-tokens"},
    streams={Endpoint.MESSAGES: "/model/{model}/invoke-with-response-stream"},
    removed=IN_PATH,
    added={"anthropic_version": "bedrock-2023-05-31"},
    betas="anthropic_beta",
    framing=Framing.INVOKED,
    errors=Dialect.CONVERSE,
    registered={Endpoint.MESSAGES: "invoke", Endpoint.COUNT_TOKENS: "invoke_tokens"},
    counting=counting.BEDROCK_INVOKE,
)
# Claude on Vertex AI: anthropic 2.13.0, `lib/vertex`; the version as on platform.claude.com, "Claude on Vertex AI".
_VERTEX_VERSION = {"anthropic_version": "vertex-2023-10-16"}
_CLAUDE_COUNTS = counting.COUNTING[Dialect.ANTHROPIC]
VERTEX_CLAUDE = Envelope(
    paths={
        Endpoint.MESSAGES: "/publishers/anthropic/models/{model}:rawPredict",
        Endpoint.COUNT_TOKENS: "/publishers/anthropic/models/count-tokens:rawPredict",
    },
    streams={Endpoint.MESSAGES: "/publishers/anthropic/models/{model}:streamRawPredict"},
    removed=frozenset({"model"}),
    whole=frozenset({Endpoint.COUNT_TOKENS}),
    added=_VERTEX_VERSION,
    errors=Dialect.ANTHROPIC,
    counting=replace(_CLAUDE_COUNTS, takes=_CLAUDE_COUNTS.takes | _VERTEX_VERSION.keys()),
)
# google-genai 3.6.1 with `vertexai=True`.
VERTEX_GEMINI = Envelope(
    paths={
        Endpoint.GENERATE: "/publishers/google/models/{model}:generateContent",
        Endpoint.COUNT_TOKENS: "/publishers/google/models/{model}:countTokens",
    },
    streams={Endpoint.GENERATE: "/publishers/google/models/{model}:streamGenerateContent?alt=sse"},
    removed=IN_PATH,
    errors=Dialect.GEMINI,
    registered={Endpoint.COUNT_TOKENS: "generate_tokens"},
    counting=counting.VERTEX_GEMINI,
)
# openai 3.57.0, `lib/azure.py`: deployments carry the model, and every path a dated version.
AZURE_CHAT = Envelope(
    paths={
        Endpoint.CHAT: "/openai/deployments/{model}/chat/completions?api-version={api_version}",
        Endpoint.EMBEDDINGS: "/openai/deployments/{model}/embeddings?api-version={api_version}",
        Endpoint.MODELS: "/openai/models?api-version={api_version}",
    },
    errors=Dialect.OPENAI_CHAT,
)
AZURE_RESPONSES = Envelope(
    paths={
        Endpoint.RESPONSES: "/openai/responses?api-version={api_version}",
        Endpoint.MODELS: "/openai/models?api-version={api_version}",
    },
    errors=Dialect.OPENAI_RESPONSES,
)


def _told_apart(dialect: Dialect, provider: str) -> Envelope:
    """A dialect's own envelope, with names of its own in the register: a gateway's path to one provider."""
    plain = PLAIN[dialect]
    return replace(plain, registered={each: f"{provider}_{plain.surface(each)}" for each in plain.endpoints()})


# developers.cloudflare.com/ai-gateway: the paths of the two providers that its zero data retention is offered for.
CLOUDFLARE_CLAUDE = _told_apart(Dialect.ANTHROPIC, "anthropic")
CLOUDFLARE_CHAT = _told_apart(Dialect.OPENAI_CHAT, "openai")
CLOUDFLARE_RESPONSES = _told_apart(Dialect.OPENAI_RESPONSES, "openai")

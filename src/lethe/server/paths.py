"""What is asked for at which path: the endpoints that carry content, in each caller's dialect."""

import re

from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint


class Asked(Struct, frozen=True):
    """`model` and `stream` are set where the dialect says them in the path and not in the body."""

    endpoint: Endpoint
    caller: Dialect
    model: str | None = None
    stream: bool | None = None


class Listed(Struct, frozen=True):
    """The list of models, or one of it; `caller` where the path tells."""

    caller: Dialect | None
    model: str | None


_LISTS: dict[str, Dialect | None] = {"/v1/models": None, "/v1beta/models": Dialect.GEMINI}
_FIXED: dict[str, Asked] = {
    "/v1/messages": Asked(Endpoint.MESSAGES, Dialect.ANTHROPIC),
    "/v1/messages/count_tokens": Asked(Endpoint.COUNT_TOKENS, Dialect.ANTHROPIC),
    "/v1/chat/completions": Asked(Endpoint.CHAT, Dialect.OPENAI_CHAT),
    "/v1/responses": Asked(Endpoint.RESPONSES, Dialect.OPENAI_RESPONSES),
    "/v1/responses/input_tokens": Asked(Endpoint.COUNT_TOKENS, Dialect.OPENAI_RESPONSES),
    "/v1/embeddings": Asked(Endpoint.EMBEDDINGS, Dialect.OPENAI_CHAT),
}
# google-genai 3.6.1 asks at v1 unless it is told otherwise, gemini-cli at v1beta. A name may hold slashes and colons.
_GEMINI = re.compile(r"/v1(?:beta|alpha)?/models/(?P<model>.+):(?P<method>\w+)", re.DOTALL)
_METHODS: dict[str, tuple[Endpoint, bool]] = {
    "generateContent": (Endpoint.GENERATE, False),
    "streamGenerateContent": (Endpoint.GENERATE, True),
    "countTokens": (Endpoint.COUNT_TOKENS, False),
}


def asked(path: str) -> Asked | None:
    """None where nothing that carries content is asked for."""
    if (found := _FIXED.get(path)) is not None:
        return found
    if (match := _GEMINI.fullmatch(path)) is None or match["method"] not in _METHODS:
        return None
    endpoint, stream = _METHODS[match["method"]]
    return Asked(endpoint, Dialect.GEMINI, match["model"], stream)


def listed(path: str) -> Listed | None:
    """None where the path is not one of the list of models."""
    for start, caller in _LISTS.items():
        if path == start or path.startswith(start + "/"):
            return Listed(caller, path.removeprefix(start).removeprefix("/") or None)
    return None

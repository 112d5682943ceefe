"""Which paths ask for content, of whom, and what Google's say beside that."""

import pytest

from lethe.ir.content import Dialect
from lethe.providers.envelopes import Endpoint
from lethe.server.paths import Asked, Listed, asked, listed

GEMINI = Dialect.GEMINI

PATHS = [
    ("/v1/messages", Asked(Endpoint.MESSAGES, Dialect.ANTHROPIC)),
    ("/v1/messages/", None),
    ("/v1/responses/input_tokens", Asked(Endpoint.COUNT_TOKENS, Dialect.OPENAI_RESPONSES)),
    ("/v1beta/models/m:generateContent", Asked(Endpoint.GENERATE, GEMINI, "m", False)),
    ("/v1/models/m:streamGenerateContent", Asked(Endpoint.GENERATE, GEMINI, "m", True)),
    ("/v1alpha/models/m:countTokens", Asked(Endpoint.COUNT_TOKENS, GEMINI, "m", False)),
    ("/v1beta/models/a/b:free:generateContent", Asked(Endpoint.GENERATE, GEMINI, "a/b:free", False)),
    ("/v1beta/models/m:embedContent", None),
    ("/v1beta/models/:generateContent", None),
    ("/v1beta/models/m", None),
    ("/v1beta/tunedModels/m:generateContent", None),
    ("/v2/models/m:generateContent", None),
]


@pytest.mark.parametrize(("path", "expected"), PATHS, ids=[path for path, _ in PATHS])
def test_asked(path: str, expected: Asked | None) -> None:
    assert asked(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/models", Listed(None, None)),
        ("/v1/models/", Listed(None, None)),
        ("/v1/models/a/b:c", Listed(None, "a/b:c")),
        ("/v1beta/models", Listed(GEMINI, None)),
        ("/v1beta/models/m", Listed(GEMINI, "m")),
        ("/v1/modelsx", None),
    ],
)
def test_listed(path: str, expected: Listed | None) -> None:
    assert listed(path) == expected

"""Which headers pass, by dialect: allow-lists, so that nothing passes because nobody thought of it.

Sources: response headers read by the official SDKs (anthropic 2.13.0 and openai 3.57.0: `request-id`,
`x-request-id`, `retry-after`, `retry-after-ms`, `x-should-retry`), rate-limit headers from the vendors' API pages.
"""

from collections.abc import Iterable

from lethe.errors import InvalidRequest
from lethe.ir.content import Dialect

Header = tuple[bytes, bytes]

REQUEST: dict[Dialect, frozenset[bytes]] = {
    Dialect.ANTHROPIC: frozenset({b"anthropic-version"}),
    Dialect.OPENAI_CHAT: frozenset(),
    Dialect.OPENAI_RESPONSES: frozenset(),
    Dialect.GEMINI: frozenset(),
}
# Passes as far as the guard knows its tokens.
BETA: dict[Dialect, bytes] = {
    Dialect.ANTHROPIC: b"anthropic-beta",
    Dialect.OPENAI_CHAT: b"openai-beta",
    Dialect.OPENAI_RESPONSES: b"openai-beta",
}
# With `auth = "forward"` the caller's own subscription goes upstream, which may insist on its own client.
_KEY_OR_TOKEN = frozenset({b"x-api-key", b"authorization"})
FORWARDED: dict[Dialect, frozenset[bytes]] = {
    Dialect.ANTHROPIC: _KEY_OR_TOKEN,
    Dialect.OPENAI_CHAT: _KEY_OR_TOKEN,
    Dialect.OPENAI_RESPONSES: _KEY_OR_TOKEN,
    Dialect.GEMINI: frozenset({b"x-goog-api-key", b"authorization"}),
    Dialect.CONVERSE: frozenset({b"authorization"}),
}
CLIENT = frozenset({b"user-agent", b"x-app"})  # at level C only
MAX_BETAS = 64

_ALWAYS = frozenset({b"content-type", b"content-encoding", b"retry-after", b"retry-after-ms", b"x-should-retry"})
_OPENAI = _ALWAYS | {b"x-request-id", b"openai-processing-ms", b"openai-version"}
RESPONSE: dict[Dialect, frozenset[bytes]] = {
    Dialect.ANTHROPIC: _ALWAYS | {b"request-id"},
    Dialect.OPENAI_CHAT: _OPENAI,
    Dialect.OPENAI_RESPONSES: _OPENAI,
    Dialect.GEMINI: _ALWAYS,
    Dialect.CONVERSE: _ALWAYS,
}
RESPONSE_PREFIX: dict[Dialect, tuple[bytes, ...]] = {
    Dialect.ANTHROPIC: (b"anthropic-ratelimit-",),
    Dialect.OPENAI_CHAT: (b"x-ratelimit-",),
    Dialect.OPENAI_RESPONSES: (b"x-ratelimit-",),
    Dialect.GEMINI: (),
    Dialect.CONVERSE: (),
}
# What still means something to a caller of another dialect.
TRANSLATED = frozenset({b"retry-after", b"retry-after-ms", b"x-should-retry"})
REQUEST_ID: dict[Dialect, bytes] = {
    Dialect.ANTHROPIC: b"request-id",
    Dialect.OPENAI_CHAT: b"x-request-id",
    Dialect.OPENAI_RESPONSES: b"x-request-id",
    Dialect.CONVERSE: b"x-amzn-requestid",
}

JSON = (b"content-type", b"application/json")
ACCEPT_JSON = (b"accept", b"application/json")
EVENT_STREAM = (b"content-type", b"text/event-stream; charset=utf-8")
NO_CACHE = (b"cache-control", b"no-store")


def response_headers(headers: Iterable[Header], upstream: Dialect, caller: Dialect) -> list[Header]:
    """The upstream's headers that reach the caller. A translated body brings its own content type."""
    if upstream is caller:
        names, prefixes = RESPONSE[upstream], RESPONSE_PREFIX[upstream]
        return [h for h in headers if h[0] in names or h[0].startswith(prefixes)]
    theirs, ours = REQUEST_ID.get(upstream), REQUEST_ID.get(caller)
    passed = [header for header in headers if header[0] in TRANSLATED]
    if theirs is not None and ours is not None:
        passed += [(ours, value) for name, value in headers if name == theirs]
    return passed


def beta_tokens(headers: Iterable[Header], dialect: Dialect) -> tuple[str, ...]:
    """The tokens of the beta header, from all its lines. Raises InvalidRequest where there are too many."""
    name = BETA.get(dialect)
    lines = [value for key, value in headers if key == name]
    if not lines or name is None:
        return ()
    tokens = [token.strip().decode("latin-1") for line in lines for token in line.split(b",")]
    if len(tokens) > MAX_BETAS:
        raise InvalidRequest(name.decode(), f"has more than {MAX_BETAS} tokens")
    return tuple(dict.fromkeys(token for token in tokens if token))


def header(headers: Iterable[Header], wanted: bytes) -> bytes | None:
    """The first value of a header."""
    for name, value in headers:
        if name == wanted:
            return value
    return None

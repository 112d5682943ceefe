"""Requests of every front, with canaries in their bodies, headers and addresses."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.providers.envelopes import MODEL
from lethe.verify.asking import anthropic, gemini, openai_chat, openai_responses
from lethe.verify.asking.wording import Body, Put, Wording
from lethe.verify.cases import COUNTING, Case
from lethe.verify.modes import Front, Mode
from lethe.verify.positions import Position

WORDINGS: Mapping[Dialect, Wording] = {
    Dialect.ANTHROPIC: anthropic,
    Dialect.OPENAI_CHAT: openai_chat,
    Dialect.OPENAI_RESPONSES: openai_responses,
    Dialect.GEMINI: gemini,
}
_STREAMS: Mapping[Front, str] = {Front.GENERATE: "/v1beta/models/{model}:streamGenerateContent?alt=sse"}
PATHS: Mapping[Front, str] = {
    Front.MESSAGES: "/v1/messages",
    Front.COUNT_TOKENS: "/v1/messages/count_tokens",
    Front.CHAT: "/v1/chat/completions",
    Front.RESPONSES: "/v1/responses",
    Front.INPUT_TOKENS: "/v1/responses/input_tokens",
    Front.GENERATE: "/v1beta/models/{model}:generateContent",
    Front.GENERATE_TOKENS: "/v1beta/models/{model}:countTokens",
    Front.EMBEDDINGS: "/v1/embeddings",
    Front.MODELS: "/v1/models",
}
LARGE = 160 * 1024  # bytes: more than any buffer of the way, and than one read
# Headers that callers send and no upstream may see.
PRIVATE: tuple[str, ...] = (
    "x-note",
    "cookie",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "baggage",
    "cf-aig-metadata",
)
_BETAS: Mapping[Dialect, str] = {
    Dialect.ANTHROPIC: "anthropic-beta",
    Dialect.OPENAI_CHAT: "openai-beta",
    Dialect.OPENAI_RESPONSES: "openai-beta",
}


class Asked(Struct, kw_only=True):
    """What goes out; `body` still an object, so that it can be spoilt. `model` stands in it or in `target`."""

    target: str
    method: str = "POST"
    headers: list[tuple[str, str]] = []
    body: Body | None = None
    model: str = ""
    raw: bytes | None = None  # in place of `body`

    def address(self) -> str:
        """The target, with the model in it where that is its place."""
        return self.target.replace(MODEL, quote(self.model, safe=""))

    def data(self) -> bytes:
        """The bytes of the body."""
        if self.raw is not None:
            return self.raw
        if self.body is None:
            return b""
        return msgspec.json.encode(self.body if MODEL in self.target else {**self.body, "model": self.model})


def ordinary(case: Case, put: Put) -> Asked:
    """A request that every level takes."""
    private = [name for name in PRIVATE if not (case.pair.forward and name == "user-agent")]
    headers = [("content-type", "application/json"), *((name, put(Position.HEADER)) for name in private)]
    target = _STREAMS.get(case.front) if case.stream else None
    asked = Asked(target=target or PATHS[case.front], headers=headers, model=case.pair.model)
    if case.front is Front.MODELS:
        asked.method = "GET"
    elif case.mode is not Mode.EMPTY:
        asked.body = _body(case, put)
    return asked


def _body(case: Case, put: Put) -> Body:
    if case.mode is Mode.LARGE:
        put = _largely(put)
    if case.front is Front.EMBEDDINGS:
        return {"input": [put(Position.USER_TEXT)]}
    wording = WORDINGS[case.caller]
    body = wording.body(put)
    if case.front in COUNTING:
        body.pop("store", None)
        return body
    if case.front is Front.MESSAGES:
        body["max_tokens"] = 64
    if case.front is not Front.GENERATE:
        body["stream"] = case.stream
    if case.holds(Position.STOP):
        wording.stop_at(body, put(Position.STOP))
    return body


def _largely(put: Put) -> Put:
    """With much to read in one place, and the canary at its beginning, in its midst and at its end."""
    words = " and so on" * (LARGE // 20)

    def said(position: Position) -> str:
        text = put(position)
        return f"{text}{words} {text}{words} {text}" if position is Position.USER_TEXT else text

    return said


def delicate(asked: Asked, case: Case, position: Position, put: Put) -> None:
    """Add what a level may refuse."""
    text = put(position)
    body = asked.body if asked.body is not None else {}
    match position:
        case Position.QUERY:
            asked.target += f"{'&' if '?' in asked.target else '?'}note={text}"
        case Position.BETA:
            asked.headers.append((_BETAS[case.caller], text))
        case Position.WRONG_KEY if case.caller is Dialect.GEMINI:
            asked.headers.append(("x-goog-api-key", text))
        case Position.KEY | Position.WRONG_KEY:
            asked.headers.append(("authorization", f"Bearer {text}"))
        case Position.MODEL:
            asked.model = f"{case.pair.free}{text}"
        case Position.UNKNOWN_FIELD:
            body[f"verify_{text}"] = {"note": text}
        case _:
            WORDINGS[case.caller].add(body, position, text)

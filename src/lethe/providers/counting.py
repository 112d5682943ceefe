"""Counting a prompt's tokens: where an upstream counts, what it is asked and where its answer stands, a row each.

Sources: anthropic 2.13.0 `MessageCountTokensParams`, openai 3.57.0 `InputTokenCountParams`, google-genai 3.6.1
`_CountTokensParameters_to_*` and the API reference of `models.countTokens`, botocore 1.44.8 `CountTokensRequest`.
"""

from base64 import b64encode
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from lethe.errors import MalformedReply
from lethe.ir.content import Dialect, JsonObject
from lethe.wire.rawjson import TopLevel

_NAME = "{model}"


class Counting(Struct, frozen=True, kw_only=True):
    """`takes` are the fields of a completion's body that it is asked with (empty: all), which stand at `within`.

    `named` is a field among them that holds the model in this form. `answer` is where the count stands. What answers
    with a status of `declines` does not count this model, or not at all.
    """

    takes: frozenset[str] = frozenset()
    within: tuple[str, ...] = ()
    base64: bool = False  # they stand there as text
    named: tuple[str, str] | None = None
    defaults: JsonObject = {}  # without which the body would be no body of its dialect
    answer: str
    dialect: Dialect | None = None  # of the body, where that is another than the upstream's
    declines: frozenset[int] = frozenset({404, 405, 501})

    @property
    def wrapped(self) -> bool:
        """Is its body another than a completion's with fewer fields?"""
        return bool(self.within or self.named)


# As a dialect's own vendor counts. Chat has no such endpoint.
COUNTING: Mapping[Dialect, Counting] = {
    Dialect.ANTHROPIC: Counting(
        takes=frozenset(
            {
                "messages", "model", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control",
                "speed", "mcp_servers", "context_management",
            }
        ),
        answer="input_tokens",
    ),
    Dialect.OPENAI_RESPONSES: Counting(
        takes=frozenset(
            {
                "input", "model", "instructions", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text",
                "truncation", "personality", "conversation", "previous_response_id",
            }
        ),
        answer="input_tokens",
    ),
    # Only a whole request may hold tools and a system instruction; `contents` beside it may not be set.
    Dialect.GEMINI: Counting(
        takes=frozenset(
            {
                "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings",
                "cachedContent",
            }
        ),
        within=("generateContentRequest",),
        named=("model", f"models/{_NAME}"),
        answer="totalTokens",
    ),
    # A model that does not count is answered with a ValidationException.
    Dialect.CONVERSE: Counting(
        takes=frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"}),
        within=("input", "converse"),
        answer="inputTokens",
        declines=frozenset({400, 404, 405, 501}),
    ),
}  # fmt: skip
# OpenAI counts for Chat, too, what is written for Responses.
OPENAI_CHAT = replace(COUNTING[Dialect.OPENAI_RESPONSES], dialect=Dialect.OPENAI_RESPONSES)
# Gemini as Vertex counts.
VERTEX_GEMINI = Counting(
    takes=frozenset({"contents", "systemInstruction", "tools", "generationConfig"}),
    answer="totalTokens",
)
# Chat as llama.cpp counts, with the model's own template (b11549, tools/server: `/v1/chat/completions/input_tokens`).
LLAMACPP = Counting(
    takes=frozenset({"messages", "model", "tools", "tool_choice", "response_format", "chat_template_kwargs"}),
    answer="input_tokens",
)
# Anthropic as Bedrock counts: a body of InvokeModel, which has to say how much may be answered.
BEDROCK_INVOKE = Counting(
    within=("input", "invokeModel", "body"),
    base64=True,
    defaults={"max_tokens": 1},
    answer="inputTokens",
    declines=COUNTING[Dialect.CONVERSE].declines,
)

# How a caller is told, by its dialect: the answer's fields, the count under the name that is None.
TOLD: Mapping[Dialect, Mapping[str, Any]] = {
    Dialect.ANTHROPIC: {"input_tokens": None},
    Dialect.OPENAI_RESPONSES: {"object": "response.input_tokens", "input_tokens": None},
    Dialect.GEMINI: {"totalTokens": None},
}
_WHOLE = ("generateContentRequest", "generate_content_request")


def request_of(caller: Dialect, body: TopLevel) -> TopLevel:
    """A caller's question as the body of a completion. Raises InvalidRequest."""
    match caller:
        case Dialect.GEMINI:
            inner = next((body.fields[name] for name in _WHOLE if name in body), None)
            if inner is None:
                return body
            fields = dict(TopLevel(bytes(inner)).fields)
            fields.pop("model", None)  # the path names it
            return TopLevel(msgspec.json.encode(fields))
        case Dialect.OPENAI_RESPONSES if body.value("input") is None and "previous_response_id" not in body:
            return TopLevel(body.spliced({"input": []}))
        case _:
            return body


def trimmed(row: Counting, body: bytes) -> bytes:
    """A completion's body with the fields that bear on a count."""
    if not row.takes:
        return body
    fields = TopLevel(body).fields
    return msgspec.json.encode({name: value for name, value in fields.items() if name in row.takes})


def bearing(
    row: Counting, changes: Mapping[str, Any], body: TopLevel, known: Collection[str] = ()
) -> Mapping[str, Any]:
    """The changes that a count needs: all of what is there, and of what would be added only what it is asked with, and
    `known` fields, which are those of its own API here.
    """
    if not row.takes:
        return changes
    return {name: value for name, value in changes.items() if name in body or name in row.takes or name in known}


def placed(row: Counting, body: bytes, model: str) -> bytes:
    """The body of a count, in which a completion's stands."""
    if not row.wrapped:
        return body
    fields: dict[str, Any] = dict(TopLevel(body).fields)
    fields |= {name: value for name, value in row.defaults.items() if name not in fields}
    if row.named is not None:
        fields[row.named[0]] = row.named[1].replace(_NAME, model)
    made: Any = Raw(msgspec.json.encode(fields))
    if row.base64:
        made = b64encode(made).decode()
    for name in reversed(row.within):
        made = {name: made}
    return msgspec.json.encode(made)


def counted(row: Counting, body: bytes) -> int:
    """What an upstream answered. Raises MalformedReply."""
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise MalformedReply("the upstream's answer is not JSON") from None
    match answer:
        case {row.answer: int(tokens)} if tokens >= 0:
            return tokens
        case _:
            raise MalformedReply


def told(caller: Dialect, tokens: int) -> bytes:
    """A count as the caller's dialect tells it."""
    return msgspec.json.encode({name: tokens if value is None else value for name, value in TOLD[caller].items()})

"""Where content stands, in a question and in its answer, and where each of it may be seen."""

from enum import StrEnum


class Position(StrEnum):
    """A place that can carry what people write; the value is its name in reports."""

    SYSTEM = "system"
    USER_TEXT = "user-text"
    TOOL_NAME = "tool-name"
    CALL_ID = "tool-call-id"
    TOOL_DESCRIPTION = "tool-description"
    TOOL_ARGUMENTS = "tool-arguments"
    TOOL_RESULT = "tool-result"
    JSON_KEY = "json-key"
    ENUM_VALUE = "enum-value"
    STOP = "stop-sequence"
    HEADER = "header"
    KEY = "api-key"
    WRONG_KEY = "wrong-api-key"
    MODEL = "model"
    METADATA = "metadata"
    LABEL = "label"
    THOUGHT = "thought"
    SEALED = "thought-signature"
    QUERY = "query"
    FILENAME = "filename"
    IMAGE = "image"
    SCHEMA_CONST = "schema-const"
    UNKNOWN_FIELD = "unknown-field"
    UNKNOWN_TOOL = "unknown-tool"
    UNKNOWN_PART = "unknown-part"
    BETA = "beta-token"
    RAW = "raw-bytes"  # of a body that is none
    TEXT = "answer-text"
    TEXT_SPLIT = "answer-text-split"  # within one event, over two chunks
    TEXT_HALVES = "answer-text-halves"  # over two events
    THINKING = "answer-thinking"
    SIGNATURE = "answer-signature"
    CALLED = "answer-tool-call-id"
    CALL_ARGUMENTS = "answer-tool-arguments"
    ANSWER_ID = "answer-id"
    ANSWER_MODEL = "answer-model"
    REFUSAL = "answer-refusal"
    ERROR_BODY = "answer-error"
    HTML = "answer-html"
    RESPONSE_HEADER = "answer-header"
    MALFORMED_HEAD = "answer-malformed-head"
    MALFORMED_JSON = "answer-malformed-json"
    MALFORMED_SSE = "answer-malformed-sse"
    TRAILER = "answer-trailer"
    COMPRESSED = "answer-compressed"
    ERROR_EVENT = "answer-error-event"
    LOCATION = "answer-redirect"
    ELSEWHERE = "answer-elsewhere"  # by an upstream that is asked before the one that answers, or after it


ANSWERS = "answer"  # how the positions of what upstreams say begin
# A body that every level accepts: what is here must reach the upstream when the question is answered.
ORDINARY: tuple[Position, ...] = (
    Position.SYSTEM,
    Position.USER_TEXT,
    Position.TOOL_NAME,
    Position.CALL_ID,
    Position.TOOL_DESCRIPTION,
    Position.TOOL_ARGUMENTS,
    Position.TOOL_RESULT,
    Position.JSON_KEY,
    Position.ENUM_VALUE,
    Position.STOP,
)
# One of these at a time: a level may refuse them, or strip them.
DELICATE: tuple[Position, ...] = (
    Position.MODEL,
    Position.METADATA,
    Position.LABEL,
    Position.THOUGHT,
    Position.SEALED,
    Position.QUERY,
    Position.FILENAME,
    Position.IMAGE,
    Position.SCHEMA_CONST,
    Position.UNKNOWN_FIELD,
    Position.UNKNOWN_TOOL,
    Position.UNKNOWN_PART,
    Position.BETA,
    Position.WRONG_KEY,
    Position.KEY,
)
# Never for an upstream, whatever the level: the proxy takes it out or refuses it.
STAYS: frozenset[Position] = frozenset(
    {Position.HEADER, Position.METADATA, Position.QUERY, Position.KEY, Position.WRONG_KEY}
)
# What an upstream may see outside the body.
IN_HEAD: frozenset[Position] = frozenset({Position.BETA})
# Answers that end with the proxy, or reach the caller: both are right.
MAY_END_HERE: frozenset[Position] = frozenset(
    {
        Position.THINKING,
        Position.SIGNATURE,
        Position.ANSWER_ID,
        Position.ANSWER_MODEL,
        Position.HTML,
        Position.RESPONSE_HEADER,
        Position.MALFORMED_HEAD,
        Position.MALFORMED_JSON,
        Position.MALFORMED_SSE,
        Position.TRAILER,
        Position.COMPRESSED,
        Position.LOCATION,
        Position.ELSEWHERE,
    }
)

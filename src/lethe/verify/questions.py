"""Requests with a canary in every place that one can carry."""

import base64
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from lethe.ir.content import Dialect
from lethe.verify.cases import Case
from lethe.verify.modes import Front, Mode
from lethe.verify.positions import Position

PATHS: dict[Front, str] = {
    Front.MESSAGES: "/v1/messages",
    Front.COUNT_TOKENS: "/v1/messages/count_tokens",
    Front.CHAT: "/v1/chat/completions",
    Front.EMBEDDINGS: "/v1/embeddings",
    Front.MODELS: "/v1/models",
}
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
_PNG = b"\x89PNG\r\n\x1a\n."  # nine bytes: base64 begins a new group after them
_CALL = "toolu_verify_1"

Put: TypeAlias = Callable[[Position], str]
Body: TypeAlias = dict[str, Any]


class Asked(Struct, kw_only=True):
    """What goes out; `body` still an object, so that it can be spoilt."""

    target: str
    method: str = "POST"
    headers: list[tuple[str, str]] = []
    body: Body | None = None
    raw: bytes | None = None  # in place of `body`

    def data(self) -> bytes:
        """The bytes of the body."""
        if self.raw is not None:
            return self.raw
        return b"" if self.body is None else msgspec.json.encode(self.body)


def ordinary(case: Case, put: Put) -> Asked:
    """A request that every level takes."""
    private = [name for name in PRIVATE if not (case.pair.forward and name == "user-agent")]
    headers = [("content-type", "application/json"), *((name, put(Position.HEADER)) for name in private)]
    match case.front:
        case _ if case.mode is Mode.EMPTY:
            return Asked(target=PATHS[case.front], headers=headers)
        case Front.MODELS:
            return Asked(target=PATHS[Front.MODELS], method="GET", headers=headers)
        case Front.EMBEDDINGS:
            body: Body = {"model": case.pair.model, "input": [put(Position.USER_TEXT)]}
        case Front.CHAT:
            body = {**_chat(put), "model": case.pair.model, "stream": case.stream}
            if case.pair.stops:
                body["stop"] = [put(Position.STOP)]
        case Front.MESSAGES:
            body = {**_anthropic(put), "model": case.pair.model, "max_tokens": 64, "stream": case.stream}
            if case.pair.stops:
                body["stop_sequences"] = [put(Position.STOP)]
        case Front.COUNT_TOKENS:
            body = {**_anthropic(put), "model": case.pair.model}
    return Asked(target=PATHS[case.front], headers=headers, body=body)


def _anthropic(put: Put) -> Body:
    name, key = put(Position.TOOL_NAME), put(Position.JSON_KEY)
    call = {"type": "tool_use", "id": _CALL, "name": name, "input": {key: put(Position.TOOL_ARGUMENTS)}}
    result = {"type": "tool_result", "tool_use_id": _CALL, "content": put(Position.TOOL_RESULT)}
    return {
        "system": put(Position.SYSTEM),
        "tools": [{"name": name, "description": put(Position.TOOL_DESCRIPTION), "input_schema": _schema(put)}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": put(Position.USER_TEXT)}]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result]},
        ],
    }


def _chat(put: Put) -> Body:
    name, key = put(Position.TOOL_NAME), put(Position.JSON_KEY)
    arguments = msgspec.json.encode({key: put(Position.TOOL_ARGUMENTS)}).decode()
    call = {"id": _CALL, "type": "function", "function": {"name": name, "arguments": arguments}}
    tool = {"name": name, "description": put(Position.TOOL_DESCRIPTION), "parameters": _schema(put)}
    return {
        "tools": [{"type": "function", "function": tool}],
        "messages": [
            {"role": "system", "content": put(Position.SYSTEM)},
            {"role": "user", "content": put(Position.USER_TEXT)},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": _CALL, "content": put(Position.TOOL_RESULT)},
        ],
    }


def _schema(put: Put) -> Body:
    field = {"type": "string", "enum": [put(Position.ENUM_VALUE), "other"]}
    return {"type": "object", "properties": {put(Position.JSON_KEY): field}}


def delicate(asked: Asked, case: Case, position: Position, put: Put) -> None:
    """Add what a level may refuse."""
    text = put(position)
    anthropic = case.caller is Dialect.ANTHROPIC
    body = asked.body if asked.body is not None else {}
    match position:
        case Position.QUERY:
            asked.target += f"?note={text}"
        case Position.BETA:
            asked.headers.append(("anthropic-beta" if anthropic else "openai-beta", text))
        case Position.KEY | Position.WRONG_KEY:
            asked.headers.append(("authorization", f"Bearer {text}"))
        case Position.MODEL:
            body["model"] = f"{case.pair.free}{text}"
        case Position.METADATA:
            body.update({"metadata": {"user_id": text}} if anthropic else {"user": text})
        case Position.UNKNOWN_FIELD:
            body.update({"verify_unknown": {"note": text}})
        case Position.SCHEMA_CONST:
            body.update(_constant(text, anthropic=anthropic))
        case Position.UNKNOWN_TOOL:
            body["tools"].append({"type": "verify_unknown_20260101", "name": "verify", "note": text})
        case _:
            body["messages"].append({"role": "user", "content": [_part(position, text, anthropic=anthropic)]})


def _constant(text: str, *, anthropic: bool) -> Body:
    schema = {
        "type": "object",
        "properties": {"kind": {"const": text}},
        "required": ["kind"],
        "additionalProperties": False,
    }
    if anthropic:
        return {"output_config": {"format": {"type": "json_schema", "schema": schema}}}
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "verify", "schema": schema}}}


def _part(position: Position, text: str, *, anthropic: bool) -> Body:
    if position is Position.UNKNOWN_PART:
        return {"type": "verify_unknown", "note": text}
    image = position is Position.IMAGE
    data = base64.b64encode(_PNG + text.encode() + b"\n" if image else b"%PDF-1.4\n%%EOF\n").decode()
    kind = "image/png" if image else "application/pdf"
    if anthropic:
        source = {"type": "base64", "media_type": kind, "data": data}
        return {"type": "image", "source": source} if image else {"type": "document", "title": text, "source": source}
    if image:
        return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{data}"}}
    return {"type": "file", "file": {"filename": text, "file_data": f"data:{kind};base64,{data}"}}

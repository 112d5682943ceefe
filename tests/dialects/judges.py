"""What the vendors' own SDKs say of the bytes that Lethe emits.

The SDKs' types hold lists as `Iterable`, which pydantic checks only while somebody iterates, and take fields that they
do not know: both would let nearly everything pass, so here everything is iterated and nothing unknown is taken.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from anthropic.types import ErrorResponse, Message, RawMessageStreamEvent, message_create_params
from google.genai import types
from openai.types import ErrorObject
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)
from pydantic import BaseModel, ConfigDict, TypeAdapter
from tests.dialects.converse import judge as converse

from lethe.ir.content import Dialect, JsonObject

STRICT = ConfigDict(extra="forbid")
# What the API takes in the version that we ask for, and what is not in the SDK's types any more.
OLDER = frozenset({"temperature", "top_p", "top_k"})
# What is said beyond OpenAI's own types: reasoning, in the two spellings of compatible servers, and that nothing is stored,
# as the API itself says.
BEYOND = frozenset({"reasoning_content", "reasoning_details", "store"})


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Of lists of that kind: a type of the SDK's own would not take our configuration."""
    return TypeAdapter(list[kind], config=STRICT)


ANTHROPIC = {
    True: adapter(message_create_params.MessageCreateParamsStreaming),
    False: adapter(message_create_params.MessageCreateParamsNonStreaming),
}
CHAT = {True: adapter(CompletionCreateParamsStreaming), False: adapter(CompletionCreateParamsNonStreaming)}
CONTENTS = TypeAdapter(list[types.Content])
RESPONSES = {True: adapter(ResponseCreateParamsStreaming), False: adapter(ResponseCreateParamsNonStreaming)}


def anthropic_request(body: JsonObject) -> None:
    checked(ANTHROPIC[bool(body.get("stream"))], {k: v for k, v in body.items() if k not in OLDER})


def chat_request(body: JsonObject) -> None:
    messages = [{k: v for k, v in message.items() if k not in BEYOND} for message in body["messages"]]
    checked(CHAT[bool(body.get("stream"))], {**body, "messages": messages})


def responses_request(body: JsonObject) -> None:
    """The types want an id of reasoning, also where nothing is stored; Codex sends none."""
    items = body["input"]
    if isinstance(items, list):
        items = [{"id": "rs_0", **item} if item.get("type") == "reasoning" else item for item in items]
    checked(RESPONSES[bool(body.get("stream"))], {**body, "input": items})


def gemini_request(body: JsonObject) -> None:
    """The model and whether to stream stand in the path; the SDK has most of the rest in one configuration."""
    fields = {name: value for name, value in body.items() if name not in ("model", "stream")}
    CONTENTS.validate_json(as_json(fields.pop("contents")))
    types.GenerationConfig.model_validate_json(as_json(fields.pop("generationConfig", {})))
    types.GenerateContentConfig.model_validate_json(as_json(fields))


def as_json(value: Any) -> bytes:
    """With question marks for halves of surrogate pairs, which pydantic does not read."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


REQUESTS: Mapping[Dialect, Callable[[JsonObject], None]] = {
    Dialect.ANTHROPIC: anthropic_request,
    Dialect.OPENAI_CHAT: chat_request,
    Dialect.OPENAI_RESPONSES: responses_request,
    Dialect.GEMINI: gemini_request,
    Dialect.CONVERSE: converse.request,
}


def checked(judge: TypeAdapter[Any], value: Any) -> None:
    """Raises ValidationError; AssertionError for a field that an answer's type, met in a request, does not know."""
    for path in unknown(judge.validate_python([value])):
        raise AssertionError(path)


def unknown(node: Any, path: str = "$") -> Iterator[str]:
    """Paths of fields that no type knows; iterates whatever is validated only then."""
    match node:
        case dict():
            for name, value in node.items():
                yield from unknown(value, f"{path}.{name}")
        case BaseModel():
            yield from (f"{path}.{name}" for name in node.model_extra or () if name not in BEYOND)
            for name in type(node).model_fields:
                yield from unknown(getattr(node, name), f"{path}.{name}")
        case str() | int() | float() | bool() | None:
            pass
        case _ if hasattr(node, "__iter__"):
            for i, value in enumerate(node):
                yield from unknown(value, f"{path}[{i}]")


EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
RESPONSE_EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def said(value: BaseModel | Any) -> None:
    for path in unknown(value):
        raise AssertionError(path)


REPLIES: Mapping[Dialect, Callable[[Any], None]] = {
    Dialect.ANTHROPIC: lambda body: said(Message.model_validate(body)),
    Dialect.OPENAI_CHAT: lambda body: said(ChatCompletion.model_validate(body)),
    Dialect.OPENAI_RESPONSES: lambda body: said(Response.model_validate(body)),
    Dialect.GEMINI: lambda body: said(types.GenerateContentResponse.model_validate_json(as_json(body))),
}


def anthropic_event(name: str | None, data: Any) -> None:
    assert name == data["type"]
    if name not in ("error", "ping"):
        said(EVENTS.validate_python(data))


def chat_event(name: str | None, data: Any) -> None:
    assert name is None
    if data != "[DONE]" and "error" not in data:
        said(ChatCompletionChunk.model_validate(data))


def responses_event(name: str | None, data: Any) -> None:
    assert name == data["type"]
    if name != "response.failed":  # which holds no more than its error where nothing else is known
        said(RESPONSE_EVENTS.validate_python(data))


def gemini_event(name: str | None, data: Any) -> None:
    assert name is None
    if "error" not in data:
        REPLIES[Dialect.GEMINI](data)


STREAMS: Mapping[Dialect, Callable[[str | None, Any], None]] = {
    Dialect.ANTHROPIC: anthropic_event,
    Dialect.OPENAI_CHAT: chat_event,
    Dialect.OPENAI_RESPONSES: responses_event,
    Dialect.GEMINI: gemini_event,
}


class Status(BaseModel):
    """google.rpc.Status, as the API writes it (google-genai 3.6.1, `errors.APIError`)."""

    model_config = ConfigDict(extra="allow")
    code: int
    message: str
    status: str


class GeminiError(BaseModel):
    error: Status


class ChatError(BaseModel):
    error: ErrorObject


# What a buffered error must be for the SDK to read it.
ERRORS: Mapping[Dialect, Callable[[Any], object]] = {
    Dialect.ANTHROPIC: ErrorResponse.model_validate,
    Dialect.OPENAI_CHAT: ChatError.model_validate,
    Dialect.OPENAI_RESPONSES: ChatError.model_validate,
    Dialect.GEMINI: GeminiError.model_validate,
}

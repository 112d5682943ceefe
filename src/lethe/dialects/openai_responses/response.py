"""Buffered replies (openai 3.57.0 types, Response)."""

from collections.abc import Iterator
from typing import Any, assert_never

from lethe.dialects.openai_responses.errors import decode_error_object
from lethe.dialects.openai_responses.items import decode_call, encode_call
from lethe.dialects.openai_responses.namespaces import called
from lethe.dialects.openai_responses.overlay import OURS, overlaid, own, whole, without
from lethe.dialects.openai_responses.parts import decode_part, encode_text
from lethe.dialects.openai_responses.reasoning import decode_reasoning, encode_reasoning, rest_of
from lethe.dialects.openai_responses.usage import decode_usage, encode_usage
from lethe.dialects.reply import ReplyContext
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import (
    ContentBlock,
    Extras,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.ir.response import Response
from lethe.wire.fields import Fields

# Why a response is incomplete.
STOP_REASONS = {
    "max_output_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.REFUSAL,
}
INCOMPLETE: dict[StopReason, str | None] = {
    StopReason.END_TURN: None,
    StopReason.MAX_TOKENS: "max_output_tokens",
    StopReason.CONTEXT_WINDOW: "max_output_tokens",
    StopReason.TOOL_USE: None,
    StopReason.STOP_SEQUENCE: None,
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSE: None,
    StopReason.OTHER: None,
}
# What a reply repeats of its request, or says of where it is kept; the caller knows, and nothing is kept.
ECHOES = frozenset(
    {
        "object",
        "status",
        "error",
        "incomplete_details",
        "output",
        "output_text",
        "usage",
        "id",
        "model",
        "background",
        "completed_at",
        "conversation",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
        "frequency_penalty",
        "presence_penalty",
        "tool_usage",
        "billing",
        "moderation",
        "image",
        "prompt_cache_diagnostics",
        "access_programs",
    }
)


def stop_reason(body: JsonObject, *, called: bool) -> tuple[StopReason, str | None]:
    """The reason, and the upstream's own word for it."""
    details = body.get("incomplete_details")
    word = details.get("reason") if isinstance(details, dict) else None
    if isinstance(word, str):
        return STOP_REASONS.get(word, StopReason.OTHER), word
    if body.get("status") == "incomplete":
        return StopReason.MAX_TOKENS, "incomplete"
    return (StopReason.TOOL_USE if called else StopReason.END_TURN), "completed"


def decode_response(body: JsonObject) -> Response:
    """Raises MalformedReply, and StreamFailed for an error under a status of success."""
    if body.get("error"):
        raise StreamFailed(decode_error_object(body))
    try:
        content = tuple(block for f in Fields(body).items("output") for block in decode_item(f))
    except InvalidRequest:
        raise MalformedReply from None
    if not isinstance(body.get("output"), list):
        raise MalformedReply
    reason, word = stop_reason(body, called=any(isinstance(block, ToolCall) for block in content))
    return Response(
        id=str(body.get("id") or ""),
        model=str(body.get("model") or ""),
        content=content,
        finish=Finish(reason=reason, raw_reason=word, usage=decode_usage(body.get("usage"))),
        extras=left_of(body),
    )


def left_of(body: JsonObject) -> Extras | None:
    """What a reply says that is neither content nor an echo."""
    left = {name: value for name, value in body.items() if name not in ECHOES}
    return Extras(OURS, left) if left else None


def decode_item(f: Fields) -> Iterator[ContentBlock]:
    """The blocks of an output item. Its id and status are the wire's own affair."""
    kind = f.raw("type")
    match kind:
        case "message":
            id = f.raw("id")
            for part in f.items("content"):
                block = decode_part(part)
                yield apart(block.data, id) if isinstance(block, Opaque) else _without_nothing(block)
        case "reasoning":
            f.raw("status")
            yield decode_reasoning(f)
        case "function_call" | "custom_tool_call":
            f.raw("status"), f.raw("id")
            yield decode_call(f, kind)
        case _:
            yield Opaque(dialect=OURS, data=whole(f, type=kind))


def apart(part: JsonObject, id: Any) -> Opaque:
    """A part that we cannot interpret, in a message of that id: by itself it would be taken for an item of its type."""
    message = {"id": id, "type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return Opaque(dialect=OURS, data=message)


def _without_nothing(block: ContentBlock) -> ContentBlock:
    """Without `annotations` where there are none: a stream does not mention them."""
    if isinstance(block, Text) and own(block.extras).get("annotations") == []:
        return Text(text=block.text, logprobs=block.logprobs, extras=without(block.extras, "annotations"))
    return block


# Encoding


class Envelope:
    """A reply's outer object, for a context."""

    def __init__(self, context: ReplyContext, id: str, model: str, extras: Extras | None) -> None:
        self.id = id if id.startswith("resp_") else f"resp_{id or context.id}"
        self._model = model
        self._created = own(extras).get("created_at", context.created)
        self.extras = without(extras, "created_at")
        self._suffix = context.id[-24:]

    def item_id(self, prefix: str, number: int) -> str:
        """An id for an item of ours; nothing remembers it."""
        return f"{prefix}_{self._suffix}{number:04x}"

    def response(self, status: str, output: list[JsonObject], finish: Finish | None = None) -> JsonObject:
        """`status` is one of the API's words."""
        reason = INCOMPLETE[finish.reason] if finish is not None else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created,
            "status": "incomplete" if reason else status,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": None,
            "metadata": {},
            "model": self._model,
            "output": output,
            "parallel_tool_calls": True,
            "store": False,
            "temperature": None,
            "tool_choice": "auto",
            "tools": [],
            "top_p": None,
            "usage": encode_usage(finish.usage) if finish is not None else None,
        }


def encode_response(response: Response, context: ReplyContext, losses: Losses) -> JsonObject:
    """A reply whose items follow the blocks in their order."""
    envelope = Envelope(context, response.id, response.model, response.extras)
    output: list[JsonObject] = []
    for i, block in enumerate(response.content):
        item = encode_item(block, envelope, i, context, losses)
        if item is not None:
            output.append(item)
    report_finish(response.finish, losses)
    body = envelope.response("completed", output, response.finish)
    return overlaid(body, envelope.extras, "$", losses)


def encode_item(
    block: ContentBlock, envelope: Envelope, number: int, context: ReplyContext, losses: Losses
) -> JsonObject | None:
    """An output item; None if there is no such item, which is then a loss."""
    path = f"$.content[{number}]"
    match block:
        case Text():
            if block.citations:
                losses.degraded(f"{path}.citations", "citations")
            return _message(overlaid(encode_text(block), block.extras, path, losses), envelope, number)
        case Refusal(text=text):
            part = overlaid({"type": "refusal", "refusal": text}, block.extras, path, losses)
            return _message(part, envelope, number)
        case Thinking():
            item = encode_reasoning(block, envelope.item_id("rs", number))
            return overlaid(item, rest_of(block), path, losses)
        case ToolCall():
            custom = block.name in context.custom_tools
            item = {
                **encode_call(block, custom=custom),
                **called(block.name, context.namespaces),
                "status": "completed",
            }
            item["id"] = envelope.item_id("ctc" if custom else "fc", number)
            return overlaid(item, without(block.extras, "type"), path, losses)
        case Opaque(dialect=dialect, data=data) if dialect is OURS:
            return data
        case Opaque() | Media() | ToolResult():
            losses.dropped(path, "block without a counterpart")
            return None
        case _:
            assert_never(block)


def _message(part: JsonObject, envelope: Envelope, number: int) -> JsonObject:
    return {
        "type": "message",
        "id": envelope.item_id("msg", number),
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def report_finish(finish: Finish, losses: Losses) -> None:
    """What a finish says that this API has no word for."""
    if finish.stop_sequence is not None:
        losses.hint("$.finish.stop_sequence", "which stop sequence")
    overlaid({}, finish.extras, "$.finish", losses)

"""Buffered replies (openai 3.57.0 types, ChatCompletion)."""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from lethe.dialects.openai_chat.errors import decode_error_object
from lethe.dialects.openai_chat.messages import CALL, decode_assistant, encode_call
from lethe.dialects.openai_chat.overlay import OURS, from_slot, leftovers, overlaid, own, present, without
from lethe.dialects.openai_chat.reasoning import DETAIL, NAMES, encode_detail
from lethe.dialects.openai_chat.usage import decode_usage, encode_usage
from lethe.dialects.reply import ReplyContext
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import ContentBlock, Extras, JsonObject, Opaque, Refusal, Text, Thinking, ToolCall
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.ir.response import Response
from lethe.wire import lenient
from lethe.wire.fields import Fields

STOP_REASONS = {
    "stop": StopReason.END_TURN,
    "eos": StopReason.END_TURN,  # Together
    "length": StopReason.MAX_TOKENS,
    "tool_calls": StopReason.TOOL_USE,
    "function_call": StopReason.TOOL_USE,
    "content_filter": StopReason.REFUSAL,
}
FINISH_REASONS: dict[StopReason, str] = {
    StopReason.END_TURN: "stop",
    StopReason.MAX_TOKENS: "length",
    StopReason.CONTEXT_WINDOW: "length",
    StopReason.TOOL_USE: "tool_calls",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.REFUSAL: "content_filter",
    StopReason.PAUSE: "stop",
    StopReason.OTHER: "stop",
}


def stop_reason(word: str | None, *, called: bool) -> StopReason:
    """Some servers say "stop", or nothing, although they called tools."""
    if called and word in (None, "stop"):
        return StopReason.TOOL_USE
    return StopReason.END_TURN if word is None else STOP_REASONS.get(word, StopReason.OTHER)


def call_id(reply_id: str, position: int) -> str:
    """For an upstream that names no call: the same in a stream and in a buffered reply."""
    return f"call_{reply_id}_{position}"


def decode_response(body: JsonObject) -> Response:
    """Raises MalformedReply, and StreamFailed for an error under a status of success."""
    try:
        return _decode(Fields(body))
    except InvalidRequest:
        raise MalformedReply from None


def encode_response(response: Response, context: ReplyContext, losses: Losses) -> JsonObject:
    """Our caller asked for one choice: another `n` does not cross, and is refused before."""
    finish = response.finish
    message = encode_message(response.content, context.custom_tools, losses)
    marks = own(finish.extras)
    choice: JsonObject = {
        "index": 0,
        "message": overlaid(message, _message_extras(finish), "$.finish", losses),
        "logprobs": _encode_logprobs(response.content),
        "finish_reason": FINISH_REASONS[finish.reason],
    }
    report_finish(finish, losses)
    body = {
        "id": response.id or context.id,
        "object": "chat.completion",
        "created": own(response.extras).get("created", context.created),
        "model": response.model,
        "choices": [overlaid(choice, Extras(OURS, {k: v for k, v in marks.items() if k != "message"}), "$", losses)],
        "usage": encode_usage(finish.usage),
    }
    return overlaid(body, without(response.extras, "created"), "$", losses)


def encode_message(content: Sequence[ContentBlock], custom_tools: Collection[str], losses: Losses) -> JsonObject:
    """A reply's message. Its content is one string: blocks are joined as a stream's deltas would be."""
    texts: list[str] = []
    refusals: list[str] = []
    thoughts: list[str] = []
    details: list[JsonObject] = []
    calls: list[JsonObject] = []
    for i, block in enumerate(content):
        path = f"$.content[{i}]"
        match block:
            case Text(text=text):
                report_text(block, path, losses)
                texts.append(text)
            case Refusal(text=text):
                overlaid({}, block.extras, path, losses)
                refusals.append(text)
            case Thinking(text=text):
                entry = overlaid(encode_detail(block), without(block.extras, "field"), path, losses)
                thoughts += [] if block.redacted else [text]
                details += [entry] if block.signature else []
            case ToolCall():
                calls.append(encode_call(block, path, losses, custom=block.name in custom_tools))
            case Opaque() if custom := from_slot(block, CALL):
                calls.append(custom)
            case Opaque() if detail := from_slot(block, DETAIL):
                details.append(detail)
            case _:
                losses.dropped(path, "block without a counterpart")
    return {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": "".join(refusals) if refusals else None,
        **present(reasoning_content="".join(thoughts) or None, reasoning_details=details, tool_calls=calls),
    }


def report_text(block: Text, path: str, losses: Losses) -> None:
    if block.citations:
        losses.degraded(f"{path}.citations", "citations")
    overlaid({}, block.extras, path, losses)


def report_finish(finish: Finish, losses: Losses) -> None:
    """What a finish says that Chat has no word for."""
    if finish.stop_sequence is not None:
        losses.hint("$.finish.stop_sequence", "which stop sequence")
    if finish.extras is not None and finish.extras.dialect is not OURS:
        overlaid({}, finish.extras, "$.finish", losses)


def _message_extras(finish: Finish) -> Extras | None:
    message = own(finish.extras).get("message")
    return Extras(OURS, message) if isinstance(message, dict) else None


def _decode(f: Fields) -> Response:
    id, model = f.take("id", str, ""), f.take("model", str, "")
    usage = decode_usage(f.raw("usage"))
    f.raw("object")
    if error := f.peek("error"):
        raise StreamFailed(decode_error_object({"error": error}))
    # choices beyond the first were never asked for
    choices = f.items("choices")
    if not choices:
        raise MalformedReply
    choice = choices[0] if len(choices) == 1 else min(choices, key=_number)
    if error := choice.peek("error"):  # OpenRouter, for a provider that failed midway
        raise StreamFailed(decode_error_object({"error": error}))
    choice.raw("index")
    word = choice.take("finish_reason", str)
    message = choice.raw("message")
    if not isinstance(message, dict):
        raise MalformedReply
    content, left = decode_assistant(Fields(_mended(message, id), "$.message"))
    content, logprobs = _with_logprobs(content, choice.raw("logprobs"))
    called = any(map(_calls, content))
    # a copy of the thinking beside its details goes: streams have none
    repeated = ("role", *NAMES)
    inner = {k: v for k, v in left.fields.items() if v not in (None, []) and k not in repeated} if left else {}
    finish = Finish(
        reason=stop_reason(word, called=called),
        raw_reason=word,
        usage=usage,
        extras=leftovers(choice, message=inner, logprobs=logprobs),
    )
    return Response(id=id, model=model, content=content, finish=finish, extras=leftovers(f))


def _calls(block: ContentBlock) -> bool:
    return isinstance(block, ToolCall) or (isinstance(block, Opaque) and bool(from_slot(block, CALL)))


def _number(choice: Fields) -> int:
    number = choice.peek("index")
    return number if isinstance(number, int) else 0


def _mended(message: JsonObject, reply_id: str) -> JsonObject:
    """What sloppy servers leave out: ids of calls, arguments as text; and the older single call as a list of one."""
    calls: Any = message.get("tool_calls")
    legacy = message.get("function_call")
    if not calls and isinstance(legacy, dict):
        calls = [{"function": legacy}]
        message = {k: v for k, v in message.items() if k != "function_call"}
    if not isinstance(calls, list):
        return message
    return {**message, "tool_calls": [_mended_call(c, call_id(reply_id, i)) for i, c in enumerate(calls)]}


def _mended_call(call: Any, id: str) -> Any:
    match call:
        case {"function": {"arguments": dict(arguments)} as function}:
            call = {**call, "function": {**function, "arguments": lenient.encode(arguments).decode()}}
        case dict():
            pass
        case _:
            return call
    rest = {k: v for k, v in call.items() if k != "index"}
    return {**rest, "id": call.get("id") or id}


def _with_logprobs(content: tuple[ContentBlock, ...], value: Any) -> tuple[tuple[ContentBlock, ...], JsonObject]:
    """Token probabilities go to the text that they are of; those of a refusal are left over."""
    if not isinstance(value, dict):
        return content, {}
    tokens, rest = value.get("content"), {k: v for k, v in value.items() if k != "content" and v is not None}
    at = next((i for i, b in enumerate(content) if isinstance(b, Text)), None)
    if not isinstance(tokens, list) or at is None:
        return content, {**rest, **present(content=tokens)}
    text = msgspec.structs.replace(content[at], logprobs=tuple(t for t in tokens if isinstance(t, dict)))
    return (*content[:at], text, *content[at + 1 :]), rest


def _encode_logprobs(content: Sequence[ContentBlock]) -> JsonObject | None:
    tokens = [t for b in content if isinstance(b, Text) for t in b.logprobs]
    return {"content": tokens, "refusal": None} if tokens else None

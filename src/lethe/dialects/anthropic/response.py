"""Buffered replies (anthropic 2.13.0 types, Message and BetaMessage)."""

from lethe.dialects.anthropic.blocks import OURS, decode_block, encode_block
from lethe.dialects.anthropic.errors import decode_error_object
from lethe.dialects.anthropic.usage import decode_usage, encode_usage, leftover_usage
from lethe.dialects.leftovers import merged
from lethe.dialects.reply import ReplyContext
from lethe.errors import InvalidRequest, MalformedReply
from lethe.ir.content import ContentBlock, Extras, JsonObject, Media, Refusal, Text
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed
from lethe.ir.loss import Losses
from lethe.ir.response import Response
from lethe.wire.fields import Fields

STOP_REASONS = {
    "end_turn": StopReason.END_TURN,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
    "tool_use": StopReason.TOOL_USE,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "refusal": StopReason.REFUSAL,
    "pause_turn": StopReason.PAUSE,
}
_NAMES = {reason: name for name, reason in STOP_REASONS.items()}
_UNNAMED = "end_turn"  # for a reason that the API has no word for: clients need one

# Fields of a message that a stream gives with its end, in `message_delta`: those inside `delta`, and those beside it.
DELTA_FIELDS = ("stop_details", "container")
DELTA_EVENT_FIELDS = ("context_management", "input_transformations")


def decode_response(body: JsonObject) -> Response:
    """Raises MalformedReply, and StreamFailed for an error under a status of success. Null fields count as absent."""
    try:
        return _decode(Fields(body))
    except InvalidRequest:
        raise MalformedReply from None


def _decode(f: Fields) -> Response:
    kind, error = f.raw("type"), f.peek("error")
    if error or kind == "error":
        raise StreamFailed(decode_error_object({"type": kind, "error": error}))
    f.raw("role")
    id, model = f.take("id", str, ""), f.take("model", str, "")
    if f.peek("content") is None:
        raise MalformedReply
    content = tuple(decode_block(b) for b in f.items("content"))
    ending = {name: value for name in (*DELTA_FIELDS, *DELTA_EVENT_FIELDS) if (value := f.raw(name)) is not None}
    finish = decode_finish(f.take("stop_reason", str), f.take("stop_sequence", str), f.take("usage", dict, {}), ending)
    return Response(id=id, model=model, content=content, finish=finish, extras=said(f))


def said(f: Fields) -> Extras | None:
    """Leftovers of a reply, without its many nulls."""
    rest = f.rest(OURS)
    fields = {name: value for name, value in rest.fields.items() if value is not None} if rest else {}
    return Extras(OURS, fields) if fields else None


def decode_finish(reason: str | None, sequence: str | None, usage: JsonObject, ending: JsonObject) -> Finish:
    """The end of a reply; `ending` holds its leftovers."""
    known = STOP_REASONS.get(reason or "", StopReason.OTHER)
    extras = dict(ending)
    if reason is not None and known is StopReason.OTHER:
        extras["stop_reason"] = reason
    if left := leftover_usage(usage):
        extras["usage"] = left
    return Finish(
        reason=known,
        raw_reason=reason,
        stop_sequence=sequence,
        usage=decode_usage(usage),
        extras=Extras(OURS, extras) if extras else None,
    )


def stop_reason(finish: Finish, *, refused: bool) -> str:
    """The API's word; `refused` if the answer held a refusal, which others report beside the reason."""
    if refused and finish.reason in (StopReason.END_TURN, StopReason.OTHER):
        return _NAMES[StopReason.REFUSAL]
    return _NAMES.get(finish.reason, _UNNAMED)


def encode_said(block: ContentBlock, path: str, losses: Losses) -> JsonObject | None:
    """A block of an answer: what may be asked with, and no media."""
    if isinstance(block, Media):
        losses.dropped(path, "media in an answer")
        return None
    return encode_block(block, path, losses)


def encode_response(response: Response, context: ReplyContext, losses: Losses) -> JsonObject:
    """A body for the caller. A refusal is text here, told by the stop reason."""
    content, refused = [], False
    for i, block in enumerate(response.content):
        path = f"$.content[{i}]"
        if isinstance(block, Text) and block.logprobs:
            losses.hint(f"{path}.logprobs", "logprobs")
        if (encoded := encode_said(block, path, losses)) is not None:
            content.append(encoded)
        refused = refused or isinstance(block, Refusal)
    finish = response.finish
    body: JsonObject = {
        "id": response.id or context.id,
        "type": "message",
        "role": "assistant",
        "model": response.model,
        "content": content,
        "stop_reason": stop_reason(finish, refused=refused),
        "stop_sequence": finish.stop_sequence,
        "usage": encode_usage(finish.usage),
    }
    body = merged(body, response.extras, OURS, "$", losses)
    return merged(body, finish.extras, OURS, "$.finish", losses)

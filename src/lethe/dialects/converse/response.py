"""Buffered replies (botocore 1.44.8, bedrock-runtime, ConverseResponse)."""

from typing import Any

from lethe.dialects.converse.blocks import decode_block
from lethe.dialects.converse.errors import decode_exception
from lethe.dialects.converse.overlay import OURS
from lethe.dialects.converse.request import STOP_SEQUENCE
from lethe.dialects.converse.usage import decode_usage
from lethe.errors import MalformedReply
from lethe.ir.content import Extras, JsonObject
from lethe.ir.events import Finish, StopReason
from lethe.ir.grammar import StreamFailed
from lethe.ir.response import Response
from lethe.providers.bedrock import message_of

STOP_REASONS = {
    "end_turn": StopReason.END_TURN,
    "tool_use": StopReason.TOOL_USE,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "model_context_window_exceeded": StopReason.CONTEXT_WINDOW,
    "guardrail_intervened": StopReason.REFUSAL,
    "content_filtered": StopReason.REFUSAL,
    "malformed_model_output": StopReason.OTHER,
    "malformed_tool_use": StopReason.OTHER,
}
FIELDS = "additionalModelResponseFields"
# Of a reply or a stream's last events: what is no content, and so is the caller's as leftovers.
ENDING = ("metrics", "trace", "performanceConfig", "serviceTier")


def decode_response(body: JsonObject) -> Response:
    """Raises MalformedReply, and StreamFailed for an error under a status of success. The API gives no id, no model."""
    match body:
        case {"output": {"message": {"content": list(content)}}}:
            blocks = tuple(block for data in content if (block := decode_block(data)) is not None)
        case _ if message_of(body) is not None:
            raise StreamFailed(decode_exception("", body))
        case _:
            raise MalformedReply
    ending = {name: body[name] for name in ENDING if body.get(name) is not None}
    finish = decode_finish(body.get("stopReason"), body.get(FIELDS), body.get("usage"), ending)
    return Response(id="", model="", content=blocks, finish=finish)


def decode_finish(word: Any, fields: Any, usage: Any, ending: JsonObject) -> Finish:
    """The end of a reply; `fields` are those of the model's own that were asked for, `ending` its leftovers."""
    reason = word if isinstance(word, str) else None
    left, sequence = _without_sequence(fields)
    extras = {**ending, **({FIELDS: left} if left else {})}
    if isinstance(usage, dict) and usage.get("cacheDetails"):
        extras["cacheDetails"] = usage["cacheDetails"]
    return Finish(
        reason=STOP_REASONS.get(reason or "", StopReason.OTHER),
        raw_reason=reason,
        stop_sequence=sequence,
        usage=decode_usage(usage),
        extras=Extras(OURS, extras) if extras else None,
    )


def _without_sequence(fields: Any) -> tuple[JsonObject, str | None]:
    """The model's own fields without what only repeats the stop sequence, and the sequence."""
    if not isinstance(fields, dict):
        return {}, None
    delta = fields.get("delta")
    inner = delta if isinstance(delta, dict) else {}
    met = [value for value in (fields.get(STOP_SEQUENCE), inner.get(STOP_SEQUENCE)) if isinstance(value, str)]
    left = {name: value for name, value in fields.items() if name not in (STOP_SEQUENCE, "delta")}
    if more := {name: value for name, value in inner.items() if name != STOP_SEQUENCE}:
        left["delta"] = more
    return left, met[0] if met else None

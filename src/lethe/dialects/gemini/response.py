"""Buffered replies (google-genai 3.6.1 types, GenerateContentResponse)."""

from typing import Any

from lethe.dialects.gemini.calls import encode_call
from lethe.dialects.gemini.finish import finish_reason
from lethe.dialects.gemini.logprobs import encode_logprobs
from lethe.dialects.gemini.overlay import overlaid, own, without
from lethe.dialects.gemini.parts import encode_spoken
from lethe.dialects.gemini.seals import SIGNATURE, carried, is_foreign, is_own
from lethe.dialects.gemini.stream_decoder import StreamDecoder
from lethe.dialects.gemini.usage import encode_usage
from lethe.dialects.reply import ReplyContext
from lethe.errors import InvalidRequest, MalformedReply, StreamCut
from lethe.ir.content import ContentBlock, JsonObject, Refusal, Text, Thinking, ToolCall
from lethe.ir.events import Finish
from lethe.ir.grammar import Fold
from lethe.ir.loss import Losses
from lethe.ir.response import Response


def decode_response(body: JsonObject) -> Response:
    """Raises MalformedReply, and StreamFailed for an error under a status of success."""
    decoder, fold = StreamDecoder(), Fold()
    try:
        for events in (decoder.chunk(body), decoder.finish()):
            for event in events:
                fold.add(event)
        return fold.response()
    except (InvalidRequest, StreamCut):
        raise MalformedReply from None


def encode_response(response: Response, context: ReplyContext, losses: Losses) -> JsonObject:
    """One candidate, whose parts follow the blocks."""
    parts: list[JsonObject] = []
    seat = Seat()
    tokens: list[JsonObject] = []
    for i, block in enumerate(response.content):
        parts += encode_block(block, seat, f"$.content[{i}]", losses)
        tokens += block.logprobs if isinstance(block, Text) else ()
    parts += seat.rest()
    refused = any(isinstance(block, Refusal) for block in response.content)
    ending = encode_ending(response.finish, parts, losses, refused=refused)
    if tokens:
        ending["candidates"][0]["logprobsResult"] = encode_logprobs(tokens)
    head = {"modelVersion": response.model, "responseId": response.id or context.id}
    return overlaid({**ending, **head}, response.extras, "$", losses)


class Seat:
    """A signature on its way to the next part that can hold it."""

    def __init__(self) -> None:
        self.held: str | None = None

    def on(self, part: JsonObject) -> JsonObject:
        if self.held is not None and SIGNATURE not in part:
            part = {**part, SIGNATURE: self.held}
            self.held = None
        return part

    def rest(self) -> list[JsonObject]:
        """A part of its own for what nothing came to hold."""
        return [self.on({"text": ""})] if self.held is not None else []


def encode_block(block: ContentBlock, seat: Seat, path: str, losses: Losses) -> list[JsonObject]:
    """The parts that say a whole block."""
    match block:
        case Thinking():
            parts = seat.rest()
            if is_own(block) or is_foreign(block):
                seat.held = carried(block)
            if block.redacted:
                return parts
            sealed = carried(block) if seat.held is None else None
            return [*parts, thought(block, path, losses, signature=sealed)]
        case ToolCall(id=id):
            part = encode_call(block, path, losses, id=id)
            return [seat.on(overlaid(part, block.extras, path, losses))]
        case Refusal(text=text):
            return [seat.on({"text": text})] if text else []
        case _:
            spoken = encode_spoken(block, path, losses)
            return [seat.on(spoken)] if spoken is not None else []


def thought(block: Thinking, path: str, losses: Losses, *, signature: str | None = None) -> JsonObject:
    """The part that shows a thought."""
    part: JsonObject = {"text": block.text, "thought": True}
    if signature is not None:
        part[SIGNATURE] = signature
    return overlaid(part, block.extras, path, losses)


def encode_ending(finish: Finish, parts: list[JsonObject], losses: Losses, *, refused: bool) -> JsonObject:
    """The candidate that says how an answer ended, and the counts beside it."""
    if finish.stop_sequence is not None:
        losses.hint("$.finish.stop_sequence", "which stop sequence")
    counted: Any = own(finish.extras).get("usageMetadata")
    counted = counted if isinstance(counted, dict) else {}
    candidate = {
        "content": {"parts": parts or [{"text": ""}], "role": "model"},
        "finishReason": finish_reason(finish, refused=refused),
        "index": 0,
    }
    candidate = overlaid(
        candidate, without(finish.extras, "usageMetadata") if counted else finish.extras, "$.finish", losses
    )
    return {"candidates": [candidate], "usageMetadata": {**encode_usage(finish.usage), **counted}}

"""Requests (google-genai 3.6.1, `_GenerateContentParameters_to_mldev`; API v1beta)."""

from lethe.dialects.gemini.contents import decode_contents, decode_system, encode_contents, encode_system
from lethe.dialects.gemini.generation import decode_output, decode_sampling, encode_output, encode_sampling
from lethe.dialects.gemini.models import family_of
from lethe.dialects.gemini.overlay import leftovers, overlaid
from lethe.dialects.gemini.proto import child, message, several
from lethe.dialects.gemini.thinking import decode_thinking, encode_thinking
from lethe.dialects.gemini.tools import decode_choice, decode_tools, encode_tools
from lethe.dialects.overlay import present
from lethe.errors import InvalidRequest
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import Request
from lethe.wire.fields import Fields


def decode_request(body: JsonObject) -> Request:
    """Raises InvalidRequest."""
    f = message(_asked(body), "$")
    if f.peek("contents") is None:
        raise InvalidRequest("$.contents", "is required")
    instruction, config = child(f, "systemInstruction"), child(f, "toolConfig")
    generation = child(f, "generationConfig") or Fields({}, "$.generationConfig")
    system = decode_system(instruction)
    if instruction is not None:
        instruction.raw("role")  # says nothing: its place does
    return Request(
        model=f.require("model", str),
        system=system,
        turns=decode_contents(several(f, "contents")),
        tools=decode_tools(several(f, "tools")),
        tool_choice=decode_choice(config),
        sampling=decode_sampling(generation),
        reasoning=decode_thinking(generation),
        output=decode_output(generation),
        stream=bool(f.take("stream", bool)),
        extras=leftovers(f, generationConfig=generation, toolConfig=config, systemInstruction=instruction),
    )


def _asked(body: JsonObject) -> JsonObject:
    """countTokens may hold the whole request that it asks about."""
    inner = body.get("generateContentRequest")
    return {**inner, "model": body.get("model")} if isinstance(inner, dict) else body


def encode_request(request: Request, losses: Losses) -> JsonObject:
    """A body for an upstream."""
    family = family_of(request.model)
    generation = {
        **encode_sampling(request.sampling, losses),
        **present(thinkingConfig=encode_thinking(request.reasoning, family, losses)),
        **encode_output(request.output, losses),
    }
    if request.output is not None:
        overlaid({}, request.output.extras, "$.output", losses)
    if request.begun:
        losses.degraded(f"$.turns[{len(request.turns) - 1}]", "beginning of the answer")
    if request.end_user is not None:
        losses.hint("$.end_user", "end-user id")
    body: JsonObject = {
        "model": request.model,
        **present(systemInstruction=encode_system(request.system, losses)),
        "contents": encode_contents(request.turns, family, losses),
        **encode_tools(request, losses),
        **({"generationConfig": generation} if generation else {}),
        **present(stream=request.stream or None),
    }
    return overlaid(body, request.extras, "$", losses)

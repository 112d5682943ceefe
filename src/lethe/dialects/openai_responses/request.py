"""Responses requests (openai 3.57.0 types, ResponseCreateParams)."""

from typing import Any

from lethe.dialects.openai import DEFAULT_SCHEMA_NAME, NO_REASONING, effort_of
from lethe.dialects.openai_responses.items import decode_items, encode_system, encode_turn
from lethe.dialects.openai_responses.overlay import leftovers, overlaid, own, without
from lethe.dialects.openai_responses.tools import decode_choice, decode_tools, encode_tools
from lethe.dialects.overlay import present
from lethe.errors import InvalidRequest
from lethe.ir.content import ContentBlock, JsonObject, Text
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning, Request, Sampling, Turn
from lethe.wire.fields import Fields

SEALED = "reasoning.encrypted_content"  # without it a stateless caller could not hand reasoning back


def decode_request(body: JsonObject) -> Request:
    """Raises InvalidRequest."""
    f = Fields(body)
    model = f.require("model", str)
    said, turns = _decode_input(f)
    instructions = f.take("instructions", str)
    choice = decode_choice(f.peek("tool_choice"))
    if choice is not None:
        f.raw("tool_choice")
    text = f.child("text")
    output = _decode_output(text) if text is not None else None
    return Request(
        model=model,
        system=((Text(text=instructions),) if instructions else ()) + said,
        turns=turns,
        tools=tuple(tool for each in f.items("tools") for tool in decode_tools(each)),
        tool_choice=choice,
        parallel_tool_calls=f.take("parallel_tool_calls", bool),
        sampling=Sampling(
            max_tokens=f.take("max_output_tokens", int),
            temperature=f.take("temperature", float),
            top_p=f.take("top_p", float),
            top_logprobs=f.take("top_logprobs", int),
        ),
        reasoning=_decode_reasoning(f),
        output=output,
        end_user=f.take("user", str),
        stream=f.take("stream", bool, False),  # noqa: FBT003 - the default
        extras=leftovers(f, text=text),
    )


def encode_request(request: Request, losses: Losses) -> JsonObject:
    """A body for an upstream: it stores nothing, and its reasoning comes back sealed."""
    instructions, messages = encode_system(request.system, losses)
    turns = [item for i, turn in enumerate(request.turns) for item in encode_turn(turn, f"$.turns[{i}]", losses)]
    text = _encode_output(request.output, losses)
    body: JsonObject = {
        "model": request.model,
        **present(instructions=instructions),
        "input": [*messages, *turns],
        **encode_tools(request, losses),
        **_encode_sampling(request, losses),
        **present(
            reasoning=_encode_reasoning(request.reasoning, losses),
            text=text,
            user=request.end_user,
            stream=request.stream or None,
        ),
    }
    if request.reasoning is not None and request.reasoning.enabled:
        body["include"] = [SEALED]
    if request.begun:
        losses.degraded(f"$.turns[{len(request.turns) - 1}]", "beginning of the answer")
    if own(request.extras).get("store"):
        losses.hint("$.store", "stored response")
    return {**overlaid(body, without(request.extras, "store"), "$", losses), "store": False}


def _decode_input(f: Fields) -> tuple[tuple[ContentBlock, ...], tuple[Turn, ...]]:
    match f.peek("input"):
        case None:
            raise InvalidRequest("$.input", "is required")
        case str(text):
            f.raw("input")
            return (), (Turn(role="user", content=(Text(text=text),)),)
        case _:
            return decode_items(f.items("input"))


def _encode_sampling(request: Request, losses: Losses) -> JsonObject:
    s, path = request.sampling, "$.sampling"
    for name in ("top_k", "seed", "frequency_penalty", "presence_penalty"):
        if getattr(s, name) is not None:
            losses.hint(f"{path}.{name}", name)
    if s.stop:
        losses.dropped(f"{path}.stop", "stop sequences: leave them out, or ask an upstream of another dialect")
    if s.logprobs and s.top_logprobs is None:
        losses.degraded(f"{path}.logprobs", "token probabilities")
    return present(
        max_output_tokens=s.max_tokens, temperature=s.temperature, top_p=s.top_p, top_logprobs=s.top_logprobs
    )


def _decode_reasoning(f: Fields) -> Reasoning | None:
    inner = f.child("reasoning")
    if inner is None:
        return None
    effort = inner.take("effort", str)
    return Reasoning(enabled=effort != NO_REASONING, effort=effort, extras=leftovers(inner))


def _encode_reasoning(reasoning: Reasoning | None, losses: Losses) -> JsonObject | None:
    if reasoning is None:
        return None
    path = "$.reasoning"
    effort = reasoning.effort
    if not reasoning.enabled:
        effort = NO_REASONING if effort == NO_REASONING else None
        if effort is None:
            losses.hint(path, "thinking disabled")
    elif effort is None and reasoning.budget_tokens is not None:
        losses.hint(f"{path}.budget_tokens", "thinking budget as effort")
        effort = effort_of(reasoning.budget_tokens)
    elif reasoning.budget_tokens is not None:
        losses.hint(f"{path}.budget_tokens", "thinking budget beside an effort")
    shown = {"summary": "auto"} if reasoning.enabled and not own(reasoning.extras) else {}
    return overlaid({**present(effort=effort), **shown}, reasoning.extras, path, losses) or None


def _decode_output(text: Fields) -> OutputFormat | None:
    """Plain text, and kinds that we do not know, stay among the leftovers."""
    match text.peek("format"):
        case {"type": "json_object"}:
            form = Fields(text.raw("format"), "$.text.format")
            form.raw("type")
            return OutputFormat(kind="json_object", extras=leftovers(form))
        case {"type": "json_schema"}:
            form = Fields(text.raw("format"), "$.text.format")
            form.raw("type")
            return OutputFormat(
                kind="json_schema",
                name=form.take("name", str),
                description=form.take("description", str),
                schema=form.take("schema", dict[str, Any]),
                strict=form.take("strict", bool),
                extras=leftovers(form),
            )
        case None | dict():
            return None
        case _:
            raise InvalidRequest("$.text.format", "expected an object")


def _encode_output(output: OutputFormat | None, losses: Losses) -> JsonObject | None:
    if output is None:
        return None
    form: JsonObject = {"type": output.kind}
    if output.kind == "json_schema":
        form["name"] = output.name or DEFAULT_SCHEMA_NAME
        form |= present(description=output.description, schema=output.schema, strict=output.strict)
    return {"format": overlaid(form, output.extras, "$.output", losses)}

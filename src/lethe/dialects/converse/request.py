"""Converse requests (botocore 1.44.8, bedrock-runtime 2023-09-30, ConverseRequest and ConverseStreamRequest)."""

from lethe.dialects.converse.blocks import Content
from lethe.dialects.converse.families import Family, Thinking, family_of
from lethe.dialects.converse.messages import encode_messages, encode_system, has_tool_blocks
from lethe.dialects.converse.overlay import overlaid
from lethe.dialects.converse.reasoning import Thought, encode_reasoning
from lethe.dialects.converse.tools import encode_tools
from lethe.dialects.overlay import present
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Request
from lethe.wire import lenient

MAX_TEMPERATURE = 1.0
# Which stop sequence was met: asked for where a reply has it, and where a stream's last event has it.
STOP_SEQUENCE = "stop_sequence"
STOP_SEQUENCE_PATHS = (f"/{STOP_SEQUENCE}", f"/delta/{STOP_SEQUENCE}")


def encode_request(request: Request, losses: Losses) -> JsonObject:
    """A body for an upstream, with `model` and `stream` in it."""
    family = family_of(request.model)
    content = Content(family, losses)
    thought = encode_reasoning(request, family, losses)
    messages = encode_messages(request, family, content, losses)
    tools, choice = encode_tools(request, family, content, losses, used=has_tool_blocks(messages))
    inference, sampling = _encode_sampling(request, family, thought, losses)
    output = {**thought.output, **_encode_output(request.output, losses)}
    body: JsonObject = {"model": request.model, "messages": messages}
    body |= present(
        system=encode_system(request, content, losses),
        toolConfig=tools or None,
        inferenceConfig=inference or None,
        additionalModelRequestFields={**thought.own, **choice, **sampling} or None,
        outputConfig=output or None,
        stream=request.stream or None,
    )
    if request.sampling.stop and family.thinking is Thinking.CLAUDE:
        body["additionalModelResponseFieldPaths"] = list(STOP_SEQUENCE_PATHS)
    if request.end_user is not None:
        losses.hint("$.end_user", "end user's id")
    return overlaid(body, request.extras, "$", losses)


def _encode_sampling(
    request: Request, family: Family, thought: Thought, losses: Losses
) -> tuple[JsonObject, JsonObject]:
    """`inferenceConfig`, and the model's own fields."""
    s, path = request.sampling, "$.sampling"
    for name, value in (
        ("seed", s.seed),
        ("frequency_penalty", s.frequency_penalty),
        ("presence_penalty", s.presence_penalty),
    ):
        if value:
            losses.hint(f"{path}.{name}", f"{name} has no counterpart")
    if s.logprobs or s.top_logprobs:
        losses.dropped(f"{path}.logprobs", "logprobs")
    unbound, limit = _is_unbound(thought), s.max_tokens
    if limit is not None and limit < 1:
        losses.hint(f"{path}.max_tokens", "limit below 1")
        limit = 1
    if unbound and limit is not None:
        losses.hint(f"{path}.max_tokens", "limit of the answer beside the highest effort")
    values = {"temperature": s.temperature, "top_p": s.top_p, "top_k": s.top_k}
    kept = {
        name: v for name, v in values.items() if v is not None and not unbound and _may_stand(name, v, family, thought)
    }
    for name in (name for name, value in values.items() if value is not None and name not in kept):
        losses.hint(f"{path}.{name}", f"{name}, which the model does not take here")
    if kept.get("temperature", 0) > MAX_TEMPERATURE:
        losses.hint(f"{path}.temperature", "temperature above 1")
        kept["temperature"] = MAX_TEMPERATURE
    inference = present(
        maxTokens=None if unbound else limit,
        temperature=kept.get("temperature"),
        topP=kept.get("top_p"),
        stopSequences=[word for word in s.stop if word],
    )
    return inference, _nested(family.top_k, kept["top_k"]) if "top_k" in kept else {}


def _may_stand(name: str, value: float, family: Family, thought: Thought) -> bool:
    """While it thinks, Claude takes no other temperature than 1, and no `top_k`."""
    if name == "top_k":
        return bool(family.top_k) and not thought.on
    return not (name == "temperature" and thought.on and value != MAX_TEMPERATURE)


def _is_unbound(thought: Thought) -> bool:
    """Nova refuses limits and sampling beside its highest effort."""
    match thought.own:
        case {"reasoningConfig": {"maxReasoningEffort": "high"}}:
            return True
        case _:
            return False


def _nested(names: tuple[str, ...], value: float) -> JsonObject:
    made: JsonObject = {names[-1]: value}
    for name in reversed(names[:-1]):
        made = {name: made}
    return made


def _encode_output(output: OutputFormat | None, losses: Losses) -> JsonObject:
    """A schema, as text."""
    if output is None:
        return {}
    path = "$.output"
    overlaid({}, output.extras, path, losses)
    if output.kind == "json_object" or output.schema is None:
        losses.degraded(path, "JSON without a schema")
        return {}
    if output.strict is False:
        losses.hint(f"{path}.strict", "schema as advice: it binds here")
    about = present(name=output.name, description=output.description)
    schema = {"schema": lenient.encode(output.schema).decode(), **about}
    return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}

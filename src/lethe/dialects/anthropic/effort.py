"""How much to think and in which shape to answer: `thinking` and `output_config` (anthropic 2.13.0 types)."""

from typing import Any

from lethe.dialects.anthropic.blocks import OURS
from lethe.dialects.leftovers import merged
from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import OutputFormat, Reasoning
from lethe.wire.fields import Fields

NO_EFFORT = "none"  # OpenAI's word for no thinking; ours is another object
# Effort words of other dialects that the API does not know (it has low, medium, high, xhigh, max).
NEAREST_EFFORT = {"minimal": "low"}
# Keywords of JSON Schema that hold schemas, by name or as they are.
_NAMED_SCHEMAS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_SCHEMAS = frozenset({"items", "prefixItems", "anyOf", "allOf", "oneOf", "not", "additionalProperties"})


def decode_effort(f: Fields) -> tuple[Reasoning | None, OutputFormat | None]:
    """Takes `thinking`, `output_config` and the older `output_format` from a request."""
    thinking, config = f.child("thinking"), f.child("output_config")
    effort = config.take("effort", str) if config else None
    output = _decode_format(config, "format") if config else None
    f.keep("output_config", config)
    if output is None:
        output = _decode_format(f, "output_format")
    if thinking is None:
        return (None if effort is None else Reasoning(effort=effort, effort_only=True)), output
    return _decode_thinking(thinking, effort), output


def _decode_thinking(f: Fields, effort: str | None) -> Reasoning:
    match f.peek("type"):
        case "enabled":
            f.raw("type")
            budget = f.require("budget_tokens", int)
            return Reasoning(effort=effort, budget_tokens=budget, extras=f.rest(OURS))
        case "disabled":
            f.raw("type")
            return Reasoning(enabled=False, effort=effort, extras=f.rest(OURS))
        case "adaptive":
            f.raw("type")
        case str():
            pass  # a way to think that we do not know is left over, and so encoded as it came
        case _:
            f.require("type", str)
    return Reasoning(effort=effort, extras=f.rest(OURS))


def _decode_format(f: Fields, name: str) -> OutputFormat | None:
    """A JSON schema for the answer; any other kind stays a leftover."""
    form = f.peek(name)
    if form is None:
        f.raw(name)
        return None
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    child = Fields(f.raw(name), f"{f.path}.{name}")
    child.raw("type")
    return OutputFormat(kind="json_schema", schema=child.require("schema", dict), extras=child.rest(OURS))


def encode_effort(reasoning: Reasoning | None, output: OutputFormat | None, losses: Losses) -> JsonObject:
    """The fields `thinking` and `output_config`, where there is something to say."""
    config: JsonObject = {}
    if reasoning is not None and (effort := _effort(reasoning, losses)):
        config["effort"] = effort
    if output is not None and (form := _encode_format(output, losses)):
        config["format"] = form
    thinking = {"thinking": _encode_thinking(reasoning, losses)} if reasoning and not reasoning.effort_only else {}
    return {**thinking, **({"output_config": config} if config else {})}


def thinks(reasoning: Reasoning | None) -> bool:
    """Does this switch thinking on?"""
    return bool(reasoning and reasoning.enabled and not reasoning.effort_only and reasoning.effort != NO_EFFORT)


def _effort(reasoning: Reasoning, losses: Losses) -> str | None:
    word = reasoning.effort
    if word in NEAREST_EFFORT:
        losses.hint("$.reasoning.effort", "effort in another dialect's word")
        return NEAREST_EFFORT[word]
    return None if word == NO_EFFORT else word


def _encode_thinking(reasoning: Reasoning, losses: Losses) -> JsonObject:
    if not thinks(reasoning):
        encoded: JsonObject = {"type": "disabled"}
    elif reasoning.budget_tokens is not None:
        encoded = {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    else:
        encoded = {"type": "adaptive"}
    return merged(encoded, reasoning.extras, OURS, "$.reasoning", losses)


def _encode_format(output: OutputFormat, losses: Losses) -> JsonObject | None:
    path = "$.output"
    if output.kind == "json_object" or output.schema is None:
        # OpenAI demands that the prompt ask for JSON too, so the model still hears of it
        losses.degraded(path, "JSON without a schema")
        merged({}, output.extras, OURS, path, losses)
        return None
    schema = output.schema
    if output.description is not None and "description" not in schema:
        schema = {"description": output.description, **schema}
    elif output.description is not None:
        losses.degraded(f"{path}.description", "description of the answer's schema")
    if output.name is not None:
        losses.hint(f"{path}.name", "name of the answer's schema")
    if (bounded := closed(schema)) != schema:
        losses.hint(path, "objects of the answer's schema take no other properties")
        schema = bounded
    if output.strict is False:
        losses.hint(f"{path}.strict", "schema as advice: it binds here")
    return merged({"type": "json_schema", "schema": schema}, output.extras, OURS, path, losses)


def closed(schema: Any) -> Any:
    """Objects say that they take no other properties, as the API demands (docs, "Structured outputs", 2026-11)."""
    if not isinstance(schema, dict):
        return schema
    made = {name: _inner(name, value) for name, value in schema.items()}
    if "properties" in schema or schema.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


def _inner(keyword: str, value: Any) -> Any:
    match value:
        case dict() if keyword in _NAMED_SCHEMAS:
            return {name: closed(inner) for name, inner in value.items()}
        case list() if keyword in _SCHEMAS:
            return [closed(inner) for inner in value]
        case dict() if keyword in _SCHEMAS:
            return closed(value)
        case _:
            return value

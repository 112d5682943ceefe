"""Tools and the choice among them (anthropic 2.13.0 types, ToolUnionParam and ToolChoiceParam)."""

from lethe.dialects.anthropic.blocks import OURS, encode_cache, take_cache
from lethe.dialects.leftovers import merged
from lethe.ir.content import JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.ir.request import ChoiceMode, Request, Tool, ToolChoice
from lethe.wire.fields import Fields

CHOICES: dict[str, ChoiceMode] = {"auto": "auto", "none": "none", "any": "required", "tool": "named"}
_CHOICE_NAMES = {mode: name for name, mode in CHOICES.items()}


def decode_tool(f: Fields) -> Tool:
    """Without a type, or of type `custom`, a tool is the caller's; any other is the provider's, kept whole."""
    kind = f.take("type", str)
    if kind not in (None, "custom"):
        name, rest = f.peek("name"), f.rest(OURS)
        native = Opaque(dialect=OURS, data={"type": kind, **(rest.fields if rest else {})})
        return Tool(name=name if isinstance(name, str) else kind, native=native)
    return Tool(
        name=f.require("name", str),
        description=f.take("description", str),
        parameters=f.take("input_schema", dict),
        strict=f.take("strict", bool),
        cache=take_cache(f),
        extras=f.rest(OURS),
    )


def encode_tools(request: Request, losses: Losses) -> JsonObject:
    """The fields `tools` and `tool_choice`, where there is something to say."""
    tools = [t for i, tool in enumerate(request.tools) if (t := _encode_tool(tool, f"$.tools[{i}]", losses))]
    return {**({"tools": tools} if tools else {}), **_encode_choice(request, losses, any_tools=bool(tools))}


def _encode_tool(tool: Tool, path: str, losses: Losses) -> JsonObject | None:
    if tool.native is not None:
        if tool.native.dialect is OURS:
            return tool.native.data
        losses.dropped(path, "tool of another API")
        return None
    schema = tool.parameters or {}
    encoded: JsonObject = {"name": tool.name}
    if tool.description is not None:
        encoded["description"] = tool.description
    # the API requires the schema and its type; others leave either out for a tool without arguments
    encoded["input_schema"] = schema if "type" in schema else {"type": "object", **schema}
    if tool.strict is not None:
        encoded["strict"] = tool.strict
    return merged({**encoded, **encode_cache(tool.cache)}, tool.extras, OURS, path, losses)


def decode_choice(f: Fields) -> tuple[ToolChoice | None, bool | None]:
    """The choice, and whether calls may be parallel. A kind that we do not know stays a leftover of the request."""
    choice = f.peek("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else None
    mode = CHOICES.get(kind) if isinstance(kind, str) else None
    if mode is None:
        if choice is None:
            f.raw("tool_choice")
        return None, None
    child = Fields(f.raw("tool_choice"), f"{f.path}.tool_choice")
    child.raw("type")
    name = child.require("name", str) if mode == "named" else None
    alone = child.take("disable_parallel_tool_use", bool)
    return ToolChoice(mode, name, child.rest(OURS)), None if alone is None else not alone


def _encode_choice(request: Request, losses: Losses, *, any_tools: bool) -> JsonObject:
    choice, parallel = request.tool_choice, request.parallel_tool_calls
    if choice is None:
        # the API refuses a choice among no tools, and runs calls in parallel by itself
        if parallel is not False or not any_tools:
            return {}
        choice = ToolChoice("auto")
    encoded: JsonObject = {"type": _CHOICE_NAMES[choice.mode]}
    if choice.name is not None:
        encoded["name"] = choice.name
    if parallel is not None and choice.mode != "none":
        encoded["disable_parallel_tool_use"] = not parallel
    return {"tool_choice": merged(encoded, choice.extras, OURS, "$.tool_choice", losses)}

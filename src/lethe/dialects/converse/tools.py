"""Tools and the choice among them (botocore 1.44.8, bedrock-runtime, ToolConfiguration)."""

from typing import Any

from lethe.dialects.converse.blocks import Content
from lethe.dialects.converse.families import Family
from lethe.dialects.converse.overlay import OURS, overlaid
from lethe.dialects.overlay import present
from lethe.ir.content import JsonObject, ToolCall
from lethe.ir.loss import Losses
from lethe.ir.request import ChoiceMode, Request, Tool, ToolChoice

# The API's words, and Anthropic's own for models that take them. The API has none for `none`.
WORDS: dict[ChoiceMode, str] = {"auto": "auto", "required": "any", "named": "tool"}
ANTHROPIC_WORDS: dict[ChoiceMode, str] = {**WORDS, "none": "none"}
UNNAMED = "tool"  # declared for results whose calls are not there


def encode_tools(
    request: Request, family: Family, content: Content, losses: Losses, *, used: bool
) -> tuple[JsonObject, JsonObject]:
    """`toolConfig`, and fields of the model's own. There must be one where the conversation has `used` tools."""
    tools = [block for i, tool in enumerate(request.tools) for block in _encode_tool(tool, i, content, losses)]
    choice = request.tool_choice
    if choice is not None:
        overlaid({}, choice.extras, "$.tool_choice", losses)
    if not tools and used:
        losses.hint("$.tools", "tools declared because the conversation holds calls")
        tools = [_spec(name, {}) for name in _called(request)]
        choice = ToolChoice("none")
    elif not tools:
        if choice is not None and choice.mode != "none":
            losses.degraded("$.tool_choice", "tool choice without tools")
        return {}, {}
    elif choice is not None and choice.mode == "none" and not used:
        losses.hint("$.tools", "tools left out, as none may be called")
        return {}, {}
    word, own = _choice(choice, family, losses, alone=request.parallel_tool_calls is False)
    return {"tools": tools, **word}, own


def _encode_tool(tool: Tool, index: int, content: Content, losses: Losses) -> list[JsonObject]:
    path = f"$.tools[{index}]"
    if tool.native is not None:
        if tool.native.dialect is OURS:
            return [tool.native.data]
        losses.dropped(path, "tool of another API")
        return []
    overlaid({}, tool.extras, path, losses)
    about = present(
        description=tool.description if (tool.description or "").strip() else None, strict=tool.strict or None
    )
    return [_spec(tool.name, tool.parameters or {}, **about), *content.cache_point(tool.cache, "tools", path)]


def _spec(name: str, schema: JsonObject, **about: Any) -> JsonObject:
    # the API requires the schema, models its type; others leave either out for a tool without arguments
    typed = schema if "type" in schema else {"type": "object", **schema}
    return {"toolSpec": {"name": name, **about, "inputSchema": {"json": typed}}}


def _called(request: Request) -> list[str]:
    names = (block.name for turn in request.turns for block in turn.content if isinstance(block, ToolCall))
    return list(dict.fromkeys(names)) or [UNNAMED]


def _choice(choice: ToolChoice | None, family: Family, losses: Losses, *, alone: bool) -> tuple[JsonObject, JsonObject]:
    """The API's choice, or else the model's own where that says more; both at once are refused."""
    mode: ChoiceMode = choice.mode if choice is not None else "auto"
    named = {"name": choice.name} if choice is not None and mode == "named" else {}
    if family.own_choice and (mode == "none" or alone):
        own: JsonObject = {"type": ANTHROPIC_WORDS[mode], **named}
        if mode != "none":
            own["disable_parallel_tool_use"] = True
        return {}, {"tool_choice": own}
    if alone and mode != "none":
        losses.degraded("$.parallel_tool_calls", "one call at a time")
    if mode not in family.choices:
        losses.degraded("$.tool_choice", "tool choice that the model does not take")
        return {}, {}
    return ({"toolChoice": {WORDS[mode]: named}} if choice is not None else {}), {}

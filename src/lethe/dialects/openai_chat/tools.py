"""Tools and how to choose among them (openai 3.57.0 types, ChatCompletion*ToolParam, *ToolChoice*Param)."""

from typing import Any

from lethe.dialects import openai
from lethe.dialects.freetext import CUSTOM, FREE_TEXT
from lethe.dialects.openai import MODES
from lethe.dialects.openai_chat.overlay import OURS, leftovers, marked, overlaid, own, present, whole, without
from lethe.ir.content import Extras, JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Tool, ToolChoice
from lethe.wire.fields import Fields

NAMED_KINDS = ("function", CUSTOM)


def decode_tool(f: Fields) -> Tool:
    """A function, or a custom tool; any other kind stays whole."""
    kind = f.raw("type")
    if kind == CUSTOM:
        custom = Fields(f.raw(CUSTOM), f"{f.path}.{CUSTOM}")
        return Tool(
            name=custom.require("name", str),
            description=custom.take("description", str),
            parameters=FREE_TEXT,
            extras=marked(leftovers(f, custom=custom), type=CUSTOM),
        )
    if kind not in (None, "function"):
        data = whole(f, type=kind)
        inner = data.get(str(kind))
        name = inner.get("name") if isinstance(inner, dict) else None
        return Tool(name=name if isinstance(name, str) else str(kind), native=Opaque(dialect=OURS, data=data))
    function = Fields(f.raw("function"), f"{f.path}.function")
    return Tool(
        name=function.require("name", str),
        description=function.take("description", str),
        parameters=function.take("parameters", dict[str, Any]),
        strict=function.take("strict", bool),
        extras=leftovers(f, function=function),
    )


def encode_tools(request: Request, losses: Losses) -> JsonObject:
    """`tools`, `tool_choice` and `parallel_tool_calls`."""
    if not request.tools and request.tool_choice is None and request.parallel_tool_calls is None:
        return {}
    tools = [e for i, t in enumerate(request.tools) if (e := _encode_tool(t, f"$.tools[{i}]", losses)) is not None]
    return openai.encode_tools(request, tools, _encode_choice, losses)


def decode_choice(value: Any) -> ToolChoice | None:
    """None for a choice that the model has no word for."""
    match value:
        case str() if value in MODES:
            return ToolChoice(MODES[value])
        case {"type": str(kind), **rest} if kind in NAMED_KINDS:
            f = Fields(rest, "$.tool_choice")
            named = Fields(f.raw(kind), f"$.tool_choice.{kind}")
            name = named.require("name", str)
            extras = leftovers(f, **{kind: named})
            marks = {} if kind == NAMED_KINDS[0] else {"type": kind}
            fields = {**marks, **own(extras)}
            return ToolChoice("named", name, Extras(OURS, fields) if fields else None)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode}}:
            return ToolChoice(mode, None, Extras(OURS, dict(value)))
        case _:
            return None


def _encode_tool(tool: Tool, path: str, losses: Losses) -> JsonObject | None:
    if tool.native is not None:
        if tool.native.dialect is OURS:
            return tool.native.data
        losses.dropped(path, "tool that its provider runs")
        return None
    if tool.cache:
        losses.hint(f"{path}.cache", "cache breakpoint")
    if own(tool.extras).get("type") == CUSTOM:
        custom = {"name": tool.name, **present(description=tool.description)}
        return overlaid({"type": CUSTOM, CUSTOM: custom}, tool.extras, path, losses)
    function = {
        "name": tool.name,
        **present(description=tool.description, parameters=tool.parameters, strict=tool.strict),
    }
    return overlaid({"type": "function", "function": function}, tool.extras, path, losses)


def _encode_choice(request: Request, losses: Losses) -> Any:
    choice, path = request.tool_choice, "$.tool_choice"
    if choice is None:
        return None
    marks = own(choice.extras)
    if "allowed_tools" in marks:
        return marks
    if choice.mode != "named":
        overlaid({}, choice.extras, path, losses)
        return choice.mode
    if any(t.name == choice.name and t.native is not None and t.native.dialect is not OURS for t in request.tools):
        losses.degraded(path, "choice of a tool that its provider runs")
        return None
    kind = str(marks.get("type", NAMED_KINDS[0]))
    return overlaid({"type": kind, kind: {"name": choice.name}}, without(choice.extras, "type"), path, losses)

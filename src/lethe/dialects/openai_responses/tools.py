"""Tools and how to choose among them (openai 3.57.0 types, FunctionToolParam, CustomToolParam, ToolChoice*Param)."""

from collections.abc import Iterator, Mapping
from typing import Any

from lethe.dialects import openai
from lethe.dialects.freetext import CUSTOM, FREE_TEXT
from lethe.dialects.openai import MODES
from lethe.dialects.openai_responses.namespaces import (
    ABOUT,
    KIND,
    NAMESPACE,
    decode_group,
    encode_groups,
    holds_tools,
    unmarked,
)
from lethe.dialects.openai_responses.overlay import OURS, forbid_marks, leftovers, marked, overlaid, own, whole, without
from lethe.dialects.overlay import present
from lethe.ir.content import Extras, JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Tool, ToolChoice
from lethe.wire.fields import Fields

FUNCTION = "function"
CALLABLE = (FUNCTION, CUSTOM)


def decode_tools(f: Fields) -> Iterator[Tool]:
    """A function, a custom tool, or a group of them; any other kind (a provider's own) stays whole."""
    kind = f.raw("type")
    if kind in CALLABLE:
        yield _decode_tool(f, kind)
        return
    data = whole(f, type=kind)
    if kind == KIND and holds_tools(data, CALLABLE):
        yield from decode_group(Fields({n: v for n, v in data.items() if n != "type"}, f.path), _decode_member)
        return
    name = data.get("name")
    yield Tool(name=name if isinstance(name, str) else str(kind), native=Opaque(dialect=OURS, data=data))


def _decode_member(f: Fields) -> Tool:
    return _decode_tool(f, f.raw("type"))


def _decode_tool(f: Fields, kind: str) -> Tool:
    name, description = f.require("name", str), f.take("description", str)
    if kind == CUSTOM:
        tool = Tool(name=name, description=description, parameters=FREE_TEXT, extras=marked(leftovers(f), type=CUSTOM))
    else:
        parameters, strict = f.take("parameters", dict[str, Any]), f.take("strict", bool)
        tool = Tool(name=name, description=description, parameters=parameters, strict=strict, extras=leftovers(f))
    forbid_marks(tool.extras, f.path, NAMESPACE, ABOUT)
    return tool


def encode_tools(request: Request, losses: Losses) -> JsonObject:
    """`tools`, `tool_choice` and `parallel_tool_calls`."""
    numbered = ((tool, _encode_tool(tool, f"$.tools[{i}]", losses)) for i, tool in enumerate(request.tools))
    tools = list(encode_groups((tool, encoded) for tool, encoded in numbered if encoded is not None))
    return openai.encode_tools(request, tools, _encode_choice, losses)


def decode_choice(value: Any) -> ToolChoice | None:
    """None for a choice that the model has no word for."""
    match value:
        case str() if value in MODES:
            return ToolChoice(MODES[value])
        case {"type": "function" | "custom" as kind, "name": str(name)}:
            marks = {field: inner for field, inner in value.items() if field not in ("type", "name")}
            if kind == CUSTOM:
                marks["type"] = kind
            return ToolChoice("named", name, Extras(OURS, marks) if marks else None)
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode}:
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
    about = present(description=tool.description)
    if own(tool.extras).get("type") == CUSTOM:
        return overlaid({"type": CUSTOM, "name": tool.name, **about}, unmarked(tool.extras), path, losses)
    function = {
        "type": FUNCTION,
        "name": tool.name,
        **about,
        "parameters": tool.parameters,
        "strict": bool(tool.strict),  # true unless said otherwise, and then most schemas are refused
    }
    return overlaid(function, unmarked(tool.extras), path, losses)


def _encode_choice(request: Request, losses: Losses) -> Any:
    choice, path = request.tool_choice, "$.tool_choice"
    if choice is None:
        return None
    marks: Mapping[str, Any] = own(choice.extras)
    if marks.get("type") == "allowed_tools":
        return marks
    if choice.mode != "named":
        overlaid({}, choice.extras, path, losses)
        return choice.mode
    if any(t.name == choice.name and t.native is not None and t.native.dialect is not OURS for t in request.tools):
        losses.degraded(path, "choice of a tool that its provider runs")
        return None
    custom = any(t.name == choice.name and own(t.extras).get("type") == CUSTOM for t in request.tools)
    encoded = {"type": CUSTOM if custom else FUNCTION, "name": choice.name}
    return overlaid(encoded, without(choice.extras, "type"), path, losses)

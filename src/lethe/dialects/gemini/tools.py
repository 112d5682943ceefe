"""Tools and how to choose among them (google-genai 3.6.1 types, Tool, FunctionDeclaration, FunctionCallingConfig)."""

from collections.abc import Iterator, Sequence

from lethe.dialects.gemini.overlay import OURS, leftovers, marked, overlaid, own
from lethe.dialects.gemini.proto import camelled, child, several
from lethe.dialects.gemini.schema import asks_for_nothing, from_subset, unheeded
from lethe.dialects.overlay import present
from lethe.ir.content import JsonObject, Opaque
from lethe.ir.loss import Losses
from lethe.ir.request import ChoiceMode, Request, Tool, ToolChoice
from lethe.wire.fields import Fields

FUNCTIONS, SCHEMA, SUBSET = "functionDeclarations", "parametersJsonSchema", "parameters"
VALIDATED = "VALIDATED"  # as AUTO, but calls obey their schemas
MODES: dict[str, ChoiceMode] = {"AUTO": "auto", "ANY": "required", "NONE": "none", VALIDATED: "auto"}
NAMES: dict[ChoiceMode, str] = {"auto": "AUTO", "required": "ANY", "none": "NONE", "named": "ANY"}


def decode_tools(tools: Sequence[Fields]) -> tuple[Tool, ...]:
    """Every function, and every tool that the provider runs."""
    return tuple(tool for f in tools for tool in _decode(f))


def _decode(f: Fields) -> Iterator[Tool]:
    yield from (_decode_function(each) for each in several(f, FUNCTIONS))
    rest = own(f.rest(OURS))
    for name, value in rest.items():
        yield Tool(name=name, native=Opaque(dialect=OURS, data={name: value}))


def _decode_function(f: Fields) -> Tool:
    name, description = f.require("name", str), f.take("description", str)
    schema, subset = f.take(SCHEMA, dict), f.take(SUBSET, dict)
    return Tool(
        name=name,
        description=description,
        parameters=schema if schema is not None else from_subset(subset, f"{f.path}.{SUBSET}"),
        extras=marked(leftovers(f), parameters=subset),
    )


def places(tools: Sequence[JsonObject]) -> list[tuple[int, int | None, str]]:
    """Of each tool of the model: the number of its tool on the wire, and of its function or the name of its field."""
    found: list[tuple[int, int | None, str]] = []
    for number, tool in enumerate(tools):
        functions = tool.get(FUNCTIONS) or []
        found += [(number, i, FUNCTIONS) for i in range(len(functions) if isinstance(functions, list) else 1)]
        found += [(number, None, name) for name in tool if name != FUNCTIONS]
    return found


def encode_tools(request: Request, losses: Losses) -> JsonObject:
    """`tools` and `toolConfig`; neighbouring functions share a tool, and a choice needs functions to choose from."""
    tools: list[JsonObject] = []
    for i, tool in enumerate(request.tools):
        encoded = _encode(tool, f"$.tools[{i}]", losses)
        if encoded is None:
            continue
        if tool.native is not None:
            tools.append(encoded)
        elif tools and FUNCTIONS in tools[-1]:
            tools[-1][FUNCTIONS].append(encoded)
        else:
            tools.append({FUNCTIONS: [encoded]})
    functions = any(FUNCTIONS in tool for tool in tools)
    if request.parallel_tool_calls is False and functions:
        losses.degraded("$.parallel_tool_calls", "one call at a time")
    return present(tools=tools, toolConfig=_encode_choice(request, losses, functions=functions))


def _encode(tool: Tool, path: str, losses: Losses) -> JsonObject | None:
    if tool.native is not None:
        if tool.native.dialect is OURS:
            return dict(tool.native.data)
        losses.dropped(path, "tool that its provider runs")
        return None
    if tool.cache is not None:
        losses.hint(f"{path}.cache", "cache breakpoint")
    if tool.strict:
        losses.hint(path, "arguments bound to their schema")
    function: JsonObject = {"name": tool.name, **present(description=tool.description)}
    if SUBSET not in own(tool.extras) and tool.parameters is not None and not asks_for_nothing(tool.parameters):
        function[SCHEMA] = tool.parameters
        if unheeded(tool.parameters):
            losses.hint(path, "schema keywords that do not bind")
    return overlaid(function, tool.extras, path, losses)


def decode_choice(config: Fields | None) -> ToolChoice | None:
    """Of a tool config. A mode that we do not know is left over."""
    value = config.peek("functionCallingConfig") if config is not None else None
    wanted = camelled(value).get("mode", "AUTO") if isinstance(value, dict) else None
    if config is None or not isinstance(wanted, str) or wanted not in MODES:
        return None
    f = child(config, "functionCallingConfig") or Fields({})
    mode, allowed = f.take("mode", str, "AUTO"), f.take("allowedFunctionNames", list, [])
    if mode == "ANY" and len(allowed) == 1 and isinstance(allowed[0], str):
        return ToolChoice("named", allowed[0], leftovers(f))
    marks = {"mode": mode if mode == VALIDATED else None, "allowedFunctionNames": allowed}
    return ToolChoice(MODES[mode], None, marked(leftovers(f), **marks))


def _encode_choice(request: Request, losses: Losses, *, functions: bool) -> JsonObject | None:
    choice, path = request.tool_choice, "$.tool_choice"
    if choice is None:
        return None
    if not functions:
        if request.tools and choice.mode != "none":
            losses.degraded(path, "tool choice without tools")
        return None
    if choice.mode == "named" and any(t.name == choice.name and t.native is not None for t in request.tools):
        losses.degraded(path, "choice of a tool that its provider runs")
        return None
    named = {"allowedFunctionNames": [choice.name]} if choice.mode == "named" else {}
    config = overlaid({"mode": NAMES[choice.mode], **named}, choice.extras, path, losses)
    return {"functionCallingConfig": config}

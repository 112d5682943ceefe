"""Where the hub's fields stand in a generateContent request."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, cast

from lethe.dialects.gemini.calls import Pairing
from lethe.dialects.gemini.contents import decode_content
from lethe.dialects.gemini.generation import FIELDS, MIME
from lethe.dialects.gemini.media import BY_URL, INLINE
from lethe.dialects.gemini.proto import camel, camelled, listed, message
from lethe.dialects.gemini.tools import SCHEMA, SUBSET, places
from lethe.dialects.leftovers import shown
from lethe.dialects.places import Prefixes, in_system, in_turn, moved
from lethe.ir.content import JsonObject
from lethe.ir.loss import Locate

_CONFIG = "$.generationConfig"
PREFIXES: Prefixes = (
    *((f"$.sampling.{ours}", f"{_CONFIG}.{name}") for name, ours in FIELDS.items()),
    ("$.sampling.stop", f"{_CONFIG}.stopSequences"),
    ("$.sampling", _CONFIG),
    ("$.reasoning.effort", f"{_CONFIG}.thinkingConfig.thinkingLevel"),
    ("$.reasoning.budget_tokens", f"{_CONFIG}.thinkingConfig.thinkingBudget"),
    ("$.reasoning", f"{_CONFIG}.thinkingConfig"),
    ("$.output", f"{_CONFIG}.{MIME}"),
    ("$.tool_choice", "$.toolConfig.functionCallingConfig"),
)
_TOOL = re.compile(r"\$\.tools\[(\d+)\](.*)", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")


def locator(body: JsonObject) -> Locate:
    """In whichever spelling the body's names have."""
    outer = camelled(body)

    @cache
    def parts(turn: int) -> Sequence[int]:
        """Of a content, the part that each block came from. Read once, however many losses."""
        return decode_content(message(listed(outer["contents"])[turn], "$"), turn, Pairing())[1].parts

    return lambda path: _as_spelled(_made(path, outer, parts), body)


def _made(path: str, outer: JsonObject, parts: Callable[[int], Sequence[int]]) -> str:
    if (found := in_system(path)) is not None:
        return f"$.systemInstruction.{_in_part(listed(outer['systemInstruction'])[0], *found)}"
    if (place := in_turn(path)) is not None:
        turn, within, rest = place
        if within is None:
            return f"$.contents[{turn}]{rest}"
        return f"$.contents[{turn}].{_in_part(listed(outer['contents'])[turn], parts(turn)[within], rest)}"
    if (tool := _TOOL.fullmatch(path)) is not None:
        return _in_tools(listed(outer.get("tools") or []), int(tool[1])) + tool[2]
    return moved(path, PREFIXES)


def _in_part(content: JsonObject, number: int, rest: str) -> str:
    """What a result holds stands in its response, and what is said of a file beside it."""
    part = listed(content["parts"])[number]
    if rest.startswith((".content", ".is_error")):
        return f"parts[{number}].functionResponse"
    held = INLINE if INLINE in part else BY_URL
    for ours, theirs in ((".title", ".displayName"), (".media_type", ".mimeType")):
        if rest == ours:
            return f"parts[{number}].{held}{theirs}"
    return f"parts[{number}]{rest}"


def _in_tools(tools: list[JsonObject], number: int) -> str:
    tool, function, name = places(tools)[number]
    return f"$.tools[{tool}].{shown(name)}" + (f"[{function}]" if function is not None else "")


def _as_spelled(path: str, body: JsonObject) -> str:
    """With the names that the body has; a lone object that stands for a list has no numbers."""
    made, node = "$", cast("Any", body)
    for step in _STEP.finditer(path):
        if step[2] is not None:
            number = int(step[2])
            if isinstance(node, list):
                made += step[0]
                node = node[number] if number < len(node) else None
            elif not isinstance(node, dict):
                made += step[0]
            continue
        name = _name(node, step[1])
        made += f".{name}"
        node = node.get(name) if isinstance(node, dict) else None
    return made


def _name(node: Any, name: str) -> str:
    """As it stands in the object; a function's schema may be under either of two."""
    names = (name, SCHEMA) if name == SUBSET else (name,)
    for wanted in names:
        for given in node if isinstance(node, dict) else ():
            if given == wanted or camel(given) == wanted:
                return str(given)
    return name

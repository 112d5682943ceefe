"""Where the hub's fields stand in a Responses request."""

from functools import cache
from itertools import accumulate
from typing import Any

from lethe.dialects.openai_responses.items import OUTPUT, SYSTEM_ROLES, decode_items
from lethe.dialects.openai_responses.namespaces import ABOUT, KIND, MEMBERS, holds_tools
from lethe.dialects.openai_responses.tools import CALLABLE
from lethe.dialects.places import Prefixes, in_system, in_tool, in_turn, moved
from lethe.ir.content import JsonObject
from lethe.ir.loss import Locate
from lethe.wire.fields import Fields

PREFIXES: Prefixes = (
    ("$.sampling.max_tokens", "$.max_output_tokens"),
    ("$.sampling.logprobs", "$.top_logprobs"),
    ("$.sampling", "$"),
    ("$.output", "$.text.format"),
    ("$.end_user", "$.user"),
)


def locator(body: JsonObject) -> Locate:
    items = body.get("input")

    @cache
    def starts() -> list[int]:
        """The number of each turn's first block among all that are no system's. Read once, however many losses."""
        _, turns = decode_items([Fields(item, "$") for item in items or []])
        return [0, *accumulate(len(turn.content) for turn in turns)]

    def locate(path: str) -> str:
        if (found := in_system(path)) is not None:
            return _in_system(body, *found)
        if (tool := in_tool(path)) is not None:
            return _in_tools(body.get("tools"), *tool)
        if (place := in_turn(path)) is None:
            return moved(path, PREFIXES)
        turn, within, rest = place
        if not isinstance(items, list):
            return f"$.input{rest}"
        before = starts()
        first = before[min(turn, len(before) - 1)]
        return _at(items, first + (within or 0), rest if within is not None else "", system=False)

    return locate


def _in_system(body: JsonObject, block: int, rest: str) -> str:
    if body.get("instructions"):
        if block == 0:
            return f"$.instructions{rest}"
        block -= 1
    return _at(body.get("input"), block, rest, system=True)


def _at(items: Any, block: int, rest: str, *, system: bool) -> str:
    """The place of the block of this number among all blocks of the system's, or of the other items."""
    listed = items if isinstance(items, list) else []
    leading = next((i for i, item in enumerate(listed) if item.get("role") not in SYSTEM_ROLES), len(listed))
    chosen = range(leading) if system else range(leading, len(listed))
    for number in chosen:
        item = listed[number]
        content = item.get("content") if item.get("type", "message") == "message" else None
        size = max(1, len(content)) if isinstance(content, list) else 1
        if block < size:
            if str(item.get("type")).endswith(OUTPUT):
                rest = rest.replace(".content[", ".output[", 1) if isinstance(item.get("output"), list) else ".output"
            return f"$.input[{number}]" + (f".content[{block}]" if isinstance(content, list) and content else "") + rest
        block -= size
    return "$.input"


def _in_tools(tools: Any, number: int, rest: str) -> str:
    """The place of a tool, of which a group has several."""
    for i, tool in enumerate(tools if isinstance(tools, list) else []):
        size = len(tool[MEMBERS]) if tool.get("type") == KIND and holds_tools(tool, CALLABLE) else 0
        if number < max(1, size):
            if rest.startswith(f".{ABOUT}"):
                return f"$.tools[{i}].description"
            return f"$.tools[{i}]" + (f".{MEMBERS}[{number}]" if size else "") + rest
        number -= max(1, size)
    return "$.tools"

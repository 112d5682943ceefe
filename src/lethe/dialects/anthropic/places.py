"""Where the hub's fields stand in a Messages request."""

from typing import Any

from lethe.dialects.places import Prefixes, in_system, in_turn, moved
from lethe.ir.content import JsonObject
from lethe.ir.loss import Locate

PREFIXES: Prefixes = (
    ("$.sampling.stop", "$.stop_sequences"),
    ("$.sampling", "$"),
    ("$.reasoning.effort", "$.output_config.effort"),
    ("$.reasoning", "$.thinking"),
    ("$.output", "$.output_config.format"),
    ("$.end_user", "$.metadata.user_id"),
    ("$.parallel_tool_calls", "$.tool_choice.disable_parallel_tool_use"),
)
_OLDER_FORMAT: Prefixes = (("$.output", "$.output_format"),)
# Of blocks and tools, by the end of the path. A reference to a tool is a block of its own here.
_ENDS = ((".cache", ".cache_control"), (".media_type", ".source.media_type"), (".tool_reference", ""))


def locator(body: JsonObject) -> Locate:
    return lambda path: _locate(path, body)


def _locate(path: str, body: JsonObject) -> str:
    """A string content has no blocks to name."""
    if (place := in_turn(path)) is not None:
        turn, block, rest = place
        message = f"$.messages[{turn}]"
        if block is None:
            return message + rest
        return message + _in_content(body["messages"][turn]["content"], block) + _ended(rest)
    if (found := in_system(path)) is not None:
        return _in_content(body["system"], found[0], "$.system") + _ended(found[1])
    if body.get("output_format") and not (body.get("output_config") or {}).get("format"):
        path = moved(path, _OLDER_FORMAT)
    return _ended(moved(path, PREFIXES))


def _in_content(content: Any, block: int, name: str = ".content") -> str:
    return name if isinstance(content, str) else f"{name}[{block}]"


def _ended(path: str) -> str:
    for hub, body in _ENDS:
        if path.endswith(hub):
            return path.removesuffix(hub) + body
    return path

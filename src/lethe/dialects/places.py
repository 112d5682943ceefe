"""From paths of the hub, at which encoders report losses, to paths of a caller's body: what dialects share."""

import re
from collections.abc import Sequence
from typing import TypeAlias

# Paths of the hub and of the body; the first that a path begins with counts.
Prefixes: TypeAlias = Sequence[tuple[str, str]]

_TURN = re.compile(r"\$\.turns\[(\d+)\](?:\.content\[(\d+)\])?(.*)", re.DOTALL)
_TOOL = re.compile(r"\$\.tools\[(\d+)\](.*)", re.DOTALL)
_SYSTEM = re.compile(r"\$\.system\[(\d+)\](.*)", re.DOTALL)


def moved(path: str, prefixes: Prefixes) -> str:
    """The path with its beginning exchanged; one that is in no row is the same in both."""
    for hub, body in prefixes:
        if path == hub or path.startswith((f"{hub}.", f"{hub}[")):
            return body + path[len(hub) :]
    return path


def in_turn(path: str) -> tuple[int, int | None, str] | None:
    """Turn, block (if the path goes on to one) and rest of a path into the conversation; None for any other."""
    found = _TURN.fullmatch(path)
    return None if found is None else (int(found[1]), int(found[2]) if found[2] else None, found[3])


def in_tool(path: str) -> tuple[int, str] | None:
    """Tool and rest of a path into one; None for any other."""
    found = _TOOL.fullmatch(path)
    return None if found is None else (int(found[1]), found[2])


def in_system(path: str) -> tuple[int, str] | None:
    """Block and rest of a path into the system prompt; None for any other."""
    found = _SYSTEM.fullmatch(path)
    return None if found is None else (int(found[1]), found[2])

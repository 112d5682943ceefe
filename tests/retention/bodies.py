"""Bodies of requests in few words."""

from typing import Any


def says(*blocks: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def asks(*parts: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def tool(kind: str, **more: Any) -> dict[str, Any]:
    return {"tools": [{"type": kind, "name": "t", **more}]}

"""JSON that reads well in a diff: what fits on a line stands on one, and each event of a stream does."""

import json
from typing import Any

WIDTH = 120
STEP = " "
ONE_LINE_EACH = ("frames",)


def pretty(value: Any) -> str:
    return _lines(value, "", 0) + "\n"


def _lines(value: Any, indent: str, taken: int) -> str:
    """The text of a value that begins `taken` columns after `indent`."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + taken + len(flat) <= WIDTH or not value or not isinstance(value, dict | list):
        return _safe(flat, value)
    deeper = indent + STEP
    if isinstance(value, dict):
        members = (f"{deeper}{_member(name, inner, deeper)}" for name, inner in value.items())
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    elements = (f"{deeper}{_lines(inner, deeper, 1)}" for inner in value)
    return "[\n" + ",\n".join(elements) + f"\n{indent}]"


def _member(name: str, value: Any, indent: str) -> str:
    key = f"{json.dumps(name)}: "
    if name in ONE_LINE_EACH and isinstance(value, list):
        listed = ",\n".join(f"{indent}{STEP}{_safe(json.dumps(each, ensure_ascii=False), each)}" for each in value)
        return f"{key}[\n{listed}\n{indent}]"
    return key + _lines(value, indent, len(key) + 1)


def _safe(flat: str, value: Any) -> str:
    """Escaped where the text holds what UTF-8 cannot, or what an editor may take for the end of a line."""
    return flat if flat.isprintable() else json.dumps(value)

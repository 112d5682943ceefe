"""The types of tools and content parts that a surface's API is known to have, and where they stand in a body."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lethe.ir.content import Dialect
from lethe.retention.globs import matcher
from lethe.retention.paths import DEEP, objects
from lethe.retention.surface import Surface

TOOL_ROOT = "tools"
# A tool that the caller runs says so by one of these; without it is something that the provider would run.
_OWN = frozenset({"name", "function"})
# All that a function of Chat's consists of: another name beside it would be another tool.
_CHAT_FUNCTION = frozenset({"type", "function", "custom", "cache_control"})
_FUNCTION_TYPES = (None, "function", "custom")
_TOOLS = "tools[]"
_INLINE_TOOL = "tool.definition"  # of a content part
_PART_LISTS = frozenset({"content", "output", "tool_changes"})  # fields of messages and parts that hold parts
_PART_HOLDER = "source"  # an object of a part that has a type of its own, and may hold parts itself
ITEM_ROOT = "input"  # of Responses
_CONTENT_ROOTS = frozenset({"contents", "systemInstruction", "system_instruction"})  # of Gemini
PART_ROOTS = frozenset({"messages", "system", "input"}) | _CONTENT_ROOTS
_RESULTS = ("functionResponse", "function_response")  # which hold parts, too


class Vocabulary:
    """Of one surface. Paths are of the register's kind, without indices."""

    def __init__(self, surface: Surface) -> None:
        self._tools, self._parts = frozenset(surface.known.tools), frozenset(surface.known.parts)
        self._chat = surface.dialect is Dialect.OPENAI_CHAT
        self._responses = surface.dialect is Dialect.OPENAI_RESPONSES
        self._ruled = [(row.path, row.values) for row in surface.fields if row.path.endswith(".type") and row.values]

    def unknown_tools(self, tools: Any) -> Iterator[str]:
        """The path of each tool whose type is not known, or that has more to it than its type."""
        for n, tool in enumerate(tools if type(tools) is list else [tools]):
            if not self._knows_tools([tool], _TOOLS):
                yield f"tools[{n}].type"
            elif not all(self._is_whole(each) for each in objects([tool])):
                yield f"tools[{n}]"

    def unknown_parts(self, root: str, value: Any) -> Iterator[str]:
        """The same for content parts below a top-level field, and for the tools that are defined in one."""
        for path, part in _parts(root, value):
            if not self._knows(part, path, self._parts):
                yield f"{path}.type"
            if TOOL_ROOT in part and not self._knows_tools([part[TOOL_ROOT]], f"{path}.{_TOOLS}"):
                yield f"{path}.{_TOOLS}.type"
            for tool in objects([part["tool"]]) if "tool" in part else ():
                if not self._knows_tools([tool.get("definition")], where := f"{path}.{_INLINE_TOOL}"):
                    yield f"{where}.type"

    def refers(self, root: str, value: Any) -> bool:
        """Is there an item without a type that is no message? It names one that the provider holds."""
        return (
            self._responses
            and root == ITEM_ROOT
            and any(
                item.get("type") is None and (item.get("role") is None or item.get("content") is None)
                for item in objects([value])
            )
        )

    def _knows_tools(self, tools: list[Any], path: str) -> bool:
        """Are the types of all of them known, and of those that they hold?"""
        waiting = [(path, tools)]
        while waiting:
            path, tools = waiting.pop()
            for each in objects(tools):
                if not self._knows(each, path, self._tools):
                    return False
                if TOOL_ROOT in each:
                    waiting.append((f"{path}.{_TOOLS}", [each[TOOL_ROOT]]))
        return True

    def _is_whole(self, tool: dict[str, Any]) -> bool:
        """Is a tool without a type one of the caller's own, and a function of Chat's nothing besides?"""
        kind = tool.get("type")
        if kind is None and _OWN.isdisjoint(tool):
            return False
        return not (self._chat and kind in _FUNCTION_TYPES) or tool.keys() <= _CHAT_FUNCTION

    def _knows(self, thing: dict[str, Any], path: str, listed: frozenset[str]) -> bool:
        if (kind := thing.get("type")) is None:
            return True
        return type(kind) is str and (kind in listed or self._ruled_at(path, listed)(kind))

    def _ruled_at(self, path: str, listed: Iterable[str]) -> Callable[[str], bool]:
        """Types with a row of their own at this path, and the globs among those listed."""
        where = f".{path}.type"
        ruled = [value for at, values in self._ruled if _leads(at, where) for value in values]
        return matcher((*sorted(listed), *ruled))


class FieldVocabulary:
    """Of a surface whose tools and parts have no types: they are what their fields are called (Gemini)."""

    def __init__(self, surface: Surface) -> None:
        self._tools = frozenset(surface.known.tools) | _ruled_fields(surface, "tools[].")
        self._parts = frozenset(surface.known.parts) | _ruled_fields(surface, "parts[].")
        self._in_results = self._parts.difference(_RESULTS)

    def unknown_tools(self, tools: Any) -> Iterator[str]:
        """The path of each tool with a field that is not known, and of one that has none."""
        for n, tool in enumerate(tools if type(tools) is list else [tools]):
            if any(not each or each.keys() - self._tools for each in objects([tool])):
                yield f"tools[{n}]"

    def refers(self, root: str, value: Any) -> bool:  # noqa: ARG002 - as the other has it
        """Nothing is named by its id alone."""
        return False

    def unknown_parts(self, root: str, value: Any) -> Iterator[str]:
        """The same for the parts of what is said, and for those of a function's result."""
        at = f"{root}[].parts[]" if type(value) is list else f"{root}.parts[]"
        for content in objects([value]):
            for part in objects([content.get("parts")]):
                if part.keys() - self._parts:
                    yield at
                for name in _RESULTS:
                    for result in objects([part.get(name)]):
                        if any(inner.keys() - self._in_results for inner in objects([result.get("parts")])):
                            yield f"{at}.{name}.parts[]"


def _leads(path: str, where: str) -> bool:
    """Does a row's path lead there? `where` begins with a dot."""
    return where.endswith(path.removeprefix(DEEP)) if path.startswith(DEEP) else where[1:] == path


def vocabulary(surface: Surface) -> Vocabulary | FieldVocabulary:
    """What tells the tools and parts of a surface's API."""
    return FieldVocabulary(surface) if surface.dialect is Dialect.GEMINI else Vocabulary(surface)


def _ruled_fields(surface: Surface, holder: str) -> frozenset[str]:
    """Fields of these objects that have a row of their own, wherever the objects stand."""
    found = (row.path.rpartition(holder) for row in surface.fields)
    return frozenset(name for _, at, name in found if at and "." not in name)


def _parts(root: str, value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every content part below a top-level field, with its path."""
    waiting: list[tuple[str, Any]] = [(root, value)]
    while waiting:
        path, inner = waiting.pop()
        at = f"{path}[]"
        for element in objects([inner]):
            if path != "messages":  # a message is no part
                yield at, element
            for name, inside in element.items():
                if name in _PART_LISTS:
                    if type(inside) is not str:
                        waiting.append((f"{at}.{name}", inside))
                elif name == _PART_HOLDER:
                    for each in objects([inside]):
                        yield f"{at}.{name}", each
                        waiting += [(f"{at}.{name}.{held}", each[held]) for held in _PART_LISTS & each.keys()]

"""Namespaces: tools in groups (openai 3.57.0 types, NamespaceToolParam; calls have the group's name beside their own).

To others they are tools like any other, the group's name before their own. What a group says of itself rides on its
first tool, so that it is reported where it does not cross.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from lethe.dialects.openai_responses.overlay import leftovers, marked, own, without
from lethe.ir.content import Extras, JsonObject, ToolCall
from lethe.ir.request import Request, Tool
from lethe.wire.fields import Fields

KIND, MEMBERS = "namespace", "tools"
NAMESPACE = "namespace"  # the mark of a tool or call: its group's name
ABOUT = "about_namespace"  # the mark of a group's first tool
_BETWEEN = "__"


def joined(namespace: str, name: str) -> str:
    """The name by which others know a tool of a group."""
    return f"{namespace}{_BETWEEN}{name}"


def parted(namespace: str, name: str) -> str:
    """The inverse of `joined`."""
    return name.removeprefix(f"{namespace}{_BETWEEN}")


def holds_tools(group: Mapping[str, Any], kinds: Sequence[str]) -> bool:
    """Is it a group of tools that can be called, each by its name?"""
    inner = group.get(MEMBERS)
    return (
        isinstance(group.get("name"), str)
        and isinstance(inner, list)
        and bool(inner)
        and all(isinstance(t, dict) and t.get("type") in kinds and isinstance(t.get("name"), str) for t in inner)
    )


def decode_group(f: Fields, decode: Callable[[Fields], Tool]) -> Iterator[Tool]:
    """Its tools, under the names by which others know them."""
    name, inner = f.require("name", str), f.items(MEMBERS)
    about = own(leftovers(f))
    for i, each in enumerate(inner):
        tool = decode(each)
        extras = marked(tool.extras, **{NAMESPACE: name, ABOUT: about if i == 0 else None})
        yield replace(tool, name=joined(name, tool.name), extras=extras)


def encode_groups(tools: Iterable[tuple[Tool, JsonObject]]) -> Iterator[JsonObject]:
    """Encoded tools as they go out, those of a group together again."""
    group: JsonObject = {}
    for tool, encoded in tools:
        marks = own(tool.extras)
        name = marks.get(NAMESPACE)
        if name is None:
            group = {}
            yield encoded
            continue
        if group.get("name") != name or ABOUT in marks:
            group = {"type": KIND, "name": name, **marks.get(ABOUT, {}), MEMBERS: []}
            yield group
        group[MEMBERS].append({**encoded, "name": parted(name, tool.name)})


def unmarked(extras: Extras | None) -> Extras | None:
    """Without what says which group a tool is in."""
    return without(extras, NAMESPACE, ABOUT)


def called_in(call: ToolCall) -> JsonObject:
    """The name of a call as a request of this dialect has it."""
    name = own(call.extras).get(NAMESPACE)
    return {"name": call.name if name is None else parted(name, call.name)}


def namespaces(request: Request) -> Mapping[str, str]:
    """The group of each tool that is in one, by the name by which others know the tool."""
    groups: dict[str, str] = {}
    for tool in request.tools:
        if (group := own(tool.extras).get(NAMESPACE)) is not None:
            groups[tool.name] = group
    return groups


def called(name: str, groups: Mapping[str, str]) -> JsonObject:
    """How a reply names the tool that it calls."""
    group = groups.get(name)
    return {"name": name} if group is None else {"name": parted(group, name), NAMESPACE: group}

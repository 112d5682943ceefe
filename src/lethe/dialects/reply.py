"""What varies in a reply, handed to encoders as an argument."""

from collections.abc import Mapping

from msgspec import Struct


class ReplyContext(Struct, frozen=True, kw_only=True):
    """`id` is used where the upstream gave none; `model` is the name that the caller asked for, and empty leaves the
    upstream's; `created` is Unix seconds; `include_usage` is the caller's wish; `tool_names` are the caller's, by those
    that the upstream was given instead; `custom_tools` take free text; `namespaces` are the groups of a Responses
    caller's tools.
    """

    id: str
    created: int
    model: str = ""
    include_usage: bool = True
    tool_names: Mapping[str, str] = {}
    custom_tools: frozenset[str] = frozenset()
    namespaces: Mapping[str, str] = {}

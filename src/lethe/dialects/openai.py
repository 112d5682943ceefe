"""What OpenAI's two APIs have in the same form: Chat and Responses."""

from collections.abc import Callable, Sequence
from typing import Any

from lethe.dialects.overlay import present
from lethe.errors import InvalidRequest
from lethe.ir.content import Block, ContentBlock, JsonObject, Text
from lethe.ir.loss import Losses
from lethe.ir.request import ChoiceMode, Request
from lethe.providers.restraints import EFFORTS, MOST_EFFORT
from lethe.wire.fields import Fields

MODES: dict[str, ChoiceMode] = {"auto": "auto", "none": "none", "required": "required"}
NO_REASONING = "none"
DEFAULT_SCHEMA_NAME = "answer"
DEFAULT_FILENAME = "document.pdf"  # an inline file must have a name
BREAKPOINTS = ("prompt_cache_breakpoint", "cache_control")  # as leftovers they are reported as such


def decode_content(content: Any, path: str, part: Callable[[Fields], ContentBlock]) -> tuple[ContentBlock, ...]:
    """A string, a list of parts, or nothing; an empty string is nothing."""
    match content:
        case None | "":
            return ()
        case str():
            return (Text(text=content),)
        case list():
            return tuple(part(Fields(each, f"{path}[{i}]")) for i, each in enumerate(content))
        case _:
            raise InvalidRequest(path, "expected a string or an array")


def split_data_url(url: str) -> tuple[str, str] | None:
    """Media type and base64 of a data URL; None for any other."""
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:") and head.endswith(";base64")):
        return None
    return head.removeprefix("data:").removesuffix(";base64"), data


def report_cache(block: Block, path: str, losses: Losses) -> None:
    """Prefixes are cached without being asked for; a breakpoint is left out. As a leftover it is reported as such."""
    if block.cache and (block.extras is None or block.extras.fields.keys().isdisjoint(BREAKPOINTS)):
        losses.hint(f"{path}.cache", "cache breakpoint")


def effort_of(budget: int) -> str:
    """A thinking budget in tokens, as a word: these APIs count in words."""
    return next((word for most, word in EFFORTS if budget <= most), MOST_EFFORT)


def encode_tools(
    request: Request, tools: Sequence[JsonObject], choice: Callable[[Request, Losses], Any], losses: Losses
) -> JsonObject:
    """`tools`, `tool_choice` and `parallel_tool_calls`; a choice needs tools to choose from."""
    if request.tools and not tools:
        if request.tool_choice is not None:
            losses.degraded("$.tool_choice", "tool choice without tools")
        return {}
    return present(
        tools=list(tools), tool_choice=choice(request, losses), parallel_tool_calls=request.parallel_tool_calls
    )

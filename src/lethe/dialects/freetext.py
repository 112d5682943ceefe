"""Custom tools take free text (openai 3.57.0 types, CustomToolParam, ChatCompletionCustomToolParam).

To others they are a function with one string. A call of one is told apart by its mark, or by its name.
"""

from lethe.ir.content import Dialect, Extras, JsonObject
from lethe.ir.request import Request
from lethe.wire import lenient

CUSTOM = "custom"  # the type, and the mark, of such tools and calls
INPUT = "input"
FREE_TEXT: JsonObject = {
    "type": "object",
    "properties": {INPUT: {"type": "string"}},
    "required": [INPUT],
    "additionalProperties": False,
}
OPENING, CLOSING = f'{{"{INPUT}":"', '"}'  # of the arguments that the text is wrapped in, as they are streamed
_OPENAI = frozenset({Dialect.OPENAI_CHAT, Dialect.OPENAI_RESPONSES})


def is_custom(extras: Extras | None) -> bool:
    """Is a tool or call with these extras one?"""
    return extras is not None and extras.dialect in _OPENAI and extras.fields.get("type") == CUSTOM


def custom_names(request: Request) -> frozenset[str]:
    """The tools that take free text."""
    return frozenset([tool.name for tool in request.tools if is_custom(tool.extras)])


def free_text(arguments: str) -> str:
    """The input of a custom tool, out of a call's arguments; arguments that are something else, as they are."""
    try:
        decoded = lenient.decode(arguments)
    except ValueError:
        return arguments
    match decoded:
        case {"input": str(text)}:
            return text
        case _:
            return arguments


def as_arguments(text: str) -> str:
    """The inverse of `free_text`."""
    return lenient.encode({INPUT: text}).decode()


def escaped(text: str) -> str:
    """A part of the text, as it stands between `OPENING` and `CLOSING`."""
    return lenient.encode(text)[1:-1].decode()

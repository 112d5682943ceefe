"""Where the hub's fields stand in a Chat request."""

from collections.abc import Iterator
from typing import Any

from lethe.dialects.openai_chat.messages import SYSTEM_ROLES
from lethe.dialects.openai_chat.reasoning import NAMES, decode_reasoning
from lethe.dialects.places import Prefixes, in_system, in_turn, moved
from lethe.ir.content import JsonObject
from lethe.ir.loss import Locate
from lethe.wire.fields import Fields

PREFIXES: Prefixes = (
    ("$.sampling.max_tokens", "$.max_completion_tokens"),
    ("$.sampling", "$"),
    ("$.reasoning.effort", "$.reasoning_effort"),
    ("$.reasoning", "$.reasoning_effort"),
    ("$.output.name", "$.response_format.json_schema.name"),
    ("$.output.description", "$.response_format.json_schema.description"),
    ("$.output.strict", "$.response_format.json_schema.strict"),
    ("$.output", "$.response_format"),
    ("$.end_user", "$.user"),
)


def locator(body: JsonObject) -> Locate:
    return lambda path: _locate(path, body)


def _locate(path: str, body: JsonObject) -> str:
    if (found := in_system(path)) is not None:
        return _in_system(body["messages"], *found)
    if (place := in_turn(path)) is None:
        return moved(path, PREFIXES)
    turn, block, rest = place
    number = turn + _leading(body["messages"])
    return f"$.messages[{number}]{_in_message(body['messages'][number], block, rest)}"


def _leading(messages: list[JsonObject]) -> int:
    """How many messages make up the system prompt."""
    return next((i for i, m in enumerate(messages) if m.get("role") not in SYSTEM_ROLES), len(messages))


def _in_system(messages: list[JsonObject], block: int, rest: str) -> str:
    """System blocks are numbered through all leading messages; what such a message itself says rides on its first."""
    for number, message in enumerate(messages[: _leading(messages)]):
        places = list(_in_content(message.get("content"))) or [""] * (len(message) > len(("role", "content")))
        if block < len(places):
            whole = f"$.messages[{number}]"
            return (
                whole + rest.removeprefix(".message") if rest.startswith(".message.") else whole + places[block] + rest
            )
        block -= len(places)
    return "$.messages"


def _in_message(message: JsonObject, block: int | None, rest: str) -> str:
    if block is None:
        return rest
    match message.get("role"):
        case "tool":  # the message is the block
            inner = in_turn(f"$.turns[0]{rest}")
            within = None if inner is None else inner[1]
            if inner is None or within is None:
                return rest
            return _at(list(_in_content(message.get("content"))), within) + inner[2]
        case "function":
            return rest
        case "assistant":
            return _at(list(_in_assistant(message)), block) + rest
        case _:
            return _at(list(_in_content(message.get("content"))), block) + rest


def _in_content(content: Any) -> Iterator[str]:
    """The place of each block that `decode_content` makes."""
    match content:
        case str() if content:
            yield ".content"
        case list():
            yield from (f".content[{i}]" for i in range(len(content)))
        case _:
            pass


def _in_assistant(message: JsonObject) -> Iterator[str]:
    """The place of each block that `decode_assistant` makes."""
    thoughts, _ = decode_reasoning(Fields(message))
    details = message.get("reasoning_details") or []
    if len(thoughts) == len(details):
        yield from (f".reasoning_details[{i}]" for i in range(len(details)))
    else:  # plain text, or entries that were joined
        name = "reasoning_details" if details else next(n for n in NAMES if message.get(n))
        yield from (f".{name}" for _ in thoughts)
    yield from _in_content(message.get("content"))
    if message.get("refusal"):
        yield ".refusal"
    yield from (f".tool_calls[{i}]" for i in range(len(message.get("tool_calls") or [])))


def _at(places: list[str], block: int) -> str:
    return places[block] if block < len(places) else ""

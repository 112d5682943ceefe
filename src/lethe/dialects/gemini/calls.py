"""Function calls and their responses (google-genai 3.6.1 types, FunctionCall and FunctionResponse).

Calls may come without ids. They get some here, made of where they stand, and are given back without.
"""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from msgspec import Struct

from lethe.dialects.gemini.overlay import leftovers, marked, own
from lethe.dialects.gemini.proto import child
from lethe.errors import InvalidRequest
from lethe.ir.content import ContentBlock, JsonObject, Text, ToolCall, ToolResult
from lethe.ir.loss import Losses
from lethe.ir.request import Turn
from lethe.wire import lenient
from lethe.wire.fields import Fields

UNPARSED = "_unparsed"  # `args` must be an object, so arguments that are none ride in one under this name
OUTPUT, ERROR = "output", "error"
_SPOKEN = (OUTPUT, "result", ERROR)  # fields under which clients tell what a function returned
_IN_REQUEST, _IN_REPLY = "call_at_", "call_of_"
_HASH_DIGITS = 16
NAMELESS = "function"  # of a result whose call is not in the conversation


def id_in_request(turn: int, number: int) -> str:
    return f"{_IN_REQUEST}{turn}_{number}"


def id_in_reply(reply: str, number: int, part: Any) -> str:
    """Of the reply's own id, or of what is called where it has none."""
    told = reply or sha256(lenient.encode(part)).hexdigest()[:_HASH_DIGITS]
    return f"{_IN_REPLY}{told}_{number}"


def is_made(id: str) -> bool:
    return id.startswith((_IN_REQUEST, _IN_REPLY))


def decode_call(f: Fields, made: str) -> ToolCall:
    """Of a part; `made` is its id if it has none."""
    inner = child(f, "functionCall") or Fields({}, f.path)
    args = inner.raw("args")
    if args is not None and not isinstance(args, dict):
        raise InvalidRequest(f"{inner.path}.args", "expected an object")
    return ToolCall(
        id=inner.take("id", str) or made,
        name=inner.require("name", str),
        arguments=_arguments(args or {}),
        extras=leftovers(f, functionCall=inner),
    )


def encode_call(call: ToolCall, path: str, losses: Losses, *, id: str | None) -> JsonObject:
    """The part without leftovers."""
    named = {"id": id} if id is not None else {}
    return {"functionCall": {**named, "name": call.name, "args": args_of(call.arguments, path, losses)}}


def args_of(arguments: str, path: str, losses: Losses) -> JsonObject:
    """The object that a call's arguments are."""
    try:
        value = lenient.decode(arguments or "{}")
    except ValueError:
        value = None
    if isinstance(value, dict):
        return value
    losses.degraded(path, "tool arguments that are not a JSON object")
    return {UNPARSED: arguments}


def _arguments(args: JsonObject) -> str:
    match args:
        case {"_unparsed": str(text)} if len(args) == 1:
            return text
        case _:
            return lenient.encode(args).decode()


# Responses


def told(response: Any) -> tuple[str, bool]:
    """What a function returned, as text, and whether that is an error."""
    if not isinstance(response, dict) or not response:
        return "", False
    failed = ERROR in response
    if len(response) == 1 and (name := next(iter(response))) in _SPOKEN:
        value = response[name]
        return value if isinstance(value, str) else lenient.encode(value).decode(), failed
    return lenient.encode(response).decode(), failed


def response_of(text: str, *, failed: bool) -> JsonObject:
    return {ERROR if failed else OUTPUT: text}


class Pairing:
    """Finds the call of each result: by its id, or else the first unanswered one of that name."""

    def __init__(self) -> None:
        self._open: list[tuple[str, str]] = []  # id and name
        self._names: dict[str, str] = {}

    def called(self, call: ToolCall) -> None:
        self._open.append((call.id, call.name))
        self._names[call.id] = call.name

    def answered(self, id: str | None, name: str, made: str) -> str:
        """The id of the call; `made` if there is none."""
        by_id = next((each for each in self._open if each[0] == id), None)
        found = by_id or next((each for each in self._open if each[1] == name), None)
        if found is None:
            return id or made
        self._open.remove(found)
        return found[0]

    def decode_result(self, f: Fields, content: tuple[ContentBlock, ...], made: str) -> ToolResult:
        """Of a part; `content` is what its own parts hold."""
        inner = child(f, "functionResponse") or Fields({}, f.path)
        inner.raw("parts")
        id, name, response = inner.take("id", str), inner.take("name", str, ""), inner.raw("response")
        text, failed = told(response)
        call_id = self.answered(id, name, made)
        marks = {
            "id": id if id != call_id else None,
            "name": name if name and name != self._names.get(call_id) else None,
            "response": response if response != response_of(text, failed=failed) else None,
        }
        return ToolResult(
            call_id=call_id,
            content=((Text(text=text),) if text else ()) + content,
            is_error=failed,
            extras=leftovers(f, functionResponse=own(marked(leftovers(inner), **marks)) or None),
        )


class Called(Struct, frozen=True):
    """A call of the conversation so far."""

    name: str
    number: int


def calls_of(turns: Iterable[Turn]) -> dict[str, Called]:
    """By id."""
    calls = (block for turn in turns for block in turn.content if isinstance(block, ToolCall))
    return {call.id: Called(call.name, number) for number, call in enumerate(calls)}

"""What a dialect must be able to say of a question, and what all of them say alike."""

import base64
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import msgspec

from lethe.verify.positions import Position

Put: TypeAlias = Callable[[Position], str]
Body: TypeAlias = dict[str, Any]

IMAGE, DOCUMENT = "image/png", "application/pdf"
_PNG = b"\x89PNG\r\n\x1a\n."  # nine bytes: base64 begins a new group after them
_PDF = b"%PDF-1.4\n%%EOF\n"


class Wording(Protocol):
    """One module for each dialect."""

    @property
    def TURNS(self) -> str: ...  # noqa: N802 - a module constant: the field that holds the conversation

    def body(self, put: Put) -> Body:
        """A conversation with a tool call in it, without model and stream, that every level takes."""
        ...

    def stop_at(self, body: Body, text: str) -> None:
        """Add a stop sequence, where the dialect has them."""
        ...

    def add(self, body: Body, position: Position, text: str) -> None:
        """Add one thing that a level may refuse."""
        ...

    def forbid(self, body: Body, text: str) -> None:
        """Ask for what no level takes."""
        ...


def schema(put: Put) -> Body:
    """Of a tool's arguments."""
    field = {"type": "string", "enum": [put(Position.ENUM_VALUE), "other"]}
    return {"type": "object", "properties": {put(Position.JSON_KEY): field}}


def constant(text: str) -> Body:
    """Of an answer in JSON."""
    return {
        "type": "object",
        "properties": {"kind": {"const": text}},
        "required": ["kind"],
        "additionalProperties": False,
    }


def arguments(put: Put) -> Body:
    """Of a tool call."""
    return {put(Position.JSON_KEY): put(Position.TOOL_ARGUMENTS)}


def arguments_text(put: Put) -> str:
    """The same, as JSON text."""
    return msgspec.json.encode(arguments(put)).decode()


def image(text: str) -> str:
    """Base64 of what begins like an image, with the text in it."""
    return base64.b64encode(_PNG + text.encode() + b"\n").decode()


def document() -> str:
    """Base64 of a file of which only the name matters."""
    return base64.b64encode(_PDF).decode()

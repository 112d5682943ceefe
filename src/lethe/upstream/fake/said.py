"""What a scripted model says, before a dialect gives it bytes."""

from msgspec import Struct


class Called(Struct, frozen=True):
    """A tool call; `arguments` is JSON text, whole or not."""

    id: str
    name: str
    arguments: str = "{}"


class Said(Struct, frozen=True, kw_only=True):
    """One answer. In a stream each piece of `text` is a delta; `stop` is the dialect's own word, None the usual one;
    likewise `sealed`, the thought's signature or encrypted form.

    Token counts are disjoint: the prompt is `input + cached`; `reasoning` is within `output`.
    """

    text: tuple[str, ...] = ()
    thinking: str = ""
    sealed: str | None = None
    calls: tuple[Called, ...] = ()
    stop: str | None = None
    model: str = "fake-model"
    id: str = "fake-1"
    input: int = 11
    cached: int = 5
    output: int = 7
    reasoning: int = 0


def say(*text: str) -> Said:
    """Plain text, in these pieces."""
    return Said(text=text)


_USUAL = Said()
# Every number of tokens that a scripted upstream tells, embeddings and what a stream begins with included.
USED = frozenset({0, 1, 3, _USUAL.input, _USUAL.cached, _USUAL.output, _USUAL.input + _USUAL.cached})

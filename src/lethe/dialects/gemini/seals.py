"""Thought signatures: what the API signs a part with, and how the seals of others ride there.

A signature belongs to the part that it stands on (ai.google.dev, "Thought Signatures", 2026-11). In the model it is a
Thinking block without text directly before that part's block. Clients keep the signatures of calls and of text, but
not always thoughts (gemini-cli drops them), so the seal of another dialect takes its thought along.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from lethe.dialects.gemini.overlay import OURS
from lethe.ir.content import ContentBlock, Dialect, Media, Signature, Text, Thinking, ToolCall
from lethe.wire import lenient

# What the API takes for the signature of a call that it did not make itself (ai.google.dev, "Thought Signatures", FAQ).
UNSIGNED = "skip_thought_signature_validator"
SIGNATURE = "thoughtSignature"
_PREFIX = b"lethe:"
_URL_SAFE = str.maketrans("-_", "+/")
_ISSUERS = {dialect.value: dialect for dialect in Dialect}


def seal(value: str) -> Thinking:
    """The block for a signature of the API's own, or for a thought that rides in one."""
    return _opened(value) or Thinking(text="", signature=Signature(OURS, value), redacted=True)


def carried(block: Thinking) -> str | None:
    """What stands on the next part for this block; None if it has no seal."""
    if block.signature is None:
        return None
    if block.signature.issuer is OURS:
        return block.signature.value
    packed = [block.signature.issuer.value, block.signature.value, block.text, block.redacted]
    return base64.b64encode(_PREFIX + lenient.encode(packed)).decode()


def is_own(block: ContentBlock) -> bool:
    """A seal of the API's own that stands on another part."""
    return isinstance(block, Thinking) and block.redacted and _issued_here(block)


def is_foreign(block: Thinking) -> bool:
    return block.signature is not None and not _issued_here(block)


def joins(last: ContentBlock | None, thought: Thinking) -> bool:
    """Is `last` the thought, shown before its seal?"""
    return (
        isinstance(last, Thinking)
        and last.signature is None
        and not last.redacted
        and not thought.redacted
        and is_foreign(thought)
    )


def seated(blocks: Sequence[ContentBlock]) -> dict[int, int]:
    """Which of the API's own seals stands on which block, by their numbers; those that stand on none are left out.

    The one before it, where blocks kept their order. Chat has thinking first: there calls come before text, as the API
    insists on the signatures of calls only.
    """
    seats: dict[int, int] = {}
    free: list[int] = []
    for number, block in enumerate(blocks):
        if is_own(block):
            free.append(number)
        elif isinstance(block, ToolCall) and free:
            seats[number] = free.pop(0)
        elif isinstance(block, Text | Media) and free and free[-1] == number - 1 and not _wanted(blocks, number):
            seats[number] = free.pop()
    return seats


def _wanted(blocks: Sequence[ContentBlock], number: int) -> bool:
    """Does a call follow that has no seal of its own?"""
    later = next((i for i in range(number, len(blocks)) if isinstance(blocks[i], ToolCall)), None)
    return later is not None and not is_own(blocks[later - 1])


def _issued_here(block: Thinking) -> bool:
    return block.signature is not None and block.signature.issuer is OURS


def _opened(value: str) -> Thinking | None:
    try:
        packed = base64.b64decode(value.translate(_URL_SAFE) + "=" * (-len(value) % 4))
    except (binascii.Error, ValueError):
        return None
    if not packed.startswith(_PREFIX):
        return None
    try:
        decoded: Any = lenient.decode(packed.removeprefix(_PREFIX))
    except ValueError:
        return None
    match decoded:
        case [str(issuer), str(seal), str(text), bool(redacted)] if issuer in _ISSUERS:
            return Thinking(text=text, signature=Signature(_ISSUERS[issuer], seal), redacted=redacted)
        case _:
            return None

"""Reasoning items: a summary for people, a sealed token for the model (openai 3.57.0, ResponseReasoningItem)."""

from typing import Any

from lethe.dialects.carrier import unwrap, wrap
from lethe.dialects.openai_responses.overlay import OURS, leftovers, marked, own, without
from lethe.ir.content import Extras, JsonObject, Signature, Thinking
from lethe.wire.fields import Fields

PARAGRAPH = "\n\n"  # between the parts of a summary
SUMMARY, TEXT = "summary_text", "reasoning_text"


def decode_reasoning(f: Fields) -> Thinking:
    """The summary is its text, or else the reasoning itself, which open models show."""
    summary, content = f.raw("summary"), f.raw("content")
    sealed = f.take("encrypted_content", str)
    told = texts(summary) or texts(content)
    # what one text cannot tell again
    rest = {
        "summary": summary if len(texts(summary)) != 1 and summary else None,
        "content": content or None,
    }
    return Thinking(
        text=PARAGRAPH.join(told),
        signature=unwrap(sealed, OURS) if sealed else None,
        redacted=bool(sealed) and not told,
        extras=marked(leftovers(f), **rest),
    )


def encode_reasoning(block: Thinking, id: str | None = None) -> JsonObject:
    """An item, without leftovers. A token of another issuer rides in its slot."""
    marks = own(block.extras)
    item: JsonObject = {"type": "reasoning"}
    if name := marks.get("id", id):
        item["id"] = name
    if block.text and not ("content" in marks and "summary" not in marks):
        item["summary"] = [{"type": SUMMARY, "text": block.text}]
    else:
        item["summary"] = []
    if block.signature is not None:
        item["encrypted_content"] = wrap(block.signature, OURS)
    return item


def foreign(signature: Signature | None) -> bool:
    """OpenAI refuses a token that it did not issue, and reasoning without one tells it nothing."""
    return signature is None or signature.issuer is not OURS


def rest_of(block: Thinking) -> Extras | None:
    """The leftovers that `encode_reasoning` does not write itself."""
    return without(block.extras, "id")


def texts(parts: Any) -> list[str]:
    """The texts of a summary's or content's parts."""
    found = parts if isinstance(parts, list) else []
    return [part["text"] for part in found if isinstance(part, dict) and isinstance(part.get("text"), str)]

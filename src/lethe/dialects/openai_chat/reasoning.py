"""Reasoning in messages: `reasoning_content` (DeepSeek, llama.cpp), `reasoning` (vLLM, OpenRouter) and OpenRouter's
`reasoning_details`, whose entries carry sealed tokens. OpenAI's own types have none of them.
"""

from collections.abc import Iterator, Sequence

import msgspec

from lethe.dialects.carrier import unwrap, wrap
from lethe.dialects.openai_chat.overlay import OURS, from_slot, leftovers, overlaid, own, present, slotted, without
from lethe.ir.content import ContentBlock, Extras, JsonObject, Opaque, Signature, Thinking
from lethe.ir.loss import Losses
from lethe.wire.fields import Fields

TEXT, SUMMARY, ENCRYPTED = "reasoning.text", "reasoning.summary", "reasoning.encrypted"
TEXT_FIELDS = {TEXT: "text", SUMMARY: "summary"}
NAMES = ("reasoning_content", "reasoning")
DETAIL = "reasoning_detail"


def decode_reasoning(f: Fields) -> tuple[tuple[ContentBlock, ...], JsonObject]:
    """A message's thinking, and the fields that only repeat it."""
    details = f.items("reasoning_details")
    blocks: list[ContentBlock] = list(_joined(map(decode_detail, details))) if details else []
    texts: dict[str, str] = {}
    for name in NAMES:
        if isinstance(f.peek(name), str) and (text := f.take(name, str)):
            texts[name] = text
    if not texts:
        return tuple(blocks), {}
    name = next(iter(texts))
    readable = [i for i, b in enumerate(blocks) if isinstance(b, Thinking) and not b.redacted]
    if not readable:  # whatever is sealed repeats none of it
        extras = None if name == NAMES[0] else Extras(OURS, {"field": name})
        blocks.insert(0, Thinking(text=texts.pop(name), extras=extras))
    elif not any(b.text for b in blocks if isinstance(b, Thinking)):
        # a stream sends the text and its seal apart, and clients echo both as they came
        first = blocks[readable[0]]
        blocks[readable[0]] = msgspec.structs.replace(first, text=texts.pop(name))
    return tuple(blocks), texts


def decode_signature(value: str | None) -> Signature | None:
    return unwrap(value, OURS) if value else None


def encode_reasoning(blocks: Sequence[tuple[str, ContentBlock]], losses: Losses) -> JsonObject:
    """The message fields for its thinking: plain text if nothing is sealed, else details."""
    blocks = [(path, block) for path, b in blocks if (block := _unsealed(b, path, losses)) is not None]
    thoughts = [(path, b) for path, b in blocks if isinstance(b, Thinking)]
    plain = [(path, b) for path, b in thoughts if not b.signature and own(b.extras).keys() <= {"field"}]
    if len(plain) < len(thoughts) or any(_entry(b) for _, b in blocks):
        entries = (_encode_detail(b, path, losses) if isinstance(b, Thinking) else _entry(b) for path, b in blocks)
        return {"reasoning_details": [e for e in entries if e is not None]}
    if not plain:
        return {}
    if len(plain) > 1:
        losses.hint(plain[1][0], "thinking blocks joined")
    for path, block in plain:
        overlaid({}, without(block.extras, "field"), path, losses)
    name = str(own(plain[0][1].extras).get("field", NAMES[0]))
    return {name: "\n\n".join(b.text for _, b in plain)}


def _unsealed(block: ContentBlock, path: str, losses: Losses) -> ContentBlock | None:
    """Without a seal that another API issued: whoever checks it refuses it. None if it held all there was."""
    if not isinstance(block, Thinking) or block.signature is None or block.signature.issuer is OURS:
        return block
    if block.redacted:
        losses.degraded(path, "thinking sealed by another API")
        return None
    losses.hint(path, "seal of another API")
    return msgspec.structs.replace(block, signature=None)


def _entry(block: ContentBlock) -> JsonObject | None:
    return from_slot(block, DETAIL) if isinstance(block, Opaque) else None


def encode_detail(block: Thinking) -> JsonObject:
    """An entry of `reasoning_details`, without leftovers."""
    value = wrap(block.signature, OURS) if block.signature else None
    if block.redacted:
        return {"type": ENCRYPTED, "data": value or ""}
    kind = str(own(block.extras).get("type", TEXT))
    return {"type": kind, TEXT_FIELDS.get(kind, "text"): block.text, **present(signature=value)}


def _encode_detail(block: Thinking, path: str, losses: Losses) -> JsonObject:
    return overlaid(encode_detail(block), without(block.extras, "field"), path, losses)


def decode_detail(f: Fields) -> ContentBlock:
    match f.peek("type"):
        case "reasoning.text" | "reasoning.summary" as kind:
            f.raw("type")
            text, seal = f.take(TEXT_FIELDS[kind], str, ""), f.take("signature", str)
            marks: JsonObject = {} if kind == TEXT else {"type": kind}
            extras = Extras(OURS, {**marks, **own(leftovers(f))})
            return Thinking(text=text, signature=decode_signature(seal), extras=extras if extras.fields else None)
        case "reasoning.encrypted" if isinstance(f.peek("data"), str):
            f.raw("type")
            seal = f.require("data", str)
            return Thinking(text="", signature=decode_signature(seal), redacted=True, extras=leftovers(f))
        case _:
            return slotted(DETAIL, own(f.rest(OURS)))


def _joined(blocks: Iterator[ContentBlock]) -> Iterator[ContentBlock]:
    """A streaming client may echo fragments: entries of one index, up to the one with the signature, are one."""
    held: Thinking | None = None
    for block in blocks:
        if held is not None and isinstance(block, Thinking) and _continues(held, block):
            held = _with(held, held.text + block.text, block.signature)
            continue
        if held is not None:
            yield held
        held = block if isinstance(block, Thinking) else None
        if held is None:
            yield block
    if held is not None:
        yield held


def _continues(held: Thinking, block: Thinking) -> bool:
    index = own(held.extras).get("index")
    same = index is not None and own(block.extras).get("index") == index
    return same and not (held.redacted or block.redacted or held.signature)


def _with(block: Thinking, text: str, signature: Signature | None = None) -> Thinking:
    return msgspec.structs.replace(block, text=text, signature=signature or block.signature)

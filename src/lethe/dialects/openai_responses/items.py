"""Items of `input`: leading system messages are the request's `system`; an assistant's items in a row are a turn."""

from collections.abc import Iterator, Sequence

import msgspec

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.dialects.freetext import CUSTOM, as_arguments, free_text
from lethe.dialects.openai import report_cache
from lethe.dialects.openai_responses.namespaces import NAMESPACE, called_in, joined
from lethe.dialects.openai_responses.overlay import OURS, forbid_marks, leftovers, marked, overlaid, own, whole, without
from lethe.dialects.openai_responses.parts import decode_content, encode_parts
from lethe.dialects.openai_responses.reasoning import decode_reasoning, encode_reasoning, foreign
from lethe.errors import InvalidRequest
from lethe.ir.content import (
    ContentBlock,
    JsonObject,
    Media,
    Opaque,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from lethe.ir.loss import Losses
from lethe.ir.request import Role, Turn
from lethe.wire.fields import Fields

SYSTEM_ROLES = ("system", "developer")
ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", **dict.fromkeys(SYSTEM_ROLES, "system")}
MESSAGE = "message"  # the mark of the block with which a message of its own begins
_FROM_CALLERS = ("mcp_approval_response", "item_reference", "compaction_trigger")
OUTPUT = "_output"  # how the types of tools' outputs end


def decode_items(items: Sequence[Fields]) -> tuple[tuple[ContentBlock, ...], tuple[Turn, ...]]:
    """The system blocks and the turns."""
    leading = next((i for i, f in enumerate(items) if f.peek("role") not in SYSTEM_ROLES), len(items))
    system = tuple(block for f in items[:leading] for block in _message(f, f.require("role", str)))
    turns: list[Turn] = []
    for f in items[leading:]:
        role, blocks = _decode_item(f)
        if turns and turns[-1].role == role and (role == "assistant" or _are_results((*turns[-1].content, *blocks))):
            turns[-1] = msgspec.structs.replace(turns[-1], content=turns[-1].content + blocks)
        else:
            turns.append(Turn(role=role, content=blocks))
    return system, tuple(turns)


def _are_results(blocks: Sequence[ContentBlock]) -> bool:
    """Results of one round of calls belong together: others want them before anything else is said."""
    return all(isinstance(block, ToolResult) for block in blocks)


def _decode_item(f: Fields) -> tuple[Role, tuple[ContentBlock, ...]]:
    """Whose it is, and its blocks."""
    kind = f.raw("type")
    match kind:
        case None | "message":
            role = f.require("role", str)
            if role not in ROLES:
                raise InvalidRequest(f"{f.path}.role", "is not a role")
            return ROLES[role], _message(f, role)
        case "function_call" | "custom_tool_call":
            return "assistant", (decode_call(f, kind),)
        case "function_call_output" | "custom_tool_call_output":
            return "user", (_decode_output(f, kind),)
        case "reasoning":
            return "assistant", (decode_reasoning(f),)
        case _:
            asked = str(kind).endswith(OUTPUT) or kind in _FROM_CALLERS
            return ("user" if asked else "assistant"), (Opaque(dialect=OURS, data=whole(f, type=kind)),)


def _message(f: Fields, role: str) -> tuple[ContentBlock, ...]:
    """The blocks of a message; the first one says that a message begins there, and what else it says of itself."""
    f.raw("role"), f.raw("type")
    content = decode_content(f.raw("content"), f"{f.path}.content") or (Text(text=""),)
    for i, block in enumerate(content):
        forbid_marks(block.extras, f"{f.path}.content[{i}]", MESSAGE)
    mark = {"role": role, **own(leftovers(f))} if role in SYSTEM_ROLES else own(leftovers(f))
    first, *rest = content
    return (msgspec.structs.replace(first, extras=marked(first.extras, message=mark)), *rest)


def decode_call(f: Fields, kind: str) -> ToolCall:
    """A call of a function, or of a custom tool, whose text is wrapped."""
    id, name = f.require("call_id", str), f.require("name", str)
    if isinstance(namespace := f.peek(NAMESPACE), str):
        name = joined(namespace, name)
    if kind == "custom_tool_call":
        arguments = as_arguments(f.take("input", str, ""))
        return ToolCall(id=id, name=name, arguments=arguments, extras=marked(leftovers(f), type=CUSTOM))
    return ToolCall(id=id, name=name, arguments=f.take("arguments", str, ""), extras=leftovers(f))


def _decode_output(f: Fields, kind: str) -> ToolResult:
    call_id = f.require("call_id", str)
    content = decode_content(f.raw("output"), f"{f.path}.output")
    mark = CUSTOM if kind == "custom_tool_call_output" else None
    return ToolResult(call_id=call_id, content=content, extras=marked(leftovers(f), type=mark))


# Encoding


def encode_system(blocks: Sequence[ContentBlock], losses: Losses) -> tuple[str | None, list[JsonObject]]:
    """`instructions`, and the messages of a caller of this dialect."""
    plain: list[str] = []
    rest: list[tuple[str, ContentBlock]] = []
    for i, block in enumerate(blocks):
        if is_attribution(block):
            continue  # names the session, not the task; for its own provider only
        path = f"$.system[{i}]"
        if isinstance(block, Text) and not rest and MESSAGE not in own(block.extras):
            report_cache(block, path, losses)
            overlaid({}, block.extras, path, losses)
            plain.append(block.text)
        else:
            rest.append((path, block))
    return "\n\n".join(plain) or None, list(_messages(rest, "developer", losses))


def encode_turn(turn: Turn, path: str, losses: Losses) -> Iterator[JsonObject]:
    """A turn's items, in its order; neighbouring blocks of text and media share a message."""
    overlaid({}, turn.extras, path, losses)
    held: list[tuple[str, ContentBlock]] = []
    role = "developer" if turn.role == "system" else turn.role
    for i, block in enumerate(turn.content):
        where = f"{path}.content[{i}]"
        if isinstance(block, Text | Refusal | Media) or _is_part(block):
            held.append((where, block))
            continue
        yield from _messages(held, role, losses)
        held = []
        yield from _encode_item(block, where, losses)
    yield from _messages(held, role, losses)


def _is_part(block: ContentBlock) -> bool:
    """An opaque block that stands in a message, such as a stored file."""
    return isinstance(block, Opaque) and (
        block.dialect is not OURS or str(block.data.get("type")).startswith(("input_", "output_"))
    )


def _messages(blocks: Sequence[tuple[str, ContentBlock]], role: str, losses: Losses) -> Iterator[JsonObject]:
    """Messages of these blocks; a marked one begins another."""
    head: JsonObject = {"type": "message", "role": role}
    held: list[tuple[str, ContentBlock]] = []
    for path, block in blocks:
        marks = own(block.extras)
        if MESSAGE in marks:
            yield from _message_of(head, held, losses)
            head, held = {"type": "message", "role": role, **marks[MESSAGE]}, []
            block = msgspec.structs.replace(block, extras=without(block.extras, MESSAGE))  # noqa: PLW2901 - its mark is read
        held.append((path, block))
    yield from _message_of(head, held, losses)


def _message_of(head: JsonObject, blocks: Sequence[tuple[str, ContentBlock]], losses: Losses) -> Iterator[JsonObject]:
    """One message; what an assistant said that was never an item of this API is plain text, which needs no id."""
    if not blocks:
        return
    spoken = head["role"] == "assistant"
    if not spoken or "id" in head:
        yield {**head, "content": list(encode_parts(blocks, losses, spoken=spoken))}
        return
    for path, block in blocks:
        if isinstance(block, Refusal):
            losses.degraded(path, "refusal as text")
            block = Text(text=block.text, extras=block.extras)  # noqa: PLW2901 - the same block, as text
        for part in encode_parts([(path, block)], losses, spoken=True):
            yield {**head, "content": part["text"] if _is_plain(part) else [part]}


def _is_plain(part: JsonObject) -> bool:
    """Only text, with nothing besides."""
    return part == {"type": "output_text", "text": part.get("text"), "annotations": []}


def _encode_item(block: ContentBlock, path: str, losses: Losses) -> Iterator[JsonObject]:
    match block:
        case ToolCall():
            report_cache(block, path, losses)
            yield overlaid(encode_call(block), without(block.extras, "type"), path, losses)
        case ToolResult():
            yield _encode_output(block, path, losses)
        case Thinking() if foreign(block.signature) and not own(block.extras):
            losses.degraded(path, "thinking that OpenAI did not seal")
        case Thinking():
            yield overlaid(encode_reasoning(block), block.extras, path, losses)
        case Opaque(dialect=dialect, data=data) if dialect is OURS:
            yield data
        case _:
            losses.dropped(path, "block without a counterpart")


def encode_call(call: ToolCall, *, custom: bool = False) -> JsonObject:
    """Without leftovers."""
    name = called_in(call)
    if custom or own(call.extras).get("type") == CUSTOM:
        return {"type": "custom_tool_call", "call_id": call.id, **name, "input": free_text(call.arguments)}
    return {"type": "function_call", "call_id": call.id, **name, "arguments": call.arguments}


def _encode_output(result: ToolResult, path: str, losses: Losses) -> JsonObject:
    numbered = [(f"{path}.content[{i}]", block) for i, block in enumerate(result.content)]
    parts = list(encode_parts(numbered, losses))
    if result.is_error:
        losses.degraded(f"{path}.is_error", "is_error as text")
        parts = [{"type": "input_text", "text": "Error:"}, *parts]
    report_cache(result, path, losses)
    match parts:
        case []:
            output: str | list[JsonObject] = ""
        case [{"type": "input_text", "text": str(text), **rest}] if not rest:
            output = text
        case _:
            output = parts
    custom = own(result.extras).get("type") == CUSTOM
    item = {
        "type": "custom_tool_call_output" if custom else "function_call_output",
        "call_id": result.call_id,
        "output": output,
    }
    return overlaid(item, without(result.extras, "type"), path, losses)

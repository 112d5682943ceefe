"""Messages: the leading system ones are the request's `system`, each other one is a turn."""

from collections.abc import Iterator, Sequence

import msgspec

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.dialects.freetext import CUSTOM, as_arguments, free_text
from lethe.dialects.openai import report_cache
from lethe.dialects.openai_chat.overlay import (
    OURS,
    forbid_marks,
    from_slot,
    leftovers,
    marked,
    overlaid,
    own,
    present,
    slotted,
    whole,
    without,
)
from lethe.dialects.openai_chat.parts import decode_content, encode_content
from lethe.dialects.openai_chat.reasoning import DETAIL, decode_reasoning, encode_reasoning
from lethe.errors import InvalidRequest
from lethe.ir.content import (
    ContentBlock,
    Extras,
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
from lethe.ir.request import Turn
from lethe.wire.fields import Fields

SYSTEM_ROLES = ("system", "developer")
CALL, MESSAGE = "tool_call", "message"


def decode_messages(messages: Sequence[Fields]) -> tuple[tuple[ContentBlock, ...], tuple[Turn, ...]]:
    """The system blocks and the turns."""
    leading = next((i for i, m in enumerate(messages) if m.peek("role") not in SYSTEM_ROLES), len(messages))
    system: list[ContentBlock] = []
    for f in messages[:leading]:
        system.extend(_decode_system(f, first=not system))
    return tuple(system), tuple(_decode_turn(f) for f in messages[leading:])


def encode_system(blocks: Sequence[ContentBlock], losses: Losses) -> Iterator[JsonObject]:
    """One system message, or as many as a Chat caller had."""
    message: JsonObject = {"role": "system"}
    held: list[tuple[str, ContentBlock]] = []
    for i, block in enumerate(blocks):
        if is_attribution(block):
            continue  # names the session, not the task; for its own provider only
        if "role" in (marks := own(block.extras)):
            if held:
                yield {**message, "content": encode_content(held, losses)}
            message, held = {"role": marks["role"], **marks.get(MESSAGE, {})}, []
            block = msgspec.structs.replace(block, extras=without(block.extras, "role", MESSAGE))  # noqa: PLW2901 - the same block, its marks read
        held.append((f"$.system[{i}]", block))
    if held:
        yield {**message, "content": encode_content(held, losses)}


def encode_turn(turn: Turn, path: str, losses: Losses) -> Iterator[JsonObject]:
    """A turn's messages: tool results come first, each a message of its own."""
    if turn.role == "assistant":
        yield encode_assistant(turn.content, path, turn.extras, losses)
        return
    extras = turn.extras
    rest: list[tuple[str, ContentBlock]] = []
    for i, block in enumerate(turn.content):
        where = f"{path}.content[{i}]"
        if isinstance(block, ToolResult):
            message, moved = _encode_result(block, where, losses)
            rest += moved
            if len(turn.content) == 1:
                message, extras = overlaid(message, extras, path, losses), None
            yield message
        elif isinstance(block, Opaque) and (data := from_slot(block, MESSAGE)) is not None:
            yield data
        else:
            rest.append((where, _as_user_text(block, where, losses)))
    if rest or not turn.content:
        message = {"role": turn.role, "content": encode_content(rest, losses)}
        yield overlaid(message, extras, path, losses)
    else:
        overlaid({}, extras, path, losses)


def encode_assistant(content: Sequence[ContentBlock], path: str, extras: Extras | None, losses: Losses) -> JsonObject:
    """An assistant message. Chat has one order only: thinking, text, calls."""
    _report_order(content, path, losses)
    numbered = [(f"{path}.content[{i}]", block) for i, block in enumerate(content)]
    refusals = [b for _, b in numbered if isinstance(b, Refusal)]
    refusal = refusals[0] if len(refusals) == 1 and not refusals[0].extras else None
    calls: list[JsonObject] = []
    said: list[tuple[str, ContentBlock]] = []
    for where, block in numbered:
        if isinstance(block, ToolCall):
            calls.append(encode_call(block, where, losses))
        elif isinstance(block, Opaque) and (call := from_slot(block, CALL)) is not None:
            calls.append(call)
        elif not isinstance(block, Thinking) and block is not refusal and not _is_detail(block):
            said.append((where, block))
    text = encode_content(said, losses)
    message: JsonObject = {
        "role": "assistant",
        # null beside something else, never alone
        "content": text or (None if calls or refusal or own(extras) else ""),
        **present(refusal=refusal.text if refusal else None, tool_calls=calls),
        **encode_reasoning(numbered, losses),
    }
    return overlaid(message, extras, path, losses)


def decode_assistant(f: Fields) -> tuple[tuple[ContentBlock, ...], Extras | None]:
    """Content and leftovers of an assistant message, in a request or a reply."""
    thinking, repeated = decode_reasoning(f)
    content = decode_content(f.raw("content"), f"{f.path}.content")
    refusal = f.take("refusal", str)
    refused = (Refusal(text=refusal),) if refusal else ()
    calls = map(decode_call, f.items("tool_calls"))
    rest = own(leftovers(f)) | repeated
    return (*thinking, *content, *refused, *calls), Extras(OURS, rest) if rest else None


def decode_call(f: Fields) -> ContentBlock:
    """A call of a function or of a custom tool; any other kind stays whole."""
    kind = f.raw("type")
    if kind == CUSTOM:
        custom = Fields(f.raw(CUSTOM), f"{f.path}.{CUSTOM}")
        id, name, text = f.require("id", str), custom.require("name", str), custom.take("input", str, "")
        extras = marked(leftovers(f, custom=custom), type=CUSTOM)
        return ToolCall(id=id, name=name, arguments=as_arguments(text), extras=extras)
    if kind not in (None, "function"):
        return slotted(CALL, whole(f, type=kind))
    function = f.child("function")
    if function is None:
        raise InvalidRequest(f"{f.path}.function", "is required")
    id, name = f.require("id", str), function.require("name", str)
    arguments = function.take("arguments", str, "")
    return ToolCall(id=id, name=name, arguments=arguments, extras=leftovers(f, function=function))


def _decode_system(f: Fields, *, first: bool) -> Iterator[ContentBlock]:
    role, content = f.raw("role"), decode_content(f.raw("content"), f"{f.path}.content")
    left = own(leftovers(f))
    if not content and left:
        content = (Text(text=""),)
    for i, block in enumerate(content):
        forbid_marks(block.extras, f"{f.path}.content[{i}]", "role", MESSAGE)
        if i or (first and role == SYSTEM_ROLES[0] and not left):
            yield block
        else:
            # where a message of its own begins, so that it can be told apart again
            marks = {**own(block.extras), "role": role, **present(message=left or None)}
            yield msgspec.structs.replace(block, extras=Extras(OURS, marks))


def _decode_turn(f: Fields) -> Turn:
    role = f.require("role", str)
    match role:
        case "assistant":
            content, extras = decode_assistant(f)
            return Turn(role="assistant", content=content, extras=extras)
        case "tool":
            call_id = f.require("tool_call_id", str)
            content = decode_content(f.raw("content"), f"{f.path}.content")
            return Turn(role="user", content=(ToolResult(call_id=call_id, content=content),), extras=leftovers(f))
        case "user":
            return Turn(role="user", content=decode_content(f.raw("content"), f"{f.path}.content"), extras=leftovers(f))
        case "system":
            content = decode_content(f.raw("content"), f"{f.path}.content")
            return Turn(role="system", content=content, extras=leftovers(f))
        case "developer":
            content = decode_content(f.raw("content"), f"{f.path}.content")
            return Turn(role="system", content=content, extras=Extras(OURS, {**own(leftovers(f)), "role": role}))
        case "function":  # the older form of a tool message
            return Turn(role="user", content=(slotted(MESSAGE, whole(f, role=role)),))
        case _:
            raise InvalidRequest(f"{f.path}.role", "is not a role")


def encode_call(call: ToolCall, path: str, losses: Losses, *, custom: bool = False) -> JsonObject:
    """`custom` where the caller's tool of that name takes free text."""
    report_cache(call, path, losses)
    if custom or own(call.extras).get("type") == CUSTOM:
        inner = {"name": call.name, "input": free_text(call.arguments)}
        return overlaid({"id": call.id, "type": CUSTOM, CUSTOM: inner}, without(call.extras, "type"), path, losses)
    function = {"name": call.name, "arguments": call.arguments}
    return overlaid({"id": call.id, "type": "function", "function": function}, call.extras, path, losses)


def _encode_result(result: ToolResult, path: str, losses: Losses) -> tuple[JsonObject, list[tuple[str, ContentBlock]]]:
    """The tool message, which holds text only, and what has to follow in a user message."""
    stay: list[tuple[str, ContentBlock]] = []
    moved: list[tuple[str, ContentBlock]] = []
    for i, block in enumerate(result.content):
        textual = not isinstance(block, Media) or block.media_type == "text/plain"
        (stay if textual else moved).append((f"{path}.content[{i}]", block))
    for where, _ in moved:
        losses.degraded(where, "tool result media in a user message")
    content = encode_content(stay, losses)
    if result.is_error:
        losses.degraded(f"{path}.is_error", "is_error as text")
        content = _as_error(content)
    report_cache(result, path, losses)
    message = {"role": "tool", "tool_call_id": result.call_id, "content": content}
    return overlaid(message, result.extras, path, losses), moved


def _as_error(content: str | list[JsonObject]) -> str | list[JsonObject]:
    """Chat has no mark for a failed call, so the text says it."""
    match content:
        case str():
            return f"Error: {content}"
        case [{"type": "text", "text": str(text)} as first, *rest]:
            return [{**first, "text": f"Error: {text}"}, *rest]
        case _:
            return [{"type": "text", "text": "Error:"}, *content]


def _as_user_text(block: ContentBlock, path: str, losses: Losses) -> ContentBlock:
    """Only an assistant may refuse."""
    if not isinstance(block, Refusal):
        return block
    losses.degraded(path, "refusal as text")
    return Text(text=block.text)


def _is_detail(block: ContentBlock) -> bool:
    return isinstance(block, Opaque) and from_slot(block, DETAIL) is not None


def _report_order(content: Sequence[ContentBlock], path: str, losses: Losses) -> None:
    places = [
        0 if isinstance(b, Thinking) else 2 if isinstance(b, ToolCall) else 1
        for b in content
        if not isinstance(b, Opaque)
    ]
    if places != sorted(places):
        losses.degraded(path, "order of blocks")

"""The conversation: it begins with the user, turns alternate, results of calls stand before anything else."""

from lethe.dialects.anthropic.attribution import is_attribution
from lethe.dialects.converse.blocks import Content
from lethe.dialects.converse.families import Family
from lethe.dialects.converse.overlay import overlaid
from lethe.ir.content import JsonObject, Refusal, Text
from lethe.ir.loss import Losses
from lethe.ir.request import Request, Role, Turn

BEGINNING = "(The conversation so far.)"
ATTACHED = "(A document is attached.)"

Group = list[JsonObject]  # a block, and the cache point that follows it


def encode_system(request: Request, content: Content, losses: Losses) -> list[JsonObject]:
    """`system`: text and cache points."""
    blocks: list[JsonObject] = []
    for i, block in enumerate(request.system):
        path = f"$.system[{i}]"
        if is_attribution(block):
            continue  # names the session, not the task; for its own provider only
        if not isinstance(block, Text | Refusal):
            losses.dropped(path, "block without a counterpart")
            continue
        overlaid({}, block.extras, path, losses)
        if block.text.strip():
            blocks += [{"text": block.text}, *content.cache_point(block.cache, "system", path)]
        elif block.text:
            losses.hint(path, "text of spaces only, which the API refuses")
    return blocks


def encode_messages(request: Request, family: Family, content: Content, losses: Losses) -> list[JsonObject]:
    """`messages`. What one side says in a row becomes one message."""
    said: list[tuple[Role, list[Group]]] = []
    for i, turn in enumerate(request.turns):
        path = f"$.turns[{i}]"
        overlaid({}, turn.extras, path, losses)
        groups = _groups(turn, path, content)
        if not groups:
            continue
        role = turn.role
        if role == "system" and not _may_instruct(request, i, said, family):
            losses.degraded(path, "instruction in the middle of a conversation, as the user's words")
            role = "user"
        if said and said[-1][0] == role:
            said[-1][1].extend(groups)
        else:
            said.append((role, groups))
    if said and said[0][0] != "user":
        losses.degraded("$.turns[0]", "conversation that does not begin with the user")
        said.insert(0, ("user", [[{"text": BEGINNING}]]))
    return [{"role": role, "content": _content(groups, losses)} for role, groups in said]


def has_tool_blocks(messages: list[JsonObject]) -> bool:
    return any("toolUse" in block or "toolResult" in block for message in messages for block in message["content"])


def _groups(turn: Turn, path: str, content: Content) -> list[Group]:
    spoken = turn.role == "assistant"
    numbered = enumerate(turn.content)
    return [g for i, block in numbered for g in content.encode(block, f"{path}.content[{i}]", spoken=spoken)]


def _may_instruct(request: Request, index: int, said: list[tuple[Role, list[Group]]], family: Family) -> bool:
    """Claude takes instructions after a user's turn, where its own is next (platform.claude.com, 2026-11-29)."""
    follows = request.turns[index + 1].role if index + 1 < len(request.turns) else "assistant"
    return (
        family.system_turns and bool(said) and said[-1][0] in ("user", "system") and follows in ("assistant", "system")
    )


def _content(groups: list[Group], losses: Losses) -> list[JsonObject]:
    groups = sorted(groups, key=lambda group: "toolResult" not in group[0])
    if any("document" in group[0] for group in groups) and not any("text" in group[0] for group in groups):
        losses.hint("$.turns", "words beside a document, which the API wants")
        groups.append([{"text": ATTACHED}])
    return [block for group in groups for block in group]

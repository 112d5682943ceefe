"""What the models behind Converse differ in, as rows: the first whose globs match a model's id holds.

Sources: docs.aws.amazon.com/bedrock/latest/userguide, pages `prompt-caching`, `tool-use`,
`claude-messages-adaptive-thinking` and `conversation-inference-supported-models-features`; nova/latest/nova2-userguide,
`extended-thinking` (read 2026-11-29). What else models refuse is in `providers.restraints`.
"""

from enum import StrEnum
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lethe.ir.request import ChoiceMode
from lethe.retention.globs import matches

Place: TypeAlias = Literal["system", "messages", "tools"]


class Thinking(StrEnum):
    """How a model is told to think."""

    NOT = "not"  # no way that we know
    CLAUDE = "claude"  # `thinking`, Anthropic's own object
    NOVA = "nova"  # `reasoningConfig`
    EFFORT = "effort"  # `reasoning_effort`
    REASONING = "reasoning"  # `reasoning.effort`


_ALL: frozenset[Place] = frozenset({"system", "messages", "tools"})
_CONTENT: frozenset[Place] = frozenset({"system", "messages"})
_ANY: frozenset[ChoiceMode] = frozenset({"auto", "required"})
_NAMED: frozenset[ChoiceMode] = _ANY | {"named"}


class Family(Struct, frozen=True, kw_only=True):
    """`models` are globs of ids, which may have a region's prefix or stand in an ARN."""

    models: tuple[str, ...]
    thinking: Thinking = Thinking.NOT
    effort: bool = False  # in `outputConfig`
    stops: bool = True  # may thinking be switched off in so many words? Elsewhere silence is enough
    cached: frozenset[Place] = frozenset()  # where a cache point may stand
    hour: bool = False  # may a prompt cache live for one?
    choices: frozenset[ChoiceMode] = frozenset({"auto"})
    own_choice: bool = False  # takes Anthropic's own `tool_choice`, which can say more
    results: bool = False  # tool results may be errors, and hold images
    system_turns: bool = False  # in the middle of a conversation
    top_k: tuple[str, ...] = ()  # where it stands among the model's own fields


_NOVA_TOP_K = ("inferenceConfig", "topK")
_CLAUDE_3 = Family(
    models=("*claude-3-*", "*claude-v2*", "*claude-instant*"),
    thinking=Thinking.CLAUDE,
    choices=_NAMED,
    results=True,
    top_k=("top_k",),
)
_CLAUDE_4 = replace(_CLAUDE_3, models=("*claude-3-7*", "*claude-*-4-20*", "*claude-*-4-1-*"), cached=_ALL)
_CLAUDE_45 = replace(_CLAUDE_4, models=("*claude-*-4-5*",), hour=True, own_choice=True)
_CLAUDE_46 = replace(_CLAUDE_45, models=("*claude-*-4-6*",), effort=True)
_CLAUDE_47 = replace(_CLAUDE_46, models=("*claude-*-4-7*", "*claude-mythos-preview*"), stops=False)
# Those that are still to come are like the latest.
_CLAUDE = replace(_CLAUDE_46, models=("*claude-*",), system_turns=True)

FAMILIES: tuple[Family, ...] = (
    _CLAUDE_47,
    _CLAUDE_46,
    _CLAUDE_45,
    _CLAUDE_4,
    _CLAUDE_3,
    _CLAUDE,
    Family(
        models=("*amazon.nova-2*",),
        thinking=Thinking.NOVA,
        cached=_CONTENT,
        choices=_NAMED,
        results=True,
        top_k=_NOVA_TOP_K,
    ),
    Family(models=("*amazon.nova*",), cached=_CONTENT, choices=_NAMED, results=True, top_k=_NOVA_TOP_K),
    Family(models=("*openai.gpt-oss*", "*kimi-k2*"), thinking=Thinking.EFFORT),
    Family(models=("*openai.gpt-*",), thinking=Thinking.REASONING),
    Family(models=("*mistral.*",), choices=_ANY),
)
OTHER = Family(models=("*",))


def family_of(model: str) -> Family:
    """An id that says nothing of its model, such as an application profile's, is of no family."""
    return next((family for family in FAMILIES if matches(family.models, model)), OTHER)

"""How much to think: a level in words, or a budget in tokens (google-genai 3.6.1 types, ThinkingConfig).

How efforts and budgets compare: ai.google.dev, "OpenAI compatibility" (2026-11).
"""

from typing import assert_never

from lethe.dialects.gemini.models import Family
from lethe.dialects.gemini.overlay import OURS, overlaid, own
from lethe.dialects.gemini.proto import child
from lethe.ir.content import Extras, JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import Reasoning
from lethe.wire.fields import Fields

NO_EFFORT = "none"  # OpenAI's word for no thinking
LEVELS = {"minimal": "MINIMAL", "low": "LOW", "medium": "MEDIUM", "high": "HIGH"}
MOST = "high"  # what others have above it
_EFFORTS_BY_LEVEL = {**{level: effort for effort, level in LEVELS.items()}, "XHIGH": "xhigh"}
BUDGETS = {"minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
EFFORTS = ((1_024, "low"), (8_192, "medium"))  # budgets up to which an effort is enough
DYNAMIC = -1


def decode_thinking(f: Fields) -> Reasoning | None:
    """Of a generation config. What was said stays beside it, for its own dialect."""
    config = child(f, "thinkingConfig")
    if config is None:
        return None
    said = config.rest(OURS)
    extras = Extras(OURS, dict(said.fields)) if said is not None else None
    budget, level = config.take("thinkingBudget", int), config.take("thinkingLevel", str)
    return Reasoning(
        enabled=budget != 0,
        effort=_EFFORTS_BY_LEVEL.get(level or ""),
        budget_tokens=budget if budget is not None and budget > 0 else None,
        extras=extras,
    )


def encode_thinking(reasoning: Reasoning | None, family: Family, losses: Losses) -> JsonObject | None:
    """The config; None where there is nothing to say."""
    if reasoning is None:
        return None
    if said := own(reasoning.extras):
        return said
    path = "$.reasoning"
    overlaid({}, reasoning.extras, path, losses)
    enabled = reasoning.enabled and reasoning.effort != NO_EFFORT
    effort = _effort(reasoning.effort, losses) if enabled else None
    match family.control:
        case "none":
            losses.hint(path, "thinking of a model that does not think")
            return None
        case "level":
            made = _level(reasoning, effort, family, losses) if enabled else _turned_down(family, losses)
        case "budget":
            made = _budget(reasoning, effort, family, losses) if enabled else _turned_down(family, losses)
        case _:
            assert_never(family.control)
    shown = {"includeThoughts": True} if enabled and not reasoning.effort_only else {}
    return {**made, **shown} or None


def _effort(word: str | None, losses: Losses) -> str | None:
    if word is None or word in LEVELS:
        return word
    losses.hint("$.reasoning.effort", "effort in another dialect's word")
    return MOST


def _level(reasoning: Reasoning, effort: str | None, family: Family, losses: Losses) -> JsonObject:
    budget = reasoning.budget_tokens
    if effort is None and budget is not None:
        losses.hint("$.reasoning.budget_tokens", "thinking budget as effort")
        effort = next((word for most, word in EFFORTS if budget <= most), MOST)
    if effort is None:
        return {}
    return {"thinkingLevel": str(family.least) if effort == "minimal" else LEVELS[effort]}


def _budget(reasoning: Reasoning, effort: str | None, family: Family, losses: Losses) -> JsonObject:
    wanted = reasoning.budget_tokens
    if wanted is None:
        return {"thinkingBudget": BUDGETS[effort] if effort is not None else DYNAMIC}
    if wanted > family.most:
        losses.hint("$.reasoning.budget_tokens", "thinking budget beyond the model's")
    return {"thinkingBudget": min(wanted, family.most)}


def _turned_down(family: Family, losses: Losses) -> JsonObject:
    if family.least is None:
        return {"thinkingBudget": 0}
    losses.hint("$.reasoning", "thinking that cannot be turned off")
    return {"thinkingLevel" if isinstance(family.least, str) else "thinkingBudget": family.least}

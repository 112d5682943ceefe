"""How much to think: among the model's own fields, in each family's words (sources: see `families`)."""

from typing import assert_never

from msgspec import Struct

from lethe.dialects.anthropic.effort import NEAREST_EFFORT, NO_EFFORT
from lethe.dialects.converse.families import Family, Thinking
from lethe.dialects.leftovers import merged
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import Reasoning, Request
from lethe.providers.restraints import EFFORTS, MOST_EFFORT

USUAL_EFFORT = "medium"
# Of words that a family does not know, the nearest.
THREE = {"minimal": "low", "xhigh": "high", "max": "high"}
PATH = "$.reasoning"


class Thought(Struct, frozen=True, kw_only=True):
    """`own` fields of the model, `output` for `outputConfig`; `on` where Claude's thinking is switched on."""

    own: JsonObject = {}
    output: JsonObject = {}
    on: bool = False


def encode_reasoning(request: Request, family: Family, losses: Losses) -> Thought:
    """Nothing where nothing was asked."""
    reasoning = request.reasoning
    if reasoning is None:
        return Thought()
    on = reasoning.enabled and reasoning.effort != NO_EFFORT
    match family.thinking:
        case Thinking.CLAUDE:
            return _claude(reasoning, family, losses, on=on)
        case Thinking.NOT:
            losses.hint(PATH, "thinking, which this model is not known to be told of")
            made: JsonObject = {}
        case Thinking.NOVA:
            told = {"type": "enabled", "maxReasoningEffort": _word(reasoning, THREE, losses)} if on else None
            made = {"reasoningConfig": told or {"type": "disabled"}}
        case Thinking.EFFORT if on:
            made = {"reasoning_effort": _word(reasoning, THREE, losses)}
        case Thinking.EFFORT:
            losses.hint(PATH, "thinking that cannot be stopped")
            made = {}
        case Thinking.REASONING:
            made = {"reasoning": {"effort": _word(reasoning, NEAREST_EFFORT, losses) if on else NO_EFFORT}}
        case _:
            assert_never(family.thinking)
    merged({}, reasoning.extras, Dialect.CONVERSE, PATH, losses)
    return Thought(own=made)


def _word(reasoning: Reasoning, nearest: dict[str, str], losses: Losses) -> str:
    """The effort in a word that the family knows."""
    effort, budget = reasoning.effort, reasoning.budget_tokens
    if effort is None and budget is not None:
        losses.hint(f"{PATH}.budget_tokens", "thinking budget as effort")
        return next((word for most, word in EFFORTS if budget <= most), MOST_EFFORT)
    if budget is not None:
        losses.hint(f"{PATH}.budget_tokens", "thinking budget beside an effort")
    if effort in nearest:
        losses.hint(f"{PATH}.effort", "effort in another dialect's word")
        return nearest[effort]
    return effort or USUAL_EFFORT


def _claude(reasoning: Reasoning, family: Family, losses: Losses, *, on: bool) -> Thought:
    """As the Messages API has it, but for the effort; the object is Anthropic's, and so its leftovers' place."""
    output = _effort(reasoning, family, losses) if on or reasoning.effort_only else {}
    if reasoning.effort_only or not (on or family.stops):
        merged({}, reasoning.extras, Dialect.CONVERSE, PATH, losses)
        return Thought(output=output)
    thinking: JsonObject = {"type": "disabled"}
    if on and reasoning.budget_tokens is not None:
        thinking = {"type": "enabled", "budget_tokens": reasoning.budget_tokens}
    elif on:
        thinking = {"type": "adaptive"}
    return Thought(
        own={"thinking": merged(thinking, reasoning.extras, Dialect.ANTHROPIC, PATH, losses)}, output=output, on=on
    )


def _effort(reasoning: Reasoning, family: Family, losses: Losses) -> JsonObject:
    """For `outputConfig`, of models that know it."""
    effort = reasoning.effort
    if effort is None or effort == NO_EFFORT:
        return {}
    if not family.effort:
        losses.hint(f"{PATH}.effort", "effort, which this model does not take")
        return {}
    if effort in NEAREST_EFFORT:
        losses.hint(f"{PATH}.effort", "effort in another dialect's word")
    return {"effort": NEAREST_EFFORT.get(effort, effort)}

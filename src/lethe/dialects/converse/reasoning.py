"""How much to think: among the model's own fields, in each family's words (sources: see `families`)."""

from typing import assert_never

from msgspec import Struct

from lethe.dialects.anthropic.effort import NEAREST_EFFORT, NO_EFFORT
from lethe.dialects.converse.families import Family, Thinking
from lethe.dialects.leftovers import merged
from lethe.ir.content import Dialect, JsonObject
from lethe.ir.loss import Losses
from lethe.ir.request import Reasoning, Request

# A thinking budget in tokens for each effort, and an effort for budgets up to so many.
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
EFFORTS = ((2_048, "low"), (8_192, "medium"))
MOST_EFFORT = "high"
USUAL_EFFORT = "medium"
LEAST_BUDGET = 1_024
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
        case Thinking.BUDGET | Thinking.EITHER | Thinking.ADAPTIVE | Thinking.ALWAYS:
            return _claude(reasoning, family.thinking, request.sampling.max_tokens, losses, on=on)
        case Thinking.NOT:
            losses.hint(PATH, "thinking, which this model is not known to be told of")
            made: JsonObject = {}
        case Thinking.NOVA:
            word = _word(reasoning, THREE, losses) if on else None
            made = {
                "reasoningConfig": {"type": "enabled", "maxReasoningEffort": word} if word else {"type": "disabled"}
            }
        case Thinking.EFFORT if on:
            made = {"reasoning_effort": _word(reasoning, THREE, losses)}
        case Thinking.EFFORT:
            losses.hint(PATH, "thinking that cannot be stopped")
            made = {}
        case Thinking.REASONING:
            made = {"reasoning": {"effort": _word(reasoning, NEAREST_EFFORT, losses) if on else NO_EFFORT}}
        case _:
            assert_never(family.thinking)
    _unsaid(reasoning, losses)
    return Thought(own=made)


def _word(reasoning: Reasoning, nearest: dict[str, str], losses: Losses) -> str:
    """The effort in a word that the family knows."""
    effort = reasoning.effort
    if effort is None and reasoning.budget_tokens is not None:
        losses.hint(f"{PATH}.budget_tokens", "thinking budget as effort")
        return effort_of(reasoning.budget_tokens)
    if reasoning.budget_tokens is not None:
        losses.hint(f"{PATH}.budget_tokens", "thinking budget beside an effort")
    if effort in nearest:
        losses.hint(f"{PATH}.effort", "effort in another dialect's word")
        return nearest[effort]
    return effort or USUAL_EFFORT


def effort_of(budget: int) -> str:
    return next((word for most, word in EFFORTS if budget <= most), MOST_EFFORT)


def _claude(reasoning: Reasoning, way: Thinking, limit: int | None, losses: Losses, *, on: bool) -> Thought:
    if reasoning.effort_only:
        _unsaid(reasoning, losses)
        return Thought(output=_effort(reasoning, way, losses))
    if not on:
        if way is Thinking.ALWAYS:
            losses.hint(PATH, "thinking that cannot be stopped")
            return _unsaid(reasoning, losses)
        return Thought(own={"thinking": _own({"type": "disabled"}, reasoning, losses)})
    budget, output = reasoning.budget_tokens, _effort(reasoning, way, losses)
    if way is Thinking.BUDGET and budget is None:
        budget = _budget(reasoning, limit, losses)
        if budget is None:
            return _unsaid(reasoning, losses)
    elif way in (Thinking.ADAPTIVE, Thinking.ALWAYS) and budget is not None:
        losses.hint(f"{PATH}.budget_tokens", "thinking budget as effort")
        output, budget = output or {"effort": effort_of(budget)}, None
    thinking: JsonObject = {"type": "adaptive"} if budget is None else {"type": "enabled", "budget_tokens": budget}
    return Thought(own={"thinking": _own(thinking, reasoning, losses)}, output=output, on=True)


def _own(thinking: JsonObject, reasoning: Reasoning, losses: Losses) -> JsonObject:
    """The object is Anthropic's, so its own leftovers have their place in it."""
    return merged(thinking, reasoning.extras, Dialect.ANTHROPIC, PATH, losses)


def _unsaid(reasoning: Reasoning, losses: Losses) -> Thought:
    """Nothing, and what stood beside it is lost as well."""
    merged({}, reasoning.extras, Dialect.CONVERSE, PATH, losses)
    return Thought()


def _effort(reasoning: Reasoning, way: Thinking, losses: Losses) -> JsonObject:
    """An effort for `outputConfig`; the older models go by budgets only."""
    effort = reasoning.effort
    if effort is None or effort == NO_EFFORT:
        return {}
    if way is Thinking.BUDGET:
        if reasoning.effort_only or reasoning.budget_tokens is not None:
            losses.hint(f"{PATH}.effort", "effort, which this model does not take")
        return {}
    if effort in NEAREST_EFFORT:
        losses.hint(f"{PATH}.effort", "effort in another dialect's word")
    return {"effort": NEAREST_EFFORT.get(effort, effort)}


def _budget(reasoning: Reasoning, limit: int | None, losses: Losses) -> int | None:
    """A budget below the limit of the answer, in which it counts; None where there is no room for one."""
    budget = BUDGETS.get(reasoning.effort or USUAL_EFFORT, BUDGETS[MOST_EFFORT])
    if limit is not None:
        budget = min(budget, limit // 2)
    if budget < LEAST_BUDGET:
        losses.hint(PATH, "thinking, for which the answer's limit leaves no room")
        return None
    losses.hint(PATH, "thinking as a budget")
    return budget

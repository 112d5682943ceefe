"""What models refuse, whoever serves them and in whichever dialect: taken off a request before it is encoded.

Sources: platform.claude.com, "Migrating to API version 2026-10-21", "What's new" in Claude Opus 5.5, Sonnet 5.5 and
Haiku 5.5, "Adaptive thinking"; the API's own words in github.com/diegosouzapw/OmniRoute/pull/4389 (forced tools) and
github.com/open-webui/functions/pull/9 (temperature beside top_p). All read 2026-11-29.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from lethe.ir.loss import Losses
from lethe.ir.request import Reasoning, Request
from lethe.retention.globs import matches

Restrain: TypeAlias = Callable[[Request, Losses], Request]

NO_EFFORT = "none"
# A thinking budget in tokens for each effort, and an effort for budgets up to so many.
BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
USUAL_BUDGET = 8_192
LEAST_BUDGET = 1_024
EFFORTS = ((2_048, "low"), (8_192, "medium"))
MOST_EFFORT = "high"
FORCED = ("required", "named")


class Restraint(Struct, frozen=True, kw_only=True):
    """`models` are globs of names, which may have a vendor's or a region's prefix."""

    because: str
    models: tuple[str, ...]
    not_models: tuple[str, ...] = ()
    restrain: Restrain


def suited(request: Request, losses: Losses) -> Request:
    """The request as its model takes it."""
    if not matches(RESTRAINED, request.model):
        return request
    for restraint in RESTRAINTS:
        if matches(restraint.models, request.model) and not matches(restraint.not_models, request.model):
            request = restraint.restrain(request, losses)
    return request


def unsampled(request: Request, losses: Losses, *, names: tuple[str, ...], beside: str | None = None) -> Request:
    """Without these of its sampling; `beside`: only where that one is set too."""
    sampling = request.sampling
    if beside is not None and getattr(sampling, beside) is None:
        return request
    refused = [name for name in names if getattr(sampling, name) is not None]
    for name in refused:
        losses.hint(f"$.sampling.{name}", "not taken by this model")
    return replace(request, sampling=replace(sampling, **dict.fromkeys(refused))) if refused else request


def unforced(request: Request, losses: Losses) -> Request:
    """A tool may be called, and need not."""
    if not _forces(request):
        return request
    losses.degraded("$.tool_choice", "a tool that must be called")
    return replace(request, tool_choice=None)


def unthinking_where_forced(request: Request, losses: Losses) -> Request:
    """What is forced cannot be thought about: the tool is what the caller asked for."""
    if not _forces(request) or not _thinks(request.reasoning):
        return request
    losses.hint("$.reasoning", "thinking where a tool must be called")
    return replace(request, reasoning=Reasoning(enabled=False))


def unstoppable(request: Request, losses: Losses) -> Request:
    """Thinking cannot be switched off."""
    reasoning = request.reasoning
    if reasoning is None or reasoning.effort_only or _thinks(reasoning):
        return request
    losses.hint("$.reasoning", "thinking that cannot be stopped")
    return replace(request, reasoning=None)


def adaptive(request: Request, losses: Losses) -> Request:
    """The model thinks as much as it likes, within an effort."""
    reasoning = request.reasoning
    if reasoning is None or reasoning.budget_tokens is None:
        return request
    losses.hint("$.reasoning.budget_tokens", "thinking budget as effort")
    effort = reasoning.effort or next((word for most, word in EFFORTS if reasoning.budget_tokens <= most), MOST_EFFORT)
    return replace(request, reasoning=replace(reasoning, effort=effort, budget_tokens=None))


def budgeted(request: Request, losses: Losses) -> Request:
    """The model thinks within a budget, which counts towards the answer's limit."""
    reasoning, limit = request.reasoning, request.sampling.max_tokens
    if reasoning is None or reasoning.budget_tokens is not None or not _thinks(reasoning):
        return request
    budget = BUDGETS.get(reasoning.effort or "", USUAL_BUDGET)
    if limit is not None:
        budget = min(budget, limit // 2)
    if budget < LEAST_BUDGET:
        losses.hint("$.reasoning", "thinking, for which the answer's limit leaves no room")
        return replace(request, reasoning=None)
    losses.hint("$.reasoning", "thinking as a budget")
    return replace(request, reasoning=replace(reasoning, effort=None, budget_tokens=budget))


def unthinking(request: Request, losses: Losses) -> Request:
    """The model does not think."""
    if request.reasoning is None:
        return request
    losses.hint("$.reasoning", "thinking, of which this model knows nothing")
    return replace(request, reasoning=None)


def _forces(request: Request) -> bool:
    return request.tool_choice is not None and request.tool_choice.mode in FORCED


def _thinks(reasoning: Reasoning | None) -> bool:
    """Is it asked to think, in so many words?"""
    return reasoning is not None and reasoning.enabled and not reasoning.effort_only and reasoning.effort != NO_EFFORT


_BEFORE_THINKING = (
    "*claude-instant*",
    "*claude-[v12]*",
    "*claude-3-haiku*",
    "*claude-3-opus*",
    "*claude-3-sonnet*",
    "*claude-3[-.]5*",
)
_BUDGETED = ("*claude-3[-.]7*", "*claude-*-4", "*claude-*-4@*", "*claude-*-4-20*", "*claude-*-4[-.][015]*")
_UP_TO_4_6 = (*_BEFORE_THINKING, *_BUDGETED, "*claude-*-4[-.]6*")
_ALWAYS_THINKING = ("*claude-opus-5[-.]5*", "*claude-sonnet-5[-.]5*", "*claude-fable*", "*claude-mythos*")
_NEVER_FORCED = ("*claude-opus-5[-.]5*", "*claude-sonnet-5[-.]5*", "*claude-fable-5[-.]1*", "*claude-mythos-5[-.]1*")

RESTRAINTS: tuple[Restraint, ...] = (
    Restraint(
        because="Claude 4.7 and later refuse any sampling but the default",
        models=("*claude*",),
        not_models=_UP_TO_4_6,
        restrain=partial(unsampled, names=("temperature", "top_p", "top_k")),
    ),
    Restraint(
        because="Claude 4.1 to 4.6 refuse the two together",
        models=("*claude-*-4[-.][156]*",),
        restrain=partial(unsampled, names=("top_p",), beside="temperature"),
    ),
    Restraint(because="they refuse a tool that must be called", models=_NEVER_FORCED, restrain=unforced),
    Restraint(
        because="Claude refuses to think and to be forced to call a tool",
        models=("*claude*",),
        restrain=unthinking_where_forced,
    ),
    Restraint(because="they refuse to have thinking switched off", models=_ALWAYS_THINKING, restrain=unstoppable),
    Restraint(
        because="Claude 4.7 and later refuse a thinking budget",
        models=("*claude*",),
        not_models=_UP_TO_4_6,
        restrain=adaptive,
    ),
    Restraint(because="Claude up to 4.5 refuses to think as it likes", models=_BUDGETED, restrain=budgeted),
    Restraint(because="Claude up to 3.5 does not think", models=_BEFORE_THINKING, restrain=unthinking),
)
RESTRAINED = ("*claude*",)  # all that these rows speak of: the names of others are not held against each

"""Named adjustments of the bodies that Lethe itself makes, by provider and model; pass-through is left alone."""

import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import translate
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from lethe.ir.content import JsonObject, Thinking
from lethe.ir.loss import Losses
from lethe.ir.request import Request

# What a field of a Chat or Responses body says in the hub. Others were Lethe's own idea: nothing is lost.
HUB = {
    "reasoning_effort": "$.reasoning",
    "reasoning": "$.reasoning",
    "temperature": "$.sampling.temperature",
    "top_p": "$.sampling.top_p",
    "presence_penalty": "$.sampling.presence_penalty",
    "frequency_penalty": "$.sampling.frequency_penalty",
    "user": "$.end_user",
}
THINKING = ("reasoning_content", "reasoning_details", "reasoning")  # of a Chat message


class Quirk(Struct, frozen=True, kw_only=True):
    """Applies where both a provider and a model glob match. Fields are top-level names of the wire body."""

    because: str
    providers: tuple[str, ...] = ("*",)
    not_providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    not_models: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()  # tuning knobs: leaving one out is a hint
    drop_thinking: bool = False  # out of messages: degrades the history
    unsampled: tuple[str, ...] = ()  # of the hub's sampling: left out of the request, in every dialect
    beside: str | None = None  # only where this one is set too

    def applies(self, provider: str, model: str) -> bool:
        return (
            _any(self.providers, provider)
            and not _any(self.not_providers, provider)
            and _any(self.models, model)
            and not _any(self.not_models, model)
        )


# Up to these, Claude's models let callers choose how to sample.
_SAMPLED_CLAUDES = (
    "*claude-instant*",
    "*claude-[v123]*",
    "*claude-*-4",
    "*claude-*-4@*",
    "*claude-*-4-20*",
    "*claude-*-4[-.][0156]*",
)
_REASONING_MODELS = ("o1*", "o3*", "o4*", "gpt-5*", "gpt-6*", "codex-*", "openai/o*", "openai/gpt-5*", "openai/gpt-6*")

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        # Anthropic, "Migrating to API version 2026-10-21", read 2026-11-29
        because="Claude 4.7 and later refuse any sampling but the default",
        models=("*claude*",),
        not_models=_SAMPLED_CLAUDES,
        unsampled=("temperature", "top_p", "top_k"),
    ),
    Quirk(
        because="Claude 4.1 to 4.6 refuse the two together",
        models=("*claude-*-4[-.][156]*",),
        unsampled=("top_p",),
        beside="temperature",
    ),
    Quirk(
        because="compatible servers know the older name; OpenAI's reasoning models refuse it",
        not_providers=("openai", "openrouter"),
        not_models=_REASONING_MODELS,
        rename=(("max_completion_tokens", "max_tokens"),),
    ),
    Quirk(
        because="OpenAI refuses message fields that its API does not define",
        providers=("openai",),
        drop_thinking=True,
    ),
    Quirk(
        because="OpenAI's models without reasoning refuse the fields",
        providers=("openai",),
        models=("gpt-3*", "gpt-4*", "chatgpt-*"),
        drop=("reasoning_effort", "reasoning", "include"),
    ),
    Quirk(
        because="OpenAI's reasoning models refuse sampling knobs",
        providers=("openai", "openrouter"),
        models=_REASONING_MODELS,
        drop=("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    ),
    Quirk(
        because="Mistral refuses fields that its API does not define",
        providers=("mistral",),
        drop=("store", "stream_options", "reasoning_effort", "user"),
        drop_thinking=True,
    ),
)


def suited(request: Request, provider: str, losses: Losses, quirks: Sequence[Quirk] = QUIRKS) -> Request:
    """The request as this provider and model take it, before it is encoded."""
    for quirk in quirks:
        if quirk.unsampled and quirk.applies(provider, request.model):
            request = _unsampled(quirk, request, losses)
    return request


def _unsampled(quirk: Quirk, request: Request, losses: Losses) -> Request:
    sampling = request.sampling
    if quirk.beside is not None and getattr(sampling, quirk.beside) is None:
        return request
    refused = [name for name in quirk.unsampled if getattr(sampling, name) is not None]
    for name in refused:
        losses.hint(f"$.sampling.{name}", "not taken by this provider or model")
    return replace(request, sampling=replace(sampling, **dict.fromkeys(refused))) if refused else request


def adjusted(
    body: JsonObject, request: Request, provider: str, losses: Losses, quirks: Sequence[Quirk] = QUIRKS
) -> JsonObject:
    """The body as this provider takes it; what is left out is reported, at the paths of the request in the hub."""
    for quirk in quirks:
        if quirk.applies(provider, request.model):
            body = _apply(quirk, body, request, losses)
    return body


def _apply(quirk: Quirk, body: JsonObject, request: Request, losses: Losses) -> JsonObject:
    names = dict(quirk.rename)
    made: JsonObject = {}
    for name, value in body.items():
        if name not in quirk.drop:
            made[names.get(name, name)] = value
        elif name in HUB:
            losses.hint(HUB[name], "not taken by this provider or model")
    if quirk.drop_thinking and isinstance(messages := made.get("messages"), list):
        made["messages"] = [{k: v for k, v in m.items() if k not in THINKING} for m in messages]
        for path in _thinking(request):
            losses.degraded(path, "thinking, which this provider does not take")
    return made


def _thinking(request: Request) -> Iterator[str]:
    for i, turn in enumerate(request.turns):
        for j, block in enumerate(turn.content):
            if isinstance(block, Thinking):
                yield f"$.turns[{i}].content[{j}]"


def _any(globs: Sequence[str], name: str) -> bool:
    return _matcher(tuple(globs))(name) is not None


@cache
def _matcher(globs: tuple[str, ...]) -> Callable[[str], object]:
    """One pattern for all of them; the rows hold few, so few are kept."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)").match

"""Named adjustments of the bodies that Lethe itself makes, by provider and model; pass-through is left alone."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct

from lethe.ir.content import JsonObject
from lethe.ir.loss import Losses


class Quirk(Struct, frozen=True, kw_only=True):
    """Applies where both a provider and a model glob match. Fields are top-level names of the wire body."""

    because: str
    providers: tuple[str, ...] = ("*",)
    not_providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    not_models: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()  # tuning knobs: leaving one out is a hint
    drop_in_messages: tuple[str, ...] = ()  # leaving one out degrades the history

    def applies(self, provider: str, model: str) -> bool:
        return (
            _any(self.providers, provider)
            and not _any(self.not_providers, provider)
            and _any(self.models, model)
            and not _any(self.not_models, model)
        )


_REASONING_MODELS = ("o1*", "o3*", "o4*", "gpt-5*", "gpt-6*", "codex-*", "openai/o*", "openai/gpt-5*", "openai/gpt-6*")

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        because="compatible servers know the older name; OpenAI's reasoning models refuse it",
        not_providers=("openai", "openrouter"),
        not_models=_REASONING_MODELS,
        rename=(("max_completion_tokens", "max_tokens"),),
    ),
    Quirk(
        because="OpenAI refuses message fields that its API does not define",
        providers=("openai",),
        drop_in_messages=("reasoning_content", "reasoning_details"),
    ),
    Quirk(
        because="OpenAI's models without reasoning refuse the field",
        providers=("openai",),
        models=("gpt-3*", "gpt-4*", "chatgpt-*"),
        drop=("reasoning_effort",),
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
        drop_in_messages=("reasoning_content", "reasoning_details"),
    ),
)


def adjusted(
    body: JsonObject, provider: str, model: str, losses: Losses, quirks: Sequence[Quirk] = QUIRKS
) -> JsonObject:
    """The body as this provider takes it; what is left out is reported."""
    for quirk in quirks:
        if quirk.applies(provider, model):
            body = _apply(quirk, body, losses)
    return body


def _apply(quirk: Quirk, body: JsonObject, losses: Losses) -> JsonObject:
    names = dict(quirk.rename)
    made: JsonObject = {}
    for name, value in body.items():
        if name in quirk.drop:
            losses.hint(f"$.{name}", "not taken by this provider or model")
        else:
            made[names.get(name, name)] = value
    if quirk.drop_in_messages and isinstance(messages := made.get("messages"), list):
        made["messages"] = [_message(quirk, m, f"$.messages[{n}]", losses) for n, m in enumerate(messages)]
    return made


def _message(quirk: Quirk, message: JsonObject, path: str, losses: Losses) -> JsonObject:
    for name in quirk.drop_in_messages:
        if name in message:
            losses.degraded(f"{path}.{name}", "not taken by this provider")
    return {name: value for name, value in message.items() if name not in quirk.drop_in_messages}


def _any(globs: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)

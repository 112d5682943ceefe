"""Named adjustments of the bodies that Lethe itself makes, by provider and model; pass-through is left alone.

Sources were read on 2026-11-29 unless a row says otherwise. Only what an encoder of ours sends is worth a row.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from fnmatch import translate
from functools import cache
from typing import Any

from msgspec import Struct

from lethe.ir.content import JsonObject, Thinking
from lethe.ir.loss import Loss, Losses, Severity
from lethe.ir.request import Request

# What a field of a Chat or Responses body says in the hub, and what leaving it out means. Others were Lethe's own idea:
# nothing is lost.
HUB: dict[str, tuple[str, Severity]] = {
    "reasoning_effort": ("$.reasoning", Severity.HINT),
    "reasoning": ("$.reasoning", Severity.HINT),
    "temperature": ("$.sampling.temperature", Severity.HINT),
    "top_p": ("$.sampling.top_p", Severity.HINT),
    "seed": ("$.sampling.seed", Severity.HINT),
    "presence_penalty": ("$.sampling.presence_penalty", Severity.HINT),
    "frequency_penalty": ("$.sampling.frequency_penalty", Severity.HINT),
    "user": ("$.end_user", Severity.HINT),
    "parallel_tool_calls": ("$.parallel_tool_calls", Severity.DEGRADED),
    "logprobs": ("$.sampling.logprobs", Severity.DROPPED),
    "top_logprobs": ("$.sampling.top_logprobs", Severity.HINT),  # goes with the one above
    "stop": ("$.sampling.stop", Severity.DROPPED),
}
THINKING = ("reasoning_content", "reasoning_details", "reasoning")  # of a Chat message
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Quirk(Struct, frozen=True, kw_only=True):
    """Applies where both a provider and a model glob match. Fields are top-level names of the wire body."""

    because: str
    source: str = ""  # a page, an SDK, or a report; empty for what the API's own types say
    providers: tuple[str, ...] = ("*",)
    not_providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ("*",)
    not_models: tuple[str, ...] = ()
    rename: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()  # what that means is the table's to say
    drop_thinking: bool = False  # out of messages: degrades the history
    thinking: str | None = None  # the field of a message that holds it here
    id_length: int | None = None  # of calls' ids, all of them letters and digits

    def concerns(self, provider: str) -> bool:
        return _any(self.providers, provider) and not _any(self.not_providers, provider)

    @property
    def of_messages(self) -> bool:
        """Does it look into messages?"""
        return self.drop_thinking or self.thinking is not None or self.id_length is not None

    def suits(self) -> Callable[[str], bool]:
        """Is a model one of those?"""
        suited, excepted = _matcher(self.models), _matcher(self.not_models)
        return lambda model: suited(model) is not None and excepted(model) is None


_REASONING_MODELS = (
    "o1*", "o3*", "o4*", "gpt-5*", "gpt-6*", "codex-*", "openai/o*", "openai/gpt-5*", "openai/gpt-6*", "openai.gpt-5*",
    "openai.gpt-6*",
)  # fmt: skip
_OPENAI_S = ("openai", "azure", "openrouter", "vercel", "cloudflare", "bedrock")  # who serves OpenAI's models

QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        because="compatible servers know the older name; OpenAI's reasoning models refuse it",
        not_providers=("openai", "openrouter", "azure", "groq", "cerebras", "xai"),
        not_models=_REASONING_MODELS,
        rename=(("max_completion_tokens", "max_tokens"),),
    ),
    Quirk(
        because="their Chat API defines no store, and they refuse what they do not define",
        source="github.com/liliMozi/openhanako/issues/394; github.com/proxysoul/Empryo/pull/209; docs.cohere.com",
        providers=("gemini", "cerebras", "cohere"),
        drop=("store",),
    ),
    Quirk(
        because="OpenAI refuses message fields that its API does not define",
        providers=("openai", "azure"),
        drop_thinking=True,
    ),
    Quirk(
        because="OpenAI's models without reasoning refuse the fields",
        providers=_OPENAI_S,
        models=("gpt-3*", "gpt-4*", "chatgpt-*", "openai/gpt-3*", "openai/gpt-4*"),
        drop=("reasoning_effort", "reasoning", "include"),
    ),
    Quirk(
        because="OpenAI's reasoning models refuse sampling knobs",
        source="learn.microsoft.com/azure/foundry/openai/how-to/reasoning",
        providers=_OPENAI_S,
        models=_REASONING_MODELS,
        drop=("temperature", "top_p", "presence_penalty", "frequency_penalty"),
    ),
    Quirk(
        because="Mistral refuses fields that its API does not define",
        source="mistralai 3.7.0, ChatCompletionRequest (2026-11-23)",
        providers=("mistral",),
        rename=(("seed", "random_seed"),),
        drop=("store", "stream_options", "reasoning_effort", "user", "logprobs", "top_logprobs"),
        drop_thinking=True,
    ),
    Quirk(
        because="Mistral takes ids of calls only as it makes them itself",
        source="mistral-common, validator: a-z, A-Z, 0-9, with a length of 9",
        providers=("mistral",),
        id_length=9,
    ),
    Quirk(
        because="Groq answers these with an error",
        source="console.groq.com/docs/openai",
        providers=("groq",),
        drop=("logprobs", "top_logprobs"),
    ),
    Quirk(
        because="Groq and Cerebras take a thought back under the name that they give it, and refuse any other",
        source="github.com/janhq/jan/issues/8136; github.com/vercel/ai/issues/15042",
        providers=("groq", "cerebras"),
        thinking="reasoning",
    ),
    Quirk(
        because="Cerebras answers these with an error",
        source="inference-docs.cerebras.ai/resources/openai",
        providers=("cerebras",),
        drop=("presence_penalty", "frequency_penalty", "user"),
    ),
    Quirk(
        because="Gemini's compatible endpoint refuses what it does not define",
        source="github.com/MinLL/SkyrimNet-GamePlugin/issues/77",
        providers=("gemini",),
        drop=("frequency_penalty", "presence_penalty", "reasoning"),
    ),
    Quirk(
        because="Cohere lists these as not supported by its compatible endpoint",
        source="docs.cohere.com/docs/compatibility-api",
        providers=("cohere",),
        drop=("top_logprobs", "parallel_tool_calls"),
    ),
    Quirk(
        because="xAI's newer models refuse penalties",
        source="github.com/miaoxworld/NativeTavern/issues/83; github.com/BerriAI/litellm/pull/14078",
        providers=("xai",),
        models=("grok-3-mini*", "grok-4*", "grok-5*"),
        drop=("presence_penalty", "frequency_penalty"),
    ),
    Quirk(
        because="xAI's reasoning models refuse stop sequences",
        source="docs.x.ai, guide of reasoning (2025)",
        providers=("xai",),
        models=("grok-3-mini*", "grok-4*", "grok-5*"),
        not_models=("*non-reasoning*",),
        drop=("stop",),
    ),
    Quirk(
        because="these of xAI's models refuse a wish for more or less thinking",
        source="github.com/NousResearch/hermes-agent/issues/23088; docs.x.ai/developers/models",
        providers=("xai",),
        models=("*non-reasoning*", "grok-4", "grok-4-*"),
        drop=("reasoning_effort", "reasoning"),
    ),
)


def adjusted(body: JsonObject, request: Request, provider: str, losses: Losses) -> JsonObject:
    """The body as this provider takes it; what is left out is reported, at the paths of the request in the hub."""
    for quirk, suits in _of_provider(provider):
        if suits(request.model):
            body = _apply(quirk, body, request, losses)
    return body


@cache
def _of_provider(provider: str) -> tuple[tuple[Quirk, Callable[[str], bool]], ...]:
    """With what tells the models of each. Kept by the names of the providers in the configuration."""
    return tuple((quirk, quirk.suits()) for quirk in QUIRKS if quirk.concerns(provider))


def _apply(quirk: Quirk, body: JsonObject, request: Request, losses: Losses) -> JsonObject:
    names = dict(quirk.rename)
    made: JsonObject = {}
    for name, value in body.items():
        if name not in quirk.drop:
            made[names.get(name, name)] = value
        elif name in HUB:
            path, severity = HUB[name]
            losses.append(Loss(path, "not taken by this provider or model", severity))
    if quirk.of_messages and isinstance(messages := made.get("messages"), list):
        made["messages"] = [_message(quirk, message) for message in messages]
    if quirk.drop_thinking:
        for path in _thinking(request):
            losses.degraded(path, "thinking, which this provider does not take")
    return made


def _message(quirk: Quirk, message: JsonObject) -> JsonObject:
    if quirk.drop_thinking:
        message = {name: value for name, value in message.items() if name not in THINKING}
    if quirk.thinking is not None:
        plain = dict.fromkeys(("reasoning_content", "reasoning"), quirk.thinking)
        message = {plain.get(name, name): value for name, value in message.items() if name != "reasoning_details"}
    if quirk.id_length is not None:
        message = _with_short_ids(message, quirk.id_length)
    return message


def _with_short_ids(message: JsonObject, length: int) -> JsonObject:
    """A call and its result keep one id, in whichever request they stand: it is made of the one that they had."""
    if isinstance(id := message.get("tool_call_id"), str):
        message = {**message, "tool_call_id": short_id(id, length)}
    if isinstance(calls := message.get("tool_calls"), list):
        message = {**message, "tool_calls": [_with_short_id(call, length) for call in calls]}
    return message


def _with_short_id(call: Any, length: int) -> Any:
    if isinstance(call, dict) and isinstance(id := call.get("id"), str):
        return {**call, "id": short_id(id, length)}
    return call


def short_id(id: str, length: int) -> str:
    """Letters and digits of this length: the id itself where it is so already."""
    if len(id) == length and id.isascii() and id.isalnum():
        return id
    number = int.from_bytes(hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest())
    made = ""
    while len(made) < length:
        number, digit = divmod(number, len(_DIGITS))
        made += _DIGITS[digit]
    return made


def _thinking(request: Request) -> Iterator[str]:
    for i, turn in enumerate(request.turns):
        for j, block in enumerate(turn.content):
            if isinstance(block, Thinking):
                yield f"$.turns[{i}].content[{j}]"


def _any(globs: tuple[str, ...], name: str) -> bool:
    return _matcher(globs)(name) is not None


@cache
def _matcher(globs: tuple[str, ...]) -> Callable[[str], object]:
    """One pattern for all of them; the rows hold few, so few are kept."""
    return re.compile("|".join(translate(glob) for glob in globs) or r"(?!)").match

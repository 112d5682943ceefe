"""The canonical request."""

from typing import Literal, TypeAlias

from msgspec import Struct

from lethe.ir.content import CacheHint, ContentBlock, Extras, JsonObject, Opaque

Role: TypeAlias = Literal["user", "assistant", "system"]
ChoiceMode: TypeAlias = Literal["auto", "none", "required", "named"]


class Turn(Struct, frozen=True, kw_only=True):
    role: Role
    content: tuple[ContentBlock, ...]
    extras: Extras | None = None


class Tool(Struct, frozen=True, kw_only=True):
    name: str
    description: str | None = None
    parameters: JsonObject | None = None  # JSON Schema
    strict: bool | None = None
    native: Opaque | None = None  # a tool that the provider executes or defines, verbatim
    cache: CacheHint | None = None
    extras: Extras | None = None


class ToolChoice(Struct, frozen=True):
    mode: ChoiceMode
    name: str | None = None
    extras: Extras | None = None


class Sampling(Struct, frozen=True, kw_only=True):
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool | None = None
    top_logprobs: int | None = None


class Reasoning(Struct, frozen=True, kw_only=True):
    """How much to think: an effort word, a budget in tokens, or neither (the model decides)."""

    enabled: bool = True
    effort: str | None = None
    budget_tokens: int | None = None
    effort_only: bool = False  # nothing was said about thinking itself (Anthropic has a switch of its own for it)
    extras: Extras | None = None


class OutputFormat(Struct, frozen=True, kw_only=True):
    """Structured output."""

    kind: Literal["json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: JsonObject | None = None
    strict: bool | None = None
    extras: Extras | None = None


class Request(Struct, frozen=True, kw_only=True):
    model: str
    turns: tuple[Turn, ...]
    begun: bool = False  # the last turn is the beginning of the answer, which goes on from there
    system: tuple[ContentBlock, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    sampling: Sampling = Sampling()
    reasoning: Reasoning | None = None
    output: OutputFormat | None = None
    end_user: str | None = None
    stream: bool = False
    include_usage: bool = True  # does a streaming caller want a usage chunk?
    extras: Extras | None = None
